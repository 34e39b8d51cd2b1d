#!/usr/bin/env bash
# After a boot of the host (another boot ID; no QEMU, link or rule is left) the stacks come back whose policies say
# so; for an ordered shutdown guests end cleanly, and come back with the next daemon.
source "$(dirname "$0")/lib.sh"
if [ -z "${IN_TEST_MOUNTNS-}" ]; then # the boot ID is ours to choose
  export IN_TEST_MOUNTNS=1
  exec unshare --mount "$0"
fi
start_test reboot
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
{ echo 'name: boot'; guest_part; cat <<'EOF'
  base:
    <<: *guest
    command: [sh, -c, "trap 'echo goodbye; exit 0' TERM; echo hello; sleep 2; touch /tmp/well; busybox httpd -p 80 -h /srv; while :; do sleep 1 & wait; done"]
    restart: always
    ports: ["8081:80"]
    healthcheck: {test: [CMD, test, -e, /tmp/well], interval: 300ms, timeout: 5s, retries: 100}
  top:
    <<: *guest
    command: [sleep, infinity]
    restart: unless-stopped
    stop_grace_period: 1s
    depends_on: {base: {condition: service_healthy}}
  never:
    <<: *guest
    command: [sleep, infinity]
    stop_grace_period: 1s
EOF
} >compose.yaml
boot() { # as a boot does: another ID, and nothing of what was
  cat /proc/sys/kernel/random/uuid >"$TEST_DIR/boot_id"
  umount /proc/sys/kernel/random/boot_id 2>/dev/null || true
  mount --bind "$TEST_DIR/boot_id" /proc/sys/kernel/random/boot_id
}
power_off() {
  local pid link
  pid=$(daemon_pid); [ -z "$pid" ] || kill -9 "$pid"
  for pid in $(own_pids); do kill -9 "$pid"; done
  for link in $(ip -o link show | sed -nE 's/^[0-9]+: (vs[^:@]+)[:@].*/\1/p'); do ip link del "$link" 2>/dev/null || true; done
  nft flush ruleset
  echo 0 >/proc/sys/net/ipv4/ip_forward
  echo "$bridge_nf" | tee /proc/sys/net/bridge/bridge-nf-call-ip{,6}tables >/dev/null
  rm -rf "$VMSTEAD_ROOT/run"
}
state() { vmstead ps -a --format json | jq -r "select(.Service == \"$1\") | .$2"; }
is() { [ "$(state "$1" "$2")" = "$3" ]; }
started_ms() { vmstead inspect "boot-$1-1" | jq -r '.[0].State.StartedAt'; }

bridge_nf=$(cat /proc/sys/net/bridge/bridge-nf-call-iptables)
boot
check "up" vmstead --progress quiet up -d --wait
ids=$(vmstead ps -a --format json | jq -r '[.Name, .ID] | join(" ")' | sort)

step "power is lost; the next boot brings back what its policy keeps, in order"
power_off
boot
check_eq "nothing is believed to run" "$(vmstead ps --format json --status running | jq -r .Name)" ""
eventually 60 is base Health healthy
eventually 60 is top State running
check_eq "without a policy it stays down" "$(state never State)" exited
[[ "$(started_ms top)" > "$(started_ms base)" ]] || fail "top did not wait for base"
check_eq "the same instances" "$(vmstead ps -a --format json | jq -r '[.Name, .ID] | join(" ")' | sort)" "$ids"
check_eq "its port" "$(curl -sf --max-time 5 http://127.0.0.1:8081/)" "it works"
check_eq "its name" "$(fetch top http://base/)" "it works"

step "an ordered shutdown ends services cleanly, dependents first"
pid=$(daemon_pid)
check "shutdown" vmstead daemon --shutdown
check_eq "no VM is left" "$(own_pids)" ""
is_gone() { [ ! -d "/proc/$1" ]; }
eventually 5 is_gone "$pid"
power_off
boot
eventually 60 is top State running
check_eq "it said goodbye" "$(vmstead logs --no-log-prefix --no-color base | paste -sd' ')" "hello hello goodbye hello"

step "who was stopped by the user: unless-stopped stays so, always does not"
check "stop" vmstead --progress quiet stop top base
power_off
boot
eventually 60 is base Health healthy
check_eq "top" "$(state top State)" exited

umount /proc/sys/kernel/random/boot_id
check "down" vmstead --progress quiet down
leaves_nothing
