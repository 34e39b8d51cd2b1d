#!/bin/bash
# The runtime without an orchestrator: vm_runtime.c against an image made here of nothing but busybox.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
program=${VMSTEAD_BUILD:-$source_dir/build/release}/tests/integration/vm_runtime

skip() { printf 'SKIPPED: %s\n' "$*"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root"
busybox=$(command -v busybox) || skip "busybox-static is not installed"
! ldd "$busybox" >/dev/null 2>&1 || skip "busybox is not static: install busybox-static"
command -v umoci >/dev/null || skip "umoci is not installed"

dir=$(mktemp -d "${TMPDIR:-/tmp}/vs-vm-runtime.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/files/bin" "$dir/files/etc" "$dir/files/tmp" "$dir/root"
cp "$busybox" "$dir/files/bin/busybox"
for name in $("$busybox" --list); do
  [ "$name" = busybox ] || ln -s busybox "$dir/files/bin/$name"
done
echo 'root:x:0:0:root:/:/bin/sh' >"$dir/files/etc/passwd"
(
  cd "$dir"
  umoci init --layout oci
  umoci new --image oci:test
  umoci insert --image oci:test files/bin /bin
  umoci insert --image oci:test files/etc /etc
  umoci insert --image oci:test files/tmp /tmp
  umoci config --image oci:test --config.cmd /bin/sh --config.env PATH=/bin
) >/dev/null
VMSTEAD_ROOT=$dir/root VM_RUNTIME_IMAGE=oci:$dir/oci:test timeout 400 "$source_dir/tests/in-netns" "$program"
