#!/usr/bin/env bash
# A stack over its life, as its user sees it: one-shots and what waits for them, attached `up` and its ends, a root that
# is kept or dropped, a writable layer with a bound, replicas with their ports and names, orphans, logs with a bound.
source "$(dirname "$0")/lib.sh"
start_test stack_life

mkdir "$TEST_DIR/stack"; cd "$TEST_DIR/stack"
guest_part >guest.part
# stack NAME: the services on stdin, in a project of that name.
stack() { { echo "name: $1"; cat guest.part -; } >compose.yaml; }
quiet() { vmstead --progress quiet "$@"; }
# status COMMAND...: its exit status; what it prints is in out and err.
status() { local code=0; "$@" >out 2>err </dev/null || code=$?; echo "$code"; }
id_of() { vmstead ps -aq "$1"; }
state_of() { vmstead ps -a --format json "$1" | sed -nE 's/.*"State":"([a-z]+)".*/\1/p'; }

step "a one-shot is waited for; one that fails stops who waits, with its last words"
stack shots <<'END'
  setup:
    <<: *guest
    command: [sh, -c, 'seq 30; [ ! -e /fail ] && exit $$CODE']
    environment: {CODE: "${CODE:-0}"}
  app:
    <<: *guest
    command: [sleep, infinity]
    depends_on: {setup: {condition: service_completed_successfully}}
END
check_eq "up" "$(status quiet up -d)" 0
check_eq "states" "$(state_of setup) $(state_of app)" "exited running"
check_eq "--wait: a one-shot has ended, and ended well" "$(status quiet up -d --wait)" 0
export CODE=7
check_eq "up" "$(status quiet up -d)" 1
check_contains "who" "$(cat err)" "shots-setup-1"
check_contains "how" "$(cat err)" "exited (7); app waits for it"
check_contains "its last lines" "$(cat err)" '| 21'
check_contains "its last line" "$(cat err)" "| 30"
case $(cat err) in *'| 20'*) fail "more than ten lines" ;; esac
unset CODE
quiet down

step "attached: the logs of whom one wants, and an end with the first that ends"
stack ends <<'END'
  talker:
    <<: *guest
    command: [count]
  short:
    <<: *guest
    command: [sh, -c, 'echo bye; sleep 1; exit 3']
END
check_eq "--abort-on-container-exit" "$(status vmstead up --abort-on-container-exit --no-color)" 3
check_contains "both" "$(cat out)" "talker-1  |"
check_contains "both" "$(cat out)" "short-1   | bye"
check_eq "all are stopped" "$(vmstead ps -q)" ""
check_eq "--exit-code-from" "$(status vmstead up --exit-code-from talker --attach short --no-log-prefix)" 143
check_eq "only one, without its name" "$(grep -v ' exited with code' out)" "bye"
check_eq "--no-attach" "$(status vmstead up --abort-on-container-failure --no-attach talker)" 3
case $(cat out) in *talker-1*\|*) fail "--no-attach showed its log" ;; esac
quiet down

step "--wait gives up after --wait-timeout, and leaves what runs"
stack slow <<'END'
  ill:
    <<: *guest
    command: [sleep, infinity]
    healthcheck: {test: [CMD, "false"], interval: 1s, retries: 100}
END
check_eq "exit status" "$(status quiet up -d --wait --wait-timeout 5)" 1
check_contains "message" "$(cat err)" "ill"
check_eq "it runs" "$(state_of ill)" running
stack slow <<'END'
  ill:
    <<: *guest
    command: [sleep, infinity]
    healthcheck: {test: [CMD, "false"], interval: 1s, retries: 100}
  waiter:
    <<: *guest
    command: [sleep, infinity]
    depends_on: {ill: {condition: service_healthy}}
END
check_eq "so it does for a dependency" "$(status quiet up -d --wait --wait-timeout 3)" 1
check_contains "message" "$(cat err)" "waiter"
check_eq "who waited was not started" "$(state_of waiter)" created
quiet down

step "the root is kept over stop, start and restart, and dropped when recreated; its bound is the guest's affair"
stack roots <<'END'
  box:
    <<: *guest
    x-vmstead:
      bootstrap: {suite: bookworm, packages: [busybox-static], files: {/srv/index.html: {content: "it works\n"}, /usr/local/bin/count: {mode: "0755", source: ./count}}}
      disk: 64M
    command: [count]
    logging: {options: {max-size: 100k, max-file: "2"}}
END
quiet up -d
vmstead exec -T box sh -c 'echo mine >/kept'
quiet stop -t 1; quiet start
check_eq "after stop and start" "$(vmstead exec -T box cat /kept)" mine
quiet restart -t 1
check_eq "after restart" "$(vmstead exec -T box cat /kept)" mine
check_eq "full" "$(status vmstead exec -T box dd if=/dev/zero of=/big bs=1M count=200)" 1
check_contains "the guest is told" "$(cat err)" "No space left on device"
check_eq "it lives" "$(vmstead exec -T box cat /kept)" mine
used=$(du -k "$VMSTEAD_ROOT"/state/instances/*/data.img | cut -f1)
[ "$used" -le 66000 ] || fail "the layer takes $used KiB of 64 MiB"
quiet up -d --force-recreate
check_eq "recreated" "$(status vmstead exec -T box cat /kept)" 1

step "logs have a bound, too, and start somewhere"
flooded() { [ "$(ls "$VMSTEAD_ROOT"/state/instances/*/log* | wc -l)" = 2 ]; }
eventually 60 flooded
[ "$(cat "$VMSTEAD_ROOT"/state/instances/*/log* | wc -c)" -le 220000 ] || fail "two files of 100 kB hold more"
check_contains "the latest lines" "$(vmstead logs --no-log-prefix --tail 3)" "line"
quiet down

step "replicas share a range of ports and know their numbers; orphans are named and go"
stack many <<'END'
  web:
    <<: *guest
    command: [sh, -c, 'echo $$NUMBER >/srv/index.html; exec busybox httpd -f -p 80 -h /srv']
    hostname: web${VMSTEAD_REPLICA}
    environment: {NUMBER: "number ${VMSTEAD_REPLICA}"}
    ports: ["8090-8092:80"]
    deploy: {replicas: 2}
  extra:
    <<: *guest
    command: [sleep, infinity]
END
quiet up -d
pages() { local port; for port in 8090 8091 8092; do curl -sf --max-time 5 "http://127.0.0.1:$port/"; done | sort | paste -sd,; }
answers() { [ "$(pages)" = "$1" ]; }
eventually 20 answers "number 1,number 2"
check_eq "host name" "$(vmstead exec -T --index 2 web hostname)" web2
first=$(vmstead ps -q web | sort | head -n 2)
quiet up -d --scale web=3
eventually 20 answers "number 1,number 2,number 3"
[ "$(comm -12 <(echo "$first") <(vmstead ps -q web | sort) | wc -l)" = 2 ] || fail "scaling up touched who ran"
quiet scale web=1
eventually 10 answers "number 1"
sed -i '/^  extra:/,$d' compose.yaml
check_eq "orphans are named" "$(status vmstead --progress plain up -d)" 0
check_contains "orphans" "$(cat err)" "many-extra-1"
quiet up -d --remove-orphans
check_eq "gone" "$(vmstead ps -a --format json | grep -c extra || true)" 0

quiet down
leaves_nothing
echo "a stack lives as it should"
