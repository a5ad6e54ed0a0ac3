#!/usr/bin/env bash
# Sets up and runs the whole loop on real flights; every word after the script's name is the demo's (`--exit`, `--json FILE`, …).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
exec node dist/src/cli.js demo "$@"
