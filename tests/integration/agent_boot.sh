#!/bin/bash
# The agent in a real VM under TCG: agent_boot.sh [FOLDER-WITH-THE-PROGRAMS]. Needs no network and no
# root; the guest's root is made of this machine's own programs.
set -eu
programs=${1:-${VMSTEAD_BUILD:?}/tests/integration}
work=$(mktemp -d)
qemu=
cleanup() {
    [ -z "$qemu" ] || kill -9 "$qemu" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT

# A program and the libraries it needs.
add_program() {
    local file
    file=$(readlink -f "$(type -P "$1")")
    install -D "$file" "$work/root/usr/bin/$1"
    for library in $(ldd "$file" | grep -o '/[^ ]*'); do
        [ -e "$work/root$library" ] || install -D "$(readlink -f "$library")" "$work/root$library"
    done
}
for program in bash cat date echo env grep hostname id ip ls mkdir sleep stat stty true tty wc; do
    add_program "$program"
done
ln -s bash "$work/root/usr/bin/sh"
mkdir -p "$work/root/etc" "$work/root/tmp"
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/root/etc/passwd"
ln -s /nowhere/resolv.conf "$work/root/etc/resolv.conf"
mkfs.erofs "$work/rootfs.erofs" "$work/root" >/dev/null 2>&1
truncate -s 1G "$work/data.img"
mke2fs -q -F -t ext4 -E assume_storage_prezeroed=1 -O ^has_journal,^resize_inode "$work/data.img"

export VMSTEAD_ROOT=$work/vmstead
{ read -r kernel; read -r initramfs; } < <("$programs/agent_boot_kit")
qemu-system-x86_64 -accel tcg -machine q35 -cpu max -m 256 -smp 1 -nodefaults -no-user-config \
    -display none -no-reboot -kernel "$kernel" -initrd "$initramfs" \
    -append "console=ttyS0 quiet no_timer_check tsc=reliable audit=0 random.trust_cpu=on" \
    -serial "file:$work/console" \
    -device virtio-serial-pci -chardev "socket,id=agent,path=$work/agent,server=on,wait=off" \
    -device virtserialport,chardev=agent,name=vmstead.agent \
    -drive "if=none,id=root,file=$work/rootfs.erofs,format=raw,readonly=on" \
    -device virtio-blk-pci,drive=root,serial=rootfs \
    -drive "if=none,id=data,file=$work/data.img,format=raw" \
    -device virtio-blk-pci,drive=data,serial=data \
    -netdev hubport,id=net0,hubid=0 -device virtio-net-pci,netdev=net0,mac=02:00:00:00:00:17 &
qemu=$!

result=0
timeout 170 "$programs/agent_boot" "$work/agent" || result=$?
[ "$result" = 0 ] || tail -n 20 "$work/console"
exit "$result"
