#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy; gcc's own warnings are unknown to it. usage: tidy.sh BUILD_FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v clang-tidy >/dev/null || { echo "clang-tidy is not installed"; exit 77; }
git ls-files 'base/*.c' 'compose/*.c' 'network/*.c' 'runtime/*.c' 'orchestrator/*.c' 'cmd/*.c' |
  xargs -P "$(nproc)" -n 4 clang-tidy -p "$1" --quiet --extra-arg=-Wno-unknown-warning-option
