/* What stands below the API in its tests: fakes of orchestrator, runtime and network with their
 * real interfaces, and an API server on a loop of its own in a thread. Their state is counted in
 * atomics, for the test's thread to read.
 *
 * Instances: shop-web-1 (running), shop-cache-1 (running), shop-job-1 (exited 3).
 * exec: argv[0] is
 *   "cat"    stdin to stdout and stderr in turn of blocks, exit 0 at end of file
 *   "exit"   exits with argv[1]
 *   "flood"  writes argv[1] bytes
 *   "sleep"  waits for a signal, then exits with 128 + it
 *   "size"   waits for a resize, writes "ROWS COLUMNS"
 *   "lost"   ends with an error
 * logs: shop-web-1 has 10 lines, shop-cache-1 writes for ever.
 * jobs: "down" of project
 *   "shop"   three steps, success           "broken"  an error
 *   "early"  has ended when it returns      "endless" until cancelled
 *   "chatty" a million progress lines, one warning, success
 *   "nobody" is refused with ENOENT */
#pragma once

#include "orchestrator/api.h"

#include <stdatomic.h>

struct fake_counters {
    atomic_int exec_started, exec_abandoned, stdin_closed;
    atomic_size_t exec_max_in_flight;
    atomic_int readers_open;
    atomic_size_t log_records;
    atomic_int jobs_cancelled, jobs_ended;
    atomic_int activity, stop_requests;
};
extern struct fake_counters fakes;

struct fake_server;

/* Listens in a new folder; path names the socket. */
struct fake_server *fake_server_start(void);
const char *fake_server_socket(const struct fake_server *server);
/* As if the runtime had said so; from any thread. */
void fake_server_vm_event(struct fake_server *server, const struct vm_status *status);
/* Frees the API while clients may be connected, and checks that the loop is clean. */
void fake_server_stop(struct fake_server *server);
/* Waits up to 10 s for a counter to reach a value. */
void fake_wait(atomic_int *counter, int value);
