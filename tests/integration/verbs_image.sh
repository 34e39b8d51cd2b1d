#!/usr/bin/env bash
# An image of our own: built with arguments, run outside any project, taken away with its project; and a `run --rm` whose client dies.
source "$(dirname "$0")/lib.sh"
start_test verbs_image
busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 || skip "needs a static busybox"
command -v buildah >/dev/null || skip "needs buildah"

mkdir "$TEST_DIR/stack"; cd "$TEST_DIR/stack"
cp "$busybox" busybox
cat >Dockerfile <<'END'
FROM scratch
ARG WHO=nobody
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /etc /srv /tmp && echo root:x:0:0::/:/bin/sh >/etc/passwd && echo "$WHO" >/srv/index.html
CMD ["busybox", "httpd", "-f", "-p", "80", "-h", "/srv"]
END
cat >compose.yaml <<'END'
name: own
services:
  web: {build: ., image: vmstead-test-own, tty: true, stdin_open: true}
END

step "build with an argument; outside any project, by name and by ID"
vmstead --progress quiet build --build-arg WHO=alice
cd /
id=$(vmstead --progress quiet run -d --name proxy -p 127.0.0.1:8098:80 vmstead-test-own)
answers() { [ "$(busybox wget -q -O - http://127.0.0.1:8098/ 2>/dev/null)" = alice ]; }
eventually 20 answers
check_contains "on the network of all" "$(vmstead exec -T "$id" ip -4 addr show eth0)" "inet 10.88."
check_contains "inspect" "$(vmstead inspect "${id:0:12}")" '"/proxy"'
check_eq "not a project" "$(vmstead ls -aq)" ""

step "the network stays while somebody is on it"
code=0; out=$(vmstead --progress quiet run --rm -T vmstead-test-own sh -c 'echo out; exit 3') || code=$?
check_eq "exit status and output" "$code $out" "3 out"
check "still reached" answers
vmstead --progress quiet rm -fs proxy

step "run --rm whose client is killed"
"$VMSTEAD" --progress quiet run --rm -T --name orphan vmstead-test-own sleep 4 >/dev/null 2>&1 & client=$!
runs() { vmstead exec -T orphan true 2>/dev/null; }
eventually 20 runs
kill -9 "$client"
is_gone() { ! vmstead inspect orphan >/dev/null 2>&1; }
eventually 30 is_gone

step "down takes the image away"
cd "$TEST_DIR/stack"
vmstead --progress quiet up -d
check_contains "a terminal" "$(vmstead inspect own-web-1)" '"Tty": true'
restarted=$(vmstead restart -t 1 2>&1)
case $restarted in *KVM*) fail "told again that there is no KVM" ;; esac
prune() { curl -sf --max-time 10 --unix-socket "$VMSTEAD_ROOT/run/daemon.sock" -X POST http://vmstead/images/prune | jq '.ImagesDeleted | length'; }
vmstead --progress quiet build --build-arg WHO=bob
check_eq "a build that lost its name, and is used" "$(prune)" 0
vmstead --progress quiet up -d
check_eq "nobody uses it any more" "$(prune)" 1
vmstead --progress quiet down --rmi all
said=$(vmstead up -d --no-build --pull never 2>&1) && fail "the image is still there: $said"

vmstead --progress quiet down
leaves_nothing
echo "an image of our own runs everywhere, and goes"
