#!/usr/bin/env bash
# What cannot work is refused with one clear error, before anything was created.
source "$(dirname "$0")/lib.sh"
start_test refusals
mkdir "$TEST_DIR/project"
cd "$TEST_DIR/project"
cp "$SOURCE_DIR/testdata/stacks/tiny/count" .
tiny() { sed 's/^name: tiny/name: refused/' "$SOURCE_DIR/testdata/stacks/tiny/compose.yaml"; }
tiny >compose.yaml

# refused TEXT PATTERN COMMAND...: it fails, its stderr says PATTERN, and the host is as before.
refused() {
  local what=$1 pattern=$2 code=0; shift 2
  "$@" >"$TEST_DIR/out" 2>"$TEST_DIR/err" </dev/null || code=$?
  [ "$code" != 0 ] || fail "$what: not refused"
  grep -qiE -- "$pattern" "$TEST_DIR/err" || fail "$what: no '$pattern' in: $(cat "$TEST_DIR/err")"
  leaves_nothing
  step "$what: $(grep -iE -m1 -- "$pattern" "$TEST_DIR/err")"
}
up() { vmstead --progress quiet up -d; }
stop_daemon() { local pid; pid=$(daemon_pid); [ -z "$pid" ] || { kill "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done; }; }

socat TCP-LISTEN:8081,fork,reuseaddr /dev/null &
listener=$!
eventually 5 sh -c "ss -Hltn sport = :8081 | grep -q ."
snapshot >"$TEST_DIR/before"
refused "a busy port" "8081.*(socat|$listener)" up
kill "$listener"; wait "$listener" 2>/dev/null || true
unset listener
eventually 5 sh -c "! ss -Hltn sport = :8081 | grep -q ."
stop_daemon; snapshot >"$TEST_DIR/before"

step "a taken subnet"
ip link add taken type bridge && ip address add 10.89.7.1/24 dev taken && ip link set taken up
snapshot >"$TEST_DIR/before"
tiny | sed 's/^  front:$/  front: {ipam: {config: [{subnet: 10.89.7.0\/24}]}}/' >compose.yaml
refused "a taken subnet" "10\.89\.7\.0/24.*taken" up
ip link del taken
stop_daemon; snapshot >"$TEST_DIR/before"
tiny >compose.yaml

cat >image.yaml <<'TEXT'
name: refused
services:
  a: {image: "oci:./no-such-folder:latest"}
TEXT
refused "a missing image" "no-such-folder" vmstead -f image.yaml --progress quiet up -d

tiny | sed '/^  server:/a\    mem_limit: 900g' >compose.yaml
refused "more memory than there is" "900|memory" up
tiny >compose.yaml
stop_daemon

refused "no kernel" "linux-image-cloud-amd64|VMSTEAD_KERNEL" env VMSTEAD_KERNEL=/nonexistent "$VMSTEAD" --progress quiet up -d
stop_daemon

install -d -m 755 "$TEST_DIR/bin"
for program in ip nft sh mke2fs mkfs.erofs skopeo umoci mmdebstrap; do
  path=$(command -v "$program") && ln -s "$path" "$TEST_DIR/bin/$program"
done
refused "no QEMU" "qemu-system-x86" env PATH="$TEST_DIR/bin" "$VMSTEAD" --progress quiet up -d
stop_daemon

# Somebody who may read the program and the file, wherever the build tree is.
chmod 755 "$TEST_DIR" && chmod -R a+rX "$TEST_DIR/project" && install -m 755 "$VMSTEAD" "$VMSTEAD-daemon" "$TEST_DIR/bin"
refused "no privileges" "needs root" setpriv --reuid 65534 --clear-groups "$TEST_DIR/bin/vmstead" --progress quiet up -d

cat >broken.yaml <<'TEXT'
services:
  web:
    imgae: nginx
    ports: ["80:80:80:80", "8080:80", "8080:81"]
    networks: [nowhere]
    depends_on: [api]
  api: {image: x, depends_on: [web]}
TEXT
refused "a broken file" "broken.yaml:3:5: error: .*imgae" vmstead -f broken.yaml up -d
for line in 3 4 5; do grep -q "broken.yaml:$line:" "$TEST_DIR/err" || fail "no diagnostic for line $line"; done
leaves_nothing

cat >secret.yaml <<'TEXT'
name: refused
services:
  a: {image: "oci:./no-such-folder:latest", secrets: [key]}
secrets: {key: {environment: NOBODY_SET_THIS}}
TEXT
refused "a secret that is not set" "service 'a': its secret 'key'.*'NOBODY_SET_THIS', which is not set" \
  vmstead -f secret.yaml --progress quiet up -d
