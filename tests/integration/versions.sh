#!/usr/bin/env bash
# A newer client has an older daemon replaced, under VMs that run on; an older client is told to upgrade.
source "$(dirname "$0")/lib.sh"
start_test versions
newer() { "$BUILD_DIR/other-version/vmstead" "$@"; }
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
sed 's/^name: tiny/name: two/' "$SOURCE_DIR/testdata/stacks/tiny/compose.yaml" >compose.yaml
cp "$SOURCE_DIR/testdata/stacks/tiny/count" .
daemon_version() { jq -r .version "$VMSTEAD_ROOT/run/daemon.json"; }

step "the older one starts a VM"
check_eq "newer by number" "$(newer version --short)" "0.10.0"
check "up" vmstead --progress quiet up -d lonely
check_eq "its daemon" "$(daemon_version)" "$(vmstead version --short)"
before=$(own_pids)
[ -n "$before" ] || fail "no VM runs"

step "the newer one takes over"
check_eq "ps" "$(newer ps --format json | jq -r '[.Name, .State] | join(" ")')" "two-lonely-1 running"
check_eq "the daemon is the newer one" "$(daemon_version)" "0.10.0"
check_eq "the same VM" "$(own_pids)" "$before"
check_eq "exec" "$(newer exec -T lonely echo hello)" "hello"

step "the older one is told to upgrade, and changes nothing"
daemon=$(daemon_pid)
for command in "ps" "up -d" "down"; do
  code=0; vmstead $command >"$TEST_DIR/out" 2>&1 || code=$?
  [ "$code" != 0 ] || fail "'$command' was served"
  check_contains "'$command' says why" "$(cat "$TEST_DIR/out")" "is of version 0.10.0, this program of version"
  check_contains "'$command' says what to do" "$(cat "$TEST_DIR/out")" "upgrade"
done
check_eq "the same daemon" "$(daemon_pid)" "$daemon"
check_eq "the same VM" "$(own_pids)" "$before"

step "also where nothing runs: the newer one's state is not the older one's"
check "down" newer --progress quiet down
code=0; vmstead ps >/dev/null 2>&1 || code=$?
check_eq "ps" "$code" 1
kill "$daemon"
eventually 10 test ! -e "$VMSTEAD_ROOT/run/daemon.json"
leaves_nothing
