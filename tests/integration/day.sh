#!/usr/bin/env bash
# A realistic day: nginx, a python api on a bind-mounted source folder, postgres and redis on named volumes, each waiting
# for the health of what it needs. Scaled, killed, edited, dumped, taken down, brought back.
STACKS=day
source "$(dirname "$0")/lib.sh"
start_test day
cp -r "$SOURCE_DIR/testdata/stacks/day" "$TEST_DIR/day"
cd "$TEST_DIR/day"

visit() { curl -sf --max-time 20 http://127.0.0.1:8080/; }
number() { visit | sed -nE 's/.*visitor number ([0-9]+).*/\1/p'; }
sql() { vmstead exec -T db psql -h /tmp -U postgres -Atc "$1"; }
ids() { vmstead ps --format json "$@" | jq -r '[.Name, .ID] | join(" ")' | sort; }
id_of() { ids "$1" | cut -d' ' -f2; }
hosts_seen() { for _ in $(seq 24); do visit || true; done | sed -nE 's/.* from ([^.]*)\..*/\1/p' | sort -u | wc -l; }
sees_hosts() { [ "$(hosts_seen)" = "$1" ]; }
runs() { [ "$(vmstead ps --format json api | jq -r 'select(.State == "running" and .Health == "healthy") | .Name' | wc -l)" = "$1" ]; }

step "up waits until everything is healthy"
check "up" vmstead --progress plain up -d --wait 2>"$TEST_DIR/progress"
order=$(grep -oE 'day-(web|api|db|cache)-1  Started' "$TEST_DIR/progress" | cut -d' ' -f1 | tr '\n' ' ')
case $order in
  "day-db-1 day-cache-1 day-api-1 day-web-1 " | "day-cache-1 day-db-1 day-api-1 day-web-1 ") ;;
  *) fail "order of starts: $order" ;;
esac
check_eq "healthy" "$(vmstead ps --format json | jq -r 'select(.Health == "healthy") | .Service' | sort | tr '\n' ' ')" "api cache db "
eventually 60 visit >/dev/null # nginx has no check: it may not listen yet
first=$(number)
check_eq "second visit" "$(number)" "$((first + 1))"
vmstead logs -f --no-color >"$TEST_DIR/follow" 2>&1 &
follower=$!

step "the source is live, the host's file is the guest's"
echo 'Edited: {greeting} from {host}. You are visitor number {number}.' >src/page.txt
check_contains "the edited page" "$(visit)" "Edited: Hello from"
vmstead exec -T api sh -c 'echo x >/srv/page.txt' 2>/dev/null && fail "a read-only mount was written to"
check_eq "the database is the database" "$(sql 'SELECT count(*) FROM visits')" "$((first + 2))"

step "scale api to 3"
before=$(ids db; ids cache; ids web)
old=$(id_of api)
check "scale" vmstead --progress quiet up -d --wait --scale api=3
check_eq "untouched" "$(ids db; ids cache; ids web)" "$before"
check_eq "the first api stays" "$(ids api | sed -n 's/^day-api-1 //p')" "$old"
check_eq "instances" "$(ids api | cut -d' ' -f1 | tr '\n' ' ')" "day-api-1 day-api-2 day-api-3 "
eventually 60 sees_hosts 3

step "one is killed, and comes back by its restart policy"
pid=$(vm_pid day-api-2)
kill -9 "$pid"
eventually 20 runs 2
eventually 20 visit >/dev/null # the others serve
eventually 90 runs 3
[ "$(vm_pid day-api-2)" != "$pid" ] || fail "the killed VM lives"
check_eq "restarts" "$(vmstead inspect day-api-2 | jq '.[0].RestartCount')" 1

step "the file is edited, up again: only what changed"
sed -i 's/GREETING: Hello/GREETING: Good evening/' compose.yaml
changed=$(ids api)
check "up" vmstead --progress quiet up -d --wait --scale api=3
check_eq "untouched" "$(ids db; ids cache; ids web)" "$before"
[ -z "$(comm -12 <(ids api) <(echo "$changed"))" ] || fail "an api was not recreated"
greets() { visit | grep -q "$1"; }
eventually 20 greets "Good evening from"

step "exec psql, cp a dump out"
rows=$(sql 'SELECT count(*) FROM visits')
check "pg_dump" vmstead exec -T db pg_dump -h /tmp -U postgres -f /tmp/dump.sql postgres
check "cp" vmstead cp db:/tmp/dump.sql dump.sql
check_eq "rows in the dump" "$(sed -n '/^COPY public.visits/,/^\\\./p' dump.sql | grep -c 'day\|api\|[0-9]	')" "$rows"

step "down and up: the data is still there"
visits=$(number)
rows=$(sql 'SELECT count(*) FROM visits')
check "down" vmstead --progress quiet down
kill "$follower" 2>/dev/null || true
check_eq "volumes" "$(vmstead volume ls -q | sort | tr '\n' ' ')" "day_cache day_db "
check "up" vmstead --progress quiet up -d --wait
check_eq "rows" "$(sql 'SELECT count(*) FROM visits')" "$rows"
check_eq "visits" "$(number)" "$((visits + 1))"

step "what logs -f has seen meanwhile"
for instance in api-1 api-2 api-3; do
  grep -qE "^$instance +\| visit" "$TEST_DIR/follow" || fail "logs -f has no visit of $instance"
done
check_eq "listening: three, one killed, three recreated" "$(grep -cE 'api-[123] .*listening' "$TEST_DIR/follow")" 7

step "down -v leaves nothing"
check "down -v" vmstead --progress quiet down -v
check_eq "volumes" "$(vmstead volume ls -q)" ""
check_eq "ps -a" "$(vmstead ps -a --format json)" ""
leaves_nothing
