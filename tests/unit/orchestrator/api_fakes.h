/* What stands below the API in its tests: fakes of orchestrator, runtime and network with their
 * real interfaces, and an API server on a loop of its own in a thread. Their state is counted in
 * atomics, for the test's thread to read.
 *
 * Instances: shop-web-1 (running), shop-cache-1 (running), shop-job-1 (exited 3), shop-idle-1
 * (paused).
 * exec: argv[0] is
 *   "cat"    stdin to stdout and stderr in turn of blocks, exit 0 at end of file
 *   "exit"   exits with argv[1]
 *   "flood"  writes argv[1] bytes
 *   "sleep"  waits for a signal, then exits with 128 + it
 *   "size"   waits for a resize, writes "ROWS COLUMNS"
 *   "lost"   ends with an error
 *   detached all of them are started, but "absent", which is not there, and "hangs", of which is
 *            never heard
 * attach: shop-cache-1 has a terminal and reads stdin: what comes in goes out, end of file ends it;
 *   shop-web-1 reads none and says "out" and "err" when it is started; shop-job-1 has ended: only
 *   replayed, "out" and "err"
 * copy out: "/missing" is not there, "/broken" breaks off, everything else is FAKE_FILE_SIZE bytes
 * copy in: "/full" fails after a while, "/missing" at once
 * events: the history is shop-web-1's "create" at second 1000 and "exec_create: ls" at second 2000
 * wait: shop-job-1 answers 3 at once, shop-web-1 0 after a while, the others never
 * volumes: "anon" and "spare" are unused, "shop_data" is used
 * logs: shop-web-1 has 10 lines, shop-cache-1 writes for ever.
 * jobs: of project
 *   "shop"   three steps, success           "broken"  an error
 *   "early"  has ended when it returns      "endless" until cancelled
 *   "chatty" a million progress lines, one warning, success
 *   "nobody" is refused with ENOENT */
#pragma once

#include "orchestrator/api.h"

#include <stdatomic.h>

enum { FAKE_FILE_SIZE = 3 << 20 };

struct fake_counters {
    atomic_int exec_started, exec_abandoned, stdin_closed;
    atomic_size_t exec_max_in_flight;
    atomic_int attaches_open, copies_open, tops_open, inspections_open;
    atomic_size_t copy_max_in_flight, copied_in;
    atomic_int resized_rows;
    atomic_int volume_labels, volumes_removed;
    atomic_int networks_removed;
    char network_spec[512]; /* of the last operation */
    atomic_int readers_open, waits_open;
    atomic_llong log_since_ns, log_until_ns;
    atomic_size_t log_records;
    atomic_int jobs_started, jobs_cancelled, jobs_ended;
    atomic_int activity, stop_requests;
};
extern struct fake_counters fakes;

/* The last job's verb and options, those that say something: "stop services=web timeout=5000". */
const char *fake_last_asked(void);

struct fake_server;

/* Listens in a new folder; path names the socket. */
struct fake_server *fake_server_start(void);
const char *fake_server_socket(const struct fake_server *server);
/* shop-job-1 dies; from any thread. */
void fake_server_event(struct fake_server *server);
/* Frees the API while clients may be connected, and checks that the loop is clean. */
void fake_server_stop(struct fake_server *server);
/* Waits up to 10 s for a counter to reach a value. */
void fake_wait(atomic_int *counter, int value);
