#!/usr/bin/env bash
# Published ports of both families, and what goes by the relay because nftables cannot serve it: clients of ::1,
# IPv6 clients of a guest that has only IPv4, and 127.0.0.1 and hairpins where the host's settings are fixed.
source "$(dirname "$0")/common.sh"
start_test "$@"

ipv6_on() { # NAMESPACE LINK ADDRESS
  in_ns "$1" sh -c "echo 0 >/proc/sys/net/ipv6/conf/$2/disable_ipv6"
  in_ns "$1" ip address replace "$3" dev "$2" nodad
}
echo 1 >/proc/sys/net/ipv6/conf/out0/addr_gen_mode
ipv6_on host out0 2001:db8::1/64
ipv6_on outside eth0 2001:db8::2/64
ipv6_on host lo ::1/128
snapshot >"$TEST_DIR/before"

# published SERVICE HOST_IP,PUBLISHED,TARGET,PROTOCOL...
published() {
  local service=$1 list='' ip published target protocol; shift
  for port in "$@"; do
    IFS=, read -r ip published target protocol <<<"$port"
    list+="${list:+,}{\"host_ip\":\"$ip\",\"published\":$published,\"target\":$target,\"protocol\":\"$protocol\"}"
  done
  printf '{"kind":"ports","name":"shop-%s-1","spec":{"instance":"shop-%s-1","service":"%s","project":"shop","ports":[%s]}}' \
    "$service" "$service" "$service" "$list"
}
# of NAMESPACE tcp|udp ADDRESS PORT: who answers
of() {
  local kind=4 to=$3
  case $3 in *:*) kind=6 to="[$3]" ;; esac
  if [ "$2" = tcp ]; then
    in_ns "$1" timeout "$((PATIENCE + 1))" socat -t"$PATIENCE" -T"$PATIENCE" - "TCP$kind:$to:$4,connect-timeout=1" </dev/null | grep .
  else
    echo question | in_ns "$1" timeout "$((PATIENCE + 1))" socat -t"$PATIENCE" -T"$PATIENCE" - "UDP$kind:$to:$4" | grep .
  fi
}
answers() { check_contains "$1" "$(of "${@:3}")" "$2 "; } # WHAT WHO NAMESPACE PROTOCOL ADDRESS PORT
connections() { ss -Htn state established "( sport = :$1 )" | wc -l; }

guests web six both db
up "$(plan "$(network four)" "$(network two '"ipv6":true')" "$(network back '"internal":true,"ipv6":true')" \
  "$(endpoint web four eth0)" "$(endpoint six two eth0)" "$(endpoint both two eth0)" "$(endpoint db back eth0)")"
while read -r _ name result; do
  [ -n "$(jq -r '.address6 // empty' <<<"$result")" ] || continue
  guest=${name#shop-}; guest=${guest%%-1/*}
  ipv6_on "$guest" eth0 "$(jq -r '"\(.address6)/\(.prefix6)"' <<<"$result")"
  gateway6=$(jq -r '.gateway6 // empty' <<<"$result")
  [ -z "$gateway6" ] || { ip -n "$guest" -6 route add default via "$gateway6" dev eth0; echo "$gateway6" >"$TEST_DIR/gateway6.$guest"; }
done < <(grep '^endpoint ' "$TEST_DIR/results")
web=$(address web four)
serve web tcp 80; serve web udp 53; serve six tcp 80; serve six udp 53
ip netns exec six socat TCP6-LISTEN:81,fork,reuseaddr "SYSTEM:echo six \$SOCAT_PEERADDR" >/dev/null 2>&1 &
ready host tcp "$web" 80; ready host udp "$web" 53
PORTS=("$(published web ,8080,80,tcp ,8053,53,udp 127.0.0.1,8081,80,tcp ::1,8082,80,tcp 0.0.0.0,8083,80,tcp ::,8084,80,tcp \
  2001:db8::1,8085,80,tcp ::1,8054,53,udp ,8090,90,tcp ,8091,91,tcp ,8092,92,tcp ,8093,93,tcp)" "$(published six ,8180,81,tcp)")
run "$(plan "${PORTS[@]}")" >"$TEST_DIR/results" || fail "publishing: $(cat "$TEST_DIR/results")"
hold '[]'

step "::1, tcp and udp"
answers "tcp" web host tcp ::1 8080
answers "udp" web host udp ::1 8053
answers "127.0.0.1 as ever" web host tcp 127.0.0.1 8080
answers "a guest with IPv6" six host tcp ::1 8180

step "an IPv6 client, and a guest that has only IPv4"
answers "the host's own address" web host tcp 2001:db8::1 8080
answers "from outside" web outside tcp 2001:db8::1 8080
answers "from outside, udp" web outside udp 2001:db8::1 8053
answers "from a guest, as by IPv4" web both tcp 2001:db8::1 8080
answers "from a guest, at its gateway" web both udp "$(cat "$TEST_DIR/gateway6.both")" 8053
ip -n db -6 route replace default via "$(ip -6 -o address show to fd00::/8 | awk '/::1\//{print $4}' | tail -1 | cut -d/ -f1)" dev eth0 || true
refused "from an internal network" of db tcp 2001:db8::1 8080
refused "another program's port" of both tcp 2001:db8::1 22

step "one family, one address"
refused "127.0.0.1's at ::1" of host tcp ::1 8081
answers "::1's at ::1" web host tcp ::1 8082
answers "::1's at ::1, udp" web host udp ::1 8054
refused "::1's at 127.0.0.1" of host tcp 127.0.0.1 8082
refused "::1's from outside" of outside tcp 2001:db8::1 8082
refused "::1's from a guest" of both tcp 2001:db8::1 8082
refused "::1's from a guest, at its gateway" of both tcp "$(cat "$TEST_DIR/gateway6.both")" 8082
ip netns exec both sh -c "ip -6 route del local ::1 table local; ip -6 address del ::1/128 dev lo" 2>/dev/null || true
ip -n both -6 route replace ::1/128 via "$(cat "$TEST_DIR/gateway6.both")" dev eth0
refused "::1's from a guest that sends to ::1" of both tcp ::1 8082
answers "0.0.0.0's" web outside tcp 192.0.2.1 8083
refused "0.0.0.0's at ::1" of host tcp ::1 8083
refused "0.0.0.0's from outside, IPv6" of outside tcp 2001:db8::1 8083
answers "::'s" web outside tcp 2001:db8::1 8084
answers "::'s at ::1" web host tcp ::1 8084
refused "::'s by IPv4" of outside tcp 192.0.2.1 8084
answers "one address's" web outside tcp 2001:db8::1 8085
answers "one address's from a guest" web both tcp 2001:db8::1 8085
refused "one address's at ::1" of host tcp ::1 8085

step "bytes: many of them both ways, a half that is closed, a reader that is slow"
head -c 30000000 /dev/urandom >"$TEST_DIR/bytes"
ip netns exec web socat TCP4-LISTEN:90,fork,reuseaddr "SYSTEM:sha256sum" >/dev/null 2>&1 & disown
ip netns exec web socat -u "OPEN:$TEST_DIR/bytes" TCP4-LISTEN:91,reuseaddr 2>/dev/null & disown
ip netns exec web python3 -c '
import socket, time
s = socket.create_server(("", 92)); c = s.accept()[0]; time.sleep(100)' & disown
ip netns exec web python3 -c '
import socket
s = socket.create_server(("", 93), backlog=500)
while True: s.accept()[0].send(b"web ")' & disown
ready host tcp "$web" 90
sum=$(sha256sum <"$TEST_DIR/bytes")
check_eq "in, and an answer after the end" "$(timeout 20 socat -t10 - TCP6:[::1]:8090 <"$TEST_DIR/bytes")" "$sum"
check_eq "out" "$(timeout 20 socat -u TCP6:[::1]:8091 - | sha256sum)" "$sum"
check_eq "what a guest that does not read makes us keep is bounded" "$(python3 - <<'P'
import socket, select
s = socket.create_connection(("::1", 8092)); s.setblocking(False); sent = 0
while select.select([], [s], [], 1)[1] and sent < 1 << 27: sent += s.send(b"x" * 65536)
print("bounded" if sent < 1 << 25 else sent)
P
)" bounded
for i in $(seq 20); do [ "$(connections 8090)" = 0 ] && break; sleep 0.1; done
check_eq "nothing is left of it" "$(connections 8090)" 0

step "many at once"
python3 - <<'P' || fail "not all were answered"
import socket, selectors
ends = []
for i in range(300):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.connect(("::1", 8053)); ends.append(s)
for s in ends: s.send(b"q"); s.settimeout(5); assert s.recv(100).startswith(b"web ")
ends = [socket.create_connection(("::1", 8093)) for i in range(100)]
for s in ends: s.settimeout(10); assert s.recv(100).startswith(b"web ")
P

step "no more than there are descriptors for, and well again after"
stop_holding
coproc HOLD { ulimit -n 150; exec "$DRIVER" "$ROOT" --stay <<<'[]'; }
HOLDER=$HOLD_PID
while read -r -t 10 line <&"${HOLD[0]}"; do [ "$line" != ready ] || break; done
python3 - <<'P' || fail "the relay did not bound itself"
import socket, struct
ends, refused = [], 0
for i in range(60):
    s = socket.create_connection(("::1", 8092)); ends.append(s)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)) # ends all at once, both ways
for s in ends:
    s.settimeout(0.3)
    try: refused += s.recv(1) == b""
    except ConnectionResetError: refused += 1
    except TimeoutError: pass # carried, and nobody says anything
assert 0 < refused < 60, refused
P
for i in $(seq 300):
  do echo q | timeout 1 socat -t0 - "UDP6:[::1]:8053,sourceport=$((20000 + i))" >/dev/null 2>&1 || true; [ "$i" -lt 40 ] || break; done
answers "tcp" web host tcp ::1 8080
answers "udp" web host udp ::1 8053
stop_holding
hold '[]'

step "killed and adopted, with connections open"
exec 7<>/dev/tcp/::1/8092
kill -9 "$HOLDER"; wait "$HOLDER" 2>/dev/null || true
hold '[]'
exec 7>&-
answers "tcp" web host tcp ::1 8080
answers "udp" web host udp ::1 8053
for address in 0.0.0.0 ::; do
  refused "the port, taken by another at $address" timeout 1 socat "TCP-LISTEN:8080,bind=[$address],pf=$([ $address = :: ] && echo ip6,ipv6only=1 || echo ip4)" STDOUT
done
refused "the udp port" timeout 1 socat UDP6-RECV:8053,ipv6only=1 STDOUT

step "a guest without a listener, and no guest: an end at once"
quickly() { # WHAT COMMAND...: fails within a second
  local start=${EPOCHREALTIME/[.,]/} what=$1; shift
  refused "$what" "$@"
  [ $((${EPOCHREALTIME/[.,]/} - start)) -lt 1000000 ] || fail "$what: after a second only"
}
for process in $(ip netns pids web); do # but for who plays its card
  [ "$(readlink "/proc/$process/exe")" = "$(readlink -f "$DRIVER")" ] || kill -9 "$process"
done
ping_once host "$web" >/dev/null || fail "the guest is gone as well"
quickly "no listener" of host tcp ::1 8080
stop_processes web
sleep 0.2
quickly "no guest" of host tcp ::1 8080
stop_holding
run "$(plan "$(removal ports shop-six-1)")" >/dev/null

step "the settings of the host are fixed: 127.0.0.1 and hairpins go by the relay"
ip netns delete web; guests web
up "$(plan "$(endpoint web four eth0)")"
serve web tcp 80; serve web udp 53
guests api
up "$(plan "$(endpoint api four eth0)")"
ready api tcp "$web" 80
sysctl -q -w net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1
coproc HOLD { exec unshare -m sh -c 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$0" "$1" --stay' \
  "$DRIVER" "$ROOT" <<<'[]'; }
HOLDER=$HOLD_PID
while read -r -t 10 line <&"${HOLD[0]}"; do [ "$line" != ready ] || break; done
check_eq "as it was" "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables)" 1
answers "127.0.0.1" web host tcp 127.0.0.1 8080
answers "127.0.0.1, udp" web host udp 127.0.0.1 8053
answers "127.0.0.1's own" web host tcp 127.0.0.1 8081
refused "127.0.0.1's own from a guest" of api tcp 192.0.2.1 8081
answers "the host's address" web host tcp 192.0.2.1 8080
for guest in web api; do
  answers "hairpin from $guest" web "$guest" tcp 192.0.2.1 8080
  answers "hairpin from $guest, udp" web "$guest" udp 192.0.2.1 8053
done
check_eq "outside as ever, with its own address" "$(of outside tcp 192.0.2.1 8080)" "web 192.0.2.2"
stop_holding

step "a port chosen: one number for both families, kept"
run "$(plan "$(published web ,0,80,tcp ,0,53,udp)")" >"$TEST_DIR/results"
ports=$(sed -n 's/^ports shop-web-1 //p' "$TEST_DIR/results" | jq -c '[.ports[] | {host_ip, published, protocol}]')
tcp=$(jq -r '[.[] | select(.protocol == "tcp").published] | unique | join(" ")' <<<"$ports")
udp=$(jq -r '[.[] | select(.protocol == "udp").published] | unique | join(" ")' <<<"$ports")
check_eq "both families are listed" "$(jq -r '[.[].host_ip] | sort | unique | join(" ")' <<<"$ports")" "0.0.0.0 ::"
hold '[]'
answers "tcp" web host tcp 127.0.0.1 "$tcp"
answers "tcp, ::1" web host tcp ::1 "$tcp"
answers "udp, ::1" web host udp ::1 "$udp"
stop_holding

step "down leaves nothing"
run "$(plan "$(removal ports shop-web-1)" "$(removal endpoint shop-web-1/shop_four)" "$(removal endpoint shop-api-1/shop_four)" \
  "$(removal endpoint shop-six-1/shop_two)" "$(removal endpoint shop-both-1/shop_two)" "$(removal endpoint shop-db-1/shop_back)" \
  "$(removal network shop_four)" "$(removal network shop_two)" "$(removal network shop_back)")" >/dev/null
leaves_nothing
echo "all passed"
