#!/usr/bin/env bash
# The driver is killed after each of its writes to the store, on the way up and on the way down. What
# is done next (the same again, or down) completes, and down leaves nothing.
source "$(dirname "$0")/common.sh"
start_test "$@"

UP=$(bare "$(plan "$(network front)" "$(network back '"internal":true')" \
  "$(endpoint web front eth0)" "$(endpoint web back eth1)" "$(endpoint db back eth0)" \
  "$(ports web :8080:80:tcp :0:53:udp)")")
DOWN=$(plan "$(removal ports shop-web-1)" "$(removal endpoint shop-web-1/shop_front)" \
  "$(removal endpoint shop-web-1/shop_back)" "$(removal endpoint shop-db-1/shop_back)" \
  "$(removal network shop_front)" "$(removal network shop_back)")

must_run() { run "$1" >"$TEST_DIR/results" 2>&1 || fail "$2: $(cat "$TEST_DIR/results")"; }
# Killed at write N: 0; came to its end: 1.
killed_at() {
  local code=0
  VMSTEAD_FAULT=journal:$2 run "$1" >"$TEST_DIR/results" 2>&1 || code=$?
  case $code in
  137) return 0 ;;
  0) return 1 ;;
  *) fail "write $2: exit status $code: $(cat "$TEST_DIR/results")" ;;
  esac
}
is_complete() {
  check_eq "$1: bridges" "$(ip -br link show type bridge | wc -l)" 2
  check_eq "$1: addresses" "$(ip -4 -br address show type bridge | grep -c 10.89)" 2
  check_eq "$1: published" "$(nft list ruleset | grep -c 'comment "shop shop-web-1" :')" 2
  check_eq "$1: guarded cards" "$(nft list ruleset | grep -c 'comment "shop-.*-1/shop_')" 6
}

step "up, killed at each write, then up"
for ((n = 1; n < 100; n++)); do
  killed_at "$UP" "$n" || break
  must_run "$UP" "up after write $n"
  is_complete "up after write $n"
  must_run "$DOWN" "down after write $n"
  leaves_nothing
done
[ "$n" -gt 10 ] || fail "only $n writes were seen"
must_run "$DOWN" "down"
leaves_nothing
writes=$n

step "up, killed at each write, then down ($((writes - 1)) writes)"
for ((n = 1; n < writes; n++)); do
  killed_at "$UP" "$n" || fail "write $n did not come again"
  must_run "$DOWN" "down after write $n of up"
  leaves_nothing
done

step "down, killed at each write, then down or up"
for ((n = 1; n < 100; n++)); do
  must_run "$UP" "up"
  killed_at "$DOWN" "$n" || break
  if ((n % 2)); then
    must_run "$UP" "up after write $n of down"
    is_complete "up after write $n of down"
  fi
  must_run "$DOWN" "down after write $n of down"
  leaves_nothing
done
[ "$n" -gt 10 ] || fail "only $n writes were seen"

step "bridges and rules are found again without the state"
must_run "$UP" "up"
rm -rf "$ROOT/state"
must_run '[]' "adoption without state"
check_eq "links" "$(ip -br link show type bridge | wc -l)" 0
check_eq "rules" "$(nft list ruleset | wc -l)" 0

step "what is missing is built again"
must_run "$UP" "up"
ip link delete "$(ip -br link show type bridge | awk 'NR==1 {print $1}')"
nft flush ruleset
must_run '[]' "adoption"
is_complete "adoption"
must_run "$DOWN" "down"

step "not in another namespace"
must_run "$UP" "up"
check_eq "nothing is built there" "$(unshare -n sh -c '"$1" "$2" <<X
[]
X
ip -br link | wc -l' sh "$DRIVER" "$ROOT")" 1
is_complete "and here all is as it was"
must_run "$DOWN" "down"
echo "all passed"
