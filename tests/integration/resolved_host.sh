# A real systemd-resolved in a namespace: source it, after lib.sh and before start_test. Its program comes from the
# machine, or from Debian's package, unpacked and not installed: installing it would change the host's resolver.
#
#   resolved_prepare       before start_test: fetches it, while there is a network
#   resolved_start         inside: a bus and a resolved of our own; DBUS_SYSTEM_BUS_ADDRESS leads there
#   resolvectl             theirs
resolved_files() { echo "$(image_cache)/systemd-resolved"; }
resolved_program() {
  local program
  for program in {,$(resolved_files)}{/usr,}/lib/systemd/systemd-resolved; do
    [ ! -x "$program" ] || { echo "$program"; return; }
  done
  return 1
}
resolved_prepare() {
  [ -z "${IN_TEST_NETNS-}" ] && ! resolved_program >/dev/null || return 0
  mkdir -p "$(resolved_files)"
  (cd "$(resolved_files)" && apt-get download systemd-resolved && dpkg -x systemd-resolved_*.deb .) >/dev/null 2>&1 ||
    skip "systemd-resolved is neither here nor to be had"
}
resolvectl_program() { type -P resolvectl || echo "$(resolved_files)/usr/bin/resolvectl"; }
resolvectl() { timeout 10 "$(resolvectl_program)" --no-pager "$@"; }

# In a mount namespace of our own, because /run/systemd and the user are fixed. Called before anything is started.
resolved_enter() {
  [ -z "${IN_TEST_MOUNTNS-}" ] || return 0
  IN_TEST_MOUNTNS=1 exec unshare --mount --propagation private "$0"
}
resolved_start() {
  local run=/run/systemd user=systemd-resolve
  mount -t tmpfs tmpfs "$run"
  mkdir "$run/resolve"
  if ! getent passwd "$user" >/dev/null; then
    { cat /etc/passwd; echo "$user:x:986:986::/:/usr/sbin/nologin"; } >"$run/passwd"
    { cat /etc/group; echo "$user:x:986:"; } >"$run/group"
    mount --bind "$run/passwd" /etc/passwd
    mount --bind "$run/group" /etc/group
  fi
  chown "$user:$user" "$run/resolve"
  cat >"$run/bus.conf" <<'X'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:path=/run/systemd/bus</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="signal"/>
    <allow receive_type="method_return"/><allow receive_type="error"/>
  </policy>
</busconfig>
X
  export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$run/bus
  dbus-daemon --config-file="$run/bus.conf" --nofork --nopidfile &
  eventually 10 test -S "$run/bus"
  "$(resolved_program)" >"$TEST_DIR/resolved.log" 2>&1 &
  answers() { resolvectl status >/dev/null 2>"$TEST_DIR/resolvectl.log"; }
  local i
  for i in {1..50}; do answers && return; sleep 0.2; done
  fail "systemd-resolved does not start: $(tail -n 5 "$TEST_DIR/resolved.log" "$TEST_DIR/resolvectl.log")"
}
