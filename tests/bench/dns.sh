# The figure `dns` of tests/bench/run (sourced by it): the DNS server alone, by its driver, against dnsmasq with the
# same 50 names, asked by the same dnsperf in turns. Both answer A questions from memory; nothing goes upstream.
readonly DNS_SECONDS=${DNS_SECONDS:-3} DNS_ROUNDS=${DNS_ROUNDS:-5} DNS_NAMES=50

dns_start() {
  ip address add 10.77.1.1/32 dev lo
  ip address add 10.77.2.1/32 dev lo
  ip address add 10.77.3.1/32 dev lo
  ip address add fd77:1::1/128 dev lo
  local i
  for ((i = 1; i <= DNS_NAMES; i++)); do
    echo "10.77.1.$((99 + i)) shop-many-$i" >>"$TEST_DIR/dns.hosts"
    echo "shop-many-$i A" >>"$TEST_DIR/dns.questions"
  done
  : >"$TEST_DIR/dns.resolv"
  mkfifo "$TEST_DIR/dns.stop"
  "$BUILD_DIR/tests/integration/dns_driver" "$TEST_DIR/dns.resolv" <"$TEST_DIR/dns.stop" >"$TEST_DIR/dns.driver" &
  dns_pids=($!)
  exec 8>"$TEST_DIR/dns.stop"
  dnsmasq --keep-in-foreground --conf-file=/dev/null --no-hosts --no-resolv --no-daemon --bind-interfaces \
    --listen-address=10.77.3.1 --addn-hosts="$TEST_DIR/dns.hosts" --user=root --pid-file= >/dev/null 2>&1 8>&- &
  dns_pids+=($!)
  eventually 10 dns_answers 10.77.1.1
  eventually 10 dns_answers 10.77.3.1
}
dns_answers() { [ "$(dig +short +tries=1 +time=1 "@$1" "shop-many-$DNS_NAMES")" = "10.77.1.$((99 + DNS_NAMES))" ]; }
dns_stop() {
  exec 8>&-
  kill "${dns_pids[1]}"
  wait "${dns_pids[@]}" || true
}

# dns_rate SERVER: questions answered a second, 0 where one got no answer or a wrong one.
dns_rate() {
  dnsperf -s "$1" -d "$TEST_DIR/dns.questions" -c 4 -T 4 -l "$DNS_SECONDS" >"$TEST_DIR/dns.out" 2>&1
  awk '/Queries completed/ { whole = index($0, "(100.00%)") } /Response codes/ { good = index($0, "(100.00%)") }
       /Queries per second/ { print whole && good ? int($4) : 0 }' "$TEST_DIR/dns.out"
}

# dns_p99 SERVER: of 1,000 questions a second, the 99th percentile of what the answers took, in milliseconds.
dns_p99() {
  dnsperf -s "$1" -d "$TEST_DIR/dns.questions" -c 4 -l "$DNS_SECONDS" -Q 1000 -v 2>&1 | awk '/^> / { print $NF }' | sort -n |
    awk '{ v[NR] = $1 } END { printf "%.3f\n", v[int(NR * 0.99)] * 1000 }'
}

figure_dns() {
  command -v dnsperf >/dev/null && command -v dnsmasq >/dev/null || { note "dns: dnsperf or dnsmasq is not installed"; return; }
  local i ours theirs ratios=() rates=()
  dns_start
  for ((i = 0; i < DNS_ROUNDS; i++)); do
    note "dns: round $((i + 1)) of $DNS_ROUNDS"
    theirs=$(dns_rate 10.77.3.1)
    ours=$(dns_rate 10.77.1.1)
    ratios+=("$(calc "%.2f" "$ours / $theirs")"); rates+=("$ours/$theirs")
  done
  row "DNS: questions/s against dnsmasq" "$(printf '%s\n' "${ratios[@]}" | median)" ">= 2" \
    "dnsperf, 4 clients with a thread each, $DNS_NAMES names, median of $DNS_ROUNDS by turns; ours/dnsmasq: ${rates[*]}"
  row "DNS: p99 at 1,000 questions/s" "$(dns_p99 10.77.1.1) ms" "<= 1 ms" "the same names; dnsmasq: $(dns_p99 10.77.3.1) ms"
  dns_stop
}
