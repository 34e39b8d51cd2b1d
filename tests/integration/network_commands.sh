#!/usr/bin/env bash
# `vmstead network`: made by hand, joined by a project, shown, removed; bad input is one clear error.
source "$(dirname "$0")/lib.sh"
start_test network_commands
mkdir -p "$TEST_DIR/stack" && cd "$TEST_DIR/stack"
refused() { # WHAT TEXT COMMAND...
  local what=$1 text=$2; shift 2
  if "$@" >"$TEST_DIR/out" 2>&1; then fail "$what: accepted"; fi
  check_contains "$what" "$(cat "$TEST_DIR/out")" "$text"
  check_eq "$what: one line" "$(wc -l <"$TEST_DIR/out")" 1
}

step "without a daemon"
check_eq "ls" "$(vmstead network ls)" "NETWORK ID   NAME      DRIVER    SCOPE"
refused "inspect" "no such network: lab" vmstead network inspect lab
check "rm -f" vmstead network rm -f lab

step "create"
id=$(vmstead network create --subnet 10.20.0.0/16 --gateway 10.20.0.9 --ip-range 10.20.1.0/30 --aux-address printer=10.20.1.1 \
  --subnet fd20::/64 --label tier=lab -o com.docker.network.bridge.name=br-lab --opt com.docker.network.driver.mtu=1400 lab)
check_eq "an ID" "${#id}" 64
check_contains "the bridge is there" "$(ip -d address show br-lab)" "10.20.0.9/16"
check_contains "its MTU" "$(ip link show br-lab)" "mtu 1400"
ula=$(vmstead network create --ipv6 --internal other)
refused "twice" "a network with the name 'lab' exists already" vmstead network create lab
refused "overlap" "overlaps network 'lab' (10.20.0.0/16)" vmstead network create --subnet 10.20.7.0/24 x
refused "host bits" "'10.30.0.1/16' is not an IPv4 subnet" vmstead network create --subnet 10.30.0.1/16 x
refused "too small" "must have a prefix between /8 and /30" vmstead network create --subnet 10.30.0.0/31 x
refused "gateway outside" "the gateway '10.31.0.1' is not an address within its subnet '10.30.0.0/24'" \
  vmstead network create --subnet 10.30.0.0/24 --gateway 10.31.0.1 x
refused "gateway alone" "'--gateway 10.31.0.1' needs a subnet beside it" vmstead network create --gateway 10.31.0.1 x
refused "two of a family" "a network has one subnet of IPv4" vmstead network create --subnet 10.30.0.0/24 --subnet 10.31.0.0/24 x
refused "driver" "there is no driver 'overlay'" vmstead network create -d overlay x
refused "name" "invalid network name" vmstead network create -- -x
refused "the link of somebody else" "exists and is not vmstead's" vmstead network create -o com.docker.network.bridge.name=lo x
refused "filter" "invalid filter 'nonsense=1'" vmstead network ls --filter nonsense=1
check_eq "nothing of it stayed" "$(vmstead network ls --format json | jq -r .Name | sort | xargs)" "lab other"

step "a project joins it"
{
  echo "name: hand"
  guest_part
  cat <<'Y'
  one:
    <<: *guest
    command: [sleep, infinity]
    networks: {lab: {ipv4_address: 10.20.0.77}, default: {}}
  two:
    <<: *guest
    command: [sleep, infinity]
    networks: [lab]
networks:
  lab: {external: true}
Y
} >compose.yaml
check "up" vmstead --progress quiet up -d
check "packets" vmstead exec -T two busybox ping -q -c 1 -W 5 10.20.0.77
inspected=$(vmstead network inspect lab)
value() { jq -r ".[0]$1" <<<"$inspected"; }
check_eq "members" "$(value '.Containers[].Name' | sort | xargs)" "hand-one-1 hand-two-1"
check_eq "their addresses" "$(value '.Containers[] | select(.Name == "hand-one-1") | .IPv4Address')" 10.20.0.77/16
check_contains "from the range" "$(value '.Containers[] | select(.Name == "hand-two-1") | .IPv4Address')" "10.20.1."
check_eq "IPAM" "$(value '.IPAM.Config[0] | "\(.Subnet) \(.Gateway) \(.IPRange) \(.AuxiliaryAddresses.printer)"')" "10.20.0.0/16 10.20.0.9 10.20.1.0/30 10.20.1.1"
check_eq "taken" "$(value '.Status.IPAM.Subnets["10.20.0.0/16"].IPsInUse')" 2
check_eq "left: four, less the kept one and the VM's" "$(value '.Status.IPAM.Subnets["10.20.0.0/16"].DynamicIPsAvailable')" 2
check_eq "labels" "$(value .Labels.tier)" lab
check_eq "by the beginning of its ID" "$(vmstead network inspect "${id:0:8}" | jq -r '.[0].Name')" lab
check_eq "filters" "$(vmstead network ls --filter label=com.docker.compose.project=hand --format json | jq -r .Name)" hand_default
check_eq "dangling" "$(vmstead network ls -q --no-trunc --filter dangling=true)" "$ula"
refused "in use" "the network 'lab' is still used by 'hand-one-1', 'hand-two-1'" vmstead network rm lab

step "a project may not take one that was made by hand for its own"
sed 's/external: true/name: lab/; s/^name: hand/name: thief/; s/{ipv4_address: 10.20.0.77}/{}/' compose.yaml >thief.yaml
if vmstead -f thief.yaml --progress quiet up -d >"$TEST_DIR/out" 2>&1; then fail "taken"; fi
check_contains "who and what to do" "$(cat "$TEST_DIR/out")" "the network 'lab' was not made for project 'thief': declare it external to use it"

step "down leaves it; the daemon's death, too"
check "down" vmstead --progress quiet down
check_eq "still there" "$(vmstead network ls --format json | jq -r .Name | sort | xargs)" "lab other"
kill -9 "$(daemon_pid)"
check_eq "still there" "$(vmstead network ls --format json | jq -r .Name | sort | xargs)" "lab other"
check_contains "and its bridge" "$(ip address show br-lab)" "10.20.0.9/16"

step "rm and prune"
check_eq "rm prints" "$(vmstead network rm lab)" lab
refused "gone" "no such network: lab" vmstead network rm lab
check_eq "prune" "$(vmstead network prune -f)" "$(printf 'Deleted Networks:\nother')"
check_eq "nothing left" "$(vmstead network ls -q)" ""
leaves_nothing
