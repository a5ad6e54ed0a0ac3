#!/usr/bin/env bash
# Sets up and runs one bench by name; `npm run bench -- --help` lists them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
exec node dist/bench/main.js "$@"
