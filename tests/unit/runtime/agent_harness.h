/* A host for tests: one channel on a loop of its own, what it was told, and execs that are waited
 * for. The peer is the real agent: in a process behind a lossy relay (test_agent.c), or in a VM
 * (integration/agent_boot.c). */
#pragma once

#include "base/str.h"
#include "runtime/channel.h"

struct harness {
    uv_loop_t loop;
    struct channel *channel;
    bool ready, fresh, started, failed, exited, oom, closed;
    int exit_code;
    char *failure;
    uint64_t last_sequence, log_dropped, log_count;
    bool keep_logs;
    bool withhold_log_acks;
    struct strbuf
        logs; /* "STREAM TEXT\n" with keep_logs; + instead of the blank for partial ones */
    void (*on_log)(struct harness *harness, uint64_t sequence, const struct log_record *record);
    void *userdata;
};

struct harness_exec {
    struct harness *harness;
    struct exec *exec;
    struct strbuf output, errors;
    const char *input; /* stdin: this much, then end-of-file */
    size_t input_length, input_sent;
    bool attach_stdin, stuck; /* stuck: nothing is given back */
    bool done, lost;
    int exit_code;
};

void harness_init(struct harness *harness, const char *socket_path, uint64_t last_sequence);
/* As a daemon that dies: the channel goes, the guest stays. */
void harness_done(struct harness *harness);
/* Runs the loop until the flag is set; false at the deadline. */
bool harness_wait(struct harness *harness, const bool *flag, uint64_t timeout_ms);
/* Lets the loop run for that long. */
void harness_idle(struct harness *harness, uint64_t ms);

void harness_exec_start(struct harness *harness, struct harness_exec *exec,
                        const struct exec_options *options);
/* Starts argv ("input" NULL: stdin is not attached) and waits; false where it did not end. */
bool harness_exec(struct harness *harness, struct harness_exec *exec, const char *const *argv,
                  const char *input);
void harness_exec_done(struct harness_exec *exec);
