#!/usr/bin/env bash
# kill -9 of the daemon at 20 moments spread over one `up`: the next `up` completes, `down` leaves nothing.
source "$(dirname "$0")/../integration/lib.sh"
start_test moments
cd "$SOURCE_DIR/testdata/stacks/tiny"

started=$(date +%s%3N)
check "up" vmstead --progress quiet up -d server lonely
whole=$(($(date +%s%3N) - started))
check "down" vmstead --progress quiet down

for moment in $(seq 20); do
  wait_ms=$((whole * moment / 21))
  vmstead --progress quiet up -d server lonely >"$TEST_DIR/out" 2>&1 &
  up=$!
  sleep "$(printf '%d.%03d' $((wait_ms / 1000)) $((wait_ms % 1000)))"
  kill -9 "$(daemon_pid)"
  wait "$up" && step "moment $moment ($wait_ms ms): up had ended" || step "moment $moment ($wait_ms ms): killed"
  if [ $((moment % 2)) = 0 ]; then
    check "up again" vmstead --progress quiet up -d server lonely
    check_eq "both run" "$(vmstead ps --format json | jq -r .Service | sort | tr '\n' ' ')" "lonely server "
    check_eq "one VM each" "$(own_pids | wc -l)" 2
  fi
  check "down" vmstead --progress quiet down
  leaves_nothing
done
