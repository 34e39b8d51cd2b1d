#!/usr/bin/env bash
# What the Compose network section says of addresses and names, seen from inside of real VMs.
source "$(dirname "$0")/lib.sh"
start_test addresses
mkdir -p "$TEST_DIR/stack" && cd "$TEST_DIR/stack"
{
  echo "name: addr"
  guest_part
  cat <<'Y'
  one:
    <<: *guest
    command: [busybox, httpd, -f, -p, "80", -h, /srv]
    hostname: first
    domainname: example.test
    extra_hosts: {db.local: 192.0.2.7, six.local: "fd99::7", host.local: host-gateway}
    dns_search: [example.test, corp.test]
    dns_opt: ["ndots:2", "timeout:1"]
    sysctls: {net.core.somaxconn: 99, net/ipv4/ip_local_port_range: "2000 3000", net.ipv4.conf.lan0.rp_filter: 2}
    ports: ["8090:80"]
    dns: [127.0.0.9]
    links: ["two:friend"]
    external_links: ["addr-two-1:outsider"]
    networks:
      wide:
        ipv4_address: 10.77.0.10
        ipv6_address: fd77::10
        mac_address: "02:77:00:00:00:10"
        interface_name: lan0
        link_local_ips: [169.254.7.7, "fe80::77"]
      other: {gw_priority: 7}
  two:
    <<: *guest
    command: [sleep, infinity]
    mac_address: "02:77:00:00:00:22"
    scale: 1
    networks: [wide]
networks:
  wide:
    driver_opts: {com.docker.network.bridge.name: br-wide, com.docker.network.driver.mtu: "1400"}
    labels: {tier: front}
    ipam:
      config:
        - {subnet: 10.77.0.0/16, gateway: 10.77.0.254, ip_range: 10.77.5.4/30, aux_addresses: {a: 10.77.5.4, b: 10.77.5.5, c: 10.77.5.6}}
        - {subnet: "fd77::/64", gateway: "fd77::fe"}
  other: {enable_ipv6: true}
Y
} >compose.yaml
check "config says nothing" test -z "$(vmstead config -q 2>&1)"
check "up" vmstead --progress quiet up -d
in_one() { vmstead exec -T one busybox sh -c "$1"; }
in_two() { vmstead exec -T two busybox sh -c "$1"; }

step "interfaces: name, MAC, both addresses, link-local ones, MTU"
lan=$(in_one "ip address show lan0")
for part in "mtu 1400" "02:77:00:00:00:10" "inet 10.77.0.10/16" "inet6 fd77::10/64" "inet 169.254.7.7/16" "inet6 fe80::77/64"; do
  check_contains "lan0" "$lan" "$part"
done
check_contains "the bridge has the name and MTU of the file" "$(ip -d link show br-wide)" "mtu 1400"
check_contains "its gateway" "$(ip address show br-wide)" "10.77.0.254/16"
check_contains "its second gateway" "$(ip address show br-wide)" "fd77::fe/64"
check_contains "the service's MAC address" "$(in_two "ip link show eth0")" "02:77:00:00:00:22"
check_contains "from the range, around what is kept free" "$(in_two "ip address show eth0")" "inet 10.77.5.7/16"

step "the default routes go where gw_priority says"
other=$(ip -4 -o address show | awk '/10\.89\./ {split($4, a, "/"); print a[1]; exit}')
check_contains "IPv4" "$(in_one "ip route show default")" "via $other dev eth1"
check_contains "IPv6" "$(in_one "ip -6 route show default")" "dev eth1"
check_contains "with one network, its own" "$(in_two "ip -6 route show default")" "via fd77::fe dev eth0"

step "names: hosts, resolver, host and domain name"
hosts=$(in_one "cat /etc/hosts")
for line in "192.0.2.7 db.local" "fd99::7 six.local" "10.77.0.254 host.local" "10.77.0.10 first.example.test first addr-one-1" "fd77::10 first.example.test first addr-one-1"; do
  check_contains "/etc/hosts" "$hosts" "$line"
done
check_contains "search" "$(in_one "cat /etc/resolv.conf")" "search example.test corp.test"
check_contains "options" "$(in_one "cat /etc/resolv.conf")" "options ndots:2 timeout:1"
check_eq "host name" "$(in_one hostname)" first
check_eq "domain name" "$(in_one "cat /proc/sys/kernel/domainname")" example.test

step "links, and nameservers of one's own"
python3 "$SOURCE_DIR/tests/integration/dns_upstream.py" 127.0.0.9 plain >"$TEST_DIR/asked" 2>&1 &
nameserver=$!
listens() { ss -Hlnu src 127.0.0.9 | grep -q :53; }
eventually 10 listens
two=$(vmstead ps --format json | jq -r 'select(.Service == "two") | .IP' | cut -d, -f1)
resolve() { vmstead exec -T "$1" busybox nslookup -type=a "$2." 2>&1 | sed -n '/^Name/,$ s/^Address: //p' | head -1; }
check_eq "a link" "$(resolve one friend)" "$two"
check_eq "a link to an instance by its name" "$(resolve one outsider)" "$two"
check_eq "which nobody else knows" "$(resolve two friend)" ""
check_eq "services all the same" "$(resolve one two)" "$two"
check_eq "its own nameserver" "$(resolve one elsewhere.test)" 192.0.2.7
check_eq "which others are not asked" "$(resolve two elsewhere.test)" ""
check_contains "really asked" "$(cat "$TEST_DIR/asked")" elsewhere.test
kill "$nameserver"; wait "$nameserver" || true

step "kernel parameters"
check_eq "dotted" "$(in_one "cat /proc/sys/net/core/somaxconn")" 99
check_eq "with slashes" "$(in_one "cat /proc/sys/net/ipv4/ip_local_port_range" | tr '\t' ' ')" "2000 3000"
check_eq "of an interface" "$(in_one "cat /proc/sys/net/ipv4/conf/lan0/rp_filter")" 2

step "packets: IPv6 among VMs and from the host"
check "ping" vmstead exec -T two busybox ping -6 -q -c 1 -W 5 fd77::10
check_eq "HTTP" "$(in_two "wget -q -O - http://[fd77::10]/")" "it works"
check_eq "published, by the host's own IPv6 address" "$(curl -sf --max-time 5 "http://[fd77::fe]:8090/")" "it works"

step "a second up changes nothing; what the file changes is made anew"
id() { vmstead ps --format json | jq -r "select(.Service == \"$1\") | .ID"; }
one=$(id one) two=$(id two)
check "again" vmstead --progress quiet up -d
check_eq "the same VM" "$(id one)" "$one"
sed -i 's/ip_range: 10.77.5.4/ip_range: 10.77.6.4/; s/10\.77\.5\.[456]/10.77.6.4/' compose.yaml
sed -i 's/, b: 10.77.6.4, c: 10.77.6.4//' compose.yaml
check "another range" vmstead --progress quiet up -d
check_contains "from the new range" "$(in_two "ip address show eth0")" "inet 10.77.6."

step "a parameter that the kernel does not know is one clear error"
vmstead --progress quiet down
sed -i 's/net.core.somaxconn: 99/net.core.nonsense: 1/' compose.yaml
if vmstead --progress quiet up -d >"$TEST_DIR/out" 2>&1; then fail "nonsense came up"; fi
check_contains "what and why" "$(cat "$TEST_DIR/out")" 'cannot set the sysctl "net.core.nonsense": the guest'"'"'s kernel has no such parameter'
check "down" vmstead --progress quiet down
leaves_nothing
