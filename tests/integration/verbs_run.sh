#!/usr/bin/env bash
# One-off machines: run with its streams, exit codes and options, run of an image outside any project, attach; and cp both ways.
source "$(dirname "$0")/lib.sh"
start_test verbs_run

mkdir "$TEST_DIR/stack"; cd "$TEST_DIR/stack"
guest_part >guest.part
{ echo 'name: once'; cat guest.part; cat <<'END'
  server:
    <<: *guest
    command: [sh, -c, 'read line; echo "got $$line"; sleep 1; exit 5']
    stdin_open: true
    environment: {COLOUR: red}
END
} >compose.yaml

step "run: streams, variables, exit status, nothing left"
code=0; echo data | vmstead --progress quiet run --rm -T -e SHAPE=round -w /srv server \
  sh -c 'pwd; echo $COLOUR $SHAPE; cat; echo problem >&2; exit 9' >out 2>err || code=$?
check_eq "exit status" "$code" 9
check_eq "output" "$(tr '\n' ' ' <out)" "/srv red round data "
check_contains "stderr" "$(cat err)" problem
check_eq "removed" "$(vmstead ps -aq)" ""

step "run: a command that is not there, or cannot be run"
status_of() { local code=0; vmstead --progress quiet run --rm -T server "$@" >out 2>err </dev/null || code=$?; echo "$code"; }
check_eq "not there" "$(status_of nonexistent)" 127
check_contains "it says so" "$(cat err)" '"nonexistent": executable file not found in $PATH'
check_eq "no program" "$(status_of /etc/passwd)" 126
check_contains "it says so" "$(cat err)" '"/etc/passwd": Permission denied'
check_eq "removed" "$(vmstead ps -aq)" ""

step "run -d, with a name and an entrypoint; logs and rm by its name"
id=$(vmstead --progress quiet run -d --name oneshot --entrypoint "sh -c" server 'echo from oneshot')
check_eq "an ID" "${#id}" 64
has_spoken() { (cd / && vmstead logs oneshot) | grep -q "from oneshot"; }
eventually 20 has_spoken
(cd / && vmstead --progress quiet rm -fs oneshot)
check_eq "removed" "$(vmstead ps -aq)" ""

step "attach passes our input on, and the exit status back"
vmstead --progress quiet up -d
code=0; (sleep 1; echo friend) | vmstead attach server >out || code=$?
check_eq "exit status" "$code" 5
check_contains "output" "$(cat out)" "got friend"
vmstead --progress quiet start server

step "cp both ways"
mkdir -p tree/sub; echo one >tree/one; echo two >tree/sub/two; ln -s one tree/link; chmod 600 tree/one
vmstead --progress quiet cp tree server:/tmp/copied
check_eq "a folder under a new name" "$(vmstead exec -T server cat /tmp/copied/sub/two)" two
check_eq "modes and links" "$(vmstead exec -T server sh -c 'stat -c %a /tmp/copied/one; readlink /tmp/copied/link' | tr '\n' ' ')" "600 one "
vmstead --progress quiet cp tree/one server:/tmp/
check_eq "a file into a folder" "$(vmstead exec -T server cat /tmp/one)" one
vmstead --progress quiet cp server:/tmp/copied/. back.missing
check_eq "content under a new name" "$(cat back.missing/sub/two)" two
check_eq "a tar out" "$(vmstead cp server:/tmp/copied - | tar tf - | grep -c two)" 1
tar cf - -C tree . | vmstead --progress quiet cp - server:/srv
check_eq "a tar in" "$(vmstead exec -T server cat /srv/sub/two)" two
vmstead --progress quiet cp -L server:/tmp/copied/link followed
check_eq "a link followed" "$(cat followed)" one
head -c 20000000 /dev/urandom >big
vmstead --progress quiet cp big once-server-1:/tmp/big
vmstead --progress quiet cp once-server-1:/tmp/big big.back
check "20 MB there and back" cmp big big.back
said=$(vmstead cp server:/nothing . 2>&1) && fail "copied nothing"
check_contains "message" "$said" "no such file or folder: /nothing"
said=$(vmstead cp tree/one server:/none/x 2>&1) && fail "copied to nowhere"
check_contains "message" "$said" "none"

vmstead --progress quiet down
leaves_nothing
echo "one-off machines come and go, files too"
