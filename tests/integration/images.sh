#!/usr/bin/env bash
# The image store with the real skopeo, umoci, mmdebstrap and mkfs.erofs: a registry on the loopback (with
# and without a password), local layouts and archives, what is kept and what is noticed. The bootstrap needs
# package mirrors and comes first, outside; the rest runs in a network namespace of its own.
source "$(dirname "$0")/lib.sh"

driver=$BUILD_DIR/tests/integration/images_driver
[ "$(id -u)" = 0 ] || skip "needs root"
[ -x "$driver" ] || fail "$driver is not built"
export IMAGES_DIR=${IMAGES_DIR:-$(mktemp -d "${TMPDIR:-/tmp}/vs-images.XXXXXX")}
cache=$IMAGES_DIR/cache
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$IMAGES_DIR"' EXIT
export HOME=$IMAGES_DIR/home XDG_RUNTIME_DIR=$IMAGES_DIR/xdg
mkdir -p "$HOME" "$XDG_RUNTIME_DIR"

# ensure SPEC... -> the results; ensure_with_nothing: no program is within reach, so none is run.
ensure() { timeout 300 "$driver" "$cache" "$@" 2>"$IMAGES_DIR/progress"; }
ensure_with_nothing() { PATH=/nonexistent "$driver" "$cache" "$@" 2>"$IMAGES_DIR/progress"; }
no_leftovers() { [ -z "$(ls "$cache/images/tmp")" ]; }
# Owner, mode, type, size, target and capabilities of everything below a folder.
list_tree() {
  (cd "$1" && find . -mindepth 1 -printf '%P %U:%G %m %y %l ' \( -type f -printf '%s %T@' , -printf '\n' \) | sort
   getcap -r . 2>/dev/null | sort)
}
export -f list_tree
# The same of an image, mounted where nobody else sees it.
list_image() {
  mkdir -p "$IMAGES_DIR/mounted"
  unshare --mount bash -c 'mount -t erofs -o loop,ro "$1" "$2" && list_tree "$2"' list "$1" "$IMAGES_DIR/mounted"
}

if [ -z "${IN_TEST_NETNS-}" ]; then
  step "a bootstrap from this host's mirrors"
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  printf 'from a file\n' >"$IMAGES_DIR/motd"
  spec() {
    jq -nc --arg suite "$suite" --arg source "$IMAGES_DIR/motd" '{bootstrap: {suite: $suite, packages: ["netbase"],
      files: {"/srv/app/run": {content: "#!/bin/sh\n", mode: "0755"}, "/etc/motd": {source: $source}}}}'
  }
  made=$(ensure "$(spec)") || fail "bootstrap: $made"
  fsck.erofs --extract="$IMAGES_DIR/tree" "$(jq -r .rootfs <<<"$made")" >/dev/null
  check_eq "a file by content" "$(stat -c %a:%U "$IMAGES_DIR/tree/srv/app/run")" 755:root
  check_eq "a file by source" "$(cat "$IMAGES_DIR/tree/etc/motd")" "from a file"
  check "the package is there" [ -s "$IMAGES_DIR/tree/etc/protocols" ]
  check "the host's name is not" [ ! -e "$IMAGES_DIR/tree/etc/hostname" ]
  check "no package lists" [ -z "$(ls "$IMAGES_DIR"/tree/var/lib/apt/lists | grep -v -E '^(partial|lock|auxfiles)$')" ]
  check_eq "again, with nothing" "$(ensure_with_nothing "$(spec)" | jq -r .id)" "$(jq -r .id <<<"$made")"
  printf 'changed\n' >"$IMAGES_DIR/motd"
  check_contains "a changed source asks for a new image" "$(ensure_with_nothing "$(spec)" || true)" "mmdebstrap"
  check no_leftovers
  trap - EXIT
  export IN_TEST_NETNS=1
  exec "$SOURCE_DIR/tests/in-netns" "$0"
fi

step "no way to the mirrors"
check_contains "the remedy" "$(ensure '{"bootstrap":{"suite":"bookworm"}}' || true)" "vmstead pull"
check no_leftovers

# --- images to fetch -------------------------------------------------------------------------------

layout=$IMAGES_DIR/layout
bundle=$IMAGES_DIR/bundle
{
  umoci init --layout "$layout"
  umoci new --image "$layout:v1"
  umoci unpack --image "$layout:v1" "$bundle"
} >/dev/null 2>&1
tree=$bundle/rootfs
mkdir -p "$tree"/{bin,etc,dev,gone}
cp /bin/true "$tree/bin/tool"
chmod 4755 "$tree/bin/tool"
install -o 1234 -g 5678 -m 0640 /dev/null "$tree/etc/owned"
ln -s ../bin/tool "$tree/etc/link"
ln "$tree/bin/tool" "$tree/bin/hard"
mknod "$tree/dev/null" c 1 3
touch -d '2001-02-03 04:05:06 UTC' "$tree/etc/old"
cp /bin/true "$tree/bin/capable" && setcap cap_net_bind_service+ep "$tree/bin/capable"
umoci repack --image "$layout:v1" "$bundle" >/dev/null 2>&1
rmdir "$tree/gone"
echo two >"$tree/etc/second"
{
  umoci repack --refresh-bundle --image "$layout:v1" "$bundle"
  umoci config --image "$layout:v1" --config.entrypoint /bin/tool --config.cmd -x --config.env A=b \
    --config.user 1234 --config.workingdir /etc --config.exposedports 80/tcp --config.label a.b=c
  umoci config --image "$layout:v1" --architecture arm64 --tag arm
  umoci config --image "$layout:v1" --config.env A=c --tag v2
} >/dev/null 2>&1

# serve PORT [AUTH-YAML]: a registry; its requests are in $IMAGES_DIR/PORT.log.
serve() {
  printf 'version: 0.1\nlog: {accesslog: {disabled: false}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n%s\n' \
    "$IMAGES_DIR/registry.$1" "127.0.0.1:$1" "${2-}" >"$IMAGES_DIR/$1.yml"
  docker-registry serve "$IMAGES_DIR/$1.yml" >"$IMAGES_DIR/$1.log" 2>&1 &
  eventually 20 curl -s -o /dev/null "http://127.0.0.1:$1/v2/"
}
push() { skopeo copy -q --dest-tls-verify=false "$@" >/dev/null; }
blobs_sent() { grep -c -E '"GET /v2/[^ ]*/blobs/' "$IMAGES_DIR/5000.log" || true; }
serve 5000
for tag in v1 v2 arm; do push "oci:$layout:$tag" "docker://127.0.0.1:5000/team/app:$tag"; done
app=127.0.0.1:5000/team/app

step "an image from a registry"
made=$(ensure "$app:v1") || fail "$made"
check_eq "configuration" "$(jq -c .config <<<"$made" | jq -cS .)" \
  '{"Cmd":["-x"],"Entrypoint":["/bin/tool"],"Env":["A=b"],"ExposedPorts":{"80/tcp":{}},"Labels":{"a.b":"c"},"User":"1234","WorkingDir":"/etc"}'
check_eq "architecture" "$(jq -r .architecture <<<"$made")" amd64
rootfs=$(jq -r .rootfs <<<"$made")
check_eq "size" "$(jq -r .size <<<"$made")" "$(stat -c %s "$rootfs")"
umoci unpack --image "$layout:v1" "$IMAGES_DIR/reference" >/dev/null 2>&1
list_tree "$IMAGES_DIR/reference/rootfs" >"$IMAGES_DIR/expected"
list_image "$rootfs" >"$IMAGES_DIR/got" || fail "the image cannot be mounted"
check "the same files, owners, modes, times, capabilities" diff "$IMAGES_DIR/expected" "$IMAGES_DIR/got"
check_contains "set-user-id" "$(cat "$IMAGES_DIR/got")" "bin/tool 0:0 4755 f"
check_contains "a capability" "$(cat "$IMAGES_DIR/got")" "cap_net_bind_service=ep"
check_eq "the whiteout worked" "$(grep -c '^gone' "$IMAGES_DIR/got" || true)" 0
check no_leftovers

step "what is cached is used"
before=$(wc -l <"$IMAGES_DIR/5000.log")
was() { jq -c --arg how "$1" '.how = $how' <<<"$made"; }
check_eq "how it came" "$(jq -r .how <<<"$made")" fetched
check_eq "the same image" "$(ensure_with_nothing "$app:v1" | jq -c .)" "$(was present)"
check_eq "the registry was not asked" "$(wc -l <"$IMAGES_DIR/5000.log")" "$before"
sent=$(blobs_sent)
check_eq "pull: always, unchanged" "$(ensure "{\"image\":\"$app:v1\",\"pull\":\"always\"}" | jq -c .)" "$(was unchanged)"
check "fetched no layer" [ $(($(blobs_sent) - sent)) -le 1 ]
check_eq "the same content by another name" "$(ensure "oci:$layout:v1" | jq -r .id)" "$(jq -r .id <<<"$made")"

step "a tag that moves"
push "oci:$layout:v2" "docker://$app:v1"
check_eq "missing: stays" "$(ensure "$app:v1" | jq -r '.config.Env[0]')" A=b
check_eq "always: follows" "$(ensure "{\"image\":\"$app:v1\",\"pull\":\"always\"}" | jq -r '.config.Env[0]')" A=c
check_eq "and is kept" "$(ensure_with_nothing "$app:v1" | jq -r '.config.Env[0]')" A=c

step "digests"
digest=$(skopeo inspect --no-tags --tls-verify=false "docker://$app:v1" | jq -r .Digest)
check_eq "a good one" "$(ensure "$app@$digest" | jq -r '.config.Env[0]')" A=c
wrong=$(ensure "$app@sha256:$(printf %064d 0)" || true)
check_contains "a wrong one" "$wrong" "does not exist"
check_contains "half a one" "$(ensure "$app@sha256:abc" || true)" "64 hexadecimal digits"

step "platforms"
sent=$(blobs_sent)
check_contains "another architecture" "$(ensure "$app:arm" || true)" "image '$app:arm' is for linux/arm64, this machine is linux/amd64"
check "no layer of it was fetched" [ $(($(blobs_sent) - sent)) -le 1 ]
# put_list TAG ARCH=TAG...: a list of manifests of what is in the registry.
put_list() {
  local list=$1 pair manifest; shift
  for pair; do
    manifest=$(curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://127.0.0.1:5000/v2/team/app/manifests/${pair#*=}" | tee "$IMAGES_DIR/m" | sha256sum | cut -d' ' -f1)
    jq -n --arg digest "sha256:$manifest" --argjson size "$(stat -c %s "$IMAGES_DIR/m")" --arg arch "${pair%%=*}" \
      '{mediaType: "application/vnd.oci.image.manifest.v1+json", $digest, $size, platform: {architecture: $arch, os: "linux"}}'
  done | jq -sc '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: .}' |
    curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @- "http://127.0.0.1:5000/v2/team/app/manifests/$list"
}
put_list both arm64=arm amd64=v2
put_list others arm64=arm
check_eq "ours of a list" "$(ensure "$app:both" | jq -r '.config.Env[0]')" A=c
check_contains "a list without ours" "$(ensure "$app:others" || true)" "is not for linux/amd64"

step "local sources"
skopeo copy -q "oci:$layout:v1" "docker-archive:$IMAGES_DIR/app.tar:app:v1"
for source in "oci:$layout:v1" "docker-archive:$IMAGES_DIR/app.tar"; do
  check_eq "$source" "$(ensure "$source" | jq -r '.config.Env[0]')" A=b
  check "unchanged: no program" ensure_with_nothing "$source" >/dev/null
done
umoci config --image "$layout:v1" --config.env A=d >/dev/null 2>&1
rm "$IMAGES_DIR/app.tar"
skopeo copy -q "oci:$layout:v1" "docker-archive:$IMAGES_DIR/app.tar:app:v1"
for source in "oci:$layout:v1" "docker-archive:$IMAGES_DIR/app.tar"; do
  check_contains "changed: noticed" "$(ensure "$source" | jq -c .config.Env)" A=d
done
check_contains "no such tag" "$(ensure "oci:$layout:none" || true)" "does not exist"
check_contains "no such file" "$(ensure "docker-archive:$IMAGES_DIR/none.tar" || true)" "is not there"

step "damage"
rootfs=$(ensure "$app:v2" | jq -r .rootfs)
truncate -s 5000 "$rootfs"
ensure "$app:v2" >/dev/null || fail "not fetched again"
check_contains "said so" "$(cat "$IMAGES_DIR/progress")" "damaged"
check "whole again" fsck.erofs "$rootfs" >/dev/null
printf X | dd of="$rootfs" bs=1 seek=2000 conv=notrunc status=none
ensure "$app:v2" >/dev/null || fail "not fetched again"
check_contains "said so" "$(cat "$IMAGES_DIR/progress")" "damaged"

step "a password"
python3 -W ignore -c 'import crypt; print("me:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH)))' >"$IMAGES_DIR/htpasswd"
serve 5001 "auth: {htpasswd: {realm: test, path: $IMAGES_DIR/htpasswd}}"
push --dest-creds me:secret "oci:$layout:v1" docker://127.0.0.1:5001/private:1
check_contains "without" "$(ensure 127.0.0.1:5001/private:1 || true)" "docker login 127.0.0.1:5001"
login='{"auths":{"127.0.0.1:5001":{"auth":"'$(printf me:secret | base64)'"}}}'
mkdir -p "$HOME/.docker" && echo "$login" >"$HOME/.docker/config.json"
check "docker's login" ensure 127.0.0.1:5001/private:1 >/dev/null
rm -r "$HOME/.docker" "$cache"
mkdir -p "$XDG_RUNTIME_DIR/containers" && echo "$login" >"$XDG_RUNTIME_DIR/containers/auth.json"
check "podman's login" ensure 127.0.0.1:5001/private:1 >/dev/null

step "a host without a signature policy"
bare() { unshare --mount sh -c 'mount -t tmpfs none /etc/containers && exec "$@"' bare "$driver" "$cache" "$@" 2>/dev/null; }
check "works" bare "$app:v1" >/dev/null

step "several at once, kill -9, cancel"
head -c 60000000 /dev/urandom >"$tree/big"
umoci repack --image "$layout:big" "$bundle" >/dev/null 2>&1
push "oci:$layout:big" "docker://$app:big"
sent=$(blobs_sent)
"$driver" "$cache" "$app:big" >"$IMAGES_DIR/one" 2>/dev/null & one=$!
"$driver" "$cache" "$app:big" "$app:big" >"$IMAGES_DIR/two" 2>/dev/null & two=$!
wait "$one" "$two" || fail "two processes, three requests"
check_eq "one image" "$(cat "$IMAGES_DIR/one" "$IMAGES_DIR/two" | jq -c "del(.how)" | sort -u | wc -l)" 1
check "fetched once" [ $(($(blobs_sent) - sent)) -le 5 ]
busy() { ls "$cache"/images/tmp/*/layout >/dev/null 2>&1; }
nobody_copies() { ! pgrep -x skopeo -a | grep -qF "$app:big"; }
rm -rf "$cache"
"$driver" "$cache" "$app:big" >/dev/null 2>&1 & one=$!
eventually 20 busy
kill -9 "$one"; wait "$one" 2>/dev/null || true
check "left something" busy
ensure "$app:v2" >/dev/null # another image's turn clears it, once its programs have ended
eventually 30 nobody_copies
ensure "$app:arm" >/dev/null || true
check no_leftovers
"$driver" "$cache" "$app:big" >"$IMAGES_DIR/one" 2>/dev/null & one=$!
eventually 20 busy
kill -INT "$one"; wait "$one" || true
check_contains "cancelled" "$(cat "$IMAGES_DIR/one")" "cancelled"
check no_leftovers
check "and works afterwards" ensure "$app:big" >/dev/null
