#!/usr/bin/env bash
# Configs and secrets: in the guest's memory, with their owners and modes, and nowhere else.
source "$(dirname "$0")/vm_lib.sh"
start_vm_test secrets
build_image app ':'
marker="very-secret-$RANDOM$RANDOM$RANDOM"
printf '%s' "$marker" >"$TEST_DIR/password"
printf 'binary\0\377data' >"$TEST_DIR/binary"
head -c 2500000 /dev/urandom >"$TEST_DIR/large"
files() { jq -nc --arg dir "$TEST_DIR" '{files: ([
  {target: "/run/secrets/password", uid: 0, gid: 0, mode: 292, file: ($dir + "/password")},
  {target: "/etc/app/binary.conf", uid: "app", gid: "appgroup", mode: 256, file: ($dir + "/binary")},
  {target: "/etc/passwd-copy", uid: "1000", gid: "1001", mode: 416, file: ($dir + "/large")}] + $more)}' --argjson more "${1:-[]}"; }

spec=$(vm_spec one app '[]' "$(files)")
check "started" run_vm one "$spec"
check_eq "content" "$(in_vm one 'cat /run/secrets/password')" "$marker"
check_eq "any bytes" "$(in_vm one 'sha256sum </etc/app/binary.conf; sha256sum </etc/passwd-copy')" "$(sha256sum <"$TEST_DIR/binary"; sha256sum <"$TEST_DIR/large")"
check_eq "owners and modes" "$(in_vm one 'stat -c "%u:%g %a" /run/secrets/password /etc/app/binary.conf /etc/passwd-copy')" "0:0 444
1234:1235 400
1000:1001 640"
check_eq "in memory, read-only" "$(in_vm one 'grep -c "^tmpfs /[re].* tmpfs ro" /proc/mounts; echo x 2>/dev/null >/run/secrets/password || echo refused')" "3
refused"

step "nowhere on the host but in its own file"
in_vm one sync
check_eq "no file of ours has it" "$(grep -rlaF "$marker" "$VMSTEAD_ROOT/state" "$VMSTEAD_ROOT/run" || true)" ""
check_eq "no process list" "$(ps axeww | grep -F "$marker" | grep -vF grep || true)" ""

step "read anew at every start"
check "stopped" stop_vm one
printf 'rotated' >"$TEST_DIR/password"
check "started" start_vm one "$spec"
check_eq "content" "$(in_vm one 'cat /run/secrets/password')" rotated
check "removed" remove_vm one

step "refused before anything is made"
refused() { check_contains "$2" "$(make_vm bad "$(vm_spec bad app '[]' "$(files "$1")")" 2>&1 || true)" "$2"; }
refused '[{"target":"/x","file":"/no/such/file"}]' "cannot read '/no/such/file'"
refused "[{\"target\":\"/x\",\"file\":\"$TEST_DIR/large\"}]" "together they may have 3145728"
vault=$(vm_spec bad app '[]' '{"files":[{"target":"/x","vault":"key"}]}')
make_vm bad "$vault"
check_contains "a value that is gone" "$(start_vm bad "$vault" 2>&1 || true)" "\`vmstead up\` brings it again"
nobody=$(vm_spec bad app '[]' "{\"files\":[{\"target\":\"/x\",\"uid\":\"nobody-here\",\"file\":\"$TEST_DIR/password\"}]}")
check_contains "an owner that the image lacks" "$(start_vm bad "$nobody" 2>&1 || true)" 'unable to find user "nobody-here"'
check "removed" remove_vm bad
leaves_nothing
