#!/usr/bin/env bash
# kill -9 of the daemon: the stack runs on, and the next command finds all of it.
source "$(dirname "$0")/lib.sh"
start_test killed
cd "$SOURCE_DIR/testdata/stacks/tiny"
check "up" vmstead --progress quiet up -d
get() { curl -sf --max-time 5 --retry 20 --retry-delay 1 --retry-all-errors http://127.0.0.1:8081/; }
check_eq "port" "$(get)" "it works"

ids() { vmstead ps --format json | jq -r '[.Name, .ID] | join(" ")' | sort; }
before_ids=$(ids)
before_pids=$(own_pids | sort)

for round in 1 2 3; do
  step "round $round: the daemon is killed"
  kill -9 "$(daemon_pid)"
  sleep 1
  check_eq "the port goes on forwarding" "$(get)" "it works"
  sleep 2
  check_eq "the same VMs with the same IDs" "$(ids)" "$before_ids"
  check_eq "the same processes" "$(own_pids | sort)" "$before_pids"
  check_eq "DNS answers" "$(fetch counter "http://server/")" "it works"
done

step "logs show no gap"
sleep 1
vmstead logs --no-log-prefix --no-color counter >"$TEST_DIR/lines"
last=$(tail -1 "$TEST_DIR/lines" | cut -d' ' -f2)
[ "$last" -gt 300 ] || fail "only $last lines"
seq -f 'line %.0f' "$last" | diff - "$TEST_DIR/lines" >"$TEST_DIR/gap" || fail "a gap: $(head -5 "$TEST_DIR/gap")"

step "a VM that ends while no daemon runs"
kill -9 "$(daemon_pid)"
kill -9 "$(vm_pid tiny-server-1)"
check_contains "ps -a" "$(vmstead ps -a)" "Exited (137)"
check_eq "it is started again by up" "$(vmstead --progress quiet up -d; get)" "it works"

step "down after another kill leaves nothing"
kill -9 "$(daemon_pid)"
check "down" vmstead --progress quiet down
leaves_nothing
