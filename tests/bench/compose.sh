# The figures of reading Compose files, for tests/bench/run: no VM, no network.
readonly COMPOSE_PAIRS=7 EVENT_PAIRS=11

# The best of each of two commands, run by turns: what else the machine does only adds.
best_of_both() { # PAIRS COMMAND-A COMMAND-B (names of functions); prints "A B", in milliseconds
  local pairs=$1 i
  for ((i = 0; i < pairs; i++)); do echo "$(took_ms "$2") $(took_ms "$3")"; done |
    awk '{ if (NR == 1 || $1 < a) a = $1; if (NR == 1 || $2 < b) b = $2 } END { print a, b }'
}

figure_compose() {
  note "Compose files"
  local shared=$SOURCE_DIR/../shared reference='' count ours theirs file
  if [ -x "$shared/tools/reference-compose" ]; then
    reference=$("$shared/tools/reference-compose" | tail -1)
    row "shared corpus" "$(cd "$SOURCE_DIR" && python3 ../shared/corpus/run.py --tool "$VMSTEAD -f {file} config --format json" | tail -1)" "48/48" ""
  else
    note "no ../shared here: no row against the reference"
  fi
  for count in 100 1000; do
    file=$TEST_DIR/$count.yaml
    "$SOURCE_DIR/tests/bench/compose_file" "$count" >"$file"
    by_us() { "$VMSTEAD" -f "$file" config --format json; }
    by_reference() { "$reference" -f "$file" config --format json; }
    [ -n "$reference" ] || continue
    read -r ours theirs < <(best_of_both "$COMPOSE_PAIRS" by_us by_reference)
    row "\`config --format json\` of $count services, against the reference" "$(calc %.3f "$ours / $theirs") ($ours ms, $theirs ms)" \
      "<= $([ "$count" = 100 ] && echo 0.1 || echo 0.03)" "best of $COMPOSE_PAIRS each, by turns"
  done
  figure_compose_large
}

figure_compose_large() {
  local file=$TEST_DIR/large.yaml bytes bare ours peak
  "$SOURCE_DIR/tests/bench/compose_file" 3350 >"$file"
  bytes=$(stat -c %s "$file")
  check_large() { "$VMSTEAD" -f "$file" config -q; }
  events_of_large() { "$BUILD_DIR/tests/bench/yaml_events" "$file"; }
  read -r ours bare < <(best_of_both "$EVENT_PAIRS" check_large events_of_large)
  row "MB/s of a file of $(calc %.1f "$bytes / 1000000") MB, against bare libyaml events" \
    "$(calc %.2f "$bare / $ours") ($(calc %.0f "$bytes / 1000 / $ours"), $(calc %.0f "$bytes / 1000 / $bare") MB/s)" ">= 0.5" \
    "\`config -q\`, best of $EVENT_PAIRS each, by turns"
  peak=$(python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)' "$VMSTEAD" -f "$file" config -q)
  row "peak memory on it" "$(calc %.1f "$peak / $bytes") x its size ($(calc %.0f "$peak / 1048576") MiB)" "<= 40" ""
}
