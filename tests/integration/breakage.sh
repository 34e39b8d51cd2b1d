#!/usr/bin/env bash
# What somebody breaks under a running stack: one clear error, no hang, no daemon that crashes, and a way on.
source "$(dirname "$0")/lib.sh"
start_test broken
cd "$SOURCE_DIR/testdata/stacks/tiny"
quiet() { timeout 60 "$VMSTEAD" --progress quiet "$@"; }
running() { quiet ps --format json | jq -r .Service | sort | tr '\n' ' '; }

# within SECONDS, fails_with TEXT COMMAND...: it fails, in time, and says TEXT.
fails_with() {
  local seconds=$1 text=$2 output code=0; shift 2
  output=$(timeout "$seconds" "$VMSTEAD" --progress quiet "$@" 2>&1) && fail "it succeeded: $*"
  code=$?
  [ "$code" != 124 ] || fail "no answer within $seconds s: $*"
  check_contains "$*" "$output" "$text"
}

step "a QEMU stopped by SIGSTOP"
check "up" quiet up -d server
(fails_with 40 "does not answer" exec -T server sleep 100) & frozen_exec=$!
sleep 1
frozen=$(vm_pid tiny-server-1)
kill -STOP "$frozen"
eventually 5 grep -q "^State:.T" "/proc/$frozen/status"
fails_with 5 "kill -CONT" exec -T server true
check_eq "ps" "$(running)" "server "
check "an exec that was under way when it was stopped" wait "$frozen_exec"
kill -9 "$(daemon_pid)"
check_eq "ps after an adoption" "$(running)" "server "
started=$SECONDS
check "down" quiet down
[ $((SECONDS - started)) -lt 15 ] || fail "down took $((SECONDS - started)) s"
leaves_nothing

step "the run folder is deleted under a daemon and a VM"
check "up" quiet up -d server
old=$(daemon_pid)
rm -r "$VMSTEAD_ROOT/run"
check_eq "ps" "$(running)" "server "
gone() { ! kill -0 "$old" 2>/dev/null; }
eventually 10 gone
check "down" quiet down
rm -rf "$VMSTEAD_ROOT/run/daemon.lock"
leaves_nothing

step "a database that is none"
check "up" quiet up -d server
kill -9 "$(daemon_pid)"
rm -f "$VMSTEAD_ROOT"/state/vmstead.db-*
head -c 8192 /dev/urandom >"$VMSTEAD_ROOT/state/vmstead.db"
fails_with 20 "vmstead.db' is damaged" ps
fails_with 20 "vmstead.db' is damaged" up -d server
mv "$VMSTEAD_ROOT/state/vmstead.db" "$TEST_DIR/spoiled.db"
check "up with a new one" quiet up -d server
check_eq "one VM" "$(own_pids | wc -l)" 1
check "down" quiet down
# What the sysctls had been was written in the old database.
without_sysctls() { grep -v '^/proc/sys/' "$1"; }
snapshot >"$TEST_DIR/after"
diff -u <(without_sysctls "$TEST_DIR/before") <(without_sysctls "$TEST_DIR/after") || fail "something was left behind (see above)"

step "a full disk"
kill "$(daemon_pid)"
mkdir "$TEST_DIR/small"
mount -t tmpfs -o size=24m tmpfs "$TEST_DIR/small"
end_on_small_disk() {
  local code=$?
  set +e
  kill "$(daemon_pid)" 2>/dev/null
  umount -l "$TEST_DIR/small"
  (exit "$code")
  end_test
}
trap end_on_small_disk EXIT
export VMSTEAD_ROOT=$TEST_DIR/small
ln -s "$(image_cache)" "$VMSTEAD_ROOT/cache"
snapshot >"$TEST_DIR/before"
fill() { head -c 30m /dev/zero >"$VMSTEAD_ROOT/filler" 2>/dev/null || true; }
fill
fails_with 20 "space" up -d counter
rm "$VMSTEAD_ROOT/filler"
check "up" quiet up -d counter
pid=$(daemon_pid)
fill
sleep 2
check_eq "ps" "$(running)" "counter "
check_eq "the same daemon" "$(daemon_pid)" "$pid"
check "the daemon lives" kill -0 "$pid"
quiet down >"$TEST_DIR/out" 2>&1 || check_contains "down" "$(cat "$TEST_DIR/out")" "full"
rm "$VMSTEAD_ROOT/filler"
check "down" quiet down
check_eq "the same daemon" "$(daemon_pid)" "$pid"
leaves_nothing
