#!/usr/bin/env bash
# Every C file is as clang-format writes it (.clang-format).
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
find base compose network runtime orchestrator cmd tests -name "*.[ch]" -print0 | xargs -0 clang-format --dry-run -Werror
