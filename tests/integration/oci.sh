#!/usr/bin/env bash
# OCI images in virtual machines: made here from a static busybox, taken from a layout, an archive and a
# registry on the loopback; Docker's rules for what runs; what is refused before anything boots.
source "$(dirname "$0")/lib.sh"
start_test oci
busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 || skip "needs a static busybox"
mkdir "$TEST_DIR/project" "$TEST_DIR/home"
export HOME=$TEST_DIR/home XDG_RUNTIME_DIR=$TEST_DIR/home
cd "$TEST_DIR/project"
# A cache of our own: what is fetched, and when, is part of what is shown.
rm "$VMSTEAD_ROOT/cache" && mkdir "$VMSTEAD_ROOT/cache"

step "images"
layout=$TEST_DIR/project/images
tree=$TEST_DIR/bundle/rootfs
{
  umoci init --layout "$layout"
  umoci new --image "$layout:base"
  umoci unpack --image "$layout:base" "$TEST_DIR/bundle"
} >/dev/null 2>&1
mkdir -p "$tree"/{bin,etc,home/app}
cp "$busybox" "$tree/bin/busybox"
for program in cat echo env id kill ls pwd sh sleep; do ln -s busybox "$tree/bin/$program"; done
printf 'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n' >"$tree/etc/passwd"
printf 'root:x:0:\napp:x:1000:\nextra:x:2000:app\nother:x:3000:\n' >"$tree/etc/group"
umoci repack --image "$layout:base" "$TEST_DIR/bundle" >/dev/null 2>&1
# image TAG OPTION...: the base with another configuration.
image() { umoci config --image "$layout:base" --tag "$@" >/dev/null 2>&1; }
report='echo "args: $*"; echo "FROM=$FROM BOTH=$BOTH OURS=$OURS"; pwd; id; exec sleep 1000'
image app --config.entrypoint /bin/sh --config.entrypoint -c --config.entrypoint "$report" --config.entrypoint img \
  --config.cmd one --config.cmd 'two words' --config.env PATH=/bin --config.env FROM=image --config.env BOTH=image \
  --config.user app --config.workingdir /not/there/yet
image cmd --config.cmd sleep --config.cmd 1000 --config.env PATH=/bin --config.user app:other
image arm --architecture arm64 --config.cmd sh
image nothing --config.env PATH=/bin
skopeo copy -q "oci:$layout:cmd" docker-archive:saved.tar:saved:v1
umoci unpack --image "$layout:base" "$TEST_DIR/bare" >/dev/null 2>&1
find "$TEST_DIR/bare/rootfs/bin" -type l -delete
mv "$TEST_DIR/bare/rootfs/bin/busybox" "$TEST_DIR/bare/rootfs/sleep"
umoci repack --image "$layout:bare" "$TEST_DIR/bare" >/dev/null 2>&1
umoci config --image "$layout:bare" --config.entrypoint /sleep --config.cmd 1000 >/dev/null 2>&1

cat >"$TEST_DIR/registry.yml" <<TEXT
version: 0.1
log: {accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $TEST_DIR/registry}}
http: {addr: "127.0.0.1:5000"}
TEXT
docker-registry serve "$TEST_DIR/registry.yml" >"$TEST_DIR/registry.log" 2>&1 &
eventually 20 curl -s -o /dev/null http://127.0.0.1:5000/v2/
for tag in app arm; do
  skopeo copy -q --dest-tls-verify=false "oci:$layout:$tag" "docker://127.0.0.1:5000/team/app:$tag"
done
requests() { wc -l <"$TEST_DIR/registry.log"; }
snapshot >"$TEST_DIR/before"

# refused TEXT PATTERN IMAGE: one error on stderr (with its place, where the text alone is wrong), nothing made.
refused() {
  printf 'name: oci\nservices:\n  bad: {image: "%s"}\n  good: {image: "oci:./images:cmd"}\n' "$3" >refused.yaml
  ! vmstead -f refused.yaml --progress quiet up -d 2>"$TEST_DIR/err" || fail "$1: not refused"
  check_contains "$1" "$(cat "$TEST_DIR/err")" "$2"
  check_eq "$1: one error" "$(grep -c "error: " "$TEST_DIR/err")" 1
  check_eq "$1: nothing made" "$(vmstead -f refused.yaml ps -aq)" ""
  [ -z "$(own_pids)" ] || fail "$1: something boots"
  leaves_nothing
  step "$1: $(head -1 "$TEST_DIR/err")"
}
zeros=$(printf %064d 0)
refused "another architecture" "image '127.0.0.1:5000/team/app:arm' is for linux/arm64" 127.0.0.1:5000/team/app:arm
refused "another architecture, a folder" "image 'oci:./images:arm' is for linux/arm64" oci:./images:arm
refused "a digest that is not there" "image '127.0.0.1:5000/team/app@sha256:$zeros' does not exist" "127.0.0.1:5000/team/app@sha256:$zeros"
refused "half a digest" "64 hexadecimal digits" 127.0.0.1:5000/team/app@sha256:abc
refused "a missing tag" "image '127.0.0.1:5000/team/app:none' does not exist" 127.0.0.1:5000/team/app:none
refused "a missing folder" "image 'oci:./nowhere:v1'" oci:./nowhere:v1
refused "a missing archive" "image 'docker-archive:./nowhere.tar'" docker-archive:./nowhere.tar
refused "no such registry" "image '127.0.0.1:5999/app'" 127.0.0.1:5999/app

step "up"
cat >compose.yaml <<'TEXT'
name: oci
services:
  plain: {image: "127.0.0.1:5000/team/app:app"}
  changed:
    image: 127.0.0.1:5000/team/app:app
    command: [three]
    environment: {BOTH: file, OURS: file}
    user: "0:other"
    working_dir: /made/by/us
  replaced: {image: "oci:./images:app", entrypoint: [sh, -c, "$REPORT", ours], hostname: other-name}
  archive: {image: "docker-archive:./saved.tar"}
  bare: {image: "oci:images:bare"}
TEXT
REPORT=$report
export REPORT
mkdir below && cd below # relative to the file, not to where we are
vmstead --progress plain up -d 2>"$TEST_DIR/progress" || fail "up: $(cat "$TEST_DIR/progress")"
cd ..
check_eq "config shows what was written" "$(vmstead config --format json | jq -r .services.archive.image)" docker-archive:./saved.tar

says() { vmstead logs --no-log-prefix "$1" | grep -qxF -- "$2"; }
shows() { eventually 20 says "$1" "$2"; }
step "the image's own words"
shows plain "args: one two words"
shows plain "FROM=image BOTH=image OURS="
shows plain "/not/there/yet"
shows plain "uid=1000(app) gid=1000(app) groups=1000(app),2000(extra)"
step "command replaces CMD, environment is merged, user and folder replace"
shows changed "args: three"
shows changed "FROM=image BOTH=file OURS=file"
shows changed "/made/by/us"
shows changed "uid=0(root) gid=3000(other) groups=3000(other)"
step "entrypoint replaces ENTRYPOINT and drops CMD"
shows replaced "args: "
check_eq "hostname" "$(vmstead exec -T replaced cat /etc/hostname)" other-name
step "an archive: user by name and group"
check_eq "id" "$(vmstead exec -T archive id -u):$(vmstead exec -T archive id -g)" 1000:3000
check_eq "as another" "$(vmstead exec -T -u root archive id -u)" 0
step "an image without a shell"
check_eq "runs" "$(vmstead ps bare --format json | jq -r .State)" running
code=0; vmstead exec -T bare sh -c true 2>"$TEST_DIR/err" || code=$?
check_eq "no shell: 127" "$code" 127

step "a second up fetches nothing"
before=$(requests)
PATH=/nonexistent "$VMSTEAD" --progress quiet up -d || fail "the second up"
vmstead --progress quiet down
vmstead --progress quiet up -d bare plain
check_eq "the registry was not asked" "$(requests)" "$before"
check_eq "what was chosen runs" "$(vmstead ps --format json | jq -r .Service | sort | xargs)" "bare plain"
vmstead --progress quiet down

step "an image with nothing to run"
cat >nothing.yaml <<'TEXT'
name: oci
services:
  none: {image: "oci:./images:nothing"}
  absent: {image: "oci:./images:nothing", command: [not-there]}
TEXT
! vmstead -f nothing.yaml --progress quiet up -d 2>"$TEST_DIR/err" || fail "it runs"
step "$(cat "$TEST_DIR/err")"
check_contains "by name" "$(cat "$TEST_DIR/err")" none
vmstead -f nothing.yaml --progress quiet down
leaves_nothing
