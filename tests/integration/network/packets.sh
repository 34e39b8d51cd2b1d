#!/usr/bin/env bash
# Every path a packet may or may not take between guests, host and the world outside.
source "$(dirname "$0")/common.sh"
start_test "$@"
check_eq "the unfavourable default of a new namespace" "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables)" 1

guests web api other db
NETWORKS=("$(network front)" "$(network side)" "$(network back '"internal":true')")
ENDPOINTS=("$(endpoint web front eth0 '"aliases":["www"]')" "$(endpoint api front eth0)"
  "$(endpoint api back eth1)" "$(endpoint other side eth0)" "$(endpoint db back eth0)")
PORTS=("$(ports web :8080:80:tcp :8053:53:udp 127.0.0.1:8081:80:tcp 192.0.2.1:8082:80:tcp :8083:81:tcp)"
  "$(ports other :8090:80:tcp)")
PLAN=$(plan "${NETWORKS[@]}" "${ENDPOINTS[@]}" "${PORTS[@]}")
up "$PLAN"
for guest in web api other db; do serve "$guest" tcp 80; serve "$guest" udp 53; done
serve outside tcp 80
serve_here TCP4-LISTEN:7000
serve_here TCP4-LISTEN:7001,bind=127.0.0.1
web=$(address web front) api=$(address api front) other=$(address other side) db=$(address db back)
gateway=10.89.0.1
ready host tcp "$web" 80
ready host udp "$web" 53
ready host tcp "$other" 80
ready api tcp "$db" 80
ready host tcp 192.0.2.2 80

step "a guest's card: MAC, address, gateway, quiet IPv6"
check_eq "eth1 on an internal network has no gateway" \
  "$(grep 'shop-api-1/shop_back' "$TEST_DIR/results" | grep -c '"gateway"' || true)" 0
check_eq "no IPv6 on bridges and taps" "$(ip -6 address show | grep -A2 ': vs' | grep -c inet6 || true)" 0
check_eq "spanning tree is off" "$(ip -d link show type bridge | grep -c 'stp_state 0')" 3

step "published ports: from outside, from the host, from 127.0.0.1, from guests"
check_eq "outside tcp, source kept" "$(ask outside tcp 192.0.2.1 8080)" "web 192.0.2.2"
check_eq "outside udp, source kept" "$(ask outside udp 192.0.2.1 8053)" "web 192.0.2.2"
for to in 127.0.0.1 192.0.2.1 $gateway 10.89.1.1; do
  check_eq "host tcp to $to" "$(ask host tcp $to 8080)" "web $gateway"
  check_eq "host udp to $to" "$(ask host udp $to 8053)" "web $gateway"
done
for to in $gateway 192.0.2.1; do
  check_eq "hairpin tcp from itself to $to" "$(ask web tcp $to 8080)" "web $gateway"
  check_eq "hairpin udp from itself to $to" "$(ask web udp $to 8053)" "web $gateway"
  check_eq "hairpin tcp from a neighbour to $to" "$(ask api tcp $to 8080)" "web $gateway"
  check_eq "hairpin udp from a neighbour to $to" "$(ask api udp $to 8053)" "web $gateway"
done
check_eq "from another network" "$(ask other tcp 192.0.2.1 8080)" "web $other"

step "published on one address only"
check_eq "127.0.0.1" "$(ask host tcp 127.0.0.1 8081)" "web $gateway"
refused "127.0.0.1's port at another address" ask host tcp 192.0.2.1 8081
refused "127.0.0.1's port from outside" ask outside tcp 192.0.2.1 8081
refused "127.0.0.1's port from a guest" ask api tcp $gateway 8081
check_eq "192.0.2.1 from outside" "$(ask outside tcp 192.0.2.1 8082)" "web 192.0.2.2"
refused "192.0.2.1's port at 127.0.0.1" ask host tcp 127.0.0.1 8082
ip -n outside route add 127.0.0.1/32 via 192.0.2.1 2>/dev/null || true
ip netns exec outside sysctl -q -w net.ipv4.conf.all.route_localnet=1
ip -n outside route del local 127.0.0.0/8 table local
ip -n outside route del local 127.0.0.1 table local
ip -n outside route replace 127.0.0.1 via 192.0.2.1 src 192.0.2.2
refused "127.0.0.1's port from a neighbour that sends to 127.0.0.1" ask outside tcp 127.0.0.1 8081

step "within a network, and not between networks"
check_eq "a neighbour, directly" "$(ask api tcp "$web" 80)" "web $api"
check_eq "a neighbour, udp" "$(ask api udp "$web" 53)" "web $api"
refused "another network" ask other tcp "$web" 80
refused "another network, udp" ask other udp "$web" 53
refused "ping another network" ping_once other "$web"
refused "another network's gateway" ping_once other $gateway

step "the way out; internal has none"
check_eq "masqueraded" "$(ask web tcp 192.0.2.2 80)" "outside 192.0.2.1"
refused "internal" ask db tcp 192.0.2.2 80
ip -n db route add default via 10.89.2.1
refused "internal with a route of its own" ask db tcp 192.0.2.2 80
refused "internal to another network's published port" ask db tcp 192.0.2.1 8080
refused "internal to another network" ask db tcp "$web" 80
check_eq "internal, within" "$(ask api tcp "$db" 80)" "db $(address api back)"
check_eq "internal, from the host" "$(ask host tcp "$db" 80)" "db 10.89.2.1"

step "a neighbour outside that routes to the guests' subnet"
ip -n outside route add 10.89.0.0/16 via 192.0.2.1
refused "an unpublished port" ask outside tcp "$web" 80
refused "an unpublished port, udp" ask outside udp "$web" 53
refused "ping" ping_once outside "$web"
refused "an internal guest" ask outside tcp "$db" 80

step "what guests reach on the host: DNS on their gateway and an answer to ping"
ping_once web $gateway >/dev/null || fail "the gateway does not answer to ping"
check_eq "a program of the host is there" "$(ask host tcp $gateway 7000)" host
refused "a program of the host" ask web tcp $gateway 7000
refused "a program of the host at another address" ask web tcp 192.0.2.1 7000
refused "DNS with no daemon" in_ns web dig +tries=1 +time=1 @$gateway shop-api-1 A
hold '[]'
check_contains "DNS after adoption" "$(in_ns web dig +tries=1 +time=2 @$gateway shop-api-1 A)" "status:"
check_contains "DNS over TCP" "$(in_ns web dig +tcp +tries=1 +time=2 @$gateway shop-api-1 A)" "status:"
refused "another network's DNS" in_ns web dig +tries=1 +time=1 @10.89.1.1 shop-api-1 A
ip netns exec web sysctl -q -w net.ipv4.conf.all.route_localnet=1
ip -n web route del local 127.0.0.0/8 table local
ip -n web route del local 127.0.0.1 table local
ip -n web route replace 127.0.0.1 via $gateway src "$web"
check_eq "the host's loopback is there" "$(ask host tcp 127.0.0.1 7001)" host
refused "the host's loopback" ask web tcp 127.0.0.1 7001
refused "a port published on 127.0.0.1" ask web tcp 127.0.0.1 8081

stop_holding

step "spoofing"
ip -n api address add 10.89.0.200/24 dev eth0
refused "another address" in_ns api timeout 2 socat - "TCP4:$web:80,bind=10.89.0.200,connect-timeout=1"
ip -n api neighbour flush dev eth0
in_ns api busybox arping -q -c 1 -w 1 -I eth0 "$web" || fail "ARP with its own address"
refused "ARP with another's address" in_ns api busybox arping -q -c 1 -w 1 -s 10.89.0.200 -I eth0 "$web"
ip -n api address del 10.89.0.200/24 dev eth0
mac=$(ip netns exec api cat /sys/class/net/eth0/address)
ip -n api link set eth0 address 02:00:00:00:00:99
refused "another MAC" ping_once api "$web"
ip -n api link set eth0 address "$mac"
ip -n api route replace default via $gateway
ping_once api "$web" >/dev/null || fail "the right MAC and address do not get through"

step "connections outlive a change of the rules; a second ENSURE changes nothing"
ip netns exec web socat TCP4-LISTEN:81,reuseaddr EXEC:cat >/dev/null 2>&1 &
sleep 0.3
mkfifo "$TEST_DIR/to" "$TEST_DIR/from"
ip netns exec outside socat - TCP4:192.0.2.1:8083 <"$TEST_DIR/to" >"$TEST_DIR/from" 2>&1 &
exec 7>"$TEST_DIR/to" 8<"$TEST_DIR/from"
echo before >&7
read -r -t 3 line <&8 || fail "no answer through a long connection"
check_eq "a long connection" "$line" before
ip link >"$TEST_DIR/links"
run "$(plan "${NETWORKS[@]}" "${PORTS[@]}")" >/dev/null || fail "ENSURE again"
echo after >&7
read -r -t 3 line <&8 || fail "the long connection broke"
check_eq "the long connection" "$line" after
exec 7>&- 8<&-
ip link | diff "$TEST_DIR/links" - || fail "ENSURE again changed the links"
check_eq "still published" "$(ask outside tcp 192.0.2.1 8080)" "web 192.0.2.2"
refused "a tap that is in use" run "$(plan "$(endpoint web front eth0)")"
check_contains "names it" "$(cat "$TEST_DIR/refused")" "still in use by a running VM"
check_eq "and it still works" "$(ask outside tcp 192.0.2.1 8080)" "web 192.0.2.2"

step "a client that began to send before its port was published"
nagging() { echo question | in_ns outside timeout 3 socat -t1 -T1 - UDP4:192.0.2.1:8054,sourceport=40000 | grep .; }
refused "not published yet" nagging
run "$(plan "$(ports web :8080:80:tcp :8053:53:udp :8054:53:udp)")" >/dev/null || fail "publishing"
check_eq "published" "$(nagging)" "web 192.0.2.2"
run "$(plan "${PORTS[0]}")" >/dev/null || fail "publishing"

step "Docker's FORWARD policy, and one nobody can open"
nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }
  add chain ip filter DOCKER-USER; add rule ip filter FORWARD jump DOCKER-USER'
refused "dropped by the foreign policy" ask outside tcp 192.0.2.1 8080
check_eq "one network is not concerned" "$(ask api tcp "$web" 80)" "web $api"
run '[]' >/dev/null # adoption
check_eq "opened in DOCKER-USER" "$(ask outside tcp 192.0.2.1 8080)" "web 192.0.2.2"
check_eq "the way out" "$(ask web tcp 192.0.2.2 80)" "outside 192.0.2.1"
refused "between networks, still" ask other tcp "$web" 80
check_eq "two rules" "$(nft list chain ip filter DOCKER-USER | grep -c 'comment "vmstead_')" 2
run '[]' >/dev/null
check_eq "two rules, not four" "$(nft list chain ip filter DOCKER-USER | grep -c 'comment "vmstead_')" 2

check_eq "nothing to say" "$(run '[]' 2>&1)" ""
nft 'add table inet strict; add chain inet strict fence { type filter hook forward priority 5; policy drop; }'
check_contains "Docker's chain is no help there" "$(run '[]' 2>&1)" \
  "chain 'inet strict fence' drops forwarded packets"
nft 'delete chain inet strict fence; add chain inet strict fence { type filter hook input priority 5; policy drop; }'
check_contains "named" "$(run '[]' 2>&1)" "chain 'inet strict fence' drops packets to this host"
nft delete table inet strict

step "down leaves nothing"
removals=()
for name in web other; do removals+=("$(removal ports shop-$name-1)"); done
for name in web-1/shop_front api-1/shop_front api-1/shop_back other-1/shop_side db-1/shop_back; do
  removals+=("$(removal endpoint "shop-$name")")
done
refused "a network in use" run "$(plan "$(removal network shop_front)")"
check_contains "names the users" "$(cat "$TEST_DIR/refused")" "'shop-api-1', 'shop-web-1'"
for name in front side back; do removals+=("$(removal network shop_$name)"); done
run "$(plan "${removals[@]}")" >"$TEST_DIR/results" || fail "down: $(cat "$TEST_DIR/results")"
check_eq "no rule in DOCKER-USER" "$(nft list chain ip filter DOCKER-USER | grep -c vmstead || true)" 0
nft delete table ip filter
stop_host_servers
leaves_nothing
run "$(plan "${removals[@]}")" >"$TEST_DIR/results" || fail "down again: $(cat "$TEST_DIR/results")"
leaves_nothing
echo "all passed"
