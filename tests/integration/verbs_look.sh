#!/usr/bin/env bash
# The verbs that look: ps, ls, images, port, top, logs, events, inspect, exec; and an attached up with the exits that end it.
source "$(dirname "$0")/lib.sh"
start_test verbs_look

mkdir "$TEST_DIR/stack"; cd "$TEST_DIR/stack"
guest_part >guest.part
{ echo 'name: look'; cat guest.part; cat <<'END'
  talker:
    <<: *guest
    command: [sh, -c, 'echo to-out; echo to-err >&2; exec sleep 600']
    ports: ["127.0.0.1:8080-8081:80"]
  quitter:
    <<: *guest
    command: [sh, -c, 'sleep 1; echo leaving; exit 7']
END
} >compose.yaml

step "up ends with the exit that counts"
code=0; vmstead --progress quiet up --exit-code-from quitter >out 2>err || code=$?
check_eq "exit status" "$code" 7
check_contains "logs" "$(cat out)" "quitter-1  | leaving"
check_contains "exit" "$(cat out)" "quitter-1 exited with code 7"
check_contains "reason" "$(cat err)" "Aborting on container exit..."
check_contains "all were stopped" "$(vmstead ps -a --format json talker)" '"State":"exited"'

step "ps and ls"
vmstead --progress quiet start talker
check_eq "services" "$(vmstead ps --services)" talker
check_eq "by state" "$(vmstead ps -a --filter status=exited --services)" quitter
check_contains "exit code" "$(vmstead ps -a quitter)" "Exited (7)"
check_contains "project" "$(vmstead ls)" "running(1)"
check_contains "files" "$(vmstead ls --format json)" "$PWD/compose.yaml"
check_eq "only names" "$(vmstead ls -q --filter name=loo)" look

step "logs by time, by name, by index"
check_contains "out" "$(vmstead logs --no-log-prefix talker 2>/dev/null)" to-out
check_contains "err" "$(vmstead logs --no-log-prefix talker 2>&1 >/dev/null)" to-err
check_eq "before it began" "$(vmstead logs --until 1h talker 2>&1)" ""
check_contains "lately" "$(vmstead logs --since 1h --index 1 talker)" to-out
check_contains "outside the project" "$(cd / && vmstead logs look-talker-1)" to-out
said=$(vmstead logs --since yesterday 2>&1) && fail "took a bad time"
check_contains "message" "$said" "'yesterday' is no time"

step "events"
check_contains "history" "$(vmstead events --json --since 10m --until 1s quitter)" '"action":"die"'
vmstead events >events & watcher=$!
sleep 0.5
vmstead --progress quiet restart -t 1 talker
eventually 10 grep -q "container start .*name=look-talker-1" events
kill "$watcher"

step "top, images, inspect"
check_contains "top" "$(vmstead top talker)" "sleep 600"
check_contains "images" "$(vmstead images)" look-talker-1
check_contains "inspect" "$(cd / && vmstead inspect look-quitter-1)" '"ExitCode": 7'

step "exec by name, and detached"
check_eq "by name" "$(cd / && vmstead exec -T look-talker-1 echo hello)" hello
vmstead exec -d talker sh -c 'echo done >/tmp/mark'
eventually 10 vmstead exec -T talker test -f /tmp/mark
said=$(vmstead exec quitter true 2>&1) && fail "exec in what has ended"
check_contains "message" "$said" 'service "quitter" is not running'

vmstead --progress quiet down
leaves_nothing
echo "all that looks, sees"
