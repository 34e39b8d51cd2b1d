#!/usr/bin/env bash
# `vmstead hosts-sync` and what the host's door says, with real VMs: names come, change and go; what others wrote stays.
STACKS=tiny source "$(dirname "$0")/lib.sh"
start_test hosts_sync
mkdir "$TEST_DIR/work"; cd "$TEST_DIR/work"
cat >hosts <<'X'
127.0.0.1	localhost
# somebody else's
10.9.9.9  other	# no newline at the end
X
truncate -s -1 hosts
chmod 640 hosts
chown 1:2 hosts
cp -a hosts original
ln -s hosts link
{ guest_part; cat <<'X'; } >compose.yaml
  lonely: {<<: *guest, command: [sleep, infinity]}
  pair: {<<: *guest, command: [sleep, infinity], deploy: {replicas: 2}}
X
sync_() { vmstead hosts-sync --file hosts "$@"; }
up() { vmstead -p shop --progress quiet up -d "$@"; }
untouched() { cmp -s hosts original && [ "$(stat -c '%a %u %g' hosts)" = "640 1 2" ]; }

step "nothing runs, no daemon: nothing to do"
check_eq "dry" "$(sync_)" "'hosts' is up to date"
check_eq "applied" "$(sync_ --apply)" "'hosts' is up to date"
check "the file is untouched" untouched

step "a dry run shows what would change, as patch takes it"
up
sync_ >diff
check "the file is untouched" untouched
check_contains "a name" "$(cat diff)" "  shop-lonely-1.vm shop.vm lonely.shop.vm"
cp hosts patched
check "patch takes it" patch --quiet patched diff

step "applied"
check_eq "says the same" "$(sync_ --apply)" "$(cat diff)"
check_eq "the file" "$(cat hosts)" "$(cat patched)"
check_eq "mode and owner are kept" "$(stat -c '%a %u %g' hosts)" "640 1 2"
check_eq "foreign lines are" "$(head -3 hosts)" "$(cat original)"
check_eq "again: no change" "$(sync_ --apply)" "'hosts' is up to date"
address() { vmstead -p shop inspect "shop-$1" | jq -r '.[0].NetworkSettings.Networks[].IPAddress'; }
libc_finds() { unshare --mount sh -c 'mount --bind hosts /etc/hosts && getent ahostsv4 "$1"' sh "$1" | cut -d' ' -f1 | sort -u | xargs; }
check_eq "libc finds the service" "$(libc_finds lonely.shop.vm)" "$(address lonely-1)"
check_eq "all of several" "$(libc_finds pair.shop.vm)" "$(printf '%s\n' "$(address pair-1)" "$(address pair-2)" | sort | xargs)"
door() { dig +short +tries=1 +time=3 @127.0.0.1 -p 41003 "$@"; }
check_eq "the host's door says the same" "$(door lonely.shop.vm)" "$(address lonely-1)"
check_eq "of addresses too" "$(door -x "$(address lonely-1)")" shop-lonely-1.vm.
check_eq "a symlink is followed" "$(vmstead hosts-sync --file link shop-pair-1 --apply >/dev/null; readlink link; grep -c '\.vm' hosts)" "hosts
1"

step "only some"
sync_ --apply pair >/dev/null
check_eq "of a service" "$(grep -c '\.vm' hosts)$(grep -c lonely hosts)" 20
sync_ --apply shop >/dev/null
check_eq "of a project" "$(grep -c '\.vm' hosts)" 3
check_contains "who does not run" "$(sync_ nobody lonely 2>&1 >/dev/null)" "nothing that runs is called 'nobody'"

step "who stops is gone at the next one"
vmstead -p shop --progress quiet stop pair
sync_ --apply >/dev/null
check_eq "one is left" "$(grep -c '\.vm' hosts)" 1

step "what cannot be done changes nothing"
refuses() {
  local expected=$1 message; shift
  cp -a hosts before
  message=$(vmstead hosts-sync "$@" 2>&1) && fail "done: $*"
  check_contains "$*" "$message" "$expected"
  check_eq "$*: one line" "$(wc -l <<<"$message")" 1
  check "$*: nothing changed" cmp hosts before
}
sed -i '/^# END vmstead/d' hosts
refuses "'hosts': line 4: the block that begins here does not end" --file hosts --apply
refuses "the block that begins here does not end" --file hosts
sed 's/^# BEGIN vmstead/# END vmstead/' hosts >turned; mv turned hosts
refuses "a block ends that has not begun" --file hosts --apply
printf 'a\0b\n' >hosts
refuses "it has a NUL in it" --file hosts --apply
refuses "Is a directory" --file . --apply
refuses "No such file" --file nowhere/hosts --apply
refuses "unknown option" --nonsense
cp -a original hosts
mkdir ro; mount -t tmpfs -o ro tmpfs ro
refuses "Read-only file system" --file ro/hosts --apply
umount ro
touch bound; mount --bind hosts bound
refuses "busy" --file bound --apply
umount bound
check_eq "no temporary file is left" "$(ls hosts.* bound.* 2>/dev/null)" ""

step "a file of its own"
vmstead hosts-sync --apply --file fresh >/dev/null
check_eq "is made" "$(stat -c %a fresh)$(grep -c '\.vm' fresh)" 6441

step "nothing runs: the block goes"
sync_ --apply >/dev/null
vmstead -p shop --progress quiet down
check_contains "dry" "$(sync_)" "-# BEGIN vmstead $VMSTEAD_ROOT/state"
sync_ --apply >/dev/null
check_eq "the foreign lines are what is left" "$(cat hosts)" "$(cat original)"
rm compose.yaml
leaves_nothing
