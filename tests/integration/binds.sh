#!/usr/bin/env bash
# Folders and files of the host in a VM, tmpfs, a read-only root.
source "$(dirname "$0")/vm_lib.sh"
start_vm_test binds
build_image app 'mkdir -p var/run && ln -s /var/run run'
mkdir -p "$TEST_DIR"/src/deep "$TEST_DIR"/secret
src=$TEST_DIR/src
echo one >"$src/file"; echo deep >"$src/deep/file"; echo beside >"$src/beside"
echo hidden >"$TEST_DIR/secret/hidden"; ln -s "$TEST_DIR/secret" "$src/out"; ln -s deep "$src/in"
chown 4321:4322 "$src/file"

step "what cannot be mounted is refused before anything is made"
refused() {
  local text; text=$(driver ensure vm bad "$(vm_spec bad app "[$1]")" 2>&1 || true)
  check_contains "$1" "$text" "$2"
  check_contains "the instance is named" "$text" "'bad'"
}
refused "{\"type\":\"bind\",\"source\":\"$TEST_DIR/none\",\"target\":\"/x\",\"create_host_path\":false}" "does not exist on the host"
refused "{\"type\":\"bind\",\"source\":\"$src\",\"target\":\"/x\",\"subpath\":\"out/hidden\"}" "leads out of"
refused "{\"type\":\"bind\",\"source\":\"$src\",\"target\":\"/x\",\"subpath\":\"../secret\"}" "leads out of"
refused "{\"type\":\"bind\",\"source\":\"/dev/null\",\"target\":\"/x\"}" "is a device"
refused "$(for i in $(seq 27); do printf '{"type":"bind","source":"%s","target":"/x%s"},' "$src" "$i"; done | sed 's/,$//')" "too many"
check_eq "nothing was made" "$(ls "$VMSTEAD_ROOT/state/instances" 2>/dev/null)" ""

spec=$(vm_spec one app "$(jq -nc --arg src "$src" --arg made "$TEST_DIR/made/by/us" '[
  {type: "bind", source: $src, target: "/app"},
  {type: "bind", source: $src, target: "/app-ro", read_only: true},
  {type: "bind", source: $src, target: "/app-sub", subpath: "in"},
  {type: "bind", source: ($src + "/file"), target: "/etc/one.conf"},
  {type: "bind", source: ($src + "/file"), target: "/etc/ro.conf", read_only: true},
  {type: "bind", source: $made, target: "/made", create_host_path: true},
  {type: "tmpfs", target: "/run/small", size: 1048576, mode: 488},
  {type: "tmpfs", target: "/tmp", size: 0, mode: 0}]')" '{"read_only":true,"working_dir":"/srv/made"}')
check "started" run_vm one "$spec"

step "live both ways: folders and files, with the host's uids"
check_eq "read" "$(in_vm one 'cat /app/file /app-ro/deep/file /app-sub/file /etc/one.conf')" "one
deep
deep
one"
check_eq "owner" "$(in_vm one 'stat -c %u:%g /app/file')" 4321:4322
echo changed and longer >"$src/file"
check_eq "the host writes, the guest sees it at once" "$(in_vm one 'cat /app/file /etc/one.conf')" "changed and longer
changed and longer"
for i in $(seq 5); do echo "round $i $(head -c $((i * 7)) /dev/zero | tr '\0' x)" >"$src/file"; check_eq "again" "$(in_vm one 'cat /app/file')" "$(cat "$src/file")"; done
in_vm one 'echo guest >/app/from-guest; chown 77:78 /app/from-guest; echo into the file >/etc/one.conf; mkdir /app/newdir; mv /app/from-guest /app/newdir/moved'
check_eq "the guest writes, the host sees it" "$(cat "$src/newdir/moved") $(stat -c %u:%g "$src/newdir/moved") $(cat "$src/file")" "guest 77:78 into the file"
check_eq "a missing folder was made" "$(in_vm one 'echo hello >/made/hello'; cat "$TEST_DIR/made/by/us/hello")" hello

step "read-only is read-only, on the host's side too"
for path in /app-ro/x /etc/ro.conf; do check_eq "$path" "$(in_vm one "echo x 2>/dev/null >$path || echo refused")" refused; done
check_eq "remounted by the guest's root" "$(in_vm one 'mkdir /tmp/m; mount -t virtiofs share1 /tmp/m && (echo x >/tmp/m/x) 2>/dev/null || echo refused')" refused
check_eq "nothing was written" "$(ls "$src")" "beside
deep
file
in
newdir
out"

step "nothing beside the source can be reached"
check_eq "a symlink out of it leads into the guest" "$(in_vm one 'cat /app/out/hidden 2>/dev/null || echo nothing')" nothing
share_of_file=$(in_vm one 'mkdir -p /tmp/f; for i in 0 1 2 3 4 5; do mount -t virtiofs share$i /tmp/f 2>/dev/null || continue; [ ! -e /tmp/f/deep ] && [ -f /tmp/f/file ] && [ ! -d /tmp/f/hello ] && ls -A /tmp/f && { echo x >/tmp/f/new; } 2>/dev/null; umount /tmp/f; done')
check_eq "of a file: the file, and nothing can be added" "$(echo "$share_of_file" | sort -u)" "file"
pid=$(pgrep -f "virtiofsd.*$VMSTEAD_ROOT/run/vm/.*share3" | head -1)
check_eq "virtiofsd's root holds the file alone" "$(ls -A "/proc/$pid/root")" "file"
check "no mount of it is seen on the host" test -z "$(grep "$VMSTEAD_ROOT/run" /proc/mounts)"

step "tmpfs: size and mode; a read-only root"
check_eq "size and mode" "$(in_vm one 'df -k /run/small | tail -1 | awk "{print \$2}"; stat -c %a /run/small /tmp; grep " /var/run/small " /proc/mounts | cut -d, -f1-4')" "1024
750
1777
tmpfs /var/run/small tmpfs rw,nosuid,nodev,noexec"
check_eq "too much" "$(in_vm one 'head -c 2000000 /dev/zero 2>/dev/null >/run/small/x && echo fits || echo full')" full
check_eq "the root" "$(in_vm one 'echo x 2>/dev/null >/x || echo refused; echo y >/tmp/y && cat /tmp/y')" "refused
y"
check_eq "its working directory was made before" "$(in_vm one 'stat -c %F /srv/made')" directory

step "many files: the descriptors last"
mkdir "$src/many"; (cd "$src/many" && seq 3000 | xargs touch)
check_eq "listed" "$(in_vm one 'ls -l /app/many | wc -l')" 3001

step "a daemon that comes finds them serving; with QEMU they end"
check_eq "one each" "$(pgrep -fc "virtiofsd.*$VMSTEAD_ROOT/run/vm/")" 6
driver run 0.2
check_eq "still there" "$(in_vm one 'cat /app/deep/file')" deep
kill_vm one
eventually 5 no_virtiofsd

step "one that hangs is ended by the next daemon"
check "started again" start_vm one "$spec"
pid=$(pgrep -f "virtiofsd.*$VMSTEAD_ROOT/run/vm/.*share0" | head -1)
kill -STOP "$pid"
kill_vm one
driver run 0.2
eventually 5 no_virtiofsd
check "removed" remove_vm one
leaves_nothing
