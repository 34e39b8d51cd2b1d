#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy; gcc's own warnings are unknown to it. usage: tidy.sh BUILD_FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed"; exit 77; }
find base compose network runtime orchestrator cmd -name '*.c' -print0 |
  xargs -0 -P "$(nproc)" -n 4 clang-tidy -p "$1" --quiet --extra-arg=-Wno-unknown-warning-option
