#!/usr/bin/env bash
# Installs Debian packages quietly, as root or with a sudo that does not ask; fails where neither is possible. It starts no service.
set -euo pipefail

as_root=()
if [[ "$(id -u)" != 0 ]]; then
  sudo -n true 2>/dev/null || exit 1
  as_root=(sudo -n)
fi
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# A package's service would take the port that people's own Redis uses: in runlevel 1 nothing is started.
apt() {
  ${as_root[@]+"${as_root[@]}"} env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -y -q "$@" >>"$log" 2>&1
}

# The list of packages may be fresh enough; where it is not, it is fetched once.
apt install --no-install-recommends "$@" ||
  { apt update && apt install --no-install-recommends "$@"; } ||
  { tail -n 5 "$log" >&2; exit 1; }
