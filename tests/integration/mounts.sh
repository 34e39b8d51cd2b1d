#!/usr/bin/env bash
# Everything that a Compose file can mount, from the file to the guest, and data that outlives what used it.
source "$(dirname "$0")/lib.sh"
start_test mounts
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
cat >compose.yaml <<'TEXT'
name: mounts
services:
  a:
    x-vmstead: {bootstrap: {suite: bookworm, packages: [busybox-static], files: {/srv/index.html: {content: "it works\n"}, /usr/local/bin/count: {mode: "0755", source: ./count}}}}
    command: [sh, -c, "trap exit TERM; while :; do sleep 0.3; done"]
    volumes: ["data:/srv", "./src:/app:ro", "./one.conf:/etc/one.conf", "/anonymous"]
    tmpfs: ["/scratch:size=1m,mode=700"]
    secrets: [password, {source: from_environment, target: /run/e, uid: "33", mode: 0400}]
    configs: [{source: inline, target: /etc/c.conf}]
    read_only: true
volumes: {data: {}}
secrets: {password: {file: ./password}, from_environment: {environment: MOUNTS_SECRET}}
configs: {inline: {content: "a config\n"}}
TEXT
cp "$SOURCE_DIR/testdata/stacks/tiny/count" .
mkdir src; echo source >src/f; echo conf >one.conf; echo password >password
export MOUNTS_SECRET=a-secret-of-the-environment
run() { vmstead exec -T a "$@"; }

step "volumes, folders and files of the host, tmpfs, secrets, configs, a read-only root"
check "up" vmstead --progress quiet up -d
check_eq "content" "$(run cat /srv/index.html /app/f /etc/one.conf /run/secrets/password /run/e /etc/c.conf)" "it works
source
conf
password
a-secret-of-the-environmenta config"
check_eq "owner and mode" "$(run stat -c '%u %a' /run/e)" "33 400"
check_eq "the root" "$(run sh -c 'touch /x 2>/dev/null || echo refused')" refused
check_eq "kinds" "$(run sh -c 'grep -E " /(srv|app|anonymous|scratch) " /proc/mounts | cut -d" " -f2,3 | sort | tr "\n" " "')" \
  "/anonymous ext4 /app virtiofs /scratch tmpfs /srv ext4 "
# Disks are sparse: tar leaves the holes out. Sockets are no files.
check_eq "the secret is in no file of ours" \
  "$(tar -cSf - -C "$VMSTEAD_ROOT" state run 2>/dev/null | grep -caF a-secret-of-the || true)" 0

step "data survives a VM and a daemon that are killed, down, and up"
run sh -c 'echo kept | dd of=/srv/kept conv=fsync' 2>/dev/null
kill -9 "$(daemon_pid)"
kill -9 "$(vm_pid mounts-a-1)"
check "up" vmstead --progress quiet up -d
check_eq "killed" "$(run cat /srv/kept)" kept
check "down" vmstead --progress quiet down
check_contains "the volume is there" "$(vmstead volume ls)" mounts_data
check "up" vmstead --progress quiet up -d
check_eq "down and up" "$(run cat /srv/kept)" kept

step "two instances share it"
check "scale" vmstead --progress quiet up -d --scale a=2
check_eq "the first" "$(vmstead exec -T --index 1 a cat /srv/kept)" kept
check_eq "the second" "$(vmstead exec -T --index 2 a sh -c 'echo two >/srv/two; cat /srv/kept')" kept
check_eq "at once" "$(vmstead exec -T --index 1 a cat /srv/two)" two

check "down -v" vmstead --progress quiet down -v
check_eq "no volume is left" "$(vmstead volume ls -q)" ""
leaves_nothing
