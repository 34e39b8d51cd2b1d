#!/usr/bin/env bash
# The Engine API as Docker's clients use it, against real VMs: what no command of ours goes through, by
# curl; and `docker` itself, where it is installed.
source "$(dirname "$0")/lib.sh"
command -v curl >/dev/null || skip "curl is not installed"
start_test engine
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
{ echo 'name: engine'; guest_part; cat <<'YAML'
  web:
    <<: *guest
    command: [sh, -c, 'trap "exit 7" USR1; echo hello; echo trouble >&2; while :; do sleep 0.1; done']
    labels: {tier: front}
    healthcheck: {test: [CMD, test, -e, /etc/passwd], interval: 1s, retries: 2}
    volumes: ["data:/data"]
  shell:
    <<: *guest
    command: [sh, -c, 'while read line; do echo "got $$line"; done; echo over']
    stdin_open: true
volumes: {data: {}}
YAML
} >compose.yaml

SOCKET=$VMSTEAD_ROOT/run/daemon.sock
api() { local method=$1 path=$2; shift 2; curl -sS --max-time 30 --unix-socket "$SOCKET" -X "$method" "http://d/v1.47$path" "$@"; }
status_of() { api "$@" -o /dev/null -w '%{http_code}'; }
state_of() { api GET "/containers/$1/json" | jq -r "$2"; }
# Types and payloads of a multiplexed stream: "1:hello" a line.
frames() {
  python3 -c '
import sys
data = sys.stdin.buffer.read()
while len(data) >= 8:
    size = int.from_bytes(data[4:8], "big")
    print("%d:%s" % (data[0], data[8:8 + size].decode().rstrip("\n")))
    data = data[8 + size:]'
}

step "up"
check "up" vmstead --progress quiet up -d --wait web shell
WEB=engine-web-1 SHELL_NAME=engine-shell-1

step "inspect: health, mounts, labels"
eventually 20 sh -c '[ "$(curl -sS --unix-socket "$1" "http://d/containers/engine-web-1/json" | jq -r .State.Health.Status)" = healthy ]' sh "$SOCKET"
check_eq "a probe's exit code" "$(state_of $WEB '.State.Health.Log[0].ExitCode')" 0
check_eq "label" "$(state_of $WEB '.Config.Labels.tier')" front
check_eq "mount" "$(state_of $WEB '.Mounts[0] | .Name + .Destination')" "engine_data/data"
check_eq "ps by health" "$(api GET '/containers/json?filters=%7B%22health%22%3A%5B%22healthy%22%5D%7D' | jq -r '.[].Names[0]')" "/$WEB"
check_contains "status" "$(api GET /containers/json | jq -r '.[].Status')" "(healthy)"

step "top"
check_contains "the shell is among the processes" "$(api GET /containers/$WEB/top | jq -r '.Processes[] | .[7]')" "sh -c trap"

step "attach: output from the start, input line by line"
{ sleep 1; echo one; sleep 1; echo two; sleep 1; } |
  python3 -c '
import socket, sys, threading
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"POST /containers/engine-shell-1/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
head = b""
while b"\r\n\r\n" not in head: head += s.recv(1)
assert b" 101 " in head, head
def read():
    while True:
        data = s.recv(4096)
        if not data: return
        sys.stdout.buffer.write(data); sys.stdout.buffer.flush()
threading.Thread(target=read, daemon=True).start()
for line in sys.stdin.buffer: s.sendall(line)
s.close()' "$SOCKET" >"$TEST_DIR/attached"
check_eq "answers" "$(frames <"$TEST_DIR/attached" | tr '\n' ' ')" "1:got one 1:got two "
check_eq "the service goes on" "$(state_of $SHELL_NAME .State.Status)" running

step "logs by time"
check_eq "all" "$(api GET "/containers/$WEB/logs?stdout=1&stderr=1" | frames | sort | tr '\n' ' ')" "1:hello 2:trouble "
check_eq "none of the future" "$(api GET "/containers/$WEB/logs?stdout=1&since=$(($(date +%s) + 60))" | frames)" ""
check_eq "none of the past" "$(api GET "/containers/$WEB/logs?stdout=1&until=1000" | frames)" ""

step "archive: in, stat, out"
mkdir -p tree/sub && echo text >tree/sub/file && ln -s sub/file tree/link && chmod 600 tree/sub/file
head -c 30000000 /dev/urandom >tree/big
tar -C tree -cf tree.tar .
check_eq "PUT" "$(status_of PUT "/containers/$WEB/archive?path=/data" -T tree.tar)" 200
check_eq "it is there" "$(vmstead exec -T web cat /data/link)" text
check_eq "all of it" "$(vmstead exec -T web sha256sum /data/big | cut -d' ' -f1)" "$(sha256sum <tree/big | cut -d' ' -f1)"
stat=$(curl -sSI --unix-socket "$SOCKET" "http://d/containers/$WEB/archive?path=/data/sub/file" | sed -n 's/^X-Docker-Container-Path-Stat: //p' | tr -d '\r' | base64 -d)
check_eq "stat" "$(jq -r '"\(.name) \(.size) \(.mode)"' <<<"$stat")" "file 5 384"
mkdir out
check "GET" curl -sS --unix-socket "$SOCKET" -o out.tar "http://d/containers/$WEB/archive?path=/data"
tar -C out -xf out.tar
check "the same tree" diff -r tree out/data
check_eq "no such file" "$(status_of GET "/containers/$WEB/archive?path=/nowhere")" 404
check_eq "no such folder" "$(status_of PUT "/containers/$WEB/archive?path=/nowhere" -T tree.tar)" 404

step "pause, unpause, kill, wait, restart, stop, start"
check_eq "pause" "$(status_of POST /containers/$WEB/pause)" 204
check_eq "paused" "$(state_of $WEB .State.Status)" paused
check_eq "pause again" "$(status_of POST /containers/$WEB/pause)" 409
check_eq "unpause" "$(status_of POST /containers/$WEB/unpause)" 204
check_eq "unpause again" "$(status_of POST /containers/$WEB/unpause)" 409
api POST "/containers/$WEB/wait?condition=next-exit" >"$TEST_DIR/waited" &
waiter=$!
sleep 0.5
check_eq "no such signal" "$(status_of POST "/containers/$WEB/kill?signal=NOISE")" 400
check_eq "kill" "$(status_of POST "/containers/$WEB/kill?signal=USR1")" 204
wait "$waiter"
check_eq "wait" "$(jq .StatusCode "$TEST_DIR/waited")" 7
check_eq "wait for what is over" "$(api POST "/containers/$WEB/wait" | jq .StatusCode)" 7
check_eq "kill the dead" "$(status_of POST "/containers/$WEB/kill")" 409
check_eq "stop the dead" "$(status_of POST "/containers/$WEB/stop")" 304
check_eq "start" "$(status_of POST "/containers/$WEB/start")" 204
check_eq "start again" "$(status_of POST "/containers/$WEB/start")" 304
check_eq "the volume is still there" "$(vmstead exec -T web cat /data/link)" text
check_eq "restart" "$(status_of POST "/containers/$WEB/restart?t=1")" 204
check_eq "stop" "$(status_of POST "/containers/$SHELL_NAME/stop?t=1")" 204
check_eq "stopped" "$(state_of $SHELL_NAME .State.Running)" false

step "events: what all of that was"
events=$(api GET "/events?since=1&until=$(($(date +%s) + 1))&filters=%7B%22container%22%3A%5B%22$WEB%22%5D%7D" | jq -r .Action | tr '\n' ' ')
for action in create start pause unpause die stop restart; do check_contains "event" " $events" " $action "; done
check_contains "health" "$events" "health_status: healthy"

step "volumes and images"
check_eq "volume" "$(api GET /volumes/engine_data | jq -r '.Name + .Labels["com.docker.compose.volume"]')" "engine_datadata"
check_eq "in use" "$(status_of DELETE /volumes/engine_data)" 409
check_eq "create" "$(api POST /volumes/create -d '{"Name":"spare","Labels":{"a":"b"}}' | jq -r .Labels.a)" b
check_eq "prune leaves names" "$(api POST /volumes/prune | jq -c .VolumesDeleted)" "[]"
check_eq "prune all" "$(api POST '/volumes/prune?filters=%7B%22all%22%3A%5B%22true%22%5D%7D' | jq -c .VolumesDeleted)" '["spare"]'
check_eq "images have sizes" "$(api GET /images/json | jq 'map(select(.Containers > 0)) | .[0].Size > 1000000')" true

if command -v docker >/dev/null; then
  step "docker itself"
  export DOCKER_HOST=unix://$SOCKET DOCKER_CONFIG=$TEST_DIR/docker
  check_eq "ps" "$(docker ps --format '{{.Names}}')" "$WEB"
  check_eq "exec" "$(docker exec $WEB echo from docker)" "from docker"
  docker cp $WEB:/data/sub/file copied
  check_eq "cp out" "$(cat copied)" text
  echo back >copied
  docker cp copied $WEB:/data/copied
  check_eq "cp in" "$(docker exec $WEB cat /data/copied)" back
  check_contains "top" "$(docker top $WEB)" "sh -c trap"
  check_contains "logs" "$(docker logs $WEB 2>&1)" "trouble"
  check_eq "inspect" "$(docker inspect -f '{{.State.Status}}' $WEB)" running
  check "pause" docker pause $WEB
  check "unpause" docker unpause $WEB
  check "stop" docker stop -t 1 $WEB
  check "start" docker start $WEB
  check "kill" docker kill $WEB
  check_eq "wait" "$(docker wait $WEB)" 137
  check "start another" docker start $SHELL_NAME
  answers=$({ sleep 1; echo three; sleep 2; } | timeout 6 docker attach $SHELL_NAME) || true # it would go on
  check_eq "attach" "$answers" "got three"
  check_contains "volume ls" "$(docker volume ls -q)" engine_data
  check "rm" docker rm $WEB
fi

step "DELETE"
check "up again" vmstead --progress quiet up -d web
check_eq "of what runs" "$(status_of DELETE /containers/$WEB)" 409
check_eq "by force" "$(status_of DELETE "/containers/$WEB?force=1&v=1")" 204
check_eq "gone" "$(status_of GET /containers/$WEB/json)" 404

step "nothing is left"
check "down" vmstead --progress quiet down -v
leaves_nothing
