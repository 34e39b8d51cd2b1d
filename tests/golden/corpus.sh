#!/usr/bin/env bash
# Real Compose files against what Docker Compose makes of them: the corpus in the shared folder
# beside the source tree, where there is one. Usage: corpus.sh VMSTEAD SOURCE_DIR
set -euo pipefail
runner=$2/../shared/corpus/run.py
if [ ! -f "$runner" ]; then
  echo "skipped: there is no $runner"
  exit 77
fi
exec python3 "$runner" --tool "$1 -f {file} config --format json"
