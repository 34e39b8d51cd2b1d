#!/usr/bin/env bash
# What the agent of a real VM does for the daemon: probes, processes, signals, pauses, copies, terminals, OOM
# kills, logs. Every command is a daemon that has just adopted the VM.
source "$(dirname "$0")/vm_lib.sh"
start_vm_test services
services() { timeout 100 "$BUILD_DIR/tests/integration/services_driver" "$@"; }
state() { driver status "$1" | cut -d' ' -f1; }

build_image box 'mkdir -p srv/www && echo fine >srv/www/health'
talk='i=0; trap "echo asked to stop; exit 3" TERM; trap "echo hup" HUP
  httpd -p 8080 -h /srv/www; while :; do i=$((i+1)); echo line $i; sleep 0.1; done'
spec=$(vm_spec one box '[]' "$(jq -nc --arg script "$talk" '{command: ["sh", "-c", $script]}')")
check "started" run_vm one "$spec"

step "probes look from inside"
check_eq "a command" "$(services probe one shell 'echo $HOSTNAME; exit 0' 5000)" "good 0 one"
check_eq "a failing one" "$(services probe one shell 'echo no; exit 4' 5000)" "bad 4 no"
check_eq "a slow one" "$(services probe one shell 'echo wait; sleep 777' 1000)" "timeout -1 wait"
check_eq "it was killed" "$(in_vm one 'busybox ps | grep -c "sleep 77[7]" || true')" 0
check_eq "HTTP" "$(services probe one http http://localhost:8080/health 5000)" "good 0 HTTP/1.1 200 OK"
check_eq "HTTP by the guest's own name" "$(services probe one http http://one:8080/health 5000)" "good 0 HTTP/1.1 200 OK"
check_eq "HTTP that fails" "$(services probe one http http://localhost:8080/no 5000)" "bad 1 HTTP/1.1 404 Not Found"
check_eq "TCP" "$(services probe one tcp 8080 5000)" "good 0 127.0.0.1:8080 takes connections"
check_eq "TCP that fails" "$(services probe one tcp 81 5000)" "bad 1 connection to 127.0.0.1:81: Connection refused"

step "processes"
check_contains "the service's" "$(services top one)" "? httpd -p 8080 -h /srv/www"
check_eq "no kernel threads, no agent" "$(services top one | grep -c 'kthreadd\|vmstead-agent')" 0

step "a detached exec goes on"
check "started" services detach one sh -c 'sleep 1; echo later >/later; sleep 1000'
eventually 10 in_vm one 'grep -qs later /later'

step "copies"
mkdir -p "$TEST_DIR/tree/sub"
echo hello >"$TEST_DIR/tree/file"; ln -s ../file "$TEST_DIR/tree/sub/link"; mkfifo "$TEST_DIR/tree/pipe"
head -c 5000000 /dev/urandom >"$TEST_DIR/tree/sub/big"; chown 1234:1235 "$TEST_DIR/tree/sub/big"; chmod 4750 "$TEST_DIR/tree/sub/big"
tar -C "$TEST_DIR" -c tree | services in one /srv || fail "the copy into the guest"
check_eq "owner and mode" "$(in_vm one 'stat -c "%U %G %a" /srv/tree/sub/big')" "app appgroup 4750"
services out one /srv/tree >"$TEST_DIR/out.tar" 2>"$TEST_DIR/stat" || fail "the copy out of the guest"
check "the same comes out" tar -C "$TEST_DIR" -df "$TEST_DIR/out.tar"
check_eq "its entries" "$(tar -tf "$TEST_DIR/out.tar" | sort | paste -sd' ')" "tree/ tree/file tree/pipe tree/sub/ tree/sub/big tree/sub/link"
check_contains "what it is" "$(cat "$TEST_DIR/stat")" "tree 40755"
check_contains "a link" "$(services out one /srv/tree/sub/link 2>&1 >/dev/null)" "link 120777 7 /srv/tree/file"
check_contains "what is missing" "$(services out one /none 2>&1 || true)" 'cannot find "/none": No such file or directory'
check_contains "no folder" "$(tar -C "$TEST_DIR" -c tree | services in one /none 2>&1 || true)" 'cannot copy to "/none": No such file or directory'

step "paused: nothing runs, also over daemons; then it goes on"
check "paused" services pause one
check_eq "seen" "$(state one)" paused
check_contains "not twice" "$(services pause one 2>&1 || true)" "paused already"
check_contains "no exec" "$(in_vm one true 2>&1 || true)" "is paused"
check "unpaused" services unpause one
check_eq "seen" "$(state one)" running
check_eq "it runs" "$(in_vm one 'echo on')" on

step "signals"
check "sent" services signal one 1
heard() { services logs one 0 0 | grep -q ' hup$'; }
eventually 10 heard
check "paused" services pause one
check "a paused VM can be stopped" stop_vm one
check_eq "by its own hand" "$(driver status one)" "exited 3"
services logs one 0 0 >"$TEST_DIR/log"
check_contains "its last words" "$(tail -1 "$TEST_DIR/log")" "asked to stop"
check_eq "no line is missing, over a dozen daemons" "$(sed -n 's/.* line //p' "$TEST_DIR/log" | awk '$1 != NR' | head -1)" ""
middle=$(sed -n '5s/ .*//p' "$TEST_DIR/log"); end=$(sed -n '9s/ .*//p' "$TEST_DIR/log")
check_eq "logs of a time" "$(services logs one "$middle" "$end" | awk -v a="$middle" -v b="$end" '$1 < a || $1 >= b' | wc -l)" 0

step "a kill is no power cut"
check "started" start_vm one "$spec"
in_vm one 'echo kept >/kept'
check "killed" services kill one
check_eq "137" "$(services wait one)" "service 137 -"
check "started" start_vm one "$spec"
check_eq "what was written is there" "$(in_vm one 'cat /kept')" kept
kill_vm one
check_eq "the VM's death is another thing" "$(services wait one)" "killed 137 -"
remove_vm one

step "a service that eats all memory is told apart"
eat='echo 1000 >/proc/self/oom_score_adj; exec dd if=/dev/zero of=/dev/null bs=140M'
check "started" run_vm two "$(vm_spec two box '[]' "$(jq -nc --arg script "$eat" '{command: ["sh", "-c", $script]}')")"
check_eq "an OOM kill" "$(services wait two)" "oom 137 oom"
remove_vm two

step "stdin and a terminal"
check "started" run_vm three "$(vm_spec three box '[]' '{"stdin_open": true, "command": ["sh", "-c", "cat; echo end >&2; exit 5"]}')"
check_eq "what was written comes back" "$(services attach three 'to stdin
' 2>&1)" "to stdin
end
exit code 5"
remove_vm three
check "started" run_vm four "$(vm_spec four box '[]' '{"tty": true, "stdin_open": true, "command": ["sh", "-c", "tty; read line; stty size; echo got $line; exit 6"]}')"
asked() { services logs four 0 0 | grep -q /dev/pts/0; }
eventually 20 asked
check_eq "a terminal" "$(services attach four 'words
' | tr -d '\r')" "/dev/pts/0
words
33 99
got words
exit code 6"
check_eq "afterwards, from the log" "$(services attach four '' | tr -d '\r' | tail -2)" "got words
exit code 6"
remove_vm four

step "a guest that floods its log fills no disk, and the agent still answers"
flood='{"command": ["sh", "-c", "trap \"exit 0\" TERM; yes & wait"], "logging": {"max_bytes": 1000000, "max_files": 3}}'
check "started" run_vm five "$(vm_spec five box '[]' "$flood")"
check "a daemon that takes it all" driver run 5
check_eq "an exec among it" "$(in_vm five 'echo here')" here
check_eq "files" "$(ls "$VMSTEAD_ROOT"/state/instances/five/log* | wc -l)" 3
[ "$(du -cb "$VMSTEAD_ROOT"/state/instances/five/log* | tail -1 | cut -f1)" -le 3000000 ] || fail "more than three files of 1 MB"
check "stopped" stop_vm five
remove_vm five
leaves_nothing
