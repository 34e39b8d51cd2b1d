#!/usr/bin/env bash
# IPv6 with real packets, as packets.sh does it for IPv4: guests among themselves, the way out, published ports,
# what the host answers, what a guest cannot forge, and what is left behind.
source "$(dirname "$0")/common.sh"
start_test "$@"

ipv6_outside
guests web api other

step "a chosen subnet is a ULA of our own; a given one is taken"
front='"ipv6":true' back='"subnet6":"fd00:77::/64","gateway6":"fd00:77::9","ipv6":true'
up6 "$(plan "$(network a "$front")" "$(network b "$back")" "$(endpoint web a eth0)" "$(endpoint api a eth0)" \
  "$(endpoint other b eth0 '"ipv6_address":"fd00:77::42"')")"
check_contains "RFC 4193" "$(result 'network shop_a' .subnet6)" "fd"
check_contains "a /64" "$(result 'network shop_a' .subnet6)" "::/64"
check_eq "the gateway" "$(result 'network shop_b' .gateway6)" fd00:77::9
check_eq "as asked" "$(six other)" fd00:77::42
check_eq "listens to routers all the same" "$(cat /proc/sys/net/ipv6/conf/out0/accept_ra)" 2

step "among guests, the gateway, the way out"
ping6 web "$(six api)" || fail "web does not reach api"
ping6 web "$(result 'network shop_a' .gateway6)" || fail "the gateway does not answer"
refused "another network" ping6 web "$(six other)"
serve6 outside 9000
ready6 host 2001:db8::2 9000
check_eq "out, behind the host's address" "$(ask6 web TCP6 2001:db8::2 9000)" "outside [2001:0db8:0000:0000:0000:0000:0000:0001]"

step "published ports: from outside, from the host, from guests"
serve6 web 80
ready6 api "$(six web)" 80
run "$(plan "$(ports web :8080:80:tcp)")" >/dev/null
check_contains "from outside, with its own address" "$(ask6 outside TCP6 2001:db8::1 8080)" "web [2001:0db8:0000:0000:0000:0000:0000:0002]"
check_contains "from the host's own address" "$(ask6 host TCP6 2001:db8::1 8080)" "web "
check_contains "from a guest of the network" "$(ask6 api TCP6 2001:db8::1 8080)" "web "
check_contains "from a guest of another network" "$(ask6 other TCP6 2001:db8::1 8080)" "web "
serve6 web 81
ip -n outside -6 route add "$(result 'network shop_a' .subnet6)" via 2001:db8::1
refused "a neighbour with a route" ask6 outside TCP6 "$(six web)" 81 connect-timeout=1

step "spoofing: addresses, neighbour advertisements of others' MACs, routers"
ip -n api address add "$(six web | sed 's/::.*/::9999/')/64" dev eth0 nodad
refused "another address" ask6 api TCP6 "$(six web)" 80 "bind=[$(six web | sed 's/::.*/::9999/')],connect-timeout=1"
ip -n api address del "$(six web | sed 's/::.*/::9999/')/64" dev eth0
echo 1 | in_ns web tee /proc/sys/net/ipv6/conf/eth0/accept_ra >/dev/null
ip netns exec api python3 - <<'P'
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth0"))
prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xc0, 3600, 3600, 0, socket.inet_pton(socket.AF_INET6, "2001:db8:bad::"))
s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix, ("ff02::1", 0))
P
sleep 0.5
check_eq "no route by a forged router" "$(ip -n web -6 route | grep -c 2001:db8:bad || true)" 0
check_eq "no address either" "$(ip -n web -6 address | grep -c 2001:db8:bad || true)" 0

step "an address is kept; what does not fit is refused"
before=$(six web)
run "$(plan "$(removal ports shop-web-1)" "$(removal endpoint shop-web-1/shop_a)")" >/dev/null
run "$(plan "$(bare "$(plan "$(endpoint web a eth0)")" | jq -c '.[0]')")" >"$TEST_DIR/results"
check_eq "the same again" "$(result 'endpoint shop-web-1/shop_a' .address6)" "$before"
refused "outside of the subnet" run "$(bare "$(plan "$(endpoint web b eth1 '"ipv6_address":"fd00:78::1"')")")"
check_contains "outside" "$(cat "$TEST_DIR/refused")" "'fd00:78::1' is not one a machine can have in network 'shop_b' (fd00:77::/64)"
refused "the gateway" run "$(bare "$(plan "$(endpoint web b eth1 '"ipv6_address":"fd00:77::9"')")")"
refused "taken" run "$(bare "$(plan "$(endpoint web b eth1 '"ipv6_address":"fd00:77::42"')")")"
check_contains "taken" "$(cat "$TEST_DIR/refused")" "'fd00:77::42' is already taken by 'shop-other-1/shop_b'"
ip -6 route add fd00:99::/48 dev out0
refused "a route of the host" run "$(plan "$(network c '"subnet6":"fd00:99:0:1::/64"')")"
check_contains "the route" "$(cat "$TEST_DIR/refused")" "overlaps the host's route fd00:99::/48 on 'out0'"
ip -6 route del fd00:99::/48 dev out0

step "down leaves nothing"
for guest in web api other; do stop_processes $guest; done
run "$(plan "$(removal endpoint shop-web-1/shop_a)" "$(removal endpoint shop-api-1/shop_a)" "$(removal endpoint shop-other-1/shop_b)" \
  "$(removal network shop_a)" "$(removal network shop_b)")" >/dev/null
leaves_nothing
