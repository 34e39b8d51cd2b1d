#!/usr/bin/env bash
# The rates of port_rate.c: port_rate.sh [BYTES [ask]]. Starts a guest with a second, bare port; prints MB/s.
# VMSTEAD_BUILD as in the integration tests. Needs busybox-static, no network.
set -euo pipefail
build=${VMSTEAD_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build/release}
work=$(mktemp -d)
qemu=
cleanup() { [ -z "$qemu" ] || kill -9 "$qemu" 2>/dev/null || true; rm -rf "$work"; }
trap cleanup EXIT

mkdir -p "$work/root/bin" "$work/root/etc" "$work/root/tmp"
cp "$(command -v busybox)" "$work/root/bin/busybox"
for name in sh cat dd head rm sleep sync touch true; do ln -s busybox "$work/root/bin/$name"; done
cp "$build/tests/bench/lines" "$work/root/bin/lines"
echo 'root:x:0:0:root:/:/bin/sh' >"$work/root/etc/passwd"
mkfs.erofs "$work/rootfs.erofs" "$work/root" >/dev/null 2>&1
truncate -s 2G "$work/data.img"
mke2fs -q -F -t ext4 -E assume_storage_prezeroed=1 -O ^has_journal,^resize_inode "$work/data.img"

export VMSTEAD_ROOT=$work/vmstead
{ read -r kernel; read -r initramfs; } < <("$build/tests/integration/agent_boot_kit")
accel=${VMSTEAD_ACCEL:-tcg}
[ "$accel" = kvm ] && cpu=max || cpu=max,erms=off # as qemu_argv.c has it
qemu-system-x86_64 -accel "$accel" -machine q35 -cpu "${BENCH_CPU:-$cpu}" -m 512 -smp 1 -nodefaults \
  -no-user-config -display none -no-reboot -kernel "$kernel" -initrd "$initramfs" \
  -append "console=ttyS0 quiet no_timer_check tsc=reliable audit=0 random.trust_cpu=on" -serial "file:$work/console" \
  -device virtio-serial-pci -chardev "socket,id=agent,path=$work/agent,server=on,wait=off" \
  -device virtserialport,chardev=agent,name=vmstead.agent,nr=1 \
  -chardev "socket,id=bare,path=$work/bare,server=on,wait=off" \
  -device virtserialport,chardev=bare,name=bench.bare,nr=2 \
  -drive "if=none,id=root,file=$work/rootfs.erofs,format=raw,readonly=on" \
  -device virtio-blk-pci,drive=root,serial=rootfs \
  -drive "if=none,id=data,file=$work/data.img,format=raw" -device virtio-blk-pci,drive=data,serial=data &
qemu=$!
cd "$work"
timeout 900 "$build/tests/bench/port_rate" "$work/agent" "$work/bare" "${1:-100000000}" "$qemu" ${2:+"$2"} || { tail -n 5 "$work/console" >&2; exit 1; }
