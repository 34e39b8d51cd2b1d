#!/usr/bin/env bash
# exec, logs and the end of a service, against one real VM.
source "$(dirname "$0")/lib.sh"
start_test one
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
sed 's/^name: tiny/name: one/' "$SOURCE_DIR/testdata/stacks/tiny/compose.yaml" >compose.yaml
cp "$SOURCE_DIR/testdata/stacks/tiny/count" .

step "up -d of one service starts that one only"
check "up" vmstead --progress quiet up -d lonely
check_eq "services" "$(vmstead ps --format json | jq -r .Service)" "lonely"

run() { vmstead exec -T lonely "$@"; }

step "exec: output, errors and exit codes are apart"
check_eq "stdout" "$(run sh -c 'echo out; echo err >&2' 2>/dev/null)" "out"
check_eq "stderr" "$(run sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" "err"
code() { local c=0; "$@" >/dev/null 2>&1 || c=$?; echo "$c"; }
check_eq "exit 0" "$(code run true)" 0
check_eq "exit 3" "$(code run sh -c 'exit 3')" 3
check_eq "not found" "$(code run no-such-program)" 127
check_eq "not executable" "$(code run /etc/passwd)" 126
check_eq "killed" "$(code run sh -c 'kill -9 $$')" 137

step "exec: stdin is streamed to its end"
check_eq "one line" "$(echo hello | run cat)" "hello"
head -c 20000000 /dev/urandom >"$TEST_DIR/bytes"
check_eq "20 MB in and out" "$(run cat <"$TEST_DIR/bytes" | sha256sum)" "$(sha256sum <"$TEST_DIR/bytes")"
check_eq "no stdin is end of file" "$(run wc -c </dev/null)" 0

step "exec: argv is argv, environment, user and folder are honoured"
check_eq "argv" "$(run printf '%s|' 'a b' '$HOME' '*' '')" 'a b|$HOME|*||'
check_eq "environment" "$(vmstead exec -T -e A=1 -e 'B=x y' lonely sh -c 'echo $A-$B')" "1-x y"
check_eq "user by name" "$(vmstead exec -T -u nobody lonely id -un)" "nobody"
check_eq "user and group by number" "$(vmstead exec -T -u 12:34 lonely sh -c 'echo $(id -u) $(id -g)')" "12 34"
check_eq "folder" "$(vmstead exec -T -w /usr/share lonely pwd)" "/usr/share"
check_eq "home" "$(run sh -c 'echo $HOME')" "/root"

step "exec: a terminal with its size"
tty_output=$(script -qec "stty rows 33 cols 77; '$VMSTEAD' exec lonely sh -c 'tty; stty size'" /dev/null </dev/null)
check_contains "tty" "$tty_output" "/dev/pts/"
check_contains "size" "$tty_output" "33 77"

step "exec: many at once"
for i in $(seq 20); do run sh -c "sleep 0.2; echo $i" >"$TEST_DIR/many.$i" & pids[i]=$!; done
for i in $(seq 20); do wait "${pids[i]}" || fail "exec $i failed"; done
check_eq "all answered" "$(cat "$TEST_DIR"/many.* | sort -n | tr '\n' ' ')" "$(seq -s' ' 20) "

step "exec: a signal reaches the program"
"$VMSTEAD" exec -T lonely sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done' >"$TEST_DIR/ready" &
signalled=$!
eventually 20 grep -qs ready "$TEST_DIR/ready"
kill -TERM "$signalled"
wait "$signalled" && fail "exec survived SIGTERM" || check_eq "its exit code" "$?" 9

step "the guest looks like a machine"
check_eq "hostname" "$(run hostname)" "lonely"
check_contains "its own name in /etc/hosts" "$(run cat /etc/hosts)" "lonely"
check_contains "root" "$(run grep ' / ' /proc/mounts)" "overlay"
check_eq "PID 1 leaves no zombies" "$(run sh -c '(sleep 0.1 &) ; sleep 0.5; grep -l "State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l')" 0

step "a service that ends: Exited (N)"
cat >compose.yaml.end <<'TEXT'
name: ending
services:
  ending:
    x-vmstead: {bootstrap: {suite: bookworm, packages: [busybox-static], files: {/srv/index.html: {content: "it works\n"}, /usr/local/bin/count: {mode: "0755", source: ./count}}}}
    command: [sh, -c, "echo first; echo second >&2; exit 7"]
TEXT
check "up" vmstead -f compose.yaml.end --progress quiet up -d
ended() { vmstead -f compose.yaml.end ps -a | grep -q 'Exited (7)'; }
eventually 20 ended
check_eq "not in ps" "$(vmstead -f compose.yaml.end ps --format json)" ""
check_eq "its log" "$(vmstead -f compose.yaml.end logs --no-log-prefix 2>&1 | sort | tr '\n' ' ')" "first second "
check "down" vmstead -f compose.yaml.end --progress quiet down

step "a VM killed with -9 is gone from ps at once"
kill -9 "$(vm_pid one-lonely-1)"
gone() { [ -z "$(vmstead ps --format json)" ]; }
eventually 3 gone
check_contains "ps -a tells how" "$(vmstead ps -a)" "Exited (137)"

check "down" vmstead --progress quiet down
leaves_nothing
