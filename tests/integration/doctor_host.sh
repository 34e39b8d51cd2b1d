#!/usr/bin/env bash
# `vmstead doctor`: every check of the host, broken and mended again by the very command that it names. No VMs but the one
# that proves KVM.
source "$(dirname "$0")/lib.sh"
start_test doctor-host
export VMSTEAD_ACCEL=tcg

# doctor COMMAND...: what it prints as JSON, in $report, its exit status in $status; the command runs in between.
report= status=
doctor() { status=0; report=$("$@" "$VMSTEAD" doctor --format json) || status=$?; }
field() { jq -r --arg check "$1" --arg field "$2" '.checks[] | select(.check == $check)[$field]' <<<"$report"; }
finds() { # CHECK STATUS TEXT
  check_eq "$1" "$(field "$1" status)" "$2"
  check_contains "evidence of $1" "$(field "$1" evidence)" "$3"
}
mend() { eval "$(field "$1" remedy)" >/dev/null || fail "the remedy of $1 fails: $(field "$1" remedy)"; }

step "a host that has nothing of it: no error, and no daemon is started"
doctor env
check_eq "exit status" "$status" 0
check_eq "healthy" "$(jq .healthy <<<"$report")" true
check_eq "checks" "$(jq -r '[.checks[].check] | join(" ")' <<<"$report")" \
  "daemon privileges kernel nftables firewalls forwarding br_netfilter subnets resolvers dns-port space open-files memory qemu guest-kernel programs acceleration"
finds daemon ok "none runs"
finds kernel ok "tried in a namespace"
finds qemu ok "QEMU emulator version"
check_eq "no daemon" "$(daemon_pid)" ""
check_eq "no link was left" "$(ip -o link | wc -l)" 1
check_eq "no table was left" "$(nft list tables)" ""

step "text: one line each"
text=$(vmstead doctor)
check_eq "lines" "$(wc -l <<<"$text")" 17
check_contains "a line" "$text" "ok       nftables        answers"

step "acceleration by proof: a boot, remembered"
finds acceleration ok "VMSTEAD_ACCEL"
doctor env -u VMSTEAD_ACCEL
verdict=$(field acceleration status)
case $verdict in ok) finds acceleration ok "boots under it" ;; *) finds acceleration warning "TCG" ;; esac
if [ -e /dev/kvm ]; then
  check_eq "remembered" "$(jq -r .verdict "$VMSTEAD_ROOT/cache/acceleration.json")" \
    "$([ "$verdict" = ok ] && echo kvm || echo tcg)"
fi
check_eq "nothing of the probe is left" "$(ls "$VMSTEAD_ROOT/run")" ""

step "privileges"
doctor setpriv --inh-caps=-all --bounding-set=-net_admin,-sys_admin
check_eq "exit status" "$status" 1
finds privileges error "without CAP_NET_ADMIN"
finds kernel skipped "no network namespace"

step "a program is missing"
mkdir "$TEST_DIR/bin"
for program in /usr/bin/* /usr/sbin/*; do
  case ${program##*/} in qemu-system-x86_64 | mke2fs | skopeo) ;; *) ln -sf "$program" "$TEST_DIR/bin/" ;; esac
done
doctor env PATH="$TEST_DIR/bin"
check_eq "exit status" "$status" 1
finds qemu error "not installed"
finds programs error "'mke2fs'"
check_eq "its package" "$(field programs remedy)" "apt-get install e2fsprogs skopeo"
finds acceleration skipped "no QEMU"
doctor env VMSTEAD_KERNEL="$TEST_DIR/no-kernel"
finds guest-kernel error "no-kernel"

step "firewalls of others: named, and the command that helps does"
nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
doctor env
check_eq "exit status" "$status" 1
finds firewalls error "'ip filter FORWARD' drops what the VMs send and get"
mend firewalls
doctor env
finds firewalls ok "nobody"
nft 'flush chain ip filter FORWARD; add chain ip filter DOCKER'
doctor env
finds firewalls error "of Docker"
nft 'add chain ip filter DOCKER-USER'
doctor env
finds firewalls ok "DOCKER-USER"
nft 'delete table ip filter; add table ip filter; add chain ip filter ufw-user-forward
  add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
doctor env
finds firewalls error "'ip filter FORWARD' of ufw"
check_contains "ufw's command" "$(field firewalls remedy)" "ufw route allow in on vs"
nft 'delete table ip filter; add table inet firewalld
  add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }'
doctor env
finds firewalls error "of firewalld"
check_contains "firewalld's command" "$(field firewalls remedy)" "firewall-cmd --permanent --zone=trusted --add-interface=vs"
nft 'delete table inet firewalld; add table inet strict; add chain inet strict fence { type filter hook input priority 5; policy drop; }'
doctor env
finds firewalls warning "their questions to our DNS"
mend firewalls
doctor env
finds firewalls ok "nobody"
nft delete table inet strict

step "subnets: routes that overlap are named"
ip link add v0 type veth peer name v1
ip link set v0 up
ip link set v1 up
ip addr add 10.89.3.1/24 dev v0
doctor env
finds subnets ok "10.89.3.0/24 on 'v0'"
ip route add 10.89.0.0/16 dev v0
doctor env
check_eq "exit status" "$status" 1
finds subnets error "10.89.0.0/16 on 'v0'"
ip route del 10.89.0.0/16 dev v0
ip addr add 10.88.7.1/24 dev v0
doctor env
finds subnets warning "10.88.7.0/24 on 'v0'"
ip link del v0

step "resolvers: who answers and who does not"
cat >"$TEST_DIR/answer.py" <<'TEXT'
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.77", 53))
print("ready", flush=True)
while True:
    question, asker = server.recvfrom(512)
    server.sendto(question[:2] + b"\x81\x85" + question[4:], asker)
TEXT
python3 "$TEST_DIR/answer.py" >"$TEST_DIR/ready" &
resolver=$!
eventually 10 grep -q ready "$TEST_DIR/ready"
with_resolvers() { # FILE COMMAND...
  local file=$1; shift
  unshare --mount sh -c 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"' sh "$file" "$@"
}
printf 'nameserver 127.0.0.77\n' >"$TEST_DIR/resolv.conf"
doctor with_resolvers "$TEST_DIR/resolv.conf"
finds resolvers ok "'127.0.0.77' ("
printf 'nameserver 127.0.0.77\nnameserver 127.0.0.78\n' >"$TEST_DIR/resolv.conf"
doctor with_resolvers "$TEST_DIR/resolv.conf"
finds resolvers warning "no answer within a second from '127.0.0.78'"
: >"$TEST_DIR/resolv.conf"
doctor with_resolvers "$TEST_DIR/resolv.conf"
finds resolvers warning "names no nameserver"
kill "$resolver"
wait "$resolver" 2>/dev/null || true

step "port 53: whoever holds it everywhere is named"
for listen in UDP4-LISTEN TCP4-LISTEN; do
  socat "$listen:53,reuseaddr" /dev/null &
  holder=$!
  held() { ss -Hlntu 'sport = :53' | grep -q '0.0.0.0:53'; }
  eventually 10 held
  doctor env
  check_eq "exit status" "$status" 1
  finds dns-port error "held by the program 'socat' (pid $holder)"
  kill "$holder"
  wait "$holder" 2>/dev/null || true
done

step "space, open files"
mkdir "$TEST_DIR/small"
small_disk() { unshare --mount sh -c 'mount -t tmpfs -o size=64m small "$1" && VMSTEAD_ROOT=$1 && shift && exec "$@"' sh "$TEST_DIR/small" "$@"; }
doctor small_disk
check_eq "exit status" "$status" 1
finds space error "64 MiB"
few_files() { (ulimit -n 2000; "$@"); }
doctor few_files
finds open-files warning "2000 files"

step "with a daemon and a network: its version, and the settings of the kernel that it needs"
start_daemon() {
  "$1" daemon 2>/dev/null &
  has_daemon() { [ -n "$(daemon_pid)" ]; }
  eventually 10 has_daemon
}
start_daemon "$VMSTEAD"
doctor env
finds daemon ok "runs (pid $(daemon_pid))"
bridge=vs$(jq -r .root_id "$VMSTEAD_ROOT/run/daemon.json")-br0
ip link add "$bridge" type bridge
ip addr add 10.89.0.1/24 dev "$bridge"
echo 0 >/proc/sys/net/ipv4/ip_forward
doctor env
check_eq "exit status" "$status" 1
finds forwarding error "published ports"
mend forwarding
doctor env
finds forwarding ok "is 1"
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then
  echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
  doctor env
  finds br_netfilter error "published ports of its own network"
  mend br_netfilter
  doctor env
  finds br_netfilter ok "is 0"
  echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
fi
finds subnets ok "no route overlaps"
finds dns-port ok "(1 there now)"
socat UDP4-LISTEN:53,bind=10.89.0.1 /dev/null &
holder=$!
held() { ss -Hlnu 'sport = :53' | grep -q '10.89.0.1:53'; }
eventually 10 held
doctor env
finds dns-port error "of 10.89.0.1 is held by the program 'socat'"
kill "$holder"
wait "$holder" 2>/dev/null || true
ip link del "$bridge"
echo 0 >/proc/sys/net/ipv4/ip_forward

step "a newer daemon, and one of another namespace"
newer=$BUILD_DIR/other-version/vmstead
check_contains "we are newer" "$("$newer" doctor --format json | jq -r '.checks[0].evidence')" "the next command replaces it by 0.10.0"
doctor unshare --net
finds daemon warning "another network namespace"
check_eq "the way to it" "$(field daemon remedy)" "nsenter -t $(daemon_pid) -n vmstead doctor"
end_daemon() {
  local pid; pid=$(daemon_pid)
  kill "$pid"
  ended() { [ ! -d "/proc/$pid" ]; }
  eventually 10 ended
}
end_daemon
start_daemon "$newer"
doctor env
check_eq "exit status" "$status" 1
finds daemon error "newer than this program's"
end_daemon

leaves_nothing
step "done"
