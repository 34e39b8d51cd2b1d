# What the integration tests share. Source it first; it puts the test into a network namespace of its own,
# gives it a root of its own, and ends it by comparing the host with what it was.
#
#   start_test NAME        once, before anything else
#   step "TEXT"            says what is being shown
#   check "TEXT" COMMAND   fails the test unless COMMAND succeeds
#   check_eq "TEXT" A B    fails the test unless A and B are the same
#   eventually SECONDS COMMAND...   repeats it until it succeeds
#   STACKS="NAME..."       before sourcing: whose images (testdata/stacks) it takes, when not the usual ones
#   skip "WHY"             ends the test as skipped (ctest: SKIP_RETURN_CODE 77)
#
# Every test ends with `down` for its projects and leaves_nothing.
set -euo pipefail

readonly SOURCE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly BUILD_DIR=${VMSTEAD_BUILD:-$SOURCE_DIR/build/release}
readonly VMSTEAD=$BUILD_DIR/vmstead
export VMSTEAD_IDLE_SECONDS=${VMSTEAD_IDLE_SECONDS:-600}

vmstead() { "$VMSTEAD" "$@"; }
step() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
skip() { printf 'SKIPPED: %s\n' "$*"; exit 77; }

check() {
  local what=$1; shift
  "$@" || fail "$what: \`$*\` ended with $?"
}

# A page as a VM gets it: fetch SERVICE URL. (Debian's static busybox dies of wget's -T and of -O -.)
fetch() {
  vmstead exec -T "$1" sh -c 'timeout 5 busybox wget -q -O /tmp/page "$1" && cat /tmp/page' sh "$2"
}

check_eq() {
  [ "$2" = "$3" ] || fail "$1: expected '$3', got '$2'"
}

check_contains() {
  case $2 in *"$3"*) ;; *) fail "$1: '$3' is not in: $2" ;; esac
}

eventually() {
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "not within the time: $*"
    sleep 0.2
  done
}

# Into a namespace of our own; images are shared between tests through one cache.
start_test() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  [ -x "$VMSTEAD" ] || fail "$VMSTEAD is not built"
  if [ -z "${IN_TEST_NETNS-}" ]; then
    prepare_images
    export IN_TEST_NETNS=1
    exec "$SOURCE_DIR/tests/in-netns" "$0"
  fi
  TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/vs-$1.XXXXXX")
  export VMSTEAD_ROOT=$TEST_DIR/root
  mkdir -p "$VMSTEAD_ROOT" "$(image_cache)"
  ln -s "$(image_cache)" "$VMSTEAD_ROOT/cache"
  trap end_test EXIT
  snapshot >"$TEST_DIR/before"
}

image_cache() { echo "${VMSTEAD_TEST_CACHE:-$BUILD_DIR/test-cache}"; }

# Bootstraps need package mirrors, which a private namespace has no way to: made before, outside.
prepare_images() {
  local stack
  for stack in ${STACKS:-shop tiny}; do
    VMSTEAD_ROOT=$BUILD_DIR/test-root prepare_images_of "$SOURCE_DIR/testdata/stacks/$stack/compose.yaml"
  done
}
prepare_images_of() {
  mkdir -p "$VMSTEAD_ROOT" "$(image_cache)"
  [ -e "$VMSTEAD_ROOT/cache" ] || ln -s "$(image_cache)" "$VMSTEAD_ROOT/cache"
  "$VMSTEAD" -f "$1" --progress quiet pull || fail "the images of $1 cannot be made"
}

# The beginning of a Compose file of one's own: the services' anchor *guest as testdata/stacks/tiny has it, so that
# its image is in the cache already, up to "services:". Its program goes into the current folder.
guest_part() {
  cp "$SOURCE_DIR/testdata/stacks/tiny/count" .
  sed -n '/^x-guest/,/^services/p' "$SOURCE_DIR/testdata/stacks/tiny/compose.yaml"
}

snapshot() { "$SOURCE_DIR/tests/host-state" "$VMSTEAD_ROOT"; }

leaves_nothing() {
  snapshot >"$TEST_DIR/after"
  diff -u "$TEST_DIR/before" "$TEST_DIR/after" || fail "something was left behind (see above)"
}

# Nothing where none has ever run.
daemon_pid() { sed -nE 's/.*"pid": ?([0-9]+).*/\1/p' "$VMSTEAD_ROOT/run/daemon.json" 2>/dev/null || true; }

end_test() {
  local code=$? pid
  set +e
  if [ "$code" != 0 ] && [ "$code" != 77 ] && [ -f "$VMSTEAD_ROOT/state/daemon.log" ]; then
    echo "-- daemon.log"; tail -40 "$VMSTEAD_ROOT/state/daemon.log"
  fi
  for pid in $(jobs -p); do kill "$pid" 2>/dev/null; done
  # Whatever a failed test left: VMs of this root by their command line, then the daemon.
  for pid in $(own_pids); do kill -9 "$pid"; done
  pid=$(daemon_pid); [ -z "$pid" ] || kill "$pid" 2>/dev/null
  rm -rf "$TEST_DIR"
  exit "$code"
}

# The VMs of this root: their pids; of one instance: vm_pid NAME.
own_pids() { processes_with ''; }
vm_pid() { processes_with "guest=$1[, ]"; }

processes_with() {
  local pid command
  for pid in /proc/[0-9]*; do
    { command=$(tr '\0' ' ' <"$pid/cmdline"); } 2>/dev/null || continue
    case $command in *qemu-system*"$VMSTEAD_ROOT"*) ;; *) continue ;; esac
    ! grep -qE -- "$1" <<<"$command " || echo "${pid#/proc/}"
  done
}
