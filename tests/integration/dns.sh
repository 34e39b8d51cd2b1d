#!/usr/bin/env bash
# The DNS server against dig: what it knows, whom it asks, what it does when nobody answers.
source "$(dirname "$0")/lib.sh"
start_test dns
driver=$BUILD_DIR/tests/integration/dns_driver
here=$SOURCE_DIR/tests/integration
for address in 10.77.1.1 10.77.2.1 10.77.1.2 10.77.2.2 192.168.9.9 10.77.9.{1..8}; do
  ip address add "$address/32" dev lo
done
ip address add fd77:1::1/128 dev lo
ip address add fd77:1::2/128 dev lo
upstream() {
  python3 "$here/dns_upstream.py" "$@" >"$TEST_DIR/upstream.$1" 2>&1 9>&- &
  eventually 10 grep -qs ready "$TEST_DIR/upstream.$1"
}
upstream 10.77.9.1 silent
upstream 10.77.9.2 answer
upstream 10.77.9.3 truncate
upstream 10.77.9.4 servfail
upstream 10.77.9.5 large
upstream 10.77.9.6 rebind
upstream 10.77.9.7 rebind6
upstream 10.77.9.8 loop
# In place and by rename, as editors and resolvconf do.
resolvers() {
  printf 'nameserver %s\n' "$@" >"$TEST_DIR/resolv.new"
  mv "$TEST_DIR/resolv.new" "$TEST_DIR/resolv.conf"
}
resolvers 10.77.9.2
mkfifo "$TEST_DIR/stop"
VMSTEAD_LOG=debug "$driver" "$TEST_DIR/resolv.conf" <"$TEST_DIR/stop" >"$TEST_DIR/driver" 2>"$TEST_DIR/log" &
server=$!
exec 9>"$TEST_DIR/stop"
eventually 10 grep -q ready "$TEST_DIR/driver"
tell() {
  local before
  before=$(grep -c done "$TEST_DIR/driver" || true)
  echo "$*" >&9
  told() { [ "$(grep -c done "$TEST_DIR/driver")" -gt "$before" ]; }
  eventually 5 told
}

ask() { dig +tries=1 +time=3 +nocookie "$@"; }
status() { ask "$@" | sed -nE 's/.*status: ([A-Z]+).*/\1/p'; }
odd() { python3 "$here/dns_ask.py" "$@"; }
door="@127.0.0.1 -p 41003"

step "names of ours"
check_eq "A" "$(ask +short @10.77.1.1 WEB)" 10.77.1.2
check_eq "A over TCP" "$(ask +short +tcp @10.77.1.1 web)" 10.77.1.2
check_eq "AAAA" "$(ask +short @10.77.1.1 web AAAA)" fd77:1::2
check_eq "AAAA of who has none: no data" "$(status @10.77.2.1 cache AAAA)$(ask +short @10.77.2.1 cache AAAA)" NOERROR
for type in MX TXT HTTPS TYPE4711; do
  check_eq "$type: no data" "$(status @10.77.1.1 web $type)$(ask +short @10.77.1.1 web $type)" NOERROR
done
check_contains "no data is kept shortly" "$(ask @10.77.1.1 web MX +noall +authority)" "1	IN	SOA"
check_contains "time to live" "$(ask @10.77.1.1 web +noall +answer)" "web.			1	IN	A"
check_eq "PTR" "$(ask +short -b 10.77.2.2 @10.77.2.1 -x 10.77.2.2)" shop-cache-1.
check_eq "PTR of IPv6" "$(ask +short -b 10.77.1.2 @10.77.1.1 -x fd77:1::2)" shop-web-1.
check_eq "PTR of nobody" "$(status @10.77.1.1 -x 10.77.1.77)$(status @10.77.1.1 -x fd77:1::77)" NXDOMAINNXDOMAIN
check_eq "a guest sees its networks" "$(ask +short -b 10.77.2.2 @10.77.2.1 cache)" 10.77.2.2
check_eq "and no other" "$(ask +short -b 10.77.1.2 @10.77.2.1 cache)" 192.0.2.7
check_eq "over IPv6" "$(ask +short -b fd77:1::2 @fd77:1::1 web)$(ask +short -b fd77:1::2 +tcp @fd77:1::1 web)" 10.77.1.210.77.1.2
check_eq "neither there" "$(ask +short -b fd77:1::2 @fd77:1::1 cache)" 192.0.2.7

step "the host's names"
for name in cache.shop.vm shop-cache-1.vm; do
  check_eq "$name at another network's gateway" "$(ask +short @10.77.1.1 $name)" 10.77.2.2
  check_eq "$name at the host's door" "$(ask +short $door $name)$(ask +short +tcp $door $name)" 10.77.2.210.77.2.2
  check_eq "$name from a guest of that network" "$(ask +short -b 10.77.2.2 @10.77.2.1 $name)" 10.77.2.2
  check_eq "$name from a guest of none" "$(status -b 10.77.1.2 @10.77.1.1 $name)" NXDOMAIN
done
check_eq "a project is all of it" "$(ask +short $door shop.vm +tcp | wc -l)" 32
check_eq "addresses" "$(ask +short $door -x 10.77.2.2)$(ask +short $door -x fd77:1::2)" shop-cache-1.vm.shop-web-1.vm.
check_eq "nobody" "$(status $door nobody.vm)$(status $door -x 10.77.1.77)" NXDOMAINNXDOMAIN
check_eq "nothing else" "$(status $door web)$(status $door example.org)$(status $door -x 192.0.2.7)" REFUSEDREFUSEDREFUSED
check_eq "nobody asks the resolvers for .vm" "$(status @10.77.1.1 nobody.shop.vm)$(grep -c '\.vm ' "$TEST_DIR/upstream.10.77.9.2")" NXDOMAIN0
check_eq "who belongs to no network is refused" "$(status -b 192.168.9.9 @10.77.1.1 web)" REFUSED

step "odd questions"
check_eq "letters come back as they are" "$(odd 10.77.1.1 case)" same
check_eq "over IPv6" "$(odd fd77:1::1 case)" same
check_eq "another operation: NOTIMP" "$(odd 10.77.1.1 opcode)" 4
check_eq "two questions, or none: FORMERR" "$(odd 10.77.1.1 two)$(odd 10.77.1.1 none)" 11
check_eq "another class: REFUSED" "$(odd 10.77.1.1 class)" 5
check_eq "EDNS above 0: BADVERS" "$(status +edns=1 +noednsnegotiation @10.77.1.1 web)" BADVERS
check_contains "EDNS0 with 1232" "$(ask +bufsize=4096 @10.77.1.1 web)" "EDNS: version: 0, flags:; udp: 1232"
check_eq "one connection, many questions" "$(odd 10.77.1.1 pipeline 100)" 100

step "too much for a datagram comes over TCP"
check_contains "TC" "$(ask +ignore +noedns @10.77.1.1 many)" " tc"
check_eq "what fits is there" "$(ask +ignore +noedns +short @10.77.1.1 many | wc -l)" 30
check_eq "over TCP" "$(ask +short @10.77.1.1 many +noedns | wc -l)" 32
check_eq "1232 bytes take all" "$(ask +ignore +bufsize=1232 +short @10.77.1.1 many | wc -l)" 32

step "replicas take turns, those who can be talked to"
first() { for _ in $(seq "$1"); do ask +short +tcp @10.77.1.1 many | head -1; done | sort -u | wc -l; }
check_eq "another one first each time" "$(first 20)" 20
for i in $(seq 3 100); do echo "gone shop-many-$i" >&9; done
tell gone shop-many-3
check_eq "two are left" "$(ask +short @10.77.1.1 many | sort | xargs)" "10.77.1.100 10.77.1.101"
check_eq "in turn" "$(first 2)" 2
tell starting shop-many-2
check_eq "who starts has no visitors" "$(ask +short @10.77.1.1 many)$(first 4)" 10.77.1.1001
check_eq "but its own name" "$(ask +short @10.77.1.1 shop-many-2)" 10.77.1.101
tell gone shop-many-1
check_eq "unless nobody serves" "$(ask +short @10.77.1.1 many)" 10.77.1.101
tell gone shop-many-2
check_eq "nobody: no data" "$(status @10.77.1.1 many)$(ask +short @10.77.1.1 many)" NOERROR
for i in $(seq 100); do echo "serving shop-many-$i" >&9; done
tell serving shop-many-1

step "the rest goes to the host's resolvers"
check_eq "A" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7
check_eq "A over TCP" "$(ask +short +tcp @10.77.1.1 example.org)" 192.0.2.7
check_eq "not for internal networks" "$(status -b 10.77.2.2 @10.77.2.1 example.org)" NXDOMAIN
ask +short +bufsize=4096 @10.77.1.1 edns.example.org >/dev/null
check_contains "with no more than 1232" "$(grep edns.example.org "$TEST_DIR/upstream.10.77.9.2")" 000029"04d0"
resolvers 10.77.9.3
check_eq "truncated there, whole over TCP" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7
resolvers 10.77.9.5
check_contains "longer than the asker takes: cut" "$(ask +ignore @10.77.1.1 example.org)" " tc"
check_eq "whole over TCP" "$(ask +short @10.77.1.1 example.org | wc -l)" 100
resolvers 10.77.9.1 10.77.9.2
check_eq "the next one when the first is silent" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7
resolvers 10.77.9.99 10.77.9.2
check_eq "the next one when nobody is there" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7
check_eq "over TCP" "$(ask +short +tcp @10.77.1.1 example.org)" 192.0.2.7
resolvers 10.77.9.4 10.77.9.2
check_eq "the next one when the first cannot" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7
resolvers 10.77.9.4
check_eq "what it says when nobody can" "$(status @10.77.1.1 example.org)" SERVFAIL

step "who is silent twice is not asked first any more"
resolvers 10.77.9.1 10.77.9.2
for name in first second third; do
  check_eq "$name" "$(ask +short @10.77.1.1 $name.example.org)" 192.0.2.7
done
check_eq "asked while it was thought alive" "$(grep -cE 'first|second' "$TEST_DIR/upstream.10.77.9.1")" 2
check_eq "not after" "$(grep -c third "$TEST_DIR/upstream.10.77.9.1")" 0

step "no answer is SERVFAIL within 1.5 s"
for servers in 10.77.9.1 10.77.1.1 fd77:1::1 ""; do
  resolvers $servers
  started=$(date +%s%3N)
  check_eq "resolvers '$servers'" "$(status @10.77.1.1 example.org)" SERVFAIL
  check_eq "over TCP" "$(status +tcp @10.77.1.1 example.org)" SERVFAIL
  [ $(($(date +%s%3N) - started)) -lt 3000 ] || fail "resolvers '$servers': too late"
done

step "a resolver that asks us what we ask it is a loop"
resolvers 10.77.9.8
check_eq "the asker hears of it" "$(status @10.77.1.1 loop.example.org)" REFUSED
check_eq "it goes no second round" "$(grep -c loop.example.org "$TEST_DIR/upstream.10.77.9.8")" 1
ip address add 10.77.1.8/32 dev lo
upstream 10.77.1.8 loop
resolvers 10.77.1.8
check_eq "a guest of ours that is the host's resolver" "$(status @10.77.1.1 loop.example.org)" SERVFAIL
check_eq "no second round" "$(grep -c loop.example.org "$TEST_DIR/upstream.10.77.1.8")" 1
check_contains "in the log" "$(cat "$TEST_DIR/log")" "a loop: 10.77.1.8 asks us for 'loop.example.org'"

step "an answer from outside does not point into a network of ours"
sleep 1 # at most one such line a second
resolvers 10.77.9.6
check_eq "A" "$(status @10.77.1.1 evil.example.org)$(ask +short @10.77.1.1 evil.example.org)" NOERROR
check_contains "in the log" "$(cat "$TEST_DIR/log")" "'evil.example.org' was dropped: its address 10.77.1.2 is in a network"
check_eq "over TCP" "$(ask +short +tcp @10.77.1.1 evil.example.org)" ""
resolvers 10.77.9.7
check_eq "AAAA" "$(status @10.77.1.1 evil.example.org AAAA)$(ask +short @10.77.1.1 evil.example.org AAAA)" NOERROR

step "4096 questions in flight, then REFUSED"
resolvers 10.77.9.1
before=$(grep -c flood "$TEST_DIR/upstream.10.77.9.1" || true)
refused=$(odd 10.77.1.1 flood 4500)
asked() { grep -c flood "$TEST_DIR/upstream.10.77.9.1" || true; }
all_refused() { [ "$refused" -ge 300 ] && [ "$refused" -le 404 ]; }
check "refused: $refused of 4500, $(asked) asked" all_refused
[ "$(ls "/proc/$server/fd" | wc -l)" -lt 400 ] || fail "a flood takes descriptors: $(ls "/proc/$server/fd" | wc -l)"
check_eq "ours are answered meanwhile" "$(ask +short @10.77.1.1 web)" 10.77.1.2
resolvers 10.77.9.2
all_ended() { [ "$(status @10.77.1.1 example.org)" = NOERROR ]; }
eventually 10 all_ended

step "many at once, and rubbish in between"
for i in $(seq 200); do printf 'name%d.example.org A\nweb A\n' "$i"; done >"$TEST_DIR/questions"
head -c 2000 /dev/urandom | socat -u - UDP:10.77.1.1:53
head -c 200000 /dev/urandom | timeout 5 socat -u - TCP:10.77.1.1:53 2>/dev/null || true
check_eq "answers" "$(ask +short @10.77.1.1 -f "$TEST_DIR/questions" | sort | uniq -c | xargs)" "200 10.77.1.2 200 192.0.2.7"

step "one asker's many questions at once"
check_eq "small ones" "$(odd 10.77.1.1 burst 500 web)" 500
check_eq "large ones" "$(odd 10.77.1.1 burst 200 many)" 200
check_eq "over IPv6" "$(odd fd77:1::1 burst 200 web)" 200

step "a second root on the host"
"$driver" "$TEST_DIR/resolv.conf" <"$TEST_DIR/stop" >/dev/null 2>"$TEST_DIR/second" && fail "two servers on one gateway"
check_contains "the gateways are taken" "$(cat "$TEST_DIR/second")" "cannot have port 53 of 10.77.1.1"

step "the door closes with the last network"
tell remove front
check_eq "still there" "$(ask +short $door cache.shop.vm)" 10.77.2.2
check_eq "what was on the other is unknown" "$(status $door web.shop.vm)" NXDOMAIN
tell remove back
check_eq "closed" "$(ss -Hlnu sport = :41003 | wc -l)$(ss -Hlnu sport = :53 | grep -c 10.77.1.1)" 00

exec 9>&-
check "the server ends cleanly" wait "$server"

step "the host's door is somebody else's"
start_again() { # ENVIRONMENT...
  env "$@" "$driver" "$TEST_DIR/resolv.conf" <"$TEST_DIR/stop" >"$TEST_DIR/driver" 2>"$TEST_DIR/log" &
  server=$!
  exec 9>"$TEST_DIR/stop"
  eventually 10 grep -q ready "$TEST_DIR/driver"
}
socat -u UDP-RECV:41003,bind=127.0.0.1 /dev/null &
held() { [ -n "$(ss -Hlnu sport = :41003)" ]; }
eventually 10 held
start_again VMSTEAD_LOG=warning
check_eq "said once" "$(grep -c "127.0.0.1:41003 is not ours: address already in use" "$TEST_DIR/log")" 1
check_eq "the gateways answer" "$(ask +short @10.77.1.1 cache.shop.vm)" 10.77.2.2
exec 9>&-
check "the server ends cleanly" wait "$server"
start_again VMSTEAD_DNS_PORT=4242
check_eq "another port" "$(ask +short @127.0.0.1 -p 4242 cache.shop.vm)" 10.77.2.2
check_eq "no word about it" "$(cat "$TEST_DIR/log")" ""
exec 9>&-
check "the server ends cleanly" wait "$server"
start_again VMSTEAD_DNS_PORT=0
check_eq "none" "$(ss -Hlntu sport = :4242 | wc -l)" 0
exec 9>&-
check "the server ends cleanly" wait "$server"

step "a link that takes less than one reply"
start_again VMSTEAD_LOG=warning
ip link set lo mtu 400
check_eq "all are answered" "$(odd 10.77.1.1 burst 200 many)" 200
exec 9>&-
check "the server ends cleanly" wait "$server"
