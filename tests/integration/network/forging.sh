#!/usr/bin/env bash
# What a guest cannot say in another's name: each frame is sent for real by one guest, and its neighbour, who sees
# every frame that arrives at its card, must not see it. The same frame of an honest guest arrives, so that each
# test can fail.
source "$(dirname "$0")/common.sh"
start_test "$@"
ipv6_outside
guests web api
up6 "$(plan "$(network a '"ipv6":true')" "$(endpoint web a eth0)" "$(endpoint api a eth0)")"
web=$(address web a) api=$(address api a) gateway=$(result 'network shop_a' .gateway)
ping_once api "$web" >/dev/null || fail "the guests do not reach each other"
ping6 api "$(six web)" || fail "the guests do not reach each other by IPv6"
card() { in_ns "$1" cat /sys/class/net/eth0/address; }
cat >"$TEST_DIR/frames.py" <<'P'
"""frames.py send NAME | listen SECONDS: one frame by eth0, or the marks of all that arrive there. Every frame carries
"mark:NAME." in its payload, padding or options."""
import os, socket, struct, sys, time

def mac(text): return bytes.fromhex(text.replace(":", ""))
OWN, NEIGHBOUR = mac(os.environ["OWN_MAC"]), mac(os.environ["NEIGHBOUR_MAC"])
def v4(name): return socket.inet_pton(socket.AF_INET, os.environ[name])
def v6(text): return socket.inet_pton(socket.AF_INET6, text)
OWN4, NEIGHBOUR4, GATEWAY4 = v4("OWN"), v4("NEIGHBOUR"), v4("GATEWAY")
OWN6, NEIGHBOUR6 = v6(os.environ["OWN6"]), v6(os.environ["NEIGHBOUR6"])
LINK6 = v6("fe80::") [:8] + bytes([OWN[0] ^ 2]) + OWN[1:3] + b"\xff\xfe" + OWN[3:]
ALL, ALL6, ALL6_MAC = b"\xff" * 6, v6("ff02::1"), mac("33:33:00:00:00:01")

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def ether(kind, body, source=OWN, to=ALL): return to + source + struct.pack("!H", kind) + body
def ipv4(body, protocol=17, source=OWN4, to=NEIGHBOUR4, ident=7):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), ident, 0, 64, protocol, 0, source, to)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body
def ipv6(body, header, source=OWN6, to=ALL6): return struct.pack("!IHBB16s16s", 6 << 28, len(body), header, 255, source, to) + body
def udp(source, to, body): return struct.pack("!HHHH", source, to, 8 + len(body), 0) + body
def arp(source_mac, source, target, op=1, to=ALL): # Ethernet, IPv4
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x800, 6, 4, op, source_mac, source, b"\0" * 6, target)
def icmp6(kind, body, source=OWN6, to=ALL6):
    data = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = source + to + struct.pack("!II", len(data), 58)
    return data[:2] + struct.pack("!H", checksum(pseudo + data)) + data[4:]
def router(): return icmp6(134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + option())
def advert(target, source=OWN6): return icmp6(136, struct.pack("!I16s", 0x20000000, target) + option(), source)
def option():
    text = MARK + b"." * (-(len(MARK) + 2) % 8)
    return struct.pack("!BB", 200, (2 + len(text)) // 8) + text
def padding(header): # destination or hop-by-hop options
    return bytes([header, 0, 1, 4, 0, 0, 0, 0])
def fragment(header, offset, more, body): return struct.pack("!BBHI", header, 0, offset << 3 | more, 99) + body

def frames(name):
    """{NAME: [frame, ...]}; those called honest-* must arrive."""
    v6_frame = lambda body, header, **addresses: ether(0x86dd, ipv6(body, header, **addresses), to=ALL6_MAC)
    pad = MARK.ljust(64, b".")
    return {
        "honest-udp": [ether(0x800, ipv4(udp(1068, 9, pad)))],
        "honest-dhcp-client": [ether(0x800, ipv4(udp(68, 67, pad)))],
        "honest-arp": [ether(0x806, arp(OWN, OWN4, NEIGHBOUR4) + pad)],
        "honest-gratuitous-arp": [ether(0x806, arp(OWN, OWN4, OWN4) + pad)],
        "honest-advert": [v6_frame(advert(OWN6), 58)],
        "honest-advert-of-link-local": [v6_frame(advert(LINK6), 58)],
        "honest-advert-from-link-local": [ether(0x86dd, ipv6(icmp6(136, struct.pack("!I16s", 0, OWN6) + option(), LINK6), 58, source=LINK6), to=ALL6_MAC)],
        "honest-echo-in-fragments": [v6_frame(fragment(58, 0, 1, icmp6(128, b"\0\0\0\1" + pad)), 44)],
        "honest-udp-in-fragments": [v6_frame(fragment(17, 0, 1, udp(1068, 9, pad)), 44)],
        "honest-tcp-in-fragments": [v6_frame(fragment(6, 0, 1, struct.pack("!HHIIHHHH", 1068, 9, 0, 0, 0x5000, 0, 0, 0) + pad[:60]), 44)],
        "honest-report": [v6_frame(padding(58) + icmp6(143, struct.pack("!HH", 0, 0) + pad, LINK6, ALL6), 0, source=LINK6)],
        "mac": [ether(0x800, ipv4(udp(1068, 9, pad)), source=mac("02:00:00:00:00:99"))],
        "neighbours-mac": [ether(0x800, ipv4(udp(1068, 9, pad)), source=NEIGHBOUR, to=mac("02:00:00:00:00:77"))],
        "ipv4": [ether(0x800, ipv4(udp(1068, 9, pad), source=GATEWAY4))],
        "ipv6": [v6_frame(udp(1068, 9, pad), 17, source=OWN6[:15] + b"\xaa")],
        "dhcp-server": [ether(0x800, ipv4(udp(67, 68, pad), to=ALL[:4]))],
        "dhcpv6-server": [v6_frame(udp(547, 546, pad), 17, source=LINK6)],
        "dhcpv6-server-behind-options": [v6_frame(padding(17) + udp(547, 546, pad), 60, source=LINK6)],
        # The frame goes on behind the packet, with what might be taken for the header that is not there yet.
        "dhcpv6-server-hidden-by-fragments": [v6_frame(fragment(60, 0, 1, padding(17)), 44, source=LINK6) + udp(1068, 9, b"") + MARK],
        "router-hidden-by-fragments": [v6_frame(fragment(60, 0, 1, padding(58)), 44) + b"\x80" + MARK],
        "router-in-fragments-of-fragments": [v6_frame(fragment(44, 0, 1, fragment(58, 0, 1, router())), 44)],
        "arp": [ether(0x806, arp(OWN, GATEWAY4, NEIGHBOUR4) + pad)],
        "arp-with-another-mac": [ether(0x806, arp(NEIGHBOUR, OWN4, NEIGHBOUR4) + pad)],
        "arp-answer": [ether(0x806, arp(OWN, GATEWAY4, NEIGHBOUR4, op=2) + pad)],
        "gratuitous-arp": [ether(0x806, arp(OWN, GATEWAY4, GATEWAY4) + pad)],
        "gratuitous-arp-answer": [ether(0x806, arp(OWN, GATEWAY4, GATEWAY4, op=2) + pad)],
        "advert-of-the-neighbour": [v6_frame(advert(NEIGHBOUR6), 58)],
        "advert-of-the-neighbour-behind-options": [v6_frame(padding(58) + advert(NEIGHBOUR6), 0)],
        "advert-in-fragments": [v6_frame(fragment(58, 0, 1, advert(NEIGHBOUR6)), 44)],
        "router": [v6_frame(router(), 58)],
        "router-behind-hop-by-hop": [v6_frame(padding(58) + router(), 0)],
        "router-behind-options": [v6_frame(padding(60) + padding(58) + router(), 60)],
        "router-in-an-atomic-fragment": [v6_frame(fragment(58, 0, 0, router()), 44)],
        "router-in-fragments": [v6_frame(fragment(58, 0, 1, router()), 44)],
        "redirect": [v6_frame(icmp6(137, b"\0" * 4 + NEIGHBOUR6 + NEIGHBOUR6 + option()), 58)],
        "mld-question": [v6_frame(icmp6(130, b"\0" * 20 + pad, LINK6, ALL6), 58, source=LINK6)],
        "igmp-question": [ether(0x800, ipv4(b"\x11\x64" + struct.pack("!H", checksum(b"\x11\x64" + b"\0" * 6)) + b"\0" * 4 + pad, protocol=2))],
        "vlan": [ether(0x8100, struct.pack("!HH", 5, 0x800) + ipv4(udp(1068, 9, pad)))],
        "vlan-0": [ether(0x8100, struct.pack("!HH", 0, 0x800) + ipv4(udp(1068, 9, pad)))],
        "vlan-0-router": [ether(0x8100, struct.pack("!HH", 0, 0x86dd) + ipv6(router(), 58), to=ALL6_MAC)],
        "qinq": [ether(0x88a8, struct.pack("!HHHH", 5, 0x8100, 6, 0x800) + ipv4(udp(1068, 9, pad)))],
        "lldp": [ether(0x88cc, pad)],
        "pppoe": [ether(0x8863, pad)],
        "llc": [ether(len(pad), pad)],
        "experimental": [ether(0x88b5, pad)],
    }[name] if name else None

def names():
    import inspect, re
    return re.findall(r'^        "([a-z0-9-]+)":', inspect.getsource(frames), re.M)

s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 0))
if sys.argv[1] == "names":
    print("\n".join(names()))
elif sys.argv[1] == "send":
    for name in names():
        MARK = f"mark:{name}.".encode()
        for frame in frames(name): s.send(frame)
        time.sleep(0.01)
else:
    s.settimeout(0.2)
    print("listening", flush=True)
    end = time.monotonic() + float(sys.argv[2])
    while time.monotonic() < end:
        try: frame = s.recv(4096)
        except socket.timeout: continue
        if b"mark:" in frame: print(frame.split(b"mark:")[1].split(b".")[0].decode(), flush=True)
P
frames() { # NAMESPACE NEIGHBOUR COMMAND...
  in_ns "$1" env OWN_MAC="$(card "$1")" NEIGHBOUR_MAC="$(card "$2")" OWN="$(address "$1" a)" NEIGHBOUR="$(address "$2" a)" \
    GATEWAY="$gateway" OWN6="$(six "$1")" NEIGHBOUR6="$(six "$2")" python3 "$TEST_DIR/frames.py" "${@:3}"
}
listen_and_send() { # prints what has arrived at web
  frames web api listen 4 >"$TEST_DIR/arrived" &
  local listener=$! i
  for i in $(seq 50); do grep -q listening "$TEST_DIR/arrived" && break; sleep 0.1; done
  frames api web send
  wait "$listener"
}

step "what arrives: what is the guest's own to say"
listen_and_send
frames api web names >"$TEST_DIR/names"
[ "$(grep -c . "$TEST_DIR/names")" -ge 40 ] || fail "only $(wc -l <"$TEST_DIR/names") frames were sent"
while read -r name; do
  arrived=$(grep -cx -- "$name" "$TEST_DIR/arrived" || true)
  case $name in
  honest-*) [ "$arrived" -ge 1 ] || fail "'$name' did not arrive" ;;
  *) check_eq "'$name' arrived" "$arrived" 0 ;;
  esac
done <"$TEST_DIR/names"

step "nothing was believed"
check_eq "no router" "$(ip -n web -6 route show default | grep -c 'proto ra' || true)" 0
check_eq "the gateway's card" "$(in_ns web ip -j neighbour show "$gateway" | jq -r '.[0].lladdr // empty' | grep -cx "$(card api)" || true)" 0
ping_once web "$gateway" >/dev/null || fail "the gateway does not answer any more"
ping_once api "$web" >/dev/null || fail "the guests do not reach each other any more"

step "without our rules all of them arrive: each frame is real"
nft list tables bridge | awk '{print $3}' | while read -r table; do nft delete table bridge "$table"; done
listen_and_send
while read -r name; do
  case $name in neighbours-mac) continue ;; esac # a bridge sends nothing back to where it knows the address
  grep -qx -- "$name" "$TEST_DIR/arrived" || fail "'$name' does not arrive without our rules either: it proves nothing"
done <"$TEST_DIR/names"
run '[]' >/dev/null || fail "adoption"

step "down leaves nothing"
for guest in web api; do stop_processes $guest; done
down_all web:a api:a
leaves_nothing
echo "all passed"
