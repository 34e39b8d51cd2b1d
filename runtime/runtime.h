/* runtime/: images, the guest kit, disks, QEMU, the channel to the agent, logs. Never sees
 * networks: a NIC comes to it as a descriptor and a few strings.
 *
 * The orchestrator drives it through two providers (base/provider.h):
 *
 * kind "image", name = the reference as written, or "bootstrap:SERVICE":
 *   spec:   {"image":"nginx:1.25"} (oci: and docker-archive: with absolute paths) or
 *           {"bootstrap":{"suite","packages":[],"files":{PATH:{...}},...}}
 *           and {"pull":"missing"|"always"|"never"} (default missing)
 *   result: {"id":"sha256:...", "rootfs":PATH of the EROFS, "size":bytes, "architecture":"amd64",
 *            "config":{"Entrypoint":[],"Cmd":[],"Env":[],"User":S,"WorkingDir":S,
 *                      "ExposedPorts":{},"Labels":{}}}              (OCI image config's names)
 *   REMOVE is not used by plans.
 *
 * kind "vm", name = INSTANCE:
 *   spec:   {"id": 64 hex digits, "instance":S, "project":S, "service":S, "hostname":S,
 *            "image":name of the image operation in inputs,
 *            "endpoints":[names of the endpoint operations in inputs, eth0 first],
 *            "command":[S] | null, "entrypoint":[S] | null,   null: the image's; Docker's rules
 *            "environment":{K:V}, "user":S|null, "working_dir":S|null,
 *            "cpus":double (0: 1 vCPU), "memory_bytes":N (0: 512 MiB), "disk_bytes":N (0: 4 GiB),
 *            "stop_signal":S|null (null: the image's, else SIGTERM), "stop_timeout_ms":10000}
 *   ENSURE: the instance's folder and its sparse disk exist, nothing runs. result {}.
 *   START:  boots, hands the guest its identity, done when the service process has been started.
 *           inputs: the image's and the endpoints' results (with taps). result {"pid":N}
 *   STOP:   spec {"instance","stop_timeout_ms", "kill":B}; done when the VM is gone.
 *   REMOVE: STOP with kill, then disk, logs, folder are gone.
 */
#pragma once

#include "base/paths.h"
#include "base/provider.h"
#include "base/store.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct runtime;

enum vm_state {
    VM_CREATED, /* folder and disk exist; never ran, or not since the last start was asked for */
    VM_STARTING,
    VM_RUNNING, /* the service's process runs */
    VM_PAUSED,
    VM_STOPPING,
    VM_EXITED, /* gone; vm_status.exit_code and .reason say how */
    VM_STATE_COUNT
};
const char *vm_state_name(enum vm_state state); /* "created", "starting", ... */

enum vm_exit_reason {
    VM_EXIT_NONE,
    VM_EXIT_SERVICE, /* the service's process ended with exit_code (128 + n: by signal n) */
    VM_EXIT_KILLED,  /* QEMU ended without the agent saying so: killed, or crashed */
    VM_EXIT_BOOT,    /* never reached the service; the console's tail is in the error */
    VM_EXIT_REASON_COUNT
};
const char *vm_exit_reason_name(enum vm_exit_reason reason);

struct vm_status {
    char instance[256];
    enum vm_state state;
    enum vm_exit_reason reason;
    int exit_code;                         /* 137 for VM_EXIT_KILLED, as Docker shows a SIGKILL */
    pid_t pid;                             /* QEMU's, 0: none */
    int64_t started_at_ms, finished_at_ms; /* realtime; 0: never */
};

/* Called on the loop at every change of state. */
typedef void runtime_event_fn(void *userdata, const struct vm_status *status);

int runtime_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                runtime_event_fn *on_event, void *userdata, struct runtime **ret_runtime,
                struct error *err);
/* Finds the QEMUs that run (by the store, and by /proc for those without a row), connects to their
 * agents, reads the logs they kept. Sends an event for each instance. Exited ones get their state.
 * Processes without an instance in the store are ended. */
int runtime_adopt(struct runtime *runtime, struct error *err);
/* Lets go: VMs run on. */
void runtime_free(struct runtime *runtime);

const struct provider *runtime_providers(struct runtime *runtime, size_t *ret_count);

/* -ENOENT where there is no such instance. */
int runtime_vm_status(struct runtime *runtime, const char *instance, struct vm_status *ret_status);
/* One line for people where VMs run under TCG because KVM does not work here ("KVM cannot be used
 * here
 * (...): ..."), else NULL. Known from the first START's end on, at the latest. */
const char *runtime_acceleration_note(const struct runtime *runtime);

/* --- exec ----------------------------------------------------------------------------------- */

struct exec_options {
    const char *const *argv;
    const char *const *environment; /* "K=V"s added to the service's; may be NULL */
    const char *user;               /* NULL: the service's */
    const char *working_directory;  /* NULL: the service's */
    bool tty;
    uint16_t rows, columns;
    bool attach_stdin; /* false: the process reads end-of-file */
};
enum exec_stream { EXEC_STDOUT = 1, EXEC_STDERR = 2 };
struct exec_callbacks {
    /* data is valid during the call. Flow: at most 256 KiB are in flight until the bytes are
     * given back with runtime_exec_consumed(). */
    void (*on_output)(void *userdata, enum exec_stream stream, const void *data, size_t length);
    /* The guest took more of stdin: as many bytes as `window` may be written now. */
    void (*on_writable)(void *userdata, size_t window);
    /* Last call. exit_code as shells have it (126 not executable, 127 not found, 128 + n); err set
     * (and exit_code -1) where the VM or the channel went away. */
    void (*on_exit)(void *userdata, int exit_code, const struct error *err);
};
struct exec;
/* -ENOENT: no such instance; -ENOTCONN: it does not run. */
int runtime_exec_start(struct runtime *runtime, const char *instance,
                       const struct exec_options *options, const struct exec_callbacks *callbacks,
                       void *userdata, struct exec **ret_exec, struct error *err);
/* How many bytes runtime_exec_write takes now. */
size_t runtime_exec_window(struct exec *exec);
void runtime_exec_write(struct exec *exec, const void *data, size_t length);
void runtime_exec_close_stdin(struct exec *exec);
void runtime_exec_consumed(struct exec *exec, size_t length);
void runtime_exec_resize(struct exec *exec, uint16_t rows, uint16_t columns);
void runtime_exec_signal(struct exec *exec, int signal_number);
/* Nobody listens any more: no callback comes; the process gets SIGHUP. Frees exec. After on_exit
 * the handle is gone by itself. */
void runtime_exec_abandon(struct exec *exec);

/* --- logs ----------------------------------------------------------------------------------- */

struct log_record {
    int64_t time_ns; /* the guest's clock, realtime */
    enum exec_stream stream;
    bool partial;     /* the line goes on in the next record of this stream */
    const char *text; /* one line without its newline, length bytes, may hold any byte */
    size_t length;
};
struct log_query {
    int64_t tail; /* the last N lines; -1: all */
    bool follow;  /* goes on until log_reader_free(), across restarts of the instance */
};
struct log_reader;
/* on_record returns false to be left alone until log_reader_resume(); on_end comes once (err NULL
 * or what went wrong), and with follow only when the instance is removed. Nothing is called from
 * within runtime_logs_open(). */
int runtime_logs_open(struct runtime *runtime, const char *instance, const struct log_query *query,
                      bool (*on_record)(void *userdata, const struct log_record *record),
                      void (*on_end)(void *userdata, const struct error *err), void *userdata,
                      struct log_reader **ret_reader, struct error *err);
void log_reader_resume(struct log_reader *reader);
void log_reader_free(struct log_reader *reader);
