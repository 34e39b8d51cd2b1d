/* The host's end of the agent protocol, one per running VM: connects to the agent's socket in the
 * instance's run folder, keeps the connection over daemon restarts and lost bytes (design: magic,
 * CRCs, nonce, resend from what the other side has acknowledged), multiplexes streams with credits.
 * Wire format: runtime/guest/protocol.h, shared with the agent. Every byte from the guest is
 * hostile: a frame that breaks the protocol closes the stream or the channel, never the daemon. */
#pragma once

#include "base/json.h"
#include "runtime/guest/protocol.h"
#include "runtime/runtime.h"
#include "runtime/vm_files.h"

#include <uv.h>

struct channel;

struct channel_callbacks {
    /* The handshake is done. fresh: the agent has no identity yet (a boot, not a reconnect). */
    void (*on_ready)(void *userdata, bool fresh);
    /* The service's process runs (in answer to channel_send_identity, or known from the reconnect).
     */
    void (*on_service_started)(void *userdata);
    /* It could not be started or the set-up failed: exit code 126/127/125 and why. */
    void (*on_service_failed)(void *userdata, int exit_code, const char *message);
    /* It ended (128 + n: by signal n; oom: by the guest's kernel, which had no memory); the guest
     * powers off after the host has acknowledged this. */
    void (*on_service_exited)(void *userdata, int exit_code, bool oom);
    /* One line with its sequence number; to be acknowledged with channel_ack_log once stored.
     * dropped > 0: that many lines were lost in the guest's ring before this one. */
    void (*on_log)(void *userdata, uint64_t sequence, const struct log_record *record,
                   uint64_t dropped);
    /* That was all for now: the time to store what has come, up to this one. May be NULL. */
    void (*on_logs_end)(void *userdata, uint64_t sequence);
    /* The socket closed (QEMU is gone) or the protocol was broken beyond repair. */
    void (*on_closed)(void *userdata, const struct error *err);
};

struct channel_options {
    const char *socket_path;
    uint64_t last_log_sequence; /* the last one stored; 0: none */
};

/* Connects; retries until the agent answers or channel_free(). */
int channel_new(uv_loop_t *loop, const struct channel_options *options,
                const struct channel_callbacks *callbacks, void *userdata,
                struct channel **ret_channel, struct error *err);
void channel_free(struct channel *channel);

/* identity: {"instance","hostname","argv":[],"environment":{K:V},"user","working_dir",
 *   "interfaces":[{"name":"eth0","mac","address","prefix","gateway","dns","mtu"}],
 *   "hosts":[{"address","names":[S]}], "dns":[S], "search":[S], "time_ns":N, "stop_signal":S,
 *   "tty":B, "stdin_open":B,
 *   "read_only_root":B, "mounts":[...] (vm_mounts.h)}
 * files: configs and secrets, may be NULL.
 * argv is complete (entrypoint + command); the agent looks argv[0] up in the environment's PATH. */
void channel_send_identity(struct channel *channel, const cJSON *identity,
                           const struct vm_files *files);
void channel_ack_log(struct channel *channel, uint64_t sequence);
/* The service gets the signal (its stop signal), after timeout_ms SIGKILL; then on_service_exited
 * and power-off. */
void channel_send_shutdown(struct channel *channel, int signal_number, uint64_t timeout_ms);
void channel_send_service_signal(struct channel *channel, int signal_number);

/* --- streams -------------------------------------------------------------------------------- */

struct stream;
struct stream_type;
struct strbuf;

/* Puts the stream into the channel and sends the message that begins it. Before the handshake it
 * waits for that, up to 20 s; a guest that falls silent is greeted again, and its streams fail
 * where that brings no answer. */
int channel_open_stream(struct channel *channel, struct stream *stream,
                        const struct stream_type *type, enum message_type message,
                        const struct strbuf *request, struct error *err);
uv_loop_t *channel_loop(const struct channel *channel);

/* As in runtime.h, on a channel. */
int channel_exec_start(struct channel *channel, const struct exec_options *options,
                       const struct exec_callbacks *callbacks, void *userdata,
                       struct exec **ret_exec, struct error *err);
int channel_probe_start(struct channel *channel, const struct probe_options *options,
                        void (*on_done)(void *userdata, const struct probe_result *result,
                                        const struct error *err),
                        void *userdata, struct probe **ret_probe, struct error *err);
int channel_top_start(struct channel *channel,
                      void (*on_done)(void *userdata, const struct top_process *processes,
                                      size_t count, const struct error *err),
                      void *userdata, struct top **ret_top, struct error *err);
int channel_inspect_start(struct channel *channel, const struct inspect_options *options,
                          void (*on_done)(void *userdata, const struct guest_fact *facts,
                                          size_t count, const struct error *err),
                          void *userdata, struct inspection **ret_inspection, struct error *err);
int channel_copy_out_start(struct channel *channel, const struct copy_out_options *options,
                           const struct copy_out_callbacks *callbacks, void *userdata,
                           struct copy_out **ret_copy, struct error *err);
int channel_copy_in_start(struct channel *channel, const struct copy_in_options *options,
                          const struct copy_in_callbacks *callbacks, void *userdata,
                          struct copy_in **ret_copy, struct error *err);
