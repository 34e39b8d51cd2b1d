#!/usr/bin/env bash
# The host's programs find the VMs through a real systemd-resolved: settings of each bridge, undone with it.
source "$(dirname "$0")/lib.sh"
source "$(dirname "$0")/resolved_host.sh"
resolved_prepare
resolved_enter
command -v dbus-daemon >/dev/null || skip "dbus-daemon is not installed"
start_test resolved
driver=$BUILD_DIR/tests/integration/dns_driver
# Bridges as network/ makes them; a port that is up gives a carrier, as a VM does.
make_bridge() {
  ip link add "$1" type bridge
  ip link add "$1-guest" type veth peer name "$1-port"
  ip link set "$1-port" master "$1" up
  ip link set "$1-guest" up
  ip link set "$1" up
  ip address add "$2" dev "$1"
}
make_bridge front0 10.77.1.1/24
make_bridge back0 10.77.2.1/24
ip address add fd77:1::1/64 dev front0 nodad
: >"$TEST_DIR/resolv.conf"
mkfifo "$TEST_DIR/stop"
start_driver() {
  "$driver" "$TEST_DIR/resolv.conf" <"$TEST_DIR/stop" >"$TEST_DIR/driver" 2>"$TEST_DIR/log" &
  server=$!
  exec 9>"$TEST_DIR/stop"
  eventually 10 grep -q ready "$TEST_DIR/driver"
}
stop_driver() { exec 9>&-; check "the server ends cleanly" wait "$server"; }

step "without a bus nothing is said, and nothing fails"
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere
start_driver
check_eq "names" "$(dig +short @127.0.0.1 -p 41003 web.shop.vm)" 10.77.1.2
stop_driver
check_eq "the log" "$(cat "$TEST_DIR/log")" ""

step "with a resolved"
resolved_start
settings() { for what in dns domain default-route dnssec dnsovertls; do resolvectl "$what"; done; }
settings >"$TEST_DIR/before.status"
start_driver
domains() { resolvectl domain "$1" | xargs | sed 's|.*): *||; s|.*):$||'; }
knows() { [ -n "$(domains "$1")" ]; }
eventually 10 knows back0
check_eq "domains" "$(domains front0)" "~vm ~shop.vm ~1.77.10.in-addr.arpa ~0.0.0.0.0.0.0.0.1.0.0.0.7.7.d.f.ip6.arpa"
check_contains "servers" "$(resolvectl dns front0)" "10.77.1.1 fd77:1::1"
check_contains "nothing else is asked there" "$(resolvectl default-route front0)" ": no"
check_contains "unsigned" "$(resolvectl dnssec front0)" ": no"

step "programs of the host find the VMs"
ask() { dig +tries=1 +time=3 @127.0.0.53 "$@"; }
check_eq "by service" "$(ask +short web.shop.vm)" 10.77.1.2
check_eq "AAAA" "$(ask +short web.shop.vm AAAA)" fd77:1::2
check_eq "by instance, on another network" "$(ask +short shop-cache-1.vm)" 10.77.2.2
check_eq "by address" "$(ask +short -x 10.77.2.2)" shop-cache-1.vm.
check_eq "by IPv6 address" "$(ask +short -x fd77:1::2)" shop-web-1.vm.
check_contains "nobody" "$(ask nobody.vm)" NXDOMAIN
check_contains "resolvectl query" "$(resolvectl query web.shop.vm)" "10.77.1.2"

step "it is not us that is asked for the rest"
printf 'nameserver 127.0.0.53\n' >"$TEST_DIR/resolv.new"
mv "$TEST_DIR/resolv.new" "$TEST_DIR/resolv.conf"
check_contains "no loop" "$(dig +tries=1 +time=4 @10.77.1.1 nobody.example.org)" SERVFAIL

step "undone when the network goes"
echo remove front >&9
forgotten() { ! knows front0; }
eventually 10 forgotten
check_eq "no server" "$(resolvectl dns front0 | sed 's/.*): *//; s/.*):$//')" ""
check_eq "the other one is still there" "$(ask +short shop-cache-1.vm)" 10.77.2.2
echo remove back >&9
forgotten() { ! knows back0; }
eventually 10 forgotten
settings >"$TEST_DIR/after.status"
check "as before" diff -u "$TEST_DIR/before.status" "$TEST_DIR/after.status"
stop_driver
check_eq "the log" "$(grep -v loop "$TEST_DIR/log")" ""
