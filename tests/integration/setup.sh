#!/usr/bin/env bash
# `vmstead setup`, the group that may use the daemon, and daemons in scopes of their own: in a mount namespace with an /etc,
# /run and /var of its own. systemd does not run there: systemctl and systemd-run are stood in for, the former by itself
# where it works without (enable, is-enabled).
if [ -z "${IN_SANDBOX-}" ] && [ "$(id -u)" = 0 ]; then
  IN_SANDBOX=1 exec unshare --mount --propagation private "$0"
fi
source "$(dirname "$0")/lib.sh"
start_test setup
command -v systemctl >/dev/null || skip "systemctl is not installed"

cp -a /etc "$TEST_DIR/etc"
new_etc() {
  rm -rf "$TEST_DIR/etc.now"
  cp -a "$TEST_DIR/etc" "$TEST_DIR/etc.now"
  mount --bind "$TEST_DIR/etc.now" /etc
}
new_etc
for folder in /run /var/lib /var/cache; do mount -t tmpfs -o mode=755 sandbox "$folder"; done
unset VMSTEAD_ROOT
trap 'code=$?; export VMSTEAD_ROOT=$TEST_DIR/root; (exit $code); end_test' EXIT
groupdel vmstead 2>/dev/null || true
rm -f /etc/sysctl.d/60-vmstead.conf /etc/systemd/system/vmstead*

# lib.sh's, of the system's own root.
daemon_pid() { sed -nE 's/.*"pid": ?([0-9]+).*/\1/p' /run/vmstead/daemon.json 2>/dev/null || true; }
start_daemon() {
  "$VMSTEAD" daemon 2>"$TEST_DIR/daemon.log" &
  has_daemon() { [ -n "$(daemon_pid)" ]; }
  eventually 10 has_daemon
}
stop_daemon() { check "stop" vmstead daemon --stop; check_eq "no daemon" "$(daemon_pid)" ""; }
host() { { find /etc -type f -o -type l | sort | xargs -d '\n' sha256sum 2>/dev/null; find /etc -type l -printf '%p %l\n' | sort; cat /proc/sys/net/ipv4/ip_forward; } | sha256sum; }
as_user() { # GROUP COMMAND...: as nobody, with that further group ("" for none)
  local groups=--clear-groups; [ -z "$1" ] || groups=--groups=$(getent group "$1" | cut -d: -f3)
  shift
  setpriv --reuid=65534 --regid=65534 "$groups" "$@"
}
states() { awk '{printf "%s%s:%s", (NR > 1 ? " " : ""), $1, $2}'; }
echo 0 >/proc/sys/net/ipv4/ip_forward

step "not root: one clear error"
code=0; said=$(as_user "" "$VMSTEAD" setup 2>&1) || code=$?
check_eq "exit status" "$code" 1
check_eq "error" "$said" "error: 'setup' needs root, to change this host: use 'sudo vmstead setup'"

step "a dry run changes nothing, and says each command"
before=$(host)
script=$(vmstead setup --dry-run)
check_eq "the host" "$(host)" "$before"
check_contains "group" "$script" "groupadd --system vmstead"
check_contains "forwarding" "$script" "sysctl -q -p /etc/sysctl.d/60-vmstead.conf"
check_contains "no systemd" "$script" "this host was not booted with systemd"

step "without systemd: the rest is done, a second run changes nothing"
check_eq "states" "$(vmstead setup | states)" "done:group done:forwarding skipped:units"
check "group" getent group vmstead >/dev/null
check_eq "forwarding" "$(cat /proc/sys/net/ipv4/ip_forward)" 1
before=$(host)
check_eq "states" "$(vmstead setup | states)" "there:group there:forwarding skipped:units"
check_eq "the host" "$(host)" "$before"
check_eq "nothing to run" "$(vmstead setup --dry-run | grep -vc '^#' || true)" 0

step "the script does the same"
umount /etc; new_etc
echo 0 >/proc/sys/net/ipv4/ip_forward
vmstead setup --dry-run | sh -e
check_eq "states" "$(vmstead setup | states)" "there:group there:forwarding skipped:units"

step "with systemd: units for the programs where they are, verified, enabled, once"
mkdir -p /run/systemd/system "$TEST_DIR/bin"
cat >"$TEST_DIR/bin/systemctl" <<TEXT
#!/bin/sh
echo "\$*" >>"$TEST_DIR/systemctl.log"
case \$1 in
  daemon-reload) ;;
  is-active) [ -e /run/is-active ] ;;
  enable) shift 2; touch /run/is-active; SYSTEMD_OFFLINE=1 exec $(command -v systemctl) enable "\$@" ;;
  *) SYSTEMD_OFFLINE=1 exec $(command -v systemctl) "\$@" ;;
esac
TEXT
chmod +x "$TEST_DIR/bin/systemctl"
PATH=$TEST_DIR/bin:$PATH
: >"$TEST_DIR/systemctl.log"
check_contains "dry run" "$(vmstead setup --dry-run)" "systemctl enable --now vmstead.socket vmstead.service vmstead-guests.service"
check_eq "nothing was enabled" "$(grep -c '^enable' "$TEST_DIR/systemctl.log" || true)" 0
units="vmstead.socket vmstead.service vmstead-guests.service"
check_eq "states" "$(vmstead setup 2>"$TEST_DIR/said" | states)" \
  "there:group there:forwarding done:vmstead.socket done:vmstead.service done:vmstead-guests.service done:enabled"
check_eq "in order" "$(grep -vE '^is-' "$TEST_DIR/systemctl.log" | tr '\n' ';')" "daemon-reload;enable --now $units;"
cd /etc/systemd/system
check_contains "the program" "$(cat vmstead.service)" "ExecStart=$BUILD_DIR/vmstead daemon"
check_contains "a restart takes no VM" "$(cat vmstead.service)" "KillMode=process"
check_contains "the group" "$(cat vmstead.socket)" "SocketGroup=vmstead"
check "socket" test -L sockets.target.wants/vmstead.socket
check "service" test -L multi-user.target.wants/vmstead.service
check "guests" test -L multi-user.target.wants/vmstead-guests.service
if command -v systemd-analyze >/dev/null; then
  said=$(systemd-analyze verify /etc/systemd/system/vmstead{.socket,.service,-guests.service} 2>&1) || fail "verify: $said"
  check_eq "nothing to complain of" "$(grep -i vmstead <<<"$said" || true)" ""
  sed -i 's/^KillMode=.*/KillMode=perhaps/' vmstead.service
  said=$(systemd-analyze verify /etc/systemd/system/vmstead.service 2>&1) || true
  check_contains "it does look" "$said" "kill mode"
  check_contains "mended" "$(vmstead setup 2>/dev/null | states)" "there:vmstead.socket done:vmstead.service there:vmstead-guests.service done:enabled"
fi
before=$(host)
check_eq "states" "$(vmstead setup | states)" \
  "there:group there:forwarding there:vmstead.socket there:vmstead.service there:vmstead-guests.service there:enabled"
check_eq "the host" "$(host)" "$before"
cd "$TEST_DIR"

step "a daemon that somebody started leaves before systemd's comes"
start_daemon
rm /run/is-active
vmstead setup >"$TEST_DIR/said" 2>&1
check_contains "said" "$(cat "$TEST_DIR/said")" "$BUILD_DIR/vmstead daemon --stop; systemctl enable"
check_eq "no daemon" "$(daemon_pid)" ""
rm -r /run/systemd

step "the group: root's daemon serves its members, and nobody else"
said=$(as_user vmstead "$VMSTEAD" ls 2>&1) && fail "without a daemon"
check_contains "no daemon" "$said" "no daemon listens on '/run/vmstead/daemon.sock', and only root starts one"
start_daemon
check_eq "socket" "$(stat -c '%a %U:%G' /run/vmstead/daemon.sock)" "660 root:vmstead"
check_eq "run folder" "$(stat -c '%a' /run/vmstead)" 711
check_eq "nothing else in it is open" "$(find /run/vmstead -mindepth 1 ! -name daemon.sock -perm /077)" ""
check_contains "a member" "$(as_user vmstead "$VMSTEAD" ls)" "NAME"
said=$(as_user "" "$VMSTEAD" ls 2>&1) && fail "a stranger was served"
check_contains "a stranger" "$said" "sudo usermod -aG vmstead"
said=$(as_user "" "$VMSTEAD" up 2>&1) && fail "a stranger was served"
check_contains "a stranger's up" "$said" "'up' needs root or the group 'vmstead'"
chmod 666 /run/vmstead/daemon.sock
check_contains "the daemon looks for itself" "$(as_user "" curl -s --unix-socket /run/vmstead/daemon.sock http://d/_ping)" "permission denied"
check_eq "a member" "$(as_user vmstead curl -s --unix-socket /run/vmstead/daemon.sock http://d/_ping)" "OK"
install -d -o 65534 /run/home
check_contains "doctor, as a member" "$(as_user vmstead env HOME=/run/home VMSTEAD_ACCEL=tcg "$VMSTEAD" doctor | head -1)" "runs (pid $(daemon_pid))"
stop_daemon
groupdel vmstead
start_daemon
check_eq "socket without a group" "$(stat -c '%a %U:%G' /run/vmstead/daemon.sock)" "600 root:root"
said=$(as_user "" "$VMSTEAD" ls 2>&1) && fail "a stranger was served"
check_contains "without a group" "$said" "'ls' needs root"
check_contains "the daemon that runs learns of it" "$(vmstead setup)" "groupadd --system vmstead; $BUILD_DIR/vmstead daemon --restart"
check_eq "socket" "$(stat -c '%a %U:%G' /run/vmstead/daemon.sock)" "660 root:vmstead"
stop_daemon

step "a login session's daemon: in a scope where systemd runs, else as it is"
cat >"$TEST_DIR/bin/systemd-run" <<TEXT
#!/bin/sh
echo "\$*" >>"$TEST_DIR/systemd-run.log"
[ ! -e "$TEST_DIR/refuse" ] || { echo "Failed to connect to bus" >&2; exit 1; }
while [ "\$1" != -- ]; do shift; done
shift
exec "\$@"
TEXT
chmod +x "$TEST_DIR/bin/systemd-run"
up_and_down() { # a command that needs a daemon
  check "it is started" vmstead volume create one >/dev/null
  check "it answers" test -n "$(daemon_pid)"
  stop_daemon
}
up_and_down
check "not without systemd" test ! -e "$TEST_DIR/systemd-run.log"
mkdir -p /run/systemd/system
up_and_down
check_contains "in a scope" "$(cat "$TEST_DIR/systemd-run.log")" "--scope --quiet --collect --slice=system.slice --unit=vmstead-"
touch "$TEST_DIR/refuse"
up_and_down
check_eq "it was tried" "$(wc -l <"$TEST_DIR/systemd-run.log")" 2
rm "$TEST_DIR/bin/systemd-run"
hash -r
up_and_down # the real one, which finds no systemd

export VMSTEAD_ROOT=$TEST_DIR/root
echo 0 >/proc/sys/net/ipv4/ip_forward
leaves_nothing
umount /etc
step "done"
