#!/usr/bin/env bash
# The DNS server against dig: what it knows, whom it asks, what it does when nobody answers.
source "$(dirname "$0")/lib.sh"
start_test dns
driver=$BUILD_DIR/tests/integration/dns_driver
for address in 10.77.1.1 10.77.2.1 10.77.1.2 10.77.2.2 10.77.9.1 10.77.9.2 10.77.9.3; do
  ip address add "$address/32" dev lo
done
upstream() {
  python3 "$SOURCE_DIR/tests/integration/dns_upstream.py" "$@" >"$TEST_DIR/upstream.$1" &
  eventually 10 grep -q ready "$TEST_DIR/upstream.$1"
}
upstream 10.77.9.1 silent
upstream 10.77.9.2 answer
upstream 10.77.9.3 truncate
resolvers() { printf 'nameserver %s\n' "$@" >"$TEST_DIR/resolv.conf"; }
resolvers 10.77.9.2
mkfifo "$TEST_DIR/stop"
"$driver" "$TEST_DIR/resolv.conf" <"$TEST_DIR/stop" >"$TEST_DIR/driver" &
server=$!
exec 9>"$TEST_DIR/stop"
eventually 10 grep -q ready "$TEST_DIR/driver"

ask() { dig +tries=1 +time=3 +nocookie "$@"; }
status() { ask "$@" | sed -nE 's/.*status: ([A-Z]+).*/\1/p'; }

step "names of ours"
check_eq "A" "$(ask +short @10.77.1.1 WEB)" 10.77.1.2
check_eq "A over TCP" "$(ask +short +tcp @10.77.1.1 web)" 10.77.1.2
check_eq "AAAA: no data" "$(status @10.77.1.1 web AAAA)$(ask +short @10.77.1.1 web AAAA)" NOERROR
check_eq "MX: no data" "$(status @10.77.1.1 web MX)" NOERROR
check_eq "PTR" "$(ask +short @10.77.2.1 -x 10.77.2.2)" shop-cache-1.
check_eq "PTR of nobody" "$(status @10.77.1.1 -x 10.77.1.77)" NXDOMAIN
check_eq "a guest sees its networks" "$(ask +short -b 10.77.2.2 @10.77.2.1 cache)" 10.77.2.2
check_eq "and no other" "$(ask +short -b 10.77.1.2 @10.77.2.1 cache)" 192.0.2.7

step "too much for a datagram comes over TCP"
check_contains "TC" "$(ask +ignore +noedns @10.77.1.1 many)" " tc"
check_eq "over TCP" "$(ask +short @10.77.1.1 many +noedns | wc -l)" 32

step "the rest goes to the host's resolvers"
check_eq "A" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7
check_eq "A over TCP" "$(ask +short +tcp @10.77.1.1 example.org)" 192.0.2.7
check_eq "not for internal networks" "$(status -b 10.77.2.2 @10.77.2.1 example.org)" NXDOMAIN
resolvers 10.77.9.3
check_eq "truncated there, whole over TCP" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7
resolvers 10.77.9.1 10.77.9.2
check_eq "the next one when the first is silent" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7
resolvers 10.77.9.99 10.77.9.2
check_eq "the next one when nobody is there" "$(ask +short @10.77.1.1 example.org)" 192.0.2.7

step "no answer is SERVFAIL within 1.5 s"
for servers in 10.77.9.1 10.77.1.1 ""; do
  resolvers $servers
  started=$(date +%s%3N)
  check_eq "resolvers '$servers'" "$(status @10.77.1.1 example.org)" SERVFAIL
  check_eq "over TCP" "$(status +tcp @10.77.1.1 example.org)" SERVFAIL
  [ $(($(date +%s%3N) - started)) -lt 3000 ] || fail "resolvers '$servers': too late"
done

step "many at once, and rubbish in between"
resolvers 10.77.9.2
for i in $(seq 200); do printf 'name%d.example.org A\nweb A\n' "$i"; done >"$TEST_DIR/questions"
head -c 2000 /dev/urandom | socat -u - UDP:10.77.1.1:53
head -c 200000 /dev/urandom | timeout 5 socat -u - TCP:10.77.1.1:53 2>/dev/null || true
check_eq "answers" "$(ask +short @10.77.1.1 -f "$TEST_DIR/questions" | sort | uniq -c | xargs)" "200 10.77.1.2 200 192.0.2.7"

exec 9>&-
check "the server ends cleanly" wait "$server"
