#!/usr/bin/env bash
# Multicast between guests: real mDNS questions are answered whatever the setting, also after the time in which a bridge
# that listens without asking would have forgotten who wants to hear; only with `querier` others are spared.
source "$(dirname "$0")/common.sh"
start_test "$@"
guests web api other
up "$(plan "$(network flood '"ipv6":true,"multicast":"flood"')" "$(network ask '"ipv6":true,"multicast":"querier"')" \
  "$(endpoint web flood eth0)" "$(endpoint api flood eth0)" "$(endpoint other flood eth0)" \
  "$(endpoint web ask eth1)" "$(endpoint api ask eth1)" "$(endpoint other ask eth1)")"
grep '^endpoint ' "$TEST_DIR/results" | while read -r _ name result; do
  service=${name#shop-}
  ipv6_on "${service%%-1/*}" "$(jq -r .interface <<<"$result")" "$(jq -r '"\(.address6)/\(.prefix6)"' <<<"$result")"
done
FLOOD=$(result 'network shop_flood' .bridge) ASK=$(result 'network shop_ask' .bridge)
cat >"$TEST_DIR/mdns.py" <<'P'
"""mdns.py answer LINK NAME | ask LINK 4|6 NAME | send LINK GROUP PORT TEXT | hear LINK SECONDS [GROUP...]"""
import socket, struct, sys, time
GROUPS = {4: "224.0.0.251", 6: "ff02::fb"}

def name(text): return b"".join(bytes([len(l)]) + l.encode() for l in text.split(".")) + b"\0"
def question(text): return struct.pack("!6H", 0, 0, 1, 0, 0, 0) + name(text) + struct.pack("!HH", 1, 1)
def answer(text, address):
    return struct.pack("!6H", 0, 0x8400, 0, 1, 0, 0) + name(text) + struct.pack("!HHIH4s", 1, 0x8001, 120, 4, socket.inet_aton(address))
def join(s, group, link):
    index = socket.if_nametoindex(link)
    if ":" in group: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack("@I", index))
    else: s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + struct.pack("@4si", b"\0" * 4, index))
def open_group(family, link, port=5353):
    s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, link.encode())
    if family == 6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(link))
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("@4s4si", b"\0" * 4, b"\0" * 4, socket.if_nametoindex(link)))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
    s.bind(("::" if family == 6 else "0.0.0.0", port))
    return s
what, link = sys.argv[1:3]
if what == "answer": # by both families
    import select
    sockets = {open_group(f, link): f for f in GROUPS}
    for s, family in sockets.items(): join(s, GROUPS[family], link)
    while True:
        for s in select.select(list(sockets), [], [])[0]:
            data = s.recv(1500)
            if data[2:4] == b"\0\0" and name(sys.argv[3]) in data: s.sendto(answer(sys.argv[3], "192.0.2.77"), (GROUPS[sockets[s]], 5353))
elif what == "ask":
    family = int(sys.argv[3])
    s = open_group(family, link)
    join(s, GROUPS[family], link)
    s.sendto(question(sys.argv[4]), (GROUPS[family], 5353))
    s.settimeout(2)
    while True:
        data = s.recv(1500)
        if data[2:4] == b"\x84\0" and name(sys.argv[4]) in data: print(socket.inet_ntoa(data[-4:])); break
elif what == "send":
    s = open_group(6 if ":" in sys.argv[3] else 4, link, 0)
    s.sendto(sys.argv[5].encode(), (sys.argv[3], int(sys.argv[4])))
else: # all frames of the link
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((link, 0))
    members = [open_group(6 if ":" in group else 4, link, 0) for group in sys.argv[4:]]
    for member, group in zip(members, sys.argv[4:]): join(member, group, link)
    print("hearing", flush=True)
    s.settimeout(0.2)
    end = time.monotonic() + float(sys.argv[3])
    while time.monotonic() < end:
        try: frame = s.recv(2000)
        except socket.timeout: continue
        if b"text:" in frame: print(frame.split(b"text:")[1].decode(), flush=True)
P
mdns() { in_ns "$1" python3 "$TEST_DIR/mdns.py" "${@:2}"; }
for link in eth0 eth1; do mdns web answer $link printer.local >/dev/null 2>&1 & done

step "what the bridges are told"
setting() { ip -d -j link show "$1" | jq ".[0].linkinfo.info_data.$2"; }
check_eq "flood: no snooping" "$(setting "$FLOOD" mcast_snooping)" 0
check_eq "querier: snooping" "$(setting "$ASK" mcast_snooping)" 1
check_eq "querier: asks" "$(setting "$ASK" mcast_querier)" 1
# Seconds instead of minutes: members that nobody asks are forgotten after 3.
for bridge in "$FLOOD" "$ASK"; do
  ip link set "$bridge" type bridge mcast_query_interval 100 mcast_query_response_interval 50 mcast_membership_interval 300 \
    mcast_startup_query_interval 100 mcast_querier_interval 300
done
ip link set "$ASK" type bridge mcast_querier 0
ip link set "$ASK" type bridge mcast_querier 1

asks_mdns() {
  for link in eth0 eth1; do
    for family in 4 6; do
      check_eq "$1: $link, IPv$family" "$(mdns api ask $link $family printer.local 2>&1 | tail -1)" 192.0.2.77
    done
  done
}
step "mDNS questions are answered"
for i in $(seq 30); do mdns api ask eth1 6 printer.local >/dev/null 2>&1 && break; sleep 0.1; done
asks_mdns "at first"

# hears LINK: who hears a message to a group that api is a member of.
hears() {
  local group=$1 link=$2 guest listeners=() i
  for guest in api other; do
    mdns $guest hear $link 3.5 $([ $guest = other ] || echo "$group") >"$TEST_DIR/heard.$guest" 2>"$TEST_DIR/heard.err" &
    listeners+=($!)
  done
  for i in $(seq 50); do [ "$(cat "$TEST_DIR"/heard.{api,other} | grep -c hearing)" = 2 ] && break; sleep 0.1; done
  sleep 2 # the bridge has heard the report, or been told nothing
  mdns web send "$link" "$group" 9999 "text:hello"
  wait "${listeners[@]}" || fail "listening: $(cat "$TEST_DIR/heard.err")"
  echo "$(grep -c hello "$TEST_DIR/heard.api" || true) $(grep -c hello "$TEST_DIR/heard.other" || true)"
}
step "members only, with a querier; everybody, without"
for group in 239.1.2.3 ff05::1234 ff02::fb; do
  check_eq "flood, $group" "$(hears $group eth0)" "1 1"
  check_eq "querier, $group" "$(hears $group eth1)" "1 0"
done

step "and after everybody would have been forgotten"
sleep 5
asks_mdns "later"
check_contains "who wants to hear is known" "$(bridge mdb show dev "$ASK")" "grp ff02::fb"

step "a guest does not become the querier"
check_eq "still ours" "$(setting "$ASK" mcast_querier)" 1

step "down leaves nothing"
for guest in web api other; do stop_processes $guest; done
run "$(plan "$(removal endpoint shop-web-1/shop_flood)" "$(removal endpoint shop-api-1/shop_flood)" "$(removal endpoint shop-other-1/shop_flood)" \
  "$(removal endpoint shop-web-1/shop_ask)" "$(removal endpoint shop-api-1/shop_ask)" "$(removal endpoint shop-other-1/shop_ask)" \
  "$(removal network shop_flood)" "$(removal network shop_ask)")" >"$TEST_DIR/results" || fail "down: $(cat "$TEST_DIR/results")"
leaves_nothing
echo "all passed"
