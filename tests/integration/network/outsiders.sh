#!/usr/bin/env bash
# A neighbour outside that adds a route to the guests' subnets, in both families: no port that is not published, and none
# that is published on the host's own loopback only.
source "$(dirname "$0")/common.sh"
start_test "$@"
ipv6_outside
guests web
up6 "$(plan "$(network a '"ipv6":true')" "$(endpoint web a eth0)" "$(ports web :8080:80:tcp 127.0.0.1:8081:81:tcp)")"
web=$(address web a)
for port in 80 81 82; do
  serve web tcp $port
  serve6 web $port
done
ready host tcp "$web" 82
ready6 host "$(six web)" 82
check_contains "published, from outside" "$(ask outside tcp 192.0.2.1 8080)" web
check_contains "published, from outside, IPv6" "$(ask6 outside TCP6 2001:db8::1 8080)" web
check_contains "published on the loopback" "$(ask host tcp 127.0.0.1 8081)" web

step "with a route of its own"
ip -n outside route add 10.89.0.0/16 via 192.0.2.1
ip -n outside -6 route add "$(result 'network shop_a' .subnet6)" via 2001:db8::1
for port in 80 81 82; do
  refused "the guest's port $port" ask outside tcp "$web" $port
  refused "the guest's port $port, IPv6" ask6 outside TCP6 "$(six web)" $port connect-timeout=1
done
refused "the loopback's port at the host" ask outside tcp 192.0.2.1 8081
refused "the loopback's port at the gateway" ask outside tcp "$(result 'network shop_a' .gateway)" 8081
refused "ping" ping_once outside "$web"
refused "ping, IPv6" ping6 outside "$(six web)"
refused "the gateway's DNS" in_ns outside timeout 2 dig +tries=1 +time=1 @"$(result 'network shop_a' .gateway)" shop-web-1 A
check_contains "published, still" "$(ask outside tcp 192.0.2.1 8080)" web

step "down leaves nothing"
stop_processes web
stop_processes outside
down_all web:a
leaves_nothing
echo "all passed"
