# What the tests of network/ share. A test runs in a network and a mount namespace of its own (the
# "host"), with further namespaces as guests and as the world outside; network_driver plays the
# engine. Source it first.
#
#   host            this namespace: 127.0.0.1, and 192.0.2.1 towards the outside
#   outside         a neighbour at 192.0.2.2
#   guests          namespaces named like the services; their eth0 is fed from the endpoint's tap
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DRIVER=${NETWORK_DRIVER:?the program network_driver}

PATIENCE=3 # seconds to wait for an answer

step() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
check_eq() { [ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"; }
check_contains() { case $2 in *"$3"*) ;; *) fail "$1: '$3' is not in: $2" ;; esac; }
refused() { # WHAT COMMAND...: must fail
  local what=$1; shift
  if PATIENCE=1 "$@" >"$TEST_DIR/refused" 2>&1; then fail "$what: came through: $(cat "$TEST_DIR/refused")"; fi
}

start_test() {
  [ "$(id -u)" = 0 ] || { echo "SKIPPED: needs root"; exit 77; }
  if [ -z "${IN_TEST_NETNS-}" ]; then
    export IN_TEST_NETNS=1
    exec unshare --net --mount --fork -- "$0" "$@"
  fi
  TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/vs-network.XXXXXX")
  mount -t tmpfs none "$TEST_DIR" # a hundred databases: a busy disk would be all they measure
  ROOT=$TEST_DIR/root
  trap end_test EXIT
  mkdir -p /run/netns
  mount -t tmpfs none /run/netns
  ip link set lo up
  # IPv4 only: link-local addresses would come and go by themselves
  echo 1 | tee /proc/sys/net/ipv6/conf/{all,default}/disable_ipv6 >/dev/null
  ip netns add outside
  ip link add out0 type veth peer name eth0 netns outside
  ip address add 192.0.2.1/24 dev out0
  ip link set out0 up
  ip -n outside address add 192.0.2.2/24 dev eth0
  ip -n outside link set eth0 up
  ip -n outside link set lo up
  snapshot >"$TEST_DIR/before"
}

end_test() {
  local code=$? name
  set +e
  trap '' PIPE # whoever reads the output may be gone; the clean-up must not
  [ "$code" = 0 ] || { echo "-- links"; ip -br address; echo "-- rules"; nft list ruleset; }
  stop_holding
  stop_host_servers
  for name in $(ip netns list | cut -d' ' -f1); do
    stop_processes "$name"
    ip netns delete "$name"
  done
  umount /run/netns
  cd /
  umount -l "$TEST_DIR"
  rm -rf "$TEST_DIR"
  exit "$code"
}

stop_processes() {
  local pid
  for pid in $(ip netns pids "$1"); do kill -9 "$pid" 2>/dev/null || true; done
}

snapshot() { "$HERE/../../host-state" "$ROOT"; }

leaves_nothing() { # [BEFORE]
  snapshot >"$TEST_DIR/after"
  diff -u "${1:-$TEST_DIR/before}" "$TEST_DIR/after" || fail "something was left behind (see above)"
}

# --- operations: JSON fragments, joined by `plan` --------------------------------------------------

network() { # NAME [EXTRA]
  printf '{"kind":"network","name":"shop_%s","spec":{"project":"shop","key":"%s"%s}}' "$1" "$1" "${2:+,$2}"
}
endpoint() { # SERVICE NETWORK INTERFACE [EXTRA]
  printf '{"kind":"endpoint","name":"shop-%s-1/shop_%s","guest":"%s","spec":{"instance":"shop-%s-1","service":"%s","project":"shop","network":"shop_%s","interface":"%s","tap":true%s}}' \
    "$1" "$2" "$1" "$1" "$1" "$2" "$3" "${4:+,$4}"
}
ports() { # SERVICE PORT...: HOST_IP:PUBLISHED:TARGET:PROTOCOL
  local service=$1 list='' ip published target protocol; shift
  for port in "$@"; do
    IFS=: read -r ip published target protocol <<<"$port"
    list+="${list:+,}{\"host_ip\":\"$ip\",\"published\":$published,\"target\":$target,\"protocol\":\"$protocol\"}"
  done
  printf '{"kind":"ports","name":"shop-%s-1","spec":{"instance":"shop-%s-1","service":"%s","project":"shop","ports":[%s]}}' \
    "$service" "$service" "$service" "$list"
}
removal() { # KIND NAME
  printf '{"verb":"remove","kind":"%s","name":"%s"}' "$1" "$2"
}
down_all() { # SERVICE:NETWORK...: endpoints, their ports and their networks
  local pair list=()
  for pair in "$@"; do
    list+=("$(removal ports "shop-${pair%:*}-1")" "$(removal endpoint "shop-${pair%:*}-1/shop_${pair#*:}")")
  done
  for pair in $(printf '%s\n' "${@#*:}" | sort -u); do list+=("$(removal network "shop_$pair")"); done
  run "$(plan "${list[@]}")" >"$TEST_DIR/removals" || fail "down: $(cat "$TEST_DIR/removals")"
}
bare() { jq -c 'map(del(.guest))' <<<"$1"; } # the plan without anybody at the taps' ends
plan() { local IFS=,; printf '[%s]' "$*"; }
run() { "$DRIVER" "$ROOT" "${@:2}" <<<"$1"; }

# Carries out a plan and gives the guests their addresses, as the agent would.
up() {
  run "$1" >"$TEST_DIR/results" || fail "up: $(cat "$TEST_DIR/results")"
  local line service result interface
  grep '^endpoint ' "$TEST_DIR/results" | while read -r _ name result; do
    service=${name#shop-}; service=${service%%-1/*}
    interface=$(jq -r .interface <<<"$result")
    echo "$(jq -r .address <<<"$result")" >"$TEST_DIR/address.$service.$(jq -r .network <<<"$result")"
    ip -n "$service" link set "$interface" address "$(jq -r .mac <<<"$result")"
    ip -n "$service" address add "$(jq -r '"\(.address)/\(.prefix)"' <<<"$result")" dev "$interface"
    ip -n "$service" link set "$interface" up
    gateway=$(jq -r '.gateway // empty' <<<"$result")
    [ -z "$gateway" ] || ip -n "$service" route add default via "$gateway"
  done
}
address() { cat "$TEST_DIR/address.$1.shop_$2"; }
guests() { local name; for name in "$@"; do ip netns add "$name"; ip -n "$name" link set lo up; done; }

# --- traffic ---------------------------------------------------------------------------------------

# serve NAMESPACE PROTOCOL PORT: answers with its name and who asks.
serve() {
  if [ "$2" = tcp ]; then
    ip netns exec "$1" socat "TCP4-LISTEN:$3,fork,reuseaddr" "SYSTEM:echo $1 \$SOCAT_PEERADDR" >/dev/null 2>&1 &
  else # socat's UDP server loses a question that comes while it forks
    ip netns exec "$1" python3 -c '
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", int(sys.argv[2])))
while True:
    asker = server.recvfrom(100)[1]
    server.sendto(f"{sys.argv[1]} {asker[0]}\n".encode(), asker)' "$1" "$3" &
  fi
  disown
}
serve_here() { # PROTOCOL-ADDRESS: a program of the host itself
  socat "$1,fork,reuseaddr" "SYSTEM:echo host" >/dev/null 2>&1 &
  HOST_SERVERS+=" $!"
  disown
}
HOST_SERVERS=''
stop_host_servers() {
  [ -z "$HOST_SERVERS" ] || { kill -9 $HOST_SERVERS; wait $HOST_SERVERS; } 2>/dev/null || true
  HOST_SERVERS=''
}
in_ns() { if [ "$1" = host ]; then "${@:2}"; else ip netns exec "$@"; fi; }
# ask NAMESPACE tcp|udp ADDRESS PORT
ask() {
  if [ "$2" = tcp ]; then
    in_ns "$1" timeout "$((PATIENCE + 1))" socat -t"$PATIENCE" -T"$PATIENCE" - "TCP4:$3:$4,connect-timeout=1" </dev/null
  else
    echo question | in_ns "$1" timeout "$((PATIENCE + 1))" socat -t"$PATIENCE" -T"$PATIENCE" - "UDP4:$3:$4" | grep .
  fi
}
ping_once() { in_ns "$1" busybox ping -q -c 1 -W 1 "$2"; }
ready() { # NAMESPACE PROTOCOL ADDRESS PORT: waits until it answers
  local i
  for i in $(seq 25); do ask "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  fail "no answer: ask $*"
}

# --- IPv6 ------------------------------------------------------------------------------------------

ipv6_on() { # NAMESPACE LINK ADDRESS
  in_ns "$1" sh -c "echo 0 >/proc/sys/net/ipv6/conf/$2/disable_ipv6"
  in_ns "$1" ip address add "$3" dev "$2" nodad
}
# 2001:db8::1 towards the outside, a neighbour at 2001:db8::2.
ipv6_outside() {
  echo 1 >/proc/sys/net/ipv6/conf/out0/addr_gen_mode # no link-local address, which would come by itself a second later
  ipv6_on host out0 2001:db8::1/64
  ipv6_on outside eth0 2001:db8::2/64
  echo 1 >/proc/sys/net/ipv6/conf/out0/accept_ra
  snapshot >"$TEST_DIR/before"
}
ask6() { in_ns "$1" timeout 4 socat -t3 -T3 - "$2:[$3]:$4${5:+,$5}" </dev/null; }
serve6() { # NAMESPACE PORT
  ip netns exec "$1" socat "TCP6-LISTEN:$2,fork,reuseaddr,ipv6only=1" "SYSTEM:echo $1 \$SOCAT_PEERADDR" >/dev/null 2>&1 &
  disown
}
ready6() { local i; for i in $(seq 25); do ask6 "$1" TCP6 "$2" "$3" >/dev/null 2>&1 && return; sleep 0.1; done; fail "no answer: $*"; }
ping6() { in_ns "$1" busybox ping -6 -q -c 1 -W 1 "$2" >/dev/null; }

# What the agent does with the second family of the result.
up6() {
  up "$1"
  grep '^endpoint ' "$TEST_DIR/results" | while read -r _ name result; do
    service=${name#shop-}; service=${service%%-1/*}
    interface=$(jq -r .interface <<<"$result")
    ipv6_on "$service" "$interface" "$(jq -r '"\(.address6)/\(.prefix6)"' <<<"$result")"
    gateway=$(jq -r '.gateway6 // empty' <<<"$result")
    [ -z "$gateway" ] || ip -n "$service" -6 route add default via "$gateway" dev "$interface"
    jq -r .address6 <<<"$result" >"$TEST_DIR/address6.$service"
  done
}
six() { cat "$TEST_DIR/address6.$1"; }
result() { sed -n "s#^$1 ##p" "$TEST_DIR/results" | jq -r "$2"; } # "KIND NAME" FILTER

# Ports stay held by a driver that goes on.
HOLDER=''
hold() {
  coproc HOLD { exec "$DRIVER" "$ROOT" --stay <<<"$1"; }
  HOLDER=$HOLD_PID
  local line
  while read -r -t 10 line <&"${HOLD[0]}"; do [ "$line" != ready ] || return 0; done
  fail "the driver does not hold"
}
stop_holding() {
  [ -z "$HOLDER" ] || { kill -9 "$HOLDER"; wait "$HOLDER" 2>/dev/null || true; HOLDER=''; }
}
