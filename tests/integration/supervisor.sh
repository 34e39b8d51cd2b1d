#!/usr/bin/env bash
# Health, restart policies and the ends of services, as people see them: ps, events, inspect, DNS.
source "$(dirname "$0")/lib.sh"
start_test watch
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
{ echo 'name: watch'; guest_part | sed 's/^x-guest: &guest$/&\n  stop_grace_period: 1s/'; cat <<'EOF'
  web:
    <<: *guest
    command: [sh, -c, "touch /tmp/well; exec busybox httpd -f -p 80 -h /srv"]
    restart: always
    healthcheck: {test: [CMD-SHELL, "test -e /tmp/well || { echo I feel unwell; false; }"], interval: 300ms, timeout: 5s, retries: 2}
  asker:
    <<: *guest
    command: [sleep, infinity]
    restart: unless-stopped
    depends_on: {web: {condition: service_healthy}}
  twice:
    <<: *guest
    command: [sh, -c, "echo once; exit 3"]
    restart: on-failure:2
EOF
} >compose.yaml
state() { vmstead ps -a --format json | jq -r "select(.Service == \"$1\") | .$2"; }
is() { [ "$(state "$1" "$2")" = "$3" ]; }
inspect() { vmstead inspect "$1" | jq -r ".[0].$2"; }
has_new_vm() { local now; now=$(vm_pid watch-web-1); [ -n "$now" ] && [ "$now" != "$1" ]; }
answers() { fetch asker http://web/ 2>/dev/null | grep -q 'it works'; }
is_unknown() { ! vmstead exec -T asker busybox nslookup web 2>/dev/null | grep -q 'Name:.*web'; }

step "a dependent starts when the health check says so"
check "up" vmstead --progress quiet up -d
check_eq "web" "$(state web Health)" "healthy"
check_contains "ps" "$(vmstead ps)" "(healthy)"
check "DNS names it" answers

step "unhealthy after two failures: seen in ps, and no longer named"
vmstead exec -T web rm /tmp/well
eventually 15 is web Health unhealthy
check_contains "ps" "$(vmstead ps)" "(unhealthy)"
check "DNS does not name it" is_unknown
check_contains "what the probe said" "$(inspect watch-web-1 'State.Health.Log[-1].Output')" "I feel unwell"
vmstead exec -T web touch /tmp/well
eventually 15 is web Health healthy
check "DNS names it again" answers

step "on-failure:2 has had its two restarts"
eventually 60 is twice State exited
check_eq "exit code" "$(state twice ExitCode)" 3
check_eq "restarts" "$(inspect watch-twice-1 RestartCount)" 2
check_eq "it ran three times" "$(vmstead logs --no-log-prefix --no-color twice | grep -c once)" 3

step "a VM that dies is started again, with its disk, address and ID"
vmstead exec -T web sh -c 'echo precious >/kept; sync'
id=$(state web ID) pid=$(vm_pid watch-web-1)
[ -n "$pid" ] || fail "web has no VM"
kill -9 "$pid"
eventually 60 has_new_vm "$pid"
eventually 60 is web Health healthy
check_eq "the same ID" "$(state web ID)" "$id"
check_eq "the same disk" "$(vmstead exec -T web cat /kept)" "precious"
check_eq "one restart" "$(inspect watch-web-1 RestartCount)" 1
check "it serves" answers

step "one that dies while the daemon is dead, too"
pid=$(vm_pid watch-web-1)
kill -9 "$(daemon_pid)"
kill -9 "$pid"
check "the next command starts a daemon" vmstead ls >/dev/null
eventually 60 has_new_vm "$pid"
eventually 60 is web Health healthy
check_eq "twice has none left" "$(state twice State)" exited

step "who is stopped stays stopped, whatever its policy"
check "stop" vmstead --progress quiet stop web asker
kill -9 "$(daemon_pid)"
check_eq "web" "$(state web State)" exited
sleep 2
check_eq "web after a while" "$(state web State)" exited

step "the events tell it all, in order, whichever daemon has seen it"
check "events" vmstead events --json --since 10m --until "$(date +%s)" >"$TEST_DIR/events"
actions=$(jq -r 'select(.attributes.name == "watch-web-1" and (.action | startswith("exec") | not)) | .action' "$TEST_DIR/events" | paste -sd' ')
check_contains "the beginning" "$actions" "create start health_status: healthy health_status: unhealthy health_status: healthy die start health_status: healthy"
check_contains "the end" "$actions" "kill die stop"
codes=$(jq -r 'select(.action == "die" and .attributes.name == "watch-twice-1") | .attributes.exitCode' "$TEST_DIR/events" | paste -sd' ')
check_eq "twice died with 3 three times" "$codes" "3 3 3"

check "down" vmstead --progress quiet down
leaves_nothing
