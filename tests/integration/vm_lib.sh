# For tests of real VMs without a Compose file: lib.sh, an image of nothing but busybox, and vm_driver, which
# does one operation per run (so that every step is one of a daemon that has just come).
#
#   start_vm_test NAME          once, in place of start_test
#   build_image NAME SCRIPT     an image: SCRIPT is run in a folder that becomes its root, before busybox is added
#   vm_spec INSTANCE IMAGE MOUNTS [MORE]   the spec of a VM that sleeps; MORE: members that are added, JSON
#   make_vm / start_vm / stop_vm / remove_vm INSTANCE [SPEC]
#   in_vm INSTANCE SCRIPT       its output; volume NAME shared|single
#   kill_vm INSTANCE            kill -9, and waits until it is gone
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
readonly DRIVER=$BUILD_DIR/tests/integration/vm_driver
declare -A IMAGE_RESULTS

driver() { timeout 200 "$DRIVER" "$@"; }

start_vm_test() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  BUSYBOX=$(command -v busybox) || skip "busybox-static is not installed"
  ! ldd "$BUSYBOX" >/dev/null 2>&1 || skip "busybox is not static: install busybox-static"
  command -v umoci >/dev/null || skip "umoci is not installed"
  [ -x "$DRIVER" ] || fail "$DRIVER is not built"
  start_test "$1"
}

build_image() {
  local name=$1 script=$2 files=$TEST_DIR/files-$1 applet
  mkdir -p "$files"/{bin,etc,tmp}
  cp "$BUSYBOX" "$files/bin/busybox"
  for applet in $("$BUSYBOX" --list); do [ "$applet" = busybox ] || ln -s busybox "$files/bin/$applet"; done
  printf 'root:x:0:0:root:/:/bin/sh\napp:x:1234:1235::/:/bin/sh\n' >"$files/etc/passwd"
  printf 'root:x:0:\nappgroup:x:1235:\n' >"$files/etc/group"
  (cd "$files" && eval "$script")
  (
    cd "$TEST_DIR"
    [ -d oci ] || umoci init --layout oci
    umoci new --image "oci:$name"
    for folder in "$files"/*; do umoci insert --image "oci:$name" "$folder" "/${folder##*/}"; done
    umoci config --image "oci:$name" --config.cmd /bin/sh --config.env PATH=/bin
  ) >/dev/null
  IMAGE_RESULTS[$name]=$(driver ensure image "$name" "{\"image\":\"oci:$TEST_DIR/oci:$name\"}") ||
    fail "the image cannot be made"
}

vm_spec() {
  jq -nc --arg instance "$1" --arg image "$2" --argjson mounts "$3" --argjson more "${4:-{\}}" '{
    instance: $instance, id: ($instance | @base64 | explode | map(. % 16 | "0123456789abcdef"[.:.+1]) | join("") | . * 16 | .[:64]),
    project: "test", service: $instance, hostname: $instance, image: $image, endpoints: [], environment: {},
    command: ["sh", "-c", "trap exit TERM; while :; do sleep 0.2; done"], memory_bytes: 201326592,
    stop_timeout_ms: 5000, mounts: $mounts} + $more'
}

inputs_of() { jq -nc --argjson image "${IMAGE_RESULTS[$1]}" --arg name "image/$1" '{($name): $image}'; }
make_vm() { driver ensure vm "$1" "$2" >/dev/null; }
start_vm() { driver start vm "$1" "$2" "$(inputs_of "$(jq -r .image <<<"$2")")" >/dev/null; }
run_vm() { make_vm "$@" && start_vm "$@"; }
stop_vm() { driver stop vm "$1" '{"stop_timeout_ms":5000}' >/dev/null; }
remove_vm() { driver remove vm "$1" '{}' >/dev/null; }
in_vm() { driver exec "$1" sh -c "$2"; }
volume() { driver ensure volume "$1" "{\"project\":\"test\",\"key\":\"$1\",\"labels\":{},\"shared\":$([ "$2" = shared ] && echo true || echo false)}"; }
remove_volume() { driver remove volume "$1" '{}' >/dev/null; }

no_virtiofsd() { ! pgrep -f "virtiofsd.*$VMSTEAD_ROOT/run/vm/" >/dev/null; }

kill_vm() {
  local pid; pid=$(vm_pid "$1")
  kill -9 "$pid"
  gone() { [ ! -d "/proc/$pid" ]; }
  eventually 10 gone
}
