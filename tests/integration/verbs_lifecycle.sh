#!/usr/bin/env bash
# The verbs that start and end things, against real VMs: plan, create, start, stop, restart, kill, pause, unpause, wait,
# scale, rm, down; by service, and by a machine's name or ID outside the project's folder.
source "$(dirname "$0")/lib.sh"
start_test verbs_lifecycle

mkdir "$TEST_DIR/stack"; cd "$TEST_DIR/stack"
guest_part >guest.part
{ echo 'name: verbs'; cat guest.part; cat <<'END'
  server:
    <<: *guest
    command: [busybox, httpd, -f, -p, "80", -h, /srv]
    ports: ["8080:80"]
  counter:
    <<: *guest
    command: [count]
    depends_on: [server]
END
} >compose.yaml

state_of() { vmstead ps -a --format json "$1" | sed -nE 's/.*"State":"([a-z]+)".*/\1/p'; }
id_of() { vmstead ps -aq "$1"; }

step "plan says what up would do, and does nothing"
plan=$(vmstead --progress quiet plan)
check_contains "plan" "$plan" "+ VM verbs-server-1  create"
check_contains "plan" "$plan" "+ VM verbs-counter-1  create"
check_eq "nothing was made" "$(vmstead ps -aq)" ""

step "create makes and starts nothing; start starts"
vmstead --progress quiet create
check_eq "created" "$(state_of server)" created
vmstead --progress quiet start
check_eq "started" "$(state_of server) $(state_of counter)" "running running"
check_eq "port" "$(vmstead port server 80)" "0.0.0.0:8080"
check_eq "every address and its way" "$(vmstead port --verbose server 80)" "0.0.0.0:8080 nftables
[::]:8080 relay"
check_eq "as JSON" "$(vmstead port --format json server 80 | jq -c '[.host_ip, .way]')" '["0.0.0.0","nftables"]
["::","relay"]'
check_contains "ps" "$(vmstead ps server)" "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
for address in 127.0.0.1 '[::1]'; do
  check_contains "HTTP at $address" "$(curl -sS --retry 20 --retry-all-errors --retry-delay 1 -m 3 -o /dev/null -w '%{http_code}' "http://$address:8080/")" 200
done
server_id=$(id_of server)

step "up of what runs changes nothing, and plan says so"
vmstead --progress quiet up -d --wait
check_eq "same machine" "$(id_of server)" "$server_id"
check_contains "plan" "$(vmstead up --dry-run 2>/dev/null)" "nothing to change"

step "pause and unpause"
vmstead --progress quiet pause server
check_eq "paused" "$(state_of server)" paused
check_contains "status" "$(vmstead ps server)" "(Paused)"
check_eq "by state" "$(vmstead ps --status paused --services)" server
vmstead --progress quiet unpause server
check_eq "goes on" "$(state_of server)" running

step "stop by name and start by ID, outside the project"
(cd / && vmstead --progress quiet stop -t 1 verbs-counter-1)
check_eq "stopped" "$(state_of counter)" exited
counter_id=$(id_of counter)
(cd / && vmstead --progress quiet start "$counter_id")
check_eq "runs again" "$(state_of counter)" running

step "restart keeps the machine"
vmstead --progress quiet restart -t 1 server
check_eq "same machine" "$(id_of server)" "$server_id"
check_eq "runs" "$(state_of server)" running

step "kill ends, wait tells how"
vmstead wait counter >waited & waiter=$!
sleep 0.5
vmstead --progress quiet kill counter
code=0; wait "$waiter" || code=$?
check_eq "exit status" "$code" 137
check_contains "wait" "$(cat waited)" "exited with status code 137"
code=0; vmstead wait counter 2>said || code=$?
check_eq "nothing to wait for" "$code" 1

step "scale"
vmstead --progress quiet scale counter=2
check_eq "two" "$(vmstead ps -q counter | wc -l)" 2
check_contains "names" "$(vmstead ps counter)" verbs-counter-2
vmstead --progress quiet scale counter=1
check_eq "one" "$(vmstead ps --format json counter | grep -c verbs-counter-1)" 1

step "recreated when changed or forced, its address kept; listed by name all the same"
quiet_up() { vmstead --progress quiet up -d "$@"; }
ip_of() { vmstead ps --format json "$1" | sed -nE 's/.*"IP":"([^"]+)".*/\1/p'; }
server_id=$(id_of server); counter_id=$(id_of counter); address=$(ip_of counter)
quiet_up --no-deps --force-recreate counter
[ "$(id_of counter)" != "$counter_id" ] || fail "--force-recreate kept the machine"
check_eq "address" "$(ip_of counter)" "$address"
check_eq "--no-deps" "$(id_of server)" "$server_id"
sed -i 's/command: \[busybox, httpd/&, -v/' compose.yaml
quiet_up --no-recreate
check_eq "--no-recreate" "$(id_of server)" "$server_id"
check_contains "plan" "$(vmstead --progress quiet plan)" "VM verbs-server-1"
quiet_up
[ "$(id_of server)" != "$server_id" ] || fail "the edit was not applied"
counter_id=$(id_of counter)
quiet_up --always-recreate-deps server
check_eq "nothing changed" "$(id_of counter)" "$counter_id"
check_eq "by name" "$(vmstead ps --format json | sed -nE 's/.*"Name":"([^"]+)".*/\1/p' | paste -sd' ')" \
  "verbs-counter-1 verbs-server-1"
quiet_up --scale counter=2 --no-start
check_eq "--no-start" "$(vmstead ps -a --status created --services)" counter
quiet_up --scale counter=1

step "rm asks, and takes only what has ended"
vmstead --progress quiet stop -t 1 counter
check_contains "question" "$(echo n | vmstead rm counter 2>&1)" "Going to remove verbs-counter-1"
check_eq "still there" "$(state_of counter)" exited
vmstead --progress quiet rm -f
check_eq "gone" "$(id_of counter)" ""
check_eq "who runs stays" "$(state_of server)" running
(cd / && vmstead --progress quiet rm -fsv verbs-server-1)
check_eq "gone too" "$(vmstead ps -aq)" ""

step "bad input is one clear error"
code=0; said=$(vmstead stop nobody 2>&1) || code=$?
check_eq "exit status" "$code" 1
check_eq "message" "$said" "error: no such service: nobody"
said=$(vmstead up --scale server=x 2>&1) && fail "took a bad scale"
check_contains "message" "$said" "invalid scale 'server=x'"
said=$(vmstead up -d --exit-code-from server 2>&1) && fail "took -d with --exit-code-from"
check_contains "message" "$said" "incompatible"

vmstead --progress quiet down -v
leaves_nothing
echo "all verbs of life and death work"
