#!/usr/bin/env bash
# What somebody else takes away comes back by itself while a daemon runs: rules, bridges, addresses, forwarding, taps. Each
# break is first done with nobody there, so that it is known to break something.
source "$(dirname "$0")/common.sh"
start_test "$@"
ipv6_outside
guests web api
up6 "$(plan "$(network a '"ipv6":true')" "$(network aside '"isolated":true')" "$(endpoint web a eth0)" "$(endpoint api a eth0)" \
  "$(ports web :8080:80:tcp)")"
serve web tcp 80
serve6 web 80
serve outside tcp 80
BRIDGE=$(result 'network shop_a' .bridge) GATEWAY=$(result 'network shop_a' .gateway) GATEWAY6=$(result 'network shop_a' .gateway6)
TAP=$(ip -br link | sed -n 's/^\(vs[0-9a-f]*-t0\).*/\1/p')
ROOT_ID=${BRIDGE%-br*} ROOT_ID=${ROOT_ID#vs}
ready host tcp "$(address web a)" 80
ready6 host "$(six web)" 80

# All that a network is for, and that its rules are there.
flows() {
  export PATIENCE=1
  [ "$(ask outside tcp 192.0.2.1 8080 2>/dev/null)" = "web 192.0.2.2" ] &&
    ask6 outside TCP6 2001:db8::1 8080 connect-timeout=1 2>/dev/null | grep -q web &&
    [ "$(ask web tcp 192.0.2.2 80 2>/dev/null)" = "outside 192.0.2.1" ] &&
    ping_once api "$(address web a)" >/dev/null 2>&1 && ping6 api "$(six web)" 2>/dev/null &&
    ping_once web "$GATEWAY" >/dev/null 2>&1 && ping6 web "$GATEWAY6" 2>/dev/null &&
    [ "$(nft list tables | grep -c "vmstead_$ROOT_ID")" = 2 ] &&
    nft list chain bridge "vmstead_$ROOT_ID" guests 2>/dev/null | grep -q taps
}
flows || fail "nothing flows to begin with"
flows_again() { local i; for i in $(seq 40); do flows && return; sleep 0.1; done; fail "$1: does not come back"; }

BREAKS=(
  "nft flush ruleset"
  "nft delete table inet vmstead_$ROOT_ID"
  "nft delete table bridge vmstead_$ROOT_ID"
  "nft flush chain bridge vmstead_$ROOT_ID guests"
  "ip link delete $BRIDGE"
  "ip address del $GATEWAY/24 dev $BRIDGE"
  "ip address del $GATEWAY6/64 dev $BRIDGE"
  "ip link set $BRIDGE down"
  "ip link set $TAP nomaster"
  "ip link set $TAP down"
  "sysctl -q -w net.ipv4.ip_forward=0"
  "sysctl -q -w net.ipv6.conf.all.forwarding=0"
)
step "with nobody there each of these breaks it, and the next daemon mends it"
for break in "${BREAKS[@]}"; do
  $break
  if flows; then fail "'$break' breaks nothing"; fi
  run '[]' >/dev/null 2>&1 || fail "adoption after '$break'"
  flows_again "adoption after '$break'"
done

step "with a daemon there it comes back by itself"
hold '[]' 2>"$TEST_DIR/log"
for break in "${BREAKS[@]}"; do
  echo "   $break"
  $break
  sleep 0.2
  flows_again "$break"
done
check_contains "DNS answers as well" "$(in_ns web dig +tries=2 +time=2 @"$GATEWAY" shop-api-1 A)" "status: NOERROR"
check_contains "DNS by IPv6" "$(in_ns web dig +tries=2 +time=2 @"$GATEWAY6" shop-api-1 A)" "status: NOERROR"
check_contains "told" "$(cat "$TEST_DIR/log")" "somebody has changed the VMs' networks: "

step "what is not ours to mend is let be"
sleep 1
: >"$TEST_DIR/log"
ip link add other0 type bridge
ip link set other0 up
ip address add 192.0.2.200/32 dev other0
nft add table inet other
nft delete table inet other
ip link delete other0
sleep 1
flows_again "somebody else's links and tables"
check_eq "nothing to say" "$(cat "$TEST_DIR/log")" ""

step "a firewall that comes later is named, and bridged frames stay out of iptables"
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
nft 'add table inet strict; add chain inet strict fence { type filter hook forward priority 5; policy drop; }'
for i in $(seq 40); do grep -q strict "$TEST_DIR/log" && break; sleep 0.1; done
check_contains "named" "$(cat "$TEST_DIR/log")" "chain 'inet strict fence' drops forwarded packets"
nft delete table inet strict
check_eq "br_netfilter" "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables)" 0

step "who keeps at it costs little, and is named once"
sleep 23 # quiet again
: >"$TEST_DIR/log"
for i in $(seq 300); do ip address del "$GATEWAY/24" dev "$BRIDGE" 2>/dev/null || true; sleep 0.02; done
repairs=$(grep -c . "$TEST_DIR/log" || true)
flows_again "in the end"
[ "$repairs" -le 2 ] || fail "said $repairs times: $(cat "$TEST_DIR/log")"
check_contains "the end of patience" "$(cat "$TEST_DIR/log")" "somebody keeps changing the VMs' networks"

step "killed at any moment; down leaves nothing"
ip link delete "$BRIDGE"
stop_holding
for guest in web api; do stop_processes $guest; done
run "$(plan "$(removal ports shop-web-1)" "$(removal endpoint shop-web-1/shop_a)" "$(removal endpoint shop-api-1/shop_a)" \
  "$(removal network shop_a)" "$(removal network shop_aside)")" >"$TEST_DIR/results" || fail "down: $(cat "$TEST_DIR/results")"
leaves_nothing
echo "all passed"
