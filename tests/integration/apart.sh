#!/usr/bin/env bash
# From the Compose file to real VMs: an isolated network, host-gateway, multicast with a querier; and a bridge that somebody
# deletes under running VMs.
source "$(dirname "$0")/lib.sh"
start_test apart
mkdir -p "$TEST_DIR/stack" "$TEST_DIR/www" && cd "$TEST_DIR/stack"
{
  echo "name: apart"
  guest_part
  cat <<'Y'
  one:
    <<: *guest
    command: [busybox, httpd, -f, -p, "80", -h, /srv]
    extra_hosts: {host.local: host-gateway}
    ports: ["8095:80"]
    networks: [apart]
  two:
    <<: *guest
    command: [busybox, httpd, -f, -p, "80", -h, /srv]
    ports: ["8096:80"]
    networks: [apart]
networks:
  apart:
    x-vmstead: {isolated: true, multicast: querier}
Y
} >compose.yaml
check "config says nothing" test -z "$(vmstead config -q 2>&1)"
check "up" vmstead --progress quiet up -d
get() { curl -sf --max-time 2 --retry 10 --retry-delay 1 --retry-all-errors "$1" >/dev/null; }
address() { vmstead ps --format json | jq -r "select(.Service == \"$1\") | .IP" | cut -d, -f1; }
bridge=$(ip -br link show type bridge | awk 'NR == 1 {print $1}')
gateway=$(ip -4 -j address show "$bridge" | jq -r '.[0].addr_info[0].local')
check "one's published port" get http://127.0.0.1:8095/
check "two's published port" get http://127.0.0.1:8096/

step "isolated: not even a ping; the gateway answers"
vmstead exec -T one busybox ping -c 1 -W 1 "$(address two)" >/dev/null && fail "one reaches two"
vmstead exec -T two busybox ping -c 1 -W 1 "$(address one)" >/dev/null && fail "two reaches one"
check "the gateway" vmstead exec -T two busybox ping -c 1 -W 2 "$gateway" >/dev/null
check_eq "a querier" "$(ip -d -j link show "$bridge" | jq '.[0].linkinfo.info_data.mcast_querier')" 1

step "host-gateway: the one that declares it"
echo "from the host" >"$TEST_DIR/www/page"
python3 -m http.server -d "$TEST_DIR/www" 7000 >/dev/null 2>&1 &
server=$!
check "the host's server" get "http://$gateway:7000/page"
check_eq "one" "$(fetch one http://host.local:7000/page)" "from the host"
fetch two "http://$gateway:7000/page" 2>/dev/null && fail "two reaches the host's server"
kill $server && wait $server 2>/dev/null || true

step "a bridge that is deleted, and all rules: there again, with the VMs on it"
ip link delete "$bridge"
nft flush ruleset
again() { get http://127.0.0.1:8095/ && get http://127.0.0.1:8096/; }
eventually 5 again
check "one reaches the gateway" vmstead exec -T one busybox ping -c 1 -W 2 "$gateway" >/dev/null
vmstead exec -T one busybox ping -c 1 -W 1 "$(address two)" >/dev/null && fail "no longer isolated"
check_contains "the daemon says so" "$(cat "$VMSTEAD_ROOT"/state/daemon.log "$VMSTEAD_ROOT"/run/daemon.log 2>/dev/null)" "somebody has changed the VMs' networks"

check "down" vmstead --progress quiet down
leaves_nothing
