#!/usr/bin/env bash
# kill -9 of the daemon after every write to the journal of one `up`: the next `up` completes, and `down`
# leaves nothing. The hook (base/store.h, store_fault_point) counts the writes; the test ends with the first
# N that no write has.
source "$(dirname "$0")/../integration/lib.sh"
start_test journal
cd "$SOURCE_DIR/testdata/stacks/tiny"
export VMSTEAD_IDLE_SECONDS=600

stop_daemon() {
  local pid; pid=$(daemon_pid)
  [ -n "$pid" ] || return 0
  kill "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

n=0
while :; do
  n=$((n + 1))
  stop_daemon
  if VMSTEAD_FAULT=journal:$n "$VMSTEAD" --progress quiet up -d server lonely >"$TEST_DIR/out" 2>&1; then
    stop_daemon
    check "down" vmstead --progress quiet down
    break
  fi
  check "up after the daemon was killed at write $n" vmstead --progress quiet up -d server lonely
  check_eq "both run (write $n)" "$(vmstead ps --format json | jq -r .Service | sort | tr '\n' ' ')" "lonely server "
  check_eq "one VM each (write $n)" "$(own_pids | wc -l)" 2
  check "down (write $n)" vmstead --progress quiet down
  leaves_nothing
done
leaves_nothing
step "killed after each of $((n - 1)) writes"
[ "$n" -gt 8 ] || fail "the hook found only $((n - 1)) writes"
