#!/usr/bin/env bash
# What cannot work is refused before anything is made, with the cause and its owner named; addresses
# are the same every time.
source "$(dirname "$0")/common.sh"
start_test "$@"

# refused_saying PLAN TEXT...: refused, each text is in the message, and nothing was made.
refused_saying() {
  local plan=$1 text; shift
  snapshot >"$TEST_DIR/unchanged" # with what the test itself holds
  refused "$*" run "$(bare "$plan")"
  for text in "$@"; do check_contains "the message" "$(cat "$TEST_DIR/refused")" "$text"; done
  leaves_nothing "$TEST_DIR/unchanged"
}
accepted() { run "$(bare "$1")" >"$TEST_DIR/results" 2>&1 || fail "$2: $(cat "$TEST_DIR/results")"; }
result() { sed -n "s|^$1 ||p" "$TEST_DIR/results" | jq -r "$2"; }

step "subnets"
refused_saying "$(plan "$(network a '"subnet":"192.0.2.128/25"')")" "'192.0.2.128/25'" "192.0.2.0/24 on 'out0'"
refused_saying "$(plan "$(network a '"subnet":"10.1.2.1/24"')")" "'10.1.2.1/24' is not an IPv4 subnet"
refused_saying "$(plan "$(network a '"subnet":"10.1.2.0/31"')")" "between /8 and /30"
refused_saying "$(plan "$(network a '"subnet":"10.1.2.0/24","gateway":"10.1.3.1"')")" "gateway '10.1.3.1'"
refused_saying "$(plan "$(network a '"subnet":"10.1.0.0/16"')" "$(network b '"subnet":"10.1.2.0/24"')")" \
  "'10.1.2.0/24' of network 'shop_b' overlaps network 'shop_a'"
refused_saying "$(plan "$(network a '"external":true')")" "'shop_a' is external and does not exist"
ip route add 10.89.0.0/23 via 192.0.2.2
accepted "$(plan "$(network a)" "$(network b '"subnet":"10.1.2.0/24","gateway":"10.1.2.9"')")" "networks"
check_eq "the first that is free" "$(result 'network shop_a' .subnet)" 10.89.2.0/24
check_eq "as asked" "$(result 'network shop_b' .gateway)" 10.1.2.9
refused "a neighbour's subnet" run "$(plan "$(network c '"subnet":"10.1.0.0/16"')")"
check_contains "names it" "$(cat "$TEST_DIR/refused")" "overlaps network 'shop_b' (10.1.2.0/24)"
accepted '[{"kind":"network","name":"bridge","spec":{}}]' "the default network"
check_eq "the default network" "$(result 'network bridge' '"\(.subnet) \(.gateway)"')" "10.88.0.0/16 10.88.0.1"
accepted "$(plan "$(network b '"external":true')" "$(removal network bridge)")" "external, and there"
refused "another project's" run '[{"kind":"network","name":"shop_b","spec":{"project":"rival","key":"b"}}]'
check_contains "names it" "$(cat "$TEST_DIR/refused")" "'shop_b' belongs to project 'shop'"
run '[{"verb":"remove","kind":"network","name":"shop_b","spec":{"project":"rival"}}]' >/dev/null
accepted '[{"verb":"remove","kind":"network","name":"shop_b","spec":{"external":true}}]' "external stays"
check_eq "external stays" "$(ip -4 address show | grep -c '10.1.2.9/24')" 1
ip route del 10.89.0.0/23

step "addresses"
fixed() { endpoint "$1" b eth0 "\"ipv4_address\":\"$2\""; }
for bad in 10.1.2.0 10.1.2.255 10.1.3.7; do
  refused "$bad" run "$(bare "$(plan "$(fixed x $bad)")")"
  check_contains "$bad" "$(cat "$TEST_DIR/refused")" "'$bad' is not one a machine can have"
done
refused "the gateway" run "$(bare "$(plan "$(fixed x 10.1.2.9)")")"
check_contains "the gateway" "$(cat "$TEST_DIR/refused")" "'10.1.2.9' is the gateway"
refused "twice in a plan" run "$(bare "$(plan "$(fixed x 10.1.2.7)" "$(fixed y 10.1.2.7)")")"
check_contains "twice" "$(cat "$TEST_DIR/refused")" "'10.1.2.7' is already taken by 'shop-x-1/shop_b'"
accepted "$(plan "$(endpoint one b eth0)")" "chosen"
chosen=$(result 'endpoint shop-one-1/shop_b' .address) mac=$(result 'endpoint shop-one-1/shop_b' .mac)
refused "taken" run "$(bare "$(plan "$(fixed x "$chosen")")")"
check_contains "taken" "$(cat "$TEST_DIR/refused")" "'$chosen' is already taken by 'shop-one-1/shop_b'"
accepted "$(plan "$(removal endpoint shop-one-1/shop_b)")" "removed"
accepted "$(plan "$(fixed x "$chosen")" "$(endpoint one b eth0)")" "another took it"
kept=$(result 'endpoint shop-one-1/shop_b' .address)
[ "$kept" != "$chosen" ] || fail "given out twice"
accepted "$(plan "$(removal endpoint shop-one-1/shop_b)" "$(removal endpoint shop-x-1/shop_b)")" "removed"
accepted "$(plan "$(endpoint one b eth0)")" "again"
check_eq "the same address again" "$(result 'endpoint shop-one-1/shop_b' '"\(.address) \(.mac)"')" "$kept $mac"
accepted "$(plan "$(removal endpoint shop-one-1/shop_b)" "$(removal network shop_b)" \
  "$(network tiny '"subnet":"10.5.5.0/30"')")" "a tiny network"
accepted "$(plan "$(endpoint one tiny eth0)")" "its only address"
check_eq "its only address" "$(result 'endpoint shop-one-1/shop_tiny' .address)" 10.5.5.2
refused "exhausted" run "$(bare "$(plan "$(endpoint two tiny eth0)")")"
check_contains "exhausted" "$(cat "$TEST_DIR/refused")" "no address is left in network 'shop_tiny' (10.5.5.0/30)"
accepted "$(plan "$(removal endpoint shop-one-1/shop_tiny)" "$(removal network shop_tiny)" \
  "$(removal network shop_a)")" "down"
leaves_nothing

step "ports"
SHOP=$(plan "$(network front)" "$(endpoint web front eth0)" "$(ports web :8080:80:tcp :8053:53:udp)")
for where in TCP4-LISTEN:8080 TCP4-LISTEN:8080,bind=127.0.0.1 TCP6-LISTEN:8080,ipv6only=0; do
  socat "$where,reuseaddr" EXEC:cat & pid=$!
  sleep 0.2
  refused_saying "$SHOP" "'0.0.0.0:8080/tcp' for 'shop-web-1'" "the program 'socat' (pid $pid)"
  kill "$pid"; wait "$pid" || true
done
socat -u UDP4-RECV:8053 STDOUT >/dev/null & pid=$!
sleep 0.2
refused_saying "$SHOP" "'0.0.0.0:8053/udp' for 'shop-web-1'" "the program 'socat' (pid $pid)"
kill "$pid"; wait "$pid" || true
socat TCP6-LISTEN:8080,ipv6only=1 EXEC:cat & pid=$!
sleep 0.2
refused_saying "$SHOP" "'[::]:8080/tcp' for 'shop-web-1'" "the program 'socat' (pid $pid)"
kill "$pid"; wait "$pid" || true
socat -u UDP6-RECV:8053,ipv6only=1 STDOUT >/dev/null & pid=$!
sleep 0.2
refused_saying "$SHOP" "'[::]:8053/udp' for 'shop-web-1'" "the program 'socat' (pid $pid)"
kill "$pid"; wait "$pid" || true
refused_saying "$(plan "$(network front)" "$(endpoint web front eth0)" "$(ports web 203.0.113.7:80:80:tcp)")" \
  "'203.0.113.7:80/tcp'" "the host has no such address"

step "held, and not listening"
hold "$(bare "$SHOP")"
for reuse in '' ,reuseaddr; do
  refused "the port of a VM$reuse" timeout 2 socat "TCP4-LISTEN:8080$reuse" STDOUT
  check_contains "held$reuse" "$(cat "$TEST_DIR/refused")" "Address already in use"
done
refused "the udp port of a VM" timeout 2 socat UDP4-RECV:8053 STDOUT
check_contains "held" "$(cat "$TEST_DIR/refused")" "Address already in use"
check_eq "nobody listens, but the relay" "$(ss -Htln | awk '/:8080/ { print $4 }')" "[::]:8080"
stop_holding
refused "another instance's port" run "$(bare "$(plan "$(endpoint api front eth0)" "$(ports api 127.0.0.1:8080:1:tcp)")")"
check_contains "names it" "$(cat "$TEST_DIR/refused")" "already published by 'shop-web-1' of project 'shop'"

run "$(bare "$(plan "$(endpoint api front eth0)")")" >/dev/null
for ip in :: ::1; do
  refused "another instance's port at $ip" run "$(ports api 0:1:2:tcp | jq -c --arg ip "$ip" '[.spec.ports[0] += {host_ip: $ip, published: 8080}]')"
  check_contains "names it" "$(cat "$TEST_DIR/refused")" "the port '[$ip]:8080/tcp' for 'shop-api-1' is already published by 'shop-web-1' of project 'shop'"
done
accepted "$(plan "$(removal endpoint shop-api-1/shop_front)")" "gone"

step "one port for each family"
accepted "$(plan "$(ports web 0.0.0.0:8088:80:tcp)")" "IPv4"
run "$(bare "$(plan "$(endpoint api front eth0)")")" >/dev/null
accepted "$(ports api 0:8088:80:tcp | jq -c '[.spec.ports[0].host_ip = "::"]')" "IPv6"
accepted "$(plan "$(removal ports shop-api-1)" "$(removal endpoint shop-api-1/shop_front)")" "gone"
accepted "$(bare "$SHOP")" "as before"

step "an address in TIME_WAIT does not stand in the way"
run "$(plan "$(removal ports shop-web-1)")" >/dev/null
socat TCP4-LISTEN:8080,reuseaddr EXEC:true & pid=$!
sleep 0.2
socat -u TCP4:127.0.0.1:8080 - >/dev/null || true
wait "$pid" || true
check_eq "there are remains" "$(ss -Htan state time-wait | grep -c :8080)" 1
hold "$(bare "$SHOP")"
refused "held all the same" timeout 2 socat TCP4-LISTEN:8080,reuseaddr STDOUT
stop_holding

step "chosen ports stay"
accepted "$(plan "$(ports web :0:80:tcp)")" "a chosen port"
chosen=$(result 'ports shop-web-1' '.ports[0].published')
[ "$chosen" -gt 1024 ] || fail "chosen: $chosen"
accepted "$(plan "$(ports web :0:80:tcp)")" "again"
check_eq "the same" "$(result 'ports shop-web-1' '.ports[0].published')" "$chosen"
range() { ports web :0:80:tcp | sed "s/\"published\":0/\"published\":$1,\"published_last\":$2/"; }
socat TCP4-LISTEN:9100 EXEC:true & pid=$!
sleep 0.2
accepted "$(plan "$(range 9100 9102)")" "a range"
check_eq "the first that is free" "$(result 'ports shop-web-1' '.ports[0].published')" 9101
kill "$pid"; wait "$pid" || true
accepted "$(plan "$(range 9100 9102)")" "the range again"
check_eq "the same" "$(result 'ports shop-web-1' '.ports[0].published')" 9101
socat TCP4-LISTEN:9103 EXEC:true & pid=$!
socat TCP4-LISTEN:9104 EXEC:true & second=$!
sleep 0.2
refused "a range that is full" run "$(plan "$(range 9103 9104)")"
check_contains "says so" "$(cat "$TEST_DIR/refused")" "no port from 9103 to 9104 is free for 'shop-web-1'"
kill "$pid" "$second"; wait "$pid" "$second" || true
accepted "$(plan "$(network back '"internal":true')" "$(endpoint db back eth0)")" "internal"
refused "a port of an internal network" run "$(plan "$(ports db :9000:1:tcp)")"
check_contains "says why" "$(cat "$TEST_DIR/refused")" "only on internal networks"
accepted "$(plan "$(removal ports shop-web-1)" "$(removal endpoint shop-web-1/shop_front)" \
  "$(removal endpoint shop-db-1/shop_back)" "$(removal network shop_front)" "$(removal network shop_back)")" "down"
leaves_nothing

step "two roots on one host"
FIRST=$ROOT SECOND=$TEST_DIR/second
accepted "$(plan "$(network front)")" "the first"
check_eq "its subnet" "$(result 'network shop_front' .subnet)" 10.89.0.0/24
ROOT=$SECOND
accepted "$(plan "$(network front)")" "the second"
check_eq "another subnet" "$(result 'network shop_front' .subnet)" 10.89.1.0/24
ROOT=$FIRST
accepted "$(plan "$(removal network shop_front)")" "the first goes"
check_eq "the second's bridge stays" "$(ip -br link show type bridge | wc -l)" 1
check_eq "and what it needs" "$(cat /proc/sys/net/ipv4/ip_forward)" 1
ROOT=$SECOND
accepted "$(plan "$(removal network shop_front)")" "the second goes"
ROOT=$FIRST
run '[]' >/dev/null # whoever came first knows what was there before
leaves_nothing

step "forwarding was on before"
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 0 >/proc/sys/net/ipv4/conf/out0/forwarding
accepted "$(plan "$(network front)")" "up"
accepted "$(plan "$(removal network shop_front)")" "down"
check_eq "still on" "$(cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/out0/forwarding | tr -d '\n')" 10
echo 0 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv4/conf/all/accept_redirects

step "no rights, no tun, read-only /proc/sys"
refused "no rights" capsh --drop=cap_net_admin -- -c '"$0" "$1" <<<"$2"' "$DRIVER" "$ROOT" "$SHOP"
check_contains "no rights" "$(cat "$TEST_DIR/refused")" "run vmstead as root"
leaves_nothing
mkdir -p "$TEST_DIR/dev"
refused "no tun" unshare -m sh -c 'mount -t tmpfs none /dev/net && "$0" "$1"' "$DRIVER" "$ROOT" <<<"$SHOP"
check_contains "no tun" "$(cat "$TEST_DIR/refused")" "modprobe tun"
leaves_nothing
refused "a read-only /proc/sys" unshare -m sh -c 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && "$0" "$1"' \
  "$DRIVER" "$ROOT" <<<"$SHOP"
check_contains "a read-only /proc/sys" "$(cat "$TEST_DIR/refused")" "cannot write '1' to '/proc/sys/net/ipv4/ip_forward'"
leaves_nothing
echo "all passed"
