#!/usr/bin/env bash
# Named volumes: what is in them survives whoever uses them.
source "$(dirname "$0")/vm_lib.sh"
start_vm_test volumes

step "an image with content where the volumes go"
build_image app '
  mkdir -p data/deep data/empty && chmod 750 data/deep && chown 1234:1235 data data/deep
  echo "from the image" >data/deep/file && chown 1234:1235 data/deep/file && chmod 4711 data/deep/file
  ln -s ../deep/file data/empty/link && ln data/deep/file data/hard
  touch -d 2001-02-03T04:05:06Z data/deep/file'

check_eq "a disk" "$(volume data single | jq -r .kind)" disk
check_eq "its row" "$(driver volumes | jq -r '.[] | .name + " " + .kind + " " + .project')" "data disk test"
spec=$(vm_spec one app '[{"type":"volume","volume":"data","target":"/data","read_only":false,"nocopy":false}]')
check "started" run_vm one "$spec"

step "it is filled from the image: owners, modes, links, times"
list='cd /data && stat -c "%n %U:%G %a %F" . deep empty deep/file && readlink empty/link && stat -c "%h %Y" hard && cat hard && ls -A'
expected='. app:appgroup 755 directory
deep app:appgroup 750 directory
empty root:root 755 directory
deep/file app:appgroup 4711 regular file
../deep/file
2 981173106
from the image
deep
empty
hard'
check_eq "content" "$(in_vm one "$list")" "$expected"
check_contains "an ext4 of its own" "$(in_vm one 'grep " /data " /proc/mounts')" "ext4"

step "what was fsynced is there after kill -9 of the VM"
in_vm one 'echo precious | dd of=/data/precious conv=fsync && echo layer | dd of=/root-file conv=fsync' 2>/dev/null
kill_vm one
check "started again" start_vm one "$spec"
check_eq "there" "$(in_vm one 'cat /data/precious')" precious
check_eq "the root's layer as well" "$(in_vm one 'cat /root-file')" layer

step "it is in use: nobody removes it"
check_contains "removal is refused" "$(remove_volume data 2>&1 || true)" "in use by one"
check "stopped" stop_vm one
check_contains "by a stopped one as well" "$(driver remove-volume data 2>&1 || true)" "in use by one"

step "the instance goes, the volume stays; a new instance sees what the old one wrote"
check "removed" remove_vm one
in_two=$(vm_spec two app '[{"type":"volume","volume":"data","target":"/elsewhere","nocopy":false},
  {"type":"volume","volume":"data","target":"/only","read_only":true,"subpath":"deep"}]')
check "started" run_vm two "$in_two"
check_eq "there" "$(in_vm two 'cat /elsewhere/precious')" precious
check_eq "not filled again" "$(in_vm two 'cat /elsewhere/hard')" "from the image"
check_eq "at two places, one read-only and of a subpath" "$(in_vm two 'cat /only/file; echo x 2>/dev/null >/only/x || echo refused')" "from the image
refused"
check_contains "a disk serves one VM" "$(run_vm three "$(vm_spec three app '[{"type":"volume","volume":"data","target":"/d"}]')" 2>&1 || true)" "that two has open"
check_contains "nor does it become a folder under it" "$(volume data shared 2>&1 || true)" "that two has open"
remove_vm three

step "a subpath does not lead out"
in_vm two 'ln -s / /elsewhere/out; ln -s deep /elsewhere/in'
check "stopped" stop_vm two
for path in ../x out/etc out; do
  bad=$(vm_spec two app "[{\"type\":\"volume\",\"volume\":\"data\",\"target\":\"/d\",\"subpath\":\"$path\"}]")
  check_contains "$path" "$(start_vm two "$bad" 2>&1 || true)" "leads out of the volume"
done
check "a symlink inside does" start_vm two "$(vm_spec two app '[{"type":"volume","volume":"data","target":"/d","subpath":"in"}]')"
check_eq "content" "$(in_vm two 'cat /d/file')" "from the image"
remove_vm two

step "shared: the disk becomes a folder, and nothing is lost"
check_eq "a folder" "$(volume data shared | jq -r .kind)" folder
a=$(vm_spec a app '[{"type":"volume","volume":"data","target":"/data"}]')
b=$(vm_spec b app '[{"type":"volume","volume":"data","target":"/data"}]')
check "both made" driver ensure vm a "$a" -- ensure vm b "$b" >/dev/null
check "both started at once" driver start vm a "$a" "$(inputs_of app)" -- start vm b "$b" "$(inputs_of app)" >/dev/null
check_eq "content" "$(in_vm a "$list")" "$expected
in
out
precious"
in_vm a 'echo "from a" >/data/from-a'
check_eq "what one writes the other sees" "$(in_vm b 'cat /data/from-a')" "from a"
check_eq "a folder in use stays one" "$(volume data single | jq -r .kind)" folder
pids=$(pgrep -f "virtiofsd.*$VMSTEAD_ROOT/run/vm/" | wc -l)
check_eq "a virtiofsd each" "$pids" 2
kill_vm a
only_one() { [ "$(pgrep -f "virtiofsd.*$VMSTEAD_ROOT/run/vm/" | wc -l)" = 1 ]; }
eventually 5 only_one
remove_vm a; remove_vm b
eventually 5 no_virtiofsd

step "and a disk again"
check_eq "a disk" "$(volume data single | jq -r .kind)" disk
check "started" run_vm c "$(vm_spec c app '[{"type":"volume","volume":"data","target":"/data"}]')"
check_eq "content" "$(in_vm c "$list")" "${expected%hard}from-a
hard
in
out
precious"
remove_vm c

step "created by name, external, removed"
check_contains "an external one must exist" "$(driver ensure volume mine '{"external":true}' 2>&1 || true)" "vmstead volume create mine"
check "created" driver create-volume mine
check_eq "then it is there" "$(driver ensure volume mine '{"external":true}' | jq -r .kind)" disk
check "a stack's removal leaves it" driver remove volume mine '{"external":true}' >/dev/null
check "its own does not" driver remove-volume mine
check "removed" remove_volume data
check_eq "nothing is left" "$(driver volumes)" "[]"
nothing_left() { [ -z "$(ls -A "$VMSTEAD_ROOT/state/volumes")" ]; }
eventually 5 nothing_left

step "the writable layer has the size that was asked for, and a full one is the guest's problem"
small=$(vm_spec small app '[]' '{"disk_bytes": 67108864}')
check_contains "too small" "$(make_vm tiny "$(vm_spec tiny app '[]' '{"disk_bytes": 1048576}')" 2>&1 || true)" "32 MiB at least"
check "started" run_vm small "$small"
check_eq "full" "$(in_vm small 'head -c 200000000 /dev/zero >/big 2>/dev/null || echo full; rm /big; echo again >/ok; cat /ok')" "full
again"
remove_vm small

step "the host's disk is full: the VM waits, and loses nothing"
tight=$VMSTEAD_ROOT/state/volumes
mount -t tmpfs -o size=40m tmpfs "$tight"
trap 'umount -l "$tight"; end_test' EXIT
volume data single >/dev/null
fat=$(vm_spec fat app '[{"type":"volume","volume":"data","target":"/data"}]')
check "started" run_vm fat "$fat"
fallocate -l 25M "$tight/ballast"
write='head -c 25000000 /dev/zero | tr "\0" v | dd of=/data/much bs=1M conv=fsync 2>/dev/null && sha256sum </data/much'
(in_vm fat "$write" >"$TEST_DIR/written" 2>"$TEST_DIR/daemon.log"; echo "$?" >"$TEST_DIR/code") &
eventually 60 grep -q "the host's disk is full" "$TEST_DIR/daemon.log"
sleep 3
check "it waits" [ ! -e "$TEST_DIR/code" ]
rm "$tight/ballast"
eventually 60 [ -s "$TEST_DIR/code" ]
check_eq "then it went on" "$(cat "$TEST_DIR/code" "$TEST_DIR/written")" "0
$(head -c 25000000 /dev/zero | tr '\0' v | sha256sum)"
remove_vm fat
remove_volume data
umount -l "$tight"
trap end_test EXIT
leaves_nothing
