#!/usr/bin/env bash
# Sets up a checkout on a fresh machine: dependencies, Redis, build. Each step is skipped when its work is done already, so that
# running it again takes a moment and says nothing. It installs Redis only where none is found, and never starts or configures one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

NODE_NEEDED="20.19"
REDIS_NEEDED="7.0"
# What the build is made of; a change in any of these builds anew.
SOURCES=(src workers contracts bench scripts package.json package-lock.json tsconfig.json tsconfig.build.json)
BUILT=dist/.built-from

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

# Whether version $1 is at least $2, both "major.minor…", by number.
at_least() {
  local have_major have_minor need_major need_minor
  IFS=. read -r have_major have_minor _ <<<"$1"
  IFS=. read -r need_major need_minor _ <<<"$2"
  ((have_major > need_major || (have_major == need_major && ${have_minor:-0} >= ${need_minor:-0})))
}

check_node() {
  command -v node >/dev/null || fail "Node.js is not installed: install Node $NODE_NEEDED or newer (https://nodejs.org)"
  command -v npm >/dev/null || fail "npm is not installed: it comes with Node.js (on Debian: apt-get install npm)"
  local version
  version="$(node --version)"
  at_least "${version#v}" "$NODE_NEEDED" ||
    fail "Node $version is too old: install Node $NODE_NEEDED or newer (https://nodejs.org)"
}

# Runs a long step quietly; what it said is shown only when it failed.
quietly() {
  local log status=0
  log="$(mktemp)"
  "$@" >"$log" 2>&1 || status=$?
  if ((status != 0)); then tail -n 40 "$log" >&2; fi
  rm -f "$log"
  return "$status"
}

install_dependencies() {
  if node scripts/installed.mjs; then return; fi
  say "npm ci"
  # Types, build and tests need the development dependencies whatever NODE_ENV says.
  quietly npm ci --include=dev --no-fund --no-audit || fail "npm ci failed (see above)"
}

# Prints the version of the redis-server on PATH; fails when there is none.
redis_version() {
  local said
  command -v redis-server >/dev/null || return 1
  said="$(redis-server --version)"
  [[ "$said" =~ v=([0-9]+\.[0-9]+) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

install_redis() {
  local have
  have="$(redis_version)" || have=""
  if [[ -n "$have" ]] && at_least "$have" "$REDIS_NEEDED"; then return; fi
  if [[ -n "$have" ]]; then
    fail "Redis $have ($(command -v redis-server)) is too old: install Redis $REDIS_NEEDED or newer (https://redis.io/docs/latest/operate/oss_and_stack/install/)"
  fi
  say "installing Redis"
  if command -v apt-get >/dev/null; then
    scripts/apt-install.sh redis-server || fail "redis-server could not be installed: run as root: apt-get install redis-server"
  elif command -v brew >/dev/null; then
    quietly brew install redis || fail "redis could not be installed: run: brew install redis"
  else
    fail "redis-server is not on PATH: install Redis $REDIS_NEEDED or newer (Debian: apt-get install redis-server, macOS: brew install redis)"
  fi
  have="$(redis_version)" || fail "redis-server was installed but is not on PATH"
  at_least "$have" "$REDIS_NEEDED" ||
    fail "this system's Redis is $have: install Redis $REDIS_NEEDED or newer (https://redis.io/docs/latest/operate/oss_and_stack/install/)"
}

build() {
  local now
  now="$(node scripts/fingerprint.mjs "${SOURCES[@]}")"
  if [[ -f "$BUILT" && "$(<"$BUILT")" == "$now" ]]; then return; fi
  say "building"
  # A build that fails half-way must not be taken for one.
  rm -f "$BUILT"
  # tsc's notes say what it wrote, not what is still there.
  [[ -f dist/src/cli.js ]] || rm -f dist/.tsbuildinfo
  quietly npm run build || fail "the build failed (see above)"
  chmod +x dist/src/cli.js
  printf '%s' "$now" >"$BUILT"
}

check_node
install_dependencies
install_redis
build
# `npx flyball` looks here first; `npm ci` clears it away.
ln -sfn ../../dist/src/cli.js node_modules/.bin/flyball
# Who asked for nothing but this is told what comes next; the demo and the tests go on by themselves.
if [[ "${npm_lifecycle_event:-}" == setup ]]; then
  say "ready. Next: npm run demo, or with a file of your own: npx flyball contract infer FILE --label COLUMN (README.md)"
fi
