#!/usr/bin/env bash
# Every C file is as clang-format writes it (.clang-format).
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v clang-format >/dev/null || { echo "clang-format is not installed"; exit 77; }
git ls-files '*.c' '*.h' 2>/dev/null | xargs -r clang-format --dry-run -Werror
