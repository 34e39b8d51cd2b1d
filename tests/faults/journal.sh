#!/usr/bin/env bash
# kill -9 of the daemon after every write to the journal of one `up`: the next `up` completes, and `down`
# leaves nothing. The hook (base/store.h, store_fault_point) counts the writes; the test ends with the first
# N that no write has.
source "$(dirname "$0")/../integration/lib.sh"
start_test journal
cd "$SOURCE_DIR/testdata/stacks/tiny"
export VMSTEAD_IDLE_SECONDS=600

# One without the hook may have come after it: a command starts another when its own dies early.
stop_daemons() {
  local pid
  for pid in $(daemon_pid) $hooked; do
    kill "$pid" 2>/dev/null || continue
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
  done
}

start_hooked_daemon() {
  VMSTEAD_FAULT=journal:$1 "$VMSTEAD" daemon >"$TEST_DIR/hooked" 2>&1 &
  hooked=$!
  eventually 10 test -S "$VMSTEAD_ROOT/run/daemon.sock"
}

n=0 hooked=
while :; do
  n=$((n + 1))
  stop_daemons
  start_hooked_daemon "$n"
  # A process that is being killed is there for another moment.
  if "$VMSTEAD" --progress quiet up -d server lonely >"$TEST_DIR/out" 2>&1; then
    sleep 0.5
    ! kill -0 "$hooked" 2>/dev/null || break
  fi
  step "killed at write $n"
  check "up after the daemon was killed at write $n" vmstead --progress quiet up -d server lonely
  check_eq "both run (write $n)" "$(vmstead ps --format json | jq -r .Service | sort | tr '\n' ' ')" "lonely server "
  check_eq "one VM each (write $n)" "$(own_pids | wc -l)" 2
  check "down (write $n)" vmstead --progress quiet down
  leaves_nothing
done
stop_daemons
check "down" vmstead --progress quiet down
leaves_nothing
[ "$n" -gt 8 ] || fail "the hook found only $((n - 1)) writes"
