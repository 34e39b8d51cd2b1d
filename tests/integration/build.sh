#!/usr/bin/env bash
# Images from Dockerfiles with the real buildah, without any network: from scratch and on one another, what
# takes part in a build and what does not, what is built again and what is not, what is said when it fails.
# One of them boots.
source "$(dirname "$0")/lib.sh"
start_test build
busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 || skip "needs a static busybox"
command -v buildah >/dev/null || skip "needs buildah"
driver=$BUILD_DIR/tests/integration/images_driver
cache=$TEST_DIR/cache
mkdir -p "$TEST_DIR/home" "$TEST_DIR"/{base,app/src,app/node_modules,more} "$cache"
export HOME=$TEST_DIR/home XDG_RUNTIME_DIR=$TEST_DIR/home
cd "$TEST_DIR"

# ensure SPEC...; the same with no program within reach; build NAME CONTEXT [MEMBERS OF build] -> spec.
ensure() { timeout 120 "$driver" "$cache" "$@" 2>progress; }
ensure_with_nothing() { PATH=/nonexistent "$driver" "$cache" "$@" 2>progress; }
build() {
  jq -nc --arg image "$1" --arg context "$TEST_DIR/$2" --argjson more "${3:-"{}"}" \
    '{image: $image, when: "always", build: ({context: $context} + $more)}'
}
how() { jq -r .how <<<"$1"; }
id() { jq -r .id <<<"$1"; }
# in_image RESULT PATH: a file's content.
in_image() {
  rm -rf extracted
  fsck.erofs --extract=extracted "$(jq -r .rootfs <<<"$1")" >/dev/null
  cat "extracted/$2"
}
# refused TEXT PATTERN SPEC
refused() {
  local said
  said=$(ensure "$3") && fail "$1: not refused: $said"
  check_contains "$1" "$said" "$2"
  step "$1: $said"
}

step "from scratch"
cp "$busybox" base/busybox
cat >base/Dockerfile <<'TEXT'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN echo root:x:0:0::/root:/bin/sh >/etc-passwd && mkdir -p /etc /root /tmp && mv /etc-passwd /etc/passwd
TEXT
base=$(ensure "$(build base base)") || fail "base: $base"
check_eq "built" "$(how "$base")" built
check_contains "steps are progress" "$(cat progress)" 'STEP 2/4: COPY busybox /bin/busybox'
check_eq "its name is known" "$(how "$(ensure_with_nothing base)")" present
check_eq "also where it may be fetched only" "$(id "$(ensure_with_nothing '{"image":"base","pull":"always"}')")" "$(id "$base")"

step "on a local base: stages, a target, arguments, an ignore file"
cat >app/Dockerfile <<'TEXT'
ARG BASE
FROM ${BASE} AS common
ARG WHO=nobody PATH=/bin
RUN echo "hello $WHO" >/hello
FROM common AS full
COPY . /app
COPY --from=extra more.txt /more.txt
COPY --from=base /etc/passwd /passwd
VOLUME /data
EXPOSE 80
ENV FROM=dockerfile
STOPSIGNAL SIGINT
HEALTHCHECK --interval=2s CMD test -e /hello
CMD ["/bin/sh", "-c", "cat /hello; echo FROM=$FROM; exec sleep 1000"]
FROM full AS unused
RUN exit 1
TEXT
printf 'node_modules\n**/*.log\n!keep.log\n' >app/.dockerignore
echo code >app/src/main; echo noise >app/src/x.log; echo kept >app/keep.log; echo big >app/node_modules/lib
echo more >more/more.txt
app() {
  build registry.example/team/app:1 app "$(jq -nc --arg more "$TEST_DIR/more" --arg who "${1:-me}" '{target: "full",
    args: {WHO: $who, BASE: "base"}, contexts: {extra: $more}, tags: ["app:latest"]}')"
}
built=$(ensure "$(app)") || fail "app: $built"
check_eq "an argument" "$(in_image "$built" hello)" "hello me"
check_eq "files of the context" "$(cd extracted/app && find . -type f | sort | xargs)" "./.dockerignore ./Dockerfile ./keep.log ./src/main"
check_eq "another context" "$(cat extracted/more.txt)" more
check_eq "another image" "$(cat extracted/passwd)" "root:x:0:0::/root:/bin/sh"
check_eq "what it says of itself" \
  "$(jq -c '.config | [.Volumes, .ExposedPorts, .StopSignal, .Healthcheck.Test, .Healthcheck.Interval]' <<<"$built")" \
  '[{"/data":{}},{"80/tcp":{}},"SIGINT",["CMD-SHELL","test -e /hello"],2000000000]'
check_eq "its second name" "$(id "$(ensure_with_nothing app)")" "$(id "$built")"

step "what is unchanged is not built"
again=$(ensure "$(app)")
check_eq "unchanged" "$(how "$again") $(id "$again")" "cached $(id "$built")"
touch app/src/main; echo other >app/src/other.log; echo other >app/node_modules/other
check_eq "times and what is ignored do not count" "$(how "$(ensure_with_nothing "$(app)")")" cached
echo changed >app/src/main
changed=$(ensure "$(app)")
check_eq "a changed file" "$(how "$changed") $(in_image "$changed" app/src/main)" "built changed"
check_contains "only what follows is done again" "$(cat progress)" "COPY . /app"
! grep -q "| hello" progress || fail "a step before the change ran again"
check_eq "a changed argument" "$(how "$(ensure "$(app you)")")" built
echo code >app/src/main
check_eq "as it was" "$(how "$(ensure_with_nothing "$(app)")") $(id "$(ensure_with_nothing app)")" "cached $(id "$built")"
echo more2 >more/more.txt
check_eq "a changed further context" "$(how "$(ensure "$(app)")")" built
check_eq "no_cache" "$(how "$(ensure "$(build base base '{"no_cache":true}')")")" built
check_eq "a base that was built anew" "$(how "$(ensure "$(app)")")" built

step "values of arguments are in no process list"
slow() { build slow app '{"args":{"TOKEN":"s3cr3t"},"dockerfile_inline":"FROM base\nARG TOKEN\nRUN sleep 2\n"}'; }
ensure "$(slow)" >/dev/null &
eventually 20 pgrep -f 'buildah.*build-arg=TOKEN' >/dev/null
! pgrep -f 'buildah.*s3cr3t' || fail "a secret in a process list"
wait $!

step "bases that are built at the same time are waited for"
both=$(ensure "$(build top app '{"dockerfile_inline":"FROM mid\nRUN echo top >/top"}')" \
  "$(build mid app '{"dockerfile_inline":"FROM base\nRUN echo mid >/mid"}')") || fail "$both"
check_contains "said" "$(cat progress)" "waiting for image 'mid' to be built"
check_eq "two results" "$(jq -r .how <<<"$both" | xargs)" "built built"

step "a base that buildah's store has lost comes from the cache"
rm -rf "$cache/images/buildah"
lost=$(ensure "$(build lost app '{"dockerfile_inline":"FROM app\nRUN cat /hello >/copy; stat -c %u:%a /bin/busybox"}')") || fail "$lost"
check_eq "its files" "$(in_image "$lost" copy)" "$(in_image "$lost" hello)"
check_eq "its configuration" "$(jq -c '.config | [.StopSignal, .Healthcheck.Test[0], .Volumes]' <<<"$lost")" \
  '["SIGINT","CMD-SHELL",{"/data":{}}]'
check_eq "another" "$(how "$(ensure "$(build lost2 app '{"dockerfile_inline":"FROM app\nRUN cat /hello >/other"}')")")" built
! grep -q "unpacking the base" progress || fail "it was imported twice"

step "a store that is too large is cleared of what no name needs"
layers() { ls "$cache/images/buildah/store/vfs/dir" | wc -l; }
before=$(layers)
VMSTEAD_BUILD_CACHE_MB=0 ensure "$(build lost app '{"dockerfile_inline":"FROM app\nRUN echo anew >/copy"}')" >/dev/null
[ "$(layers)" -le "$before" ] || fail "$(layers) layers, after $before"
kept=$(ensure "$(build lost3 app '{"dockerfile_inline":"FROM lost2\nRUN true"}')") || fail "what has a name: $kept; $(cat progress)"

step "what fails"
refused "a failing command" "'RUN (echo out; echo why) >&2; exit 7' failed with exit code 7; it said last:
  out
  why" "$(build bad app '{"dockerfile_inline":"FROM base\nRUN (echo out; echo why) >&2; exit 7"}')"
refused "a missing file" "'COPY nothing /x' failed" "$(build bad app '{"dockerfile_inline":"FROM base\nCOPY nothing /x"}')"
refused "no Dockerfile" "its Dockerfile: cannot open '$TEST_DIR/app/Other'" "$(build bad app '{"dockerfile":"Other"}')"
refused "no context" "build context '$TEST_DIR/nowhere'" "$(build bad nowhere)"
refused "no such stage" "no stage 'none' (target); it has 'common', 'full', 'unused'" \
  "$(build bad app '{"target":"none","args":{"BASE":"base"}}')"
refused "no such base" "its base: image 'nowhere.example/none:latest' cannot be fetched" \
  "$(build bad app '{"dockerfile_inline":"FROM nowhere.example/none"}')"
refused "not a Dockerfile" 'Unknown instruction: "NONSENSE"' "$(build bad app '{"dockerfile_inline":"FROM base\nNONSENSE 1"}')"
check_eq "nothing is left of them" "$(ls "$cache/images/tmp"; jq length "$cache/images/buildah/store/vfs-containers/containers.json")" 0

step "Docker's archives keep their health check"
buildah --root "$cache/images/buildah/store" --runroot "$cache/images/buildah/run" --storage-driver vfs \
  push -q lost2 docker-archive:"$TEST_DIR/app.tar":app:latest
check_eq "HEALTHCHECK" "$(ensure "docker-archive:$TEST_DIR/app.tar" | jq -c .config.Healthcheck.Test)" '["CMD-SHELL","test -e /hello"]'

step "a build boots"
rm "$VMSTEAD_ROOT/cache" && ln -s "$cache" "$VMSTEAD_ROOT/cache"
cat >compose.yaml <<'TEXT'
name: build
services:
  app: {image: "app:latest"}
TEXT
snapshot >"$TEST_DIR/before"
vmstead --progress plain up -d 2>progress </dev/null || fail "up: $(cat progress)"
says() { vmstead logs --no-log-prefix app | grep -qxF -- "$1"; }
eventually 20 says "hello me"
eventually 20 says "FROM=dockerfile"
vmstead --progress quiet down
leaves_nothing
