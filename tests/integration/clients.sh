#!/usr/bin/env bash
# Many commands at once, and commands that are ended in the middle: the next `up` completes, `down` cleans.
source "$(dirname "$0")/lib.sh"
start_test clients
cd "$SOURCE_DIR/testdata/stacks/tiny"
quiet() { vmstead --progress quiet "$@"; }
running() { vmstead ps --format json | jq -r .Service | sort | tr '\n' ' '; }

step "five clients at once start one daemon"
for client in 1 2 3 4 5; do
  quiet down >"$TEST_DIR/client$client" 2>&1 &
  pids[client]=$!
done
for client in 1 2 3 4 5; do
  wait "${pids[client]}" || fail "client $client: $(cat "$TEST_DIR/client$client")"
done
check_eq "daemons" "$(pgrep -f -c "^[^ ]*vmstead-daemon --background" --ns $$ --nslist net)" 1

step "twenty commands at once on one project: one set of everything, and each that waits says so"
for client in $(seq 20); do
  vmstead --progress plain up -d server lonely >"$TEST_DIR/client$client" 2>&1 &
  pids[client]=$!
done
for client in $(seq 20); do
  wait "${pids[client]}" || fail "client $client: $(cat "$TEST_DIR/client$client")"
done
check_eq "those that waited" "$(grep -l "^waiting for another command on project 'tiny' (up, since " "$TEST_DIR"/client* | wc -l)" 19
check_eq "those that started VMs" "$(grep -l "VM tiny-server-1  Starting" "$TEST_DIR"/client* | wc -l)" 1
check_eq "both run" "$(running)" "lonely server "
check_eq "one VM each" "$(own_pids | wc -l)" 2
check_eq "one bridge for each network" "$(ip -br link show type bridge | wc -l)" 2
quiet down >"$TEST_DIR/one" 2>&1 & one=$!
quiet down >"$TEST_DIR/two" 2>&1 & two=$!
wait "$one" || true; wait "$two" || true
check "down" quiet down
leaves_nothing

# up in the background, ended by the signals named, each after a pause in seconds.
end_up_with() {
  local up
  step "up ended by: $*"
  setsid "$VMSTEAD" --progress plain up server lonely >"$TEST_DIR/out" 2>&1 &
  up=$!
  while [ $# -gt 0 ]; do
    sleep "$1"
    kill -s "$2" "$up" 2>/dev/null || true
    shift 2
  done
  local deadline=$((SECONDS + 30))
  while kill -0 "$up" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || fail "up does not end: $(tail -5 "$TEST_DIR/out")"
    sleep 0.1
  done
  wait "$up" || true
}

converges() {
  check "up" quiet up -d server lonely
  check_eq "both run" "$(running)" "lonely server "
  check_eq "one VM each" "$(own_pids | wc -l)" 2
  check "down" quiet down
  leaves_nothing
}

for pause in 0.2 1.2; do
  end_up_with "$pause" KILL; converges
  end_up_with "$pause" INT; converges
  end_up_with "$pause" INT 0.1 INT; converges
  end_up_with "$pause" KILL
  check "down" quiet down
  leaves_nothing
done

step "attached up, Ctrl-C when all run: they are stopped"
end_up_with 6 INT
check_eq "nothing runs" "$(running)" ""
converges

step "up into a closed pipe ends as soon as it has something to say"
timeout 60 "$VMSTEAD" --progress plain up counter 2>/dev/null | head -1 >"$TEST_DIR/out" && code=0 || code=$?
[ "$code" != 124 ] || fail "up did not end"
check_contains "the first line" "$(cat "$TEST_DIR/out")" "line 1"
check "down" quiet down
leaves_nothing
converges
