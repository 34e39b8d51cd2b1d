#!/usr/bin/env bash
# A guest whose service declares host-gateway reaches what listens on the host, but for its loopback; nobody else does.
source "$(dirname "$0")/common.sh"
start_test "$@"
echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6
ipv6_outside
guests web api far
NETWORKS=("$(network a '"ipv6":true')" "$(network b '"ipv6":true')")
up6 "$(plan "${NETWORKS[@]}" "$(endpoint web a eth0 '"host_gateway":true')" "$(endpoint api a eth0)" "$(endpoint far b eth0)")"
gateway=$(result 'network shop_a' .gateway) gateway6=$(result 'network shop_a' .gateway6)
other=$(result 'network shop_b' .gateway) other6=$(result 'network shop_b' .gateway6)
serve_here TCP4-LISTEN:7000
serve_here TCP4-LISTEN:7001,bind=127.0.0.1
serve_here TCP6-LISTEN:7002,ipv6only=1
serve_here TCP6-LISTEN:7003,ipv6only=1,bind=[::1]
for to in $gateway 192.0.2.1; do # socat's UDP server loses a question that comes while it forks
  python3 -c '
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 7004))
while True: server.sendto(b"host\n", server.recvfrom(100)[1])' $to &
  HOST_SERVERS+=" $!"
  disown
done
ready host tcp 127.0.0.1 7001
ready host tcp $gateway 7000
ready6 host ::1 7003
ready host udp $gateway 7004
ready6 host "$gateway6" 7002

step "who declared it: the gateway and the host's other addresses"
for to in $gateway 192.0.2.1; do
  check_eq "tcp $to" "$(ask web tcp $to 7000)" host
  check_eq "udp $to" "$(ask web udp $to 7004)" host
  ping_once web $to >/dev/null || fail "ping $to"
done
for to in "$gateway6" 2001:db8::1; do
  check_eq "tcp $to" "$(ask6 web TCP6 "$to" 7002)" host
  ping6 web "$to" || fail "ping $to"
done

step "but not what is elsewhere: the loopback, another network's gateway"
ip netns exec web sysctl -q -w net.ipv4.conf.all.route_localnet=1
ip -n web route del local 127.0.0.0/8 table local
ip -n web route del local 127.0.0.1 table local
ip -n web route replace 127.0.0.1 via $gateway src "$(address web a)"
refused "the host's loopback" ask web tcp 127.0.0.1 7001
refused "a service of the loopback at another address" ask web tcp $gateway 7001
refused "a service of the loopback, IPv6" ask6 web TCP6 "$gateway6" 7003 connect-timeout=1
refused "another network's gateway" ask web tcp "$other" 7000
refused "another network's gateway, IPv6" ask6 web TCP6 "$other6" 7002 connect-timeout=1
refused "another network's guest" ping_once web "$(address far b)"

step "nobody else"
for guest in api far; do
  for to in $gateway "$other" 192.0.2.1; do
    refused "$guest tcp $to" ask $guest tcp $to 7000
    refused "$guest udp $to" ask $guest udp $to 7004
  done
  for to in "$gateway6" "$other6" 2001:db8::1; do
    refused "$guest tcp $to" ask6 $guest TCP6 "$to" 7002 connect-timeout=1
  done
done
ip -n api address add "$(address web a)/24" dev eth0
refused "a neighbour with that address" in_ns api timeout 2 socat - "TCP4:$gateway:7000,bind=$(address web a),connect-timeout=1"
ip -n api address del "$(address web a)/24" dev eth0
check_eq "as before" "$(ask web tcp $gateway 7000)" host

step "a service that no longer declares it"
without=$(plan "$(endpoint web a eth0)" | jq -c 'map(del(.guest) | .spec.tap = false)')
run "$without" >"$TEST_DIR/again" || fail "ENSURE again: $(cat "$TEST_DIR/again")"
refused "closed" ask web tcp $gateway 7000
refused "closed, IPv6" ask6 web TCP6 "$gateway6" 7002 connect-timeout=1

step "down leaves nothing"
for guest in web api far; do stop_processes $guest; done
stop_host_servers
down_all web:a api:a far:b
leaves_nothing
echo "all passed"
