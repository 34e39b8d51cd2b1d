#!/usr/bin/env bash
# Logs and disks over everything that may happen to the daemon: no gap, no line twice, no byte lost.
source "$(dirname "$0")/lib.sh"
start_test lost
cd "$SOURCE_DIR/testdata/stacks/tiny"

disk() { echo "$VMSTEAD_ROOT/state/instances/tiny-counter-1/data.img"; }

# Every line from 1 on, once.
whole_log() {
  vmstead logs --no-log-prefix --no-color counter >"$TEST_DIR/lines"
  local last; last=$(tail -1 "$TEST_DIR/lines" | cut -d' ' -f2)
  [ "$last" -gt "$1" ] || fail "only $last lines, expected more than $1"
  seq -f 'line %.0f' "$last" | diff - "$TEST_DIR/lines" >"$TEST_DIR/gap" || fail "a gap: $(head -5 "$TEST_DIR/gap")"
}

check "up" vmstead --progress quiet up -d counter

step "an exec right after the daemon was killed"
for round in 1 2 3 4 5; do
  kill -9 "$(daemon_pid)"
  check_eq "exec, the first command of a new daemon" "$(vmstead exec -T counter echo there)" there
done

step "the daemon is killed again while it adopts"
for pause in 0.01 0.02 0.04 0.08 0.16 0.32; do
  kill -9 "$(daemon_pid)"
  vmstead ps >"$TEST_DIR/ps" 2>&1 &
  sleep "$pause"
  kill -9 "$(daemon_pid)" 2>/dev/null || true
  wait $! || true
done
sleep 2
whole_log 30

step "the daemon stays away for 20 s"
kill -9 "$(daemon_pid)"
sleep 20
vmstead ps >/dev/null
sleep 1
whole_log 200

step "a service that was never spoken to stops at once after an adoption"
for round in 1 2 3; do
  kill -9 "$(daemon_pid)"
  started=$SECONDS
  check "down" vmstead --progress quiet down
  [ $((SECONDS - started)) -lt 12 ] || fail "down took $((SECONDS - started)) s"
  leaves_nothing
  check "up" vmstead --progress quiet up -d counter
done

step "what was written is there after a stop and a start, on a clean disk"
check "write" vmstead exec -T counter sh -c 'head -c 6000000 /dev/urandom >/root/big && md5sum </root/big >/root/sum'
sum=$(vmstead exec -T counter cat /root/sum)
curl -sf --unix-socket "$VMSTEAD_ROOT/run/daemon.sock" -X POST -d '{}' http://vmstead/vmstead/projects/tiny/stop >/dev/null
check_contains "ps -a" "$(vmstead ps -a)" "Exited"
check_eq "VMs" "$(own_pids)" ""
features=$(dumpe2fs -h "$(disk)" 2>/dev/null | grep '^Filesystem features:')
check_contains "a killed guest's layer can be mounted again" "$features" has_journal
check "a clean file system" e2fsck -fn "$(disk)" >"$TEST_DIR/e2fsck" 2>&1
check "up" vmstead --progress quiet up -d counter
check_eq "the data" "$(vmstead exec -T counter sh -c 'md5sum </root/big')" "$sum"

step "a VM killed -9 is gone from ps within two seconds"
kill -9 "$(vm_pid tiny-counter-1)"
running() { vmstead ps --format json | jq -r .Service; }
gone() { [ -z "$(running)" ]; }
eventually 2 gone
check_contains "ps -a" "$(vmstead ps -a)" "Exited (137)"

step "a pid from before a reboot is not believed"
sleep 1000 & stranger=$!
kill -9 "$(daemon_pid)"
start_time=$(sed 's/.*) //' "/proc/$stranger/stat" | cut -d' ' -f20)
python3 - "$VMSTEAD_ROOT/state/vmstead.db" "$stranger" "$start_time" <<'PYTHON'
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    changed = database.execute("UPDATE vms SET state = 2, pid = ?, process_start = ?", sys.argv[2:])
    assert changed.rowcount == 1
PYTHON
check_eq "nothing runs" "$(running)" ""
check "down" vmstead --progress quiet down
check "the stranger lives" kill -0 "$stranger"
kill "$stranger"
leaves_nothing
