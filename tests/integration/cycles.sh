#!/usr/bin/env bash
# 50 times up and down of a small real stack: the daemon holds no more descriptors, no more memory (1 MB is noise) and
# no more files than after the first few. The last line says what was measured; tests/bench/run shows it.
source "$(dirname "$0")/lib.sh"
start_test cycles
readonly CYCLES=50 WARM_UP=5 MEMORY_NOISE_KB=1024
cat >"$TEST_DIR/compose.yaml" <<'YAML'
name: cycles
x-guest: &guest
  x-vmstead:
    bootstrap:
      suite: bookworm
      packages: [busybox-static]
      files:
        /srv/index.html: {content: "it works\n"}
        /usr/local/bin/count: {mode: "0755", source: COUNT}
services:
  server:
    <<: *guest
    command: [busybox, httpd, -f, -p, "80", -h, /srv]
    ports: ["8083:80"]
    healthcheck: {test: [CMD, "true"], interval: 1s}
    volumes: [kept:/kept]
  client:
    <<: *guest
    command: [sleep, infinity]
    depends_on:
      server: {condition: service_healthy}
volumes:
  kept:
YAML
sed -i "s,COUNT,$SOURCE_DIR/testdata/stacks/tiny/count," "$TEST_DIR/compose.yaml"
cd "$TEST_DIR"

descriptors() { ls "/proc/$(daemon_pid)/fd" | wc -l; }
memory_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$(daemon_pid)/status"; }
files() { find -L "$VMSTEAD_ROOT/state" "$VMSTEAD_ROOT/run" ! -name '*.db*' ! -name 'daemon.log*' | sort; }
# Two seconds after the last request the daemon has given its memory back.
measure() { sleep 2; fds=$(descriptors) memory=$(memory_kb); files >"$TEST_DIR/files.$1"; }

for ((cycle = 1; cycle <= CYCLES; cycle++)); do
  check "up" vmstead --progress quiet up -d
  check "down" vmstead --progress quiet down
  [ "$cycle" != "$WARM_UP" ] || { measure first; first_fds=$fds first_memory=$memory pid=$(daemon_pid); }
done
measure last
check_eq "the daemon is the same" "$(daemon_pid)" "$pid"
check_eq "descriptors" "$fds" "$first_fds"
diff "$TEST_DIR"/files.{first,last} || fail "files have come or gone (see above)"
growth=$((memory - first_memory))
[ "$growth" -le "$MEMORY_NOISE_KB" ] || fail "the daemon has grown by $growth kB, from $first_memory"

check "down -v" vmstead --progress quiet down -v
leaves_nothing
echo "descriptors $first_fds -> $fds, memory $first_memory -> $memory kB, files $(wc -l <"$TEST_DIR/files.first") -> $(wc -l <"$TEST_DIR/files.last")"
