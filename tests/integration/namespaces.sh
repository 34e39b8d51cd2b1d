#!/usr/bin/env bash
# A daemon belongs to one network namespace: a client of another one never uses it silently. Two roots on
# one host do not collide.
source "$(dirname "$0")/lib.sh"
start_test namespaces
cd "$SOURCE_DIR/testdata/stacks/tiny"
elsewhere() { "$SOURCE_DIR/tests/in-netns" "$VMSTEAD" "$@"; }

step "an idle daemon of another namespace is replaced"
check "a daemon starts" vmstead --progress quiet up -d lonely
check "down" vmstead --progress quiet down
first=$(daemon_pid)
elsewhere ps >/dev/null || fail "ps from another namespace"
[ "$(daemon_pid)" != "$first" ] || fail "the daemon of another namespace was used"

step "one with VMs is not used, and said so"
check "up" vmstead --progress quiet up -d lonely
elsewhere --progress quiet up -d server 2>"$TEST_DIR/err" && fail "it was used"
check_contains "it says why" "$(cat "$TEST_DIR/err")" "network namespace"
check_contains "and where" "$(cat "$TEST_DIR/err")" "$(daemon_pid)"

step "pull needs no daemon"
elsewhere --progress quiet pull lonely || fail "pull of a cached image"

step "two roots on one host"
other() { VMSTEAD_ROOT=$TEST_DIR/other "$VMSTEAD" "$@"; }
mkdir "$TEST_DIR/other" && ln -s "$(image_cache)" "$TEST_DIR/other/cache"
check "up in the other root" other --progress quiet up -d lonely
check_eq "both run" "$(vmstead ps --format json | jq -r .Name) $(other ps --format json | jq -r .Name)" "tiny-lonely-1 tiny-lonely-1"
check "down there" other --progress quiet down
kill "$(sed -nE 's/.*"pid": ?([0-9]+).*/\1/p' "$TEST_DIR/other/run/daemon.json")"
check_eq "this one runs on" "$(vmstead exec -T lonely echo yes)" "yes"

check "down" vmstead --progress quiet down
leaves_nothing
