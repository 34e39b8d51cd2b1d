#!/usr/bin/env bash
# Values that are nobody else's business: not in a process list, a log, an event, an answer, or a file that
# others can read; and secrets in no file of ours at all.
source "$(dirname "$0")/lib.sh"
start_test secrecy
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
cp "$SOURCE_DIR/testdata/stacks/tiny/count" .

# Four values, none of which any text of ours contains by chance.
token() { printf '%s-%s' "$1" "$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')"; }
from_environment=$(token aaaa) from_file=$(token bbbb) config=$(token cccc) plain=$(token dddd)
printf '%s\n' "$from_environment" "$from_file" >"$TEST_DIR/secret-values"
printf '%s\n' "$config" "$plain" >"$TEST_DIR/values"
cat "$TEST_DIR/secret-values" >>"$TEST_DIR/values"
umask 077
printf '%s' "$from_file" >"$TEST_DIR/password"
umask 022
cat >compose.yaml <<TEXT
name: secrecy
services:
  app:
    x-vmstead:
      bootstrap:
        suite: bookworm
        packages: [busybox-static]
        files:
          /srv/index.html: {content: "it works\n"}
          /usr/local/bin/count: {mode: "0755", source: ./count}
    command: [sleep, infinity]
    environment: {PLAIN: "\${PLAIN_VALUE}"}
    secrets: [from_environment, from_file]
    configs: [{source: content, target: /etc/app.conf}]
    healthcheck: {test: [CMD, test, -e, /etc/app.conf], interval: 1s}
secrets:
  from_environment: {environment: SECRET_VALUE}
  from_file: {file: $TEST_DIR/password}
configs:
  content: {content: "key=\${CONFIG_VALUE}"}
TEXT
# Whoever looks later has them no more.
vmstead() { env SECRET_VALUE= CONFIG_VALUE= PLAIN_VALUE= "$VMSTEAD" "$@"; }
with_values() { env SECRET_VALUE="$from_environment" CONFIG_VALUE="$config" PLAIN_VALUE="$plain" "$VMSTEAD" "$@"; }

# holds FILE-OF-VALUES FILE...: those of the files that contain one of the values, holes not read.
holds() {
  local values=$1 file; shift
  for file; do
    ! file_text "$file" | grep -qaFf "$values" || echo "$file"
  done
}
# A disk is 64 GiB of holes: only its data is read.
file_text() {
  python3 - "$1" <<'PYTHON'
import os, sys
handle = os.open(sys.argv[1], os.O_RDONLY)
size, at = os.fstat(handle).st_size, 0
while at < size:
    try:
        at = os.lseek(handle, at, os.SEEK_DATA)
    except OSError:
        break
    end = os.lseek(handle, at, os.SEEK_HOLE)
    while at < end:
        data = os.pread(handle, min(1 << 20, end - at), at)
        if not data:
            break
        sys.stdout.buffer.write(data)
        at += len(data)
PYTHON
}
our_files() { find "$VMSTEAD_ROOT/" -path "$VMSTEAD_ROOT/cache" -prune -o -type f "$@" -print; }

# Command lines are anybody's; an environment is its owner's, but the client's own is all that has a right to it.
in_process_lists() {
  local process
  for process in /proc/[0-9]*; do
    ! tr '\0' '\n' 2>/dev/null <"$process/cmdline" | grep -qaFf "$TEST_DIR/values" || echo "$process/cmdline"
    ! tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qaFf "$TEST_DIR/values" || echo "$process/environ"
  done 2>/dev/null
}
silent() {
  local files
  mapfile -t files < <(our_files)
  [ "${#files[@]}" -gt 3 ] || fail "no files to look at"
  check_eq "secrets in files ($1)" "$(holds "$TEST_DIR/secret-values" "${files[@]}")" ""
  mapfile -t files < <(our_files -perm /077; ls "$VMSTEAD_ROOT/state/daemon.log")
  check_eq "values in files that others read ($1)" "$(holds "$TEST_DIR/values" "${files[@]}")" ""
}
quiet_about() { check_eq "values in $1" "$(grep -aFf "$TEST_DIR/values" "$2" || true)" ""; }
api() { curl -s --max-time 10 --unix-socket "$VMSTEAD_ROOT/run/daemon.sock" "$@"; }

step "a daemon started by somebody who has the values"
with_values --progress plain up -d --wait >"$TEST_DIR/up" 2>&1 || fail "up: $(cat "$TEST_DIR/up")"
in_guest() { vmstead exec -T app sh -c "$1"; }
check_eq "the guest has them" "$(in_guest 'cat /run/secrets/from_environment; echo; cat /run/secrets/from_file; echo
cat /etc/app.conf; echo; echo "$PLAIN"')" "$from_environment
$from_file
key=$config
$plain"
quiet_about "what up says" "$TEST_DIR/up"
check_eq "process lists" "$(in_process_lists)" ""
in_guest sync
silent running

step "what the daemon tells of it"
vmstead events --since 10m --until 0s --json >"$TEST_DIR/events"
grep -q health_status "$TEST_DIR/events" || fail "no events: $(cat "$TEST_DIR/events")"
quiet_about events "$TEST_DIR/events"
vmstead ps --format json >"$TEST_DIR/ps" && quiet_about ps "$TEST_DIR/ps"
api "http://vmstead/containers/json?all=1" >"$TEST_DIR/list" && quiet_about "the list of instances" "$TEST_DIR/list"
vmstead inspect secrecy-app-1 >"$TEST_DIR/inspect"
check_eq "secrets in inspect" "$(grep -Ff "$TEST_DIR/secret-values" "$TEST_DIR/inspect" || true)" ""

step "an up that fails, a plan, and a restart"
with_values --progress plain -f compose.yaml -f <(printf 'services: {app: {healthcheck: {test: [CMD, "false"], retries: 1, interval: 1s}}}\n') \
  up -d --wait >"$TEST_DIR/failed" 2>&1 && fail "an unhealthy service is not ready"
quiet_about "a failed up" "$TEST_DIR/failed"
PLAIN_VALUE=other CONFIG_VALUE=other SECRET_VALUE=other "$VMSTEAD" up --dry-run >"$TEST_DIR/plan" 2>&1
check_eq "secrets in a plan" "$(grep -Ff "$TEST_DIR/secret-values" "$TEST_DIR/plan" || true)" ""
check "restart" with_values --progress quiet restart -t 1
check_eq "after a restart" "$(in_guest 'cat /run/secrets/from_environment')" "$from_environment"
silent restarted
kill -9 "$(daemon_pid)"
check "another daemon" with_values ps >/dev/null
check_eq "process lists" "$(in_process_lists)" ""
check "restart under another daemon" vmstead --progress quiet restart -t 1
check_eq "the value outlives the daemon" "$(in_guest 'cat /run/secrets/from_environment')" "$from_environment"

step "a client's mistake is answered without them"
api -X POST -d "{\"model\":{\"$plain\":\"$from_environment\"},\"services\":[\"$from_file\"}" \
  http://vmstead/vmstead/projects/secrecy/up >"$TEST_DIR/answer"
quiet_about "an answer" "$TEST_DIR/answer"
quiet_about "daemon.log" "$VMSTEAD_ROOT/state/daemon.log"

step "down leaves no trace, in the store either"
check "down" vmstead --progress quiet down -v
silent down
leaves_nothing
