#!/usr/bin/env bash
# The example stack, as the README shows it: three VMs in order, a counter that goes up, an idempotent
# second `up`, and nothing left after `down`.
source "$(dirname "$0")/lib.sh"
start_test shop
cd "$SOURCE_DIR/testdata/stacks/shop"

visit() { curl -sf --max-time 20 --retry 40 --retry-delay 1 --retry-all-errors http://127.0.0.1:8080/; }
number() { visit | sed -nE 's/.*visitor number ([0-9]+).*/\1/p'; }

step "up -d brings up networks and VMs in dependency order"
check "up" vmstead --progress plain up -d 2>"$TEST_DIR/progress"
order=$(grep -E 'Started' "$TEST_DIR/progress" | grep -oE 'shop-(web|api|cache)-1' | tr '\n' ' ')
check_eq "order of starts" "$order" "shop-cache-1 shop-api-1 shop-web-1 "

step "the counter goes up"
first=$(number)
second=$(number)
check_eq "second visit" "$second" "$((first + 1))"

step "ps, exec, logs"
check_eq "running services" "$(vmstead ps --format json | jq -r 'select(.State == "running") | .Service' | sort | tr '\n' ' ')" "api cache web "
check_eq "redis" "$(vmstead exec -T cache redis-cli ping)" "PONG"
check_contains "the api's log" "$(vmstead logs --no-color api)" "GET / HTTP/1.0 -> 200 OK"
check_contains "every service in the log" "$(vmstead logs --tail 5 --no-color | cut -d' ' -f1 | sort -u | tr '\n' ' ')" "api-1 cache-1 web-1"

step "internal is internal, and networks are apart"
vmstead exec -T web python3 -c '' 2>/dev/null && fail "python3 runs in web"
check "api resolves cache" vmstead exec -T api python3 -c 'import socket; socket.create_connection(("cache", 6379), 5)'
vmstead exec -T web getent hosts cache && fail "web resolves cache, which is not on its network"

step "up again changes nothing"
before=$(vmstead ps --format json | jq -r '[.ID, .Name] | join(" ")' | sort)
rules=$(nft list ruleset; ip link; ip -4 address)
check "second up" vmstead --progress quiet up -d
check_eq "instances" "$(vmstead ps --format json | jq -r '[.ID, .Name] | join(" ")' | sort)" "$before"
check_eq "the host" "$(nft list ruleset; ip link; ip -4 address)" "$rules"

step "down leaves nothing"
check "down" vmstead --progress quiet down
check_eq "ps -a" "$(vmstead ps -a --format json)" ""
leaves_nothing
