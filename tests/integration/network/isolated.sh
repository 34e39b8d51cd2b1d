#!/usr/bin/env bash
# A network whose members are kept apart, by `isolated` or by Docker's option: nothing passes between them, neither
# by the bridge nor by way of the gateway; published ports and the way out work.
source "$(dirname "$0")/common.sh"
start_test "$@"
ipv6_outside
guests web api other far

apart='"isolated":true,"ipv6":true'
icc='"ipv6":true,"options":{"com.docker.network.bridge.enable_icc":"false"}'
up6 "$(plan "$(network apart "$apart")" "$(network icc "$icc")" "$(endpoint web apart eth0)" "$(endpoint api apart eth0)" \
  "$(endpoint other icc eth0)" "$(endpoint far icc eth0)" "$(ports web :8080:80:tcp)" "$(ports other :8090:80:tcp)")"
for guest in web api other far; do serve $guest tcp 80; serve6 $guest 80; done
serve outside tcp 80
serve6 outside 80
ready host tcp "$(address web apart)" 80
ready6 host "$(six web)" 80

# apart NETWORK A B GATEWAY GATEWAY6
members_apart() {
  local network=$1 a=$2 b=$3 gateway=$4 gateway6=$5 mac to to6
  to=$(address "$b" "$network") to6=$(six "$b")
  step "$network: by the bridge"
  refused "tcp" ask "$a" tcp "$to" 80
  refused "ping" ping_once "$a" "$to"
  refused "ARP" in_ns "$a" busybox arping -q -c 1 -w 1 -I eth0 "$to"
  refused "IPv6" ping6 "$a" "$to6"
  step "$network: by way of the gateway"
  mac=$(bridge_mac "$gateway")
  ip -n "$a" neighbour replace "$to" lladdr "$mac" dev eth0
  ip -n "$a" neighbour replace "$to6" lladdr "$mac" dev eth0
  refused "tcp" ask "$a" tcp "$to" 80
  refused "ping" ping_once "$a" "$to"
  refused "IPv6" ping6 "$a" "$to6"
  refused "IPv6 tcp" ask6 "$a" TCP6 "$to6" 80 connect-timeout=1
  ip -n "$a" neighbour del "$to" dev eth0
  ip -n "$a" neighbour del "$to6" dev eth0
  step "$network: the gateway, the way out"
  ping_once "$a" "$gateway" >/dev/null || fail "the gateway does not answer"
  ping6 "$a" "$gateway6" || fail "the gateway does not answer by IPv6"
  check_eq "out" "$(ask "$a" tcp 192.0.2.2 80)" "outside 192.0.2.1"
  check_contains "out by IPv6" "$(ask6 "$a" TCP6 2001:db8::2 80)" "outside "
}
bridge_mac() { ip -j address | jq -r --arg gateway "$1" '.[] | select(.addr_info[]?.local == $gateway).address'; }
gateway_of() { result "network shop_$1" ".gateway$2"; }

members_apart apart api web "$(gateway_of apart '')" "$(gateway_of apart 6)"
members_apart icc far other "$(gateway_of icc '')" "$(gateway_of icc 6)"

step "published ports are everybody's"
check_eq "from outside" "$(ask outside tcp 192.0.2.1 8080)" "web 192.0.2.2"
check_contains "from outside by IPv6" "$(ask6 outside TCP6 2001:db8::1 8080)" "web "
check_eq "Docker's option" "$(ask outside tcp 192.0.2.1 8090)" "other 192.0.2.2"
check_contains "from the host" "$(ask host tcp 192.0.2.1 8080)" "web "
check_contains "from a member, as from anywhere" "$(ask api tcp 192.0.2.1 8080)" "web "

step "a tap that is taken out comes back isolated"
tap=$(ip -br link | sed -n 's/^\(vs[0-9a-f]*-t1\).*/\1/p')
bridge=$(ip -j link show "$tap" | jq -r '.[0].master')
ip link set "$tap" nomaster
run '[]' >/dev/null || fail "adoption"
check_eq "in its bridge" "$(ip -j link show "$tap" | jq -r '.[0].master')" "$bridge"
check_eq "isolated" "$(bridge -d -j link show dev "$tap" | jq '.[0].isolated')" true
refused "still apart" ask api tcp "$(address web apart)" 80
check_eq "out" "$(ask api tcp 192.0.2.2 80)" "outside 192.0.2.1"

step "down leaves nothing"
for guest in web api other far; do stop_processes $guest; done
down_all web:apart api:apart other:icc far:icc
leaves_nothing
echo "all passed"
