#!/usr/bin/env bash
# `vmstead doctor SERVICE`: every hop of the way to a VM is broken in turn, is named, and is mended by the command that the
# doctor says. A daemon puts some of what is broken back by itself, so it is broken again and again while the doctor looks.
source "$(dirname "$0")/lib.sh"
start_test doctor
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
{
  guest_part
  cat <<'TEXT'
  web:
    <<: *guest
    command: [sh, -c, "busybox httpd -p 80 -h /srv; exec sleep infinity"]
    ports: ["8081:80", "127.0.0.1:8082:80", "9000:9000/udp"]
  local:
    <<: *guest
    command: [busybox, httpd, -f, -p, "127.0.0.1:8080", -h, /srv]
    ports: ["8083:8080"]
  silent:
    <<: *guest
    command: [sleep, infinity]
    networks: [default, back]
networks:
  back: {internal: true, enable_ipv6: true}
TEXT
} >compose.yaml
sed -i 's/^name: .*//' compose.yaml
sed -i '1i name: doc' compose.yaml
check "up" vmstead --progress quiet up -d
in_guest() { vmstead exec -T "$@"; }

# walk WHOM: the doctor's report, its exit status in $status.
report= status=
walk() { status=0; report=$("$VMSTEAD" doctor --format json "$@") || status=$?; }
hops() { jq -r '[.hops[].check] | join(" ")' <<<"$report"; }
last() { jq -r ".hops[-1].$1" <<<"$report"; }
broken() { jq -r .broken <<<"$report"; }
sound() { # WHOM...
  walk "$@"
  check_eq "$* is sound ($report)" "$status $(broken)" "0 null"
}
# The hop is named, with the evidence, and nothing behind it is looked at.
names() { # HOP TEXT WHOM...
  local hop=$1 text=$2; shift 2
  walk "$@"
  check_eq "the broken hop ($report)" "$(broken)" "$hop"
  check_eq "exit status" "$status" 1
  check_contains "evidence" "$(last evidence)" "$text"
}
# The command that the doctor named; where the daemon was quicker with its own repair, it finds nothing to do.
mend() { eval "$(last remedy)" >/dev/null 2>&1 || true; }
# breaks COMMAND HOP TEXT WHOM: COMMAND again and again, until the hop is named.
breaks() {
  local command=$1 hop=$2 text=$3 whom=$4 breaker attempt
  while :; do eval "$command" >/dev/null 2>&1 || true; sleep 0.02; done &
  breaker=$!
  for attempt in $(seq 60); do
    walk "$whom"
    if [ "$(broken)" = "$hop" ] && [[ $(last evidence) == *"$text"* ]]; then break; fi
    [ "$attempt" != 60 ] || fail "'$command' is not named as $hop: $report"
    sleep 0.2
  done
  kill "$breaker"
  wait "$breaker" 2>/dev/null || true
}
is_sound() { walk "$1"; [ "$status" = 0 ]; }
heals() { mend; eventually 10 is_sound "$1"; }

step "a sound way, hop by hop"
serving() { curl -sf --max-time 2 http://127.0.0.1:8081/ >/dev/null; }
eventually 20 serving
sound web:80
check_eq "hops" "$(hops)" \
  "instance tap bridge bridge-port rules forwarding agent address route gateway dns listener held mapped connection held mapped connection held mapped connection"
check_eq "instance" "$(jq -r .instance <<<"$report")" doc-web-1
for whom in web:80/tcp web:8081 web-1:80 doc-web-1:80; do sound "$whom"; done
sound --index 1 web:80
check_contains "text" "$(vmstead doctor web:80)" "ok       listener        the VM listens on tcp port 80"
check_eq "lines" "$(vmstead doctor web:80 | wc -l)" 21
sound silent
check_contains "two networks" "$(hops)" "tap bridge bridge-port tap bridge bridge-port rules"
check_contains "nothing published" "$(last evidence)" "no port is published"
check_contains "a gateway of IPv6 too" "$(jq -r '[.hops[] | select(.check == "gateway").evidence] | join(" ")' <<<"$report")" "the gateway fd"
code=0; said=$(vmstead doctor nobody 2>&1) || code=$?
check_eq "an unknown service" "$code" 1
check_contains "an unknown service" "$said" "no such service: nobody"
said=$(vmstead doctor web:http 2>&1) || true
check_contains "no port" "$said" "'http' is no port"

step "listeners: none, the wrong port, 127.0.0.1 only, UDP, one that is not published"
names listener "nothing in the VM listens on tcp port 9" web:9
check_contains "who does" "$(last evidence)" ":80"
local_listens() { walk local; [[ $(last evidence) == *"listens on tcp port 8080"* ]]; }
eventually 10 local_listens
names listener "listens on tcp port 8080 of 127.0.0.1 only" local
check_contains "the remedy" "$(last remedy)" "0.0.0.0"
names listener "nothing in the VM listens on udp port 9000" web
in_guest web sh -c 'perl -MIO::Socket::INET -e "IO::Socket::INET->new(LocalPort => 9000, Proto => q(udp)) and sleep 1000" >/dev/null 2>&1 &'
udp_listens() { walk web:9000/udp; [ "$status" = 0 ]; }
eventually 20 udp_listens
sound web:9000/udp
check_contains "UDP" "$(last evidence)" "nobody refused it"
sound web
in_guest silent busybox httpd -p 81 -h /srv
sound silent:81
check_contains "directly" "$(last evidence)" ":81/tcp takes connections"
end_httpd() { in_guest web sh -c 'for p in /proc/[0-9]*; do [ "$(tr "\0" " " <$p/cmdline | cut -c-13)" != "busybox httpd" ] || kill ${p#/proc/}; done'; }
end_httpd
names listener "nothing in the VM listens on tcp port 80" web:80
in_guest web busybox httpd -p 127.0.0.1:80 -h /srv
names listener "of 127.0.0.1 only" web:80
end_httpd
in_guest web busybox httpd -p 80 -h /srv
sound web:80

step "the instance: stopped, paused"
check "stop" vmstead --progress quiet stop local
names instance "does not run" local
check "pause" vmstead --progress quiet pause silent
names instance "is paused" silent
mend
sound silent

walk web
bridge=$(jq -r '.hops[] | select(.check == "bridge").evidence' <<<"$report" | sed -nE "1s/^'([^']+)'.*/\1/p")
tap=$(jq -r '.hops[] | select(.check == "tap").evidence' <<<"$report" | sed -nE "1s/^'([^']+)'.*/\1/p")
gateway=$(ip -4 -o address show dev "$bridge" | awk '{print $4}')
root_id=$(jq -r .root_id "$VMSTEAD_ROOT/run/daemon.json")

step "the tap: down, out of its bridge, not forwarding"
breaks "ip link set $tap down" tap "'$tap' is down" web
heals web
breaks "ip link set $tap nomaster" bridge-port "'$tap' is not in the bridge '$bridge'" web
heals web
breaks "bridge link set dev $tap state 0" bridge-port "does not forward" web
heals web

step "the bridge: down, without its address"
breaks "ip link set $bridge down" bridge "'$bridge' is down" web
heals web
breaks "ip addr flush dev $bridge" bridge "does not have the gateway's address ${gateway%/*}" web
heals web

step "the rules: gone, flushed, without the NIC"
breaks "nft flush ruleset" rules "is gone" web
heals web
breaks "nft flush table inet vmstead_$root_id" rules "is empty" web
heals web
breaks "nft delete table bridge vmstead_$root_id" rules "is gone" web
heals web
breaks "nft flush set bridge vmstead_$root_id senders" rules "do not know '$tap'" web
heals web

step "forwarding: switched off, a firewall that drops"
breaks "sysctl -qw net.ipv4.ip_forward=0" forwarding "net.ipv4.ip_forward is 0" web
heals web
nft 'add table inet strict; add chain inet strict fence { type filter hook forward priority 5; policy drop; }'
names forwarding "the firewall's chain 'inet strict fence' drops forwarded packets" web
heals web
nft delete table inet strict

step "inside: the agent, the address, the default route, the gateway, DNS"
kill -STOP "$(vm_pid doc-web-1)"
names agent "somebody has stopped its QEMU" web
kill -CONT "$(vm_pid doc-web-1)"
eventually 10 is_sound web
address=$(in_guest web busybox ip -4 -o addr show eth0 | awk '{print $4}')
in_guest web busybox ip addr del "$address" dev eth0
names address "'eth0' in the VM does not have ${address%/*}: it has no address" web
in_guest web sh -c "busybox ip addr add $address dev eth0; busybox ip addr add 169.254.3.4/16 dev eth0; busybox ip addr del $address dev eth0"
names address "it has 169.254.3.4/16" web
in_guest web sh -c "busybox ip addr flush dev eth0; busybox ip addr add $address dev eth0"
names route "no default route; it should be by ${gateway%/*}" web
in_guest web busybox ip route add default via "${gateway%/*}"
sound web
in_guest web busybox ip link set eth0 down
names address "'eth0' in the VM is down" web
in_guest web sh -c "busybox ip link set eth0 up; busybox ip route add default via ${gateway%/*}"
sound web
nft 'add table inet deaf; add chain inet deaf in { type filter hook input priority -10; policy accept; icmp type echo-request drop; }'
names gateway "${gateway%/*} does not answer a ping: no answer" web
nft 'flush chain inet deaf in; add rule inet deaf in udp dport 53 drop'
names dns "asked from inside for 'web', ${gateway%/*}: no answer" web
in_guest web sh -c 'cp /etc/resolv.conf /tmp/resolv.conf; : >/etc/resolv.conf'
names dns "names no nameserver" web
in_guest web sh -c 'cat /tmp/resolv.conf >/etc/resolv.conf'
nft delete table inet deaf
sound web

step "the published port: not mapped, mapped elsewhere, no connection, held by somebody else"
breaks "nft delete element inet vmstead_$root_id publish '{ tcp . 8081 }'" mapped "no element for tcp port 8081" web:80
heals web:80
elsewhere="nft 'delete element inet vmstead_$root_id publish { tcp . 8081 }; add element inet vmstead_$root_id publish { tcp . 8081 : 10.89.0.250 . 80 }'"
breaks "$elsewhere" mapped "somewhere else" web:80
heals web:80
nft 'add table inet mute; add chain inet mute out { type filter hook output priority 100; policy accept; tcp dport 80 drop; }'
names connection "127.0.0.1:8081/tcp: Connection timed out" web:80
nft delete table inet mute
pid=$(daemon_pid)
kill -9 "$pid"
gone() { [ ! -d "/proc/$pid" ]; }
eventually 10 gone
socat TCP4-LISTEN:8081,reuseaddr,fork /dev/null &
holder=$!
taken() { ss -Hlnt 'sport = :8081' | grep -q LISTEN; }
eventually 10 taken
names held "8081/tcp is held by the program 'socat' (pid $holder)" web:80
kill "$holder"
wait "$holder" 2>/dev/null || true
check "restart" vmstead daemon --restart
eventually 20 is_sound web:80

check "down" vmstead --progress quiet down
leaves_nothing
step "done"
