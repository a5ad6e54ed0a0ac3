#!/usr/bin/env bash
# Sets up, then checks types and lint and runs every test: units in parallel, then what starts neighbours, then whole processes. All
# steps run whatever the earlier ones found. The last line is the count; the exit code is 0 only when tests ran and nothing failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash scripts/setup.sh || exit 1
# The dashboard's tests need a browser; where none can be had they say so and are skipped.
if [[ -z "$(command -v chromium || command -v chromium-browser || command -v google-chrome)" ]]; then
  printf 'test: installing chromium for the dashboard\n' >&2
  bash scripts/apt-install.sh chromium 2>/dev/null ||
    printf 'test: no chromium here: dashboard tests are SKIPPED (Debian: apt-get install chromium)\n' >&2
fi
# The completion scripts are tried in the shells they are for.
for shell in fish zsh; do
  [[ -n "$(command -v "$shell")" ]] && continue
  printf 'test: installing %s for the completion tests\n' "$shell" >&2
  bash scripts/apt-install.sh "$shell" 2>/dev/null ||
    printf 'test: no %s here: its completion test is SKIPPED (Debian: apt-get install %s)\n' "$shell" "$shell" >&2
done

results="$(mktemp -d)"
trap 'rm -rf "$results"' EXIT
export PATH="$PWD/node_modules/.bin:$PATH"

# Runs a check; its output is its own.
check() {
  local name="$1" began=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@" || printf '%s\n' "$name" >>"$results/broken"
  printf '== %s: %d s\n' "$name" "$((SECONDS - began))"
}

tests() {
  vitest run --project "$1" --passWithNoTests --reporter=default --reporter=json --outputFile.json="$results/$1.json"
}

# What reads the code runs beside the tests, and is told at the end.
shape() {
  check types tsc -p tsconfig.json
  check format prettier --check --log-level warn .
}

shape >"$results/shape.txt" 2>&1 &
check lint eslint . --max-warnings 0 >"$results/lint.txt" 2>&1 &
check unit tests unit
check integration tests integration
check e2e tests e2e
wait
cat "$results/shape.txt" "$results/lint.txt"

printf '\n'
broken=()
[[ -f "$results/broken" ]] && mapfile -t broken <"$results/broken"
((${#broken[@]} == 0)) || printf 'failed: %s\n' "${broken[*]}"
exec node scripts/count-tests.mjs "$results" ${broken[@]+"${broken[@]}"}
