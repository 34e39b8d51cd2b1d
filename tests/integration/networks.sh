#!/usr/bin/env bash
# Ports and names between real VMs and the host.
source "$(dirname "$0")/lib.sh"
start_test networks
cd "$SOURCE_DIR/testdata/stacks/tiny"
check "up" vmstead --progress quiet up -d

get() { curl -sf --max-time 5 --retry 20 --retry-delay 1 --retry-all-errors "$1"; }
address() { vmstead ps --format json | jq -r "select(.Service == \"$1\") | .IP" | cut -d, -f1; }
server=$(address server)
gateway=$(ip -4 -o address show | awk '/vs.*-br/ {split($4, a, "/"); print a[1]; exit}')

step "published ports: from 127.0.0.1, from the host's own addresses, from VMs"
check_eq "127.0.0.1" "$(get http://127.0.0.1:8081/)" "it works"
check_eq "only 127.0.0.1" "$(get http://127.0.0.1:8082/)" "it works"
check_eq "the gateway's address" "$(get "http://$gateway:8081/")" "it works"
check_eq "hairpin" "$(fetch server "http://$gateway:8081/")" "it works"
check_eq "another VM" "$(fetch counter "http://$gateway:8081/")" "it works"
curl -s --max-time 2 "http://$gateway:8082/" && fail "a port published on 127.0.0.1 answers elsewhere"
fetch counter "http://127.0.0.1:8081/" 2>/dev/null && fail "the guest's loopback reaches the host"

step "service to service by name"
check_eq "by service" "$(fetch counter "http://server/")" "it works"
check_eq "by instance" "$(fetch counter "http://tiny-server-1/")" "it works"

step "DNS: A, NODATA, PTR, aliases, what the asker may see"
ask() { dig +tries=1 +time=2 "@$gateway" "$@"; }
check_eq "A" "$(ask +short server A)" "$server"
check_eq "A over TCP" "$(ask +tcp +short server A)" "$server"
check_contains "AAAA is NODATA" "$(ask server AAAA)" "status: NOERROR"
check_eq "AAAA is empty" "$(ask +short server AAAA)" ""
check_eq "PTR" "$(ask +short -x "$server")" "tiny-server-1.vm."
check_eq "alias" "$(ask +short ticker)" "$(address counter)"
check_eq "not on this network" "$(ask +short lonely)" ""
started=$(date +%s%3N)
check_contains "no upstream: SERVFAIL" "$(ask example.org A)" "SERVFAIL"
[ $(($(date +%s%3N) - started)) -lt 1500 ] || fail "SERVFAIL took longer than 1.5 s"

step "networks are apart; internal has no way out"
lonely=$(address lonely)
vmstead exec -T counter busybox ping -c 1 -W 1 "$lonely" >/dev/null && fail "front reaches back"
vmstead exec -T lonely busybox ping -c 1 -W 1 "$server" >/dev/null && fail "back reaches front"
check_eq "no default route on an internal network" "$(vmstead exec -T lonely busybox ip route | grep -c default || true)" 0

step "a stopped VM is not named any more"
kill -9 "$(vm_pid tiny-counter-1)"
unnamed() { [ -z "$(ask +short counter)" ]; }
eventually 3 unnamed
check_contains "known, but NODATA" "$(ask counter)" "status: NOERROR"

step "a Docker that comes later lets our packets through, too"
nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }
  add chain ip filter DOCKER-USER; add rule ip filter FORWARD jump DOCKER-USER'
check "a change" vmstead --progress quiet up -d --force-recreate server
check_eq "two rules" "$(nft list chain ip filter DOCKER-USER | grep -c 'comment "vmstead_')" 2

step "a firewall that drops what it does not know: up names it, once, with the command that helps"
nft 'add table inet strict; add chain inet strict fence { type filter hook forward priority 5; policy drop; }'
said=$(vmstead --progress plain up -d --force-recreate server 2>&1) || fail "up: $said"
check_eq "once" "$(grep -c "chain 'inet strict fence' drops forwarded packets" <<<"$said")" 1
check_contains "the command" "$said" "nft insert rule inet strict fence iifname"
eval "$(sed -n 's/.*elsewhere: \(nft insert rule inet strict fence.*\)/\1/p' <<<"$said")"
said=$(vmstead --progress plain up -d --force-recreate server 2>&1) || fail "up: $said"
check_eq "mended" "$(grep -c "strict" <<<"$said" || true)" 0
nft delete table inet strict

check "down" vmstead --progress quiet down
check_eq "no rule stays" "$(nft list chain ip filter DOCKER-USER | grep -c vmstead || true)" 0
nft delete table ip filter
leaves_nothing
