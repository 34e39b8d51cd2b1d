/* runtime/: images, the guest kit, disks, QEMU, the channel to the agent, logs. Never sees
 * networks: a NIC comes to it as a descriptor and a few strings.
 *
 * The orchestrator drives it through two providers (base/provider.h):
 *
 * kind "image", name = the reference as written, or "bootstrap:SERVICE":
 *   spec:   {"image":"nginx:1.25"} (oci: and docker-archive: with absolute paths) or
 *           {"bootstrap":{"suite","packages":[],"files":{PATH:{...}},"copy":[{...}],"run":[S]}}
 *           (image_bootstrap.h)
 *           and {"pull":"missing"|"always"|"never"} (default missing), or
 *           {"build":{"context":absolute path or URL,"dockerfile":S|null (of the context),
 *                     "dockerfile_inline":S|null,"target":S|null,"args":{K:V},
 *                     "contexts":{NAME: absolute path or "docker-image://REFERENCE"},
 *                     "no_cache":B,"pull":B,"tags":[S]},
 *            "image":S (the result's name), "when":"missing"|"always"}
 *           A name given by a build is found before any registry is asked. Builds that name the
 *           results of others among their bases, asked for at the same time, wait for them.
 *   result: {"how":"present" | "unchanged" (the registry has what the cache has) | "fetched" |
 *                  "built" | "cached" (the same was built before),
 *            "id":"sha256:...", "rootfs":PATH of the EROFS, "size":bytes, "architecture":"amd64",
 *            "config":{"Entrypoint":[],"Cmd":[],"Env":[],"User":S,"WorkingDir":S,
 *                      "ExposedPorts":{},"Labels":{},"StopSignal":S,"Volumes":{},
 *                      "Healthcheck":{"Test":[],"Interval":ns,"Timeout":ns,"StartPeriod":ns,
 *                                     "StartInterval":ns,"Retries":N}}}  (Docker's names)
 *   REMOVE is not used by plans.
 *
 * kind "vm", name = INSTANCE:
 *   spec:   {"id": 64 hex digits, "instance":S, "project":S, "service":S, "hostname":S,
 *            "image":name of the image operation in inputs,
 *            "endpoints":[names of the endpoint operations in inputs, eth0 first],
 *            "command":[S] | null, "entrypoint":[S] | null,   null: the image's; Docker's rules
 *            "environment":{K:V}, "user":S|null, "working_dir":S|null,
 *            "cpus":double (0: 1 vCPU), "memory_bytes":N (0: 512 MiB), "disk_bytes":N (0: 4 GiB),
 *            "stop_signal":S|null (null: the image's, else SIGTERM), "stop_timeout_ms":10000,
 *            "read_only":B (the root), "mounts":[...], "files":[...]}      see vm_mounts.h
 *   ENSURE: the instance's folder and its sparse disk exist, nothing runs. result {}.
 *   START:  boots, hands the guest its identity, done when the service process has been started.
 *           inputs: the image's and the endpoints' results (with taps). result {"pid":N}
 *   STOP:   spec {"instance","stop_timeout_ms", "kill":B}; done when the VM is gone.
 *   REMOVE: STOP with kill, then disk, logs, folder are gone.
 *
 * kind "volume", name = its full name:
 *   spec:   {"project":S,"key":S,"external":B,"anonymous":B,"labels":{},
 *            "shared":B (several instances use it: a folder, through virtiofs; else an ext4 disk)}
 *   ENSURE: it is there, as what is asked for; its content is converted where it was the other
 *           (result {"name":S,"kind":"disk"|"folder","path":S}). A disk that a VM has open cannot
 *           become a folder (-EBUSY naming it); a folder that VMs have open stays one. An external
 *           one must exist (-ENOENT). Runs before the START of the VMs that mount it.
 *   REMOVE: it is gone; an external one (by the spec) is left alone. -EBUSY, naming them, while
 *           instances use it, stopped ones included: plans remove those first.
 */
#pragma once

#include "base/check.h"
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
    VM_EXIT_OOM,     /* the guest's kernel killed the service for lack of memory; exit_code 137 */
    VM_EXIT_REASON_COUNT
};
const char *vm_exit_reason_name(enum vm_exit_reason reason);

struct vm_status {
    char instance[256];
    enum vm_state state;
    enum vm_exit_reason reason;
    int exit_code;                         /* 137 for VM_EXIT_KILLED, as Docker shows a SIGKILL */
    bool oom_killed;                       /* VM_EXIT_OOM */
    bool tty;                              /* the service has a terminal */
    pid_t pid;                             /* QEMU's, 0: none */
    int64_t started_at_ms, finished_at_ms; /* realtime; 0: never */
};

/* Called on the loop at every change of state. */
typedef void runtime_event_fn(void *userdata, const struct vm_status *status);

/* Its tables, for who brings those of all modules up to date at once. */
const struct store_schema *runtime_schema(void);
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
/* What `vmstead doctor` looks at here: blocking, acceleration a few seconds; without a runtime. */
const struct check *runtime_host_checks(size_t *ret_count);

/* A signal for the service's main process. -ENOENT: no such instance; -ENOTCONN: it does not run;
 * -EINVAL: no such signal. SIGKILL is runtime_vm_kill(). */
int runtime_vm_signal(struct runtime *runtime, const char *instance, int signal_number,
                      struct error *err);
/* SIGKILL for the service, as `docker kill` has it: what the guest has written is kept, exit code
 * 137, and the guest goes down as after any exit. Where it does not within seconds, QEMU is killed.
 * A paused VM goes on for it. The end comes as an event. */
int runtime_vm_kill(struct runtime *runtime, const char *instance, struct error *err);
/* Stops or continues the VM's processors. The event with VM_PAUSED or VM_RUNNING comes before
 * on_done (never from within). -EALREADY: it is that way; -ENOTCONN: it does not run. */
int runtime_vm_set_paused(struct runtime *runtime, const char *instance, bool paused,
                          void (*on_done)(void *userdata, const struct error *err), void *userdata,
                          struct error *err);

/* --- volumes -------------------------------------------------------------------------------- */

/* [{"name","kind":"disk"|"folder"|"" (not made yet),"path","project","key","anonymous":B,
 *   "labels":{},"created_ms":N,"bytes":N (on the host's disk; -1: not known),
 *   "users":[INSTANCE...]}], by name. The caller's. */
cJSON *runtime_describe_volumes(const struct runtime *runtime);
/* One of these, or NULL. */
cJSON *runtime_describe_volume(const struct runtime *runtime, const char *name);
/* `volume create`: of no project; made when it is first used. name NULL: 64 random hex digits
 * (anonymous). *ret_name, which may be NULL, is the caller's. -EEXIST where it is there: Docker
 * answers that with the volume. -EINVAL: cannot be a volume's name. labels may be NULL. */
int runtime_volume_create(struct runtime *runtime, const char *name, const cJSON *labels,
                          char **ret_name, struct error *err);
/* `volume rm`, external or not: -ENOENT; -EBUSY naming its users. */
int runtime_volume_remove(struct runtime *runtime, const char *name, struct error *err);

/* --- images --------------------------------------------------------------------------------- */

/* The cache's images; shapes and rules: image_list.h. `used` is {image id: an instance's name} of
 * all instances, running or not: the runtime does not know them. */
cJSON *runtime_describe_images(struct runtime *runtime);
int runtime_image_remove(struct runtime *runtime, const char *name, const cJSON *used,
                         cJSON **ret_removed, struct error *err);
/* Removes builds whose name went to a newer one. Quick. */
int runtime_images_prune(struct runtime *runtime, const cJSON *used, cJSON **ret_removed,
                         struct error *err);

/* --- exec ----------------------------------------------------------------------------------- */

struct exec_options {
    const char *const *argv;
    const char *const *environment; /* "K=V"s added to the service's; may be NULL */
    const char *user;               /* NULL: the service's */
    const char *working_directory;  /* NULL: the service's */
    bool tty;
    uint16_t rows, columns;
    bool attach_stdin; /* false: the process reads end-of-file */
    /* Runs on without a listener, its output goes nowhere: on_exit comes as soon as it has been
     * started (0), or could not be (126, 127 after the reason on stderr). */
    bool detach;
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

/* --- attach --------------------------------------------------------------------------------- */

struct attach_options {
    /* What is written goes to the service's stdin; needs "stdin_open" or "tty" in its spec. */
    bool attach_stdin;
    /* First what the service has said since it was started (of a terminal: the last 64 KiB), and
     * also where it has ended meanwhile: nothing is missed between START and this. */
    bool replay;
    uint16_t rows, columns; /* of a terminal; 0: left as it is */
};
struct attach;
/* The service's main process: of a service with "tty" the bytes of its terminal (EXEC_STDOUT), else
 * its lines as they come into the log. Callbacks as of an exec; on_exit comes with the service's
 * exit code when the VM has ended, after the last output. Errors as runtime_exec_start(), and
 * -EINVAL for stdin of a service that reads none. A reader of a terminal that takes nothing holds
 * the service up, as a terminal does. */
int runtime_attach_start(struct runtime *runtime, const char *instance,
                         const struct attach_options *options,
                         const struct exec_callbacks *callbacks, void *userdata,
                         struct attach **ret_attach, struct error *err);
size_t runtime_attach_window(struct attach *attach);
void runtime_attach_write(struct attach *attach, const void *data, size_t length);
/* The service reads end-of-file, for good (Docker's StdinOnce). */
void runtime_attach_close_stdin(struct attach *attach);
void runtime_attach_consumed(struct attach *attach, size_t length);
void runtime_attach_resize(struct attach *attach, uint16_t rows, uint16_t columns);
/* The service runs on; no callback comes. After on_exit the handle is gone by itself. */
void runtime_attach_abandon(struct attach *attach);

/* --- probes --------------------------------------------------------------------------------- */

#define PROBE_OUTPUT_MAX 4096

/* One look at a service's health, from inside the guest. Exactly one of the first four is set. */
struct probe_options {
    const char *const *argv; /* with the service's user, environment and working directory */
    const char *shell;       /* the same by /bin/sh -c (CMD-SHELL) */
    const char *http_url; /* http://...: 2xx and 3xx are good; names are the guest's to resolve */
    uint16_t tcp_port;    /* takes connections on the guest's 127.0.0.1 */
    uint32_t timeout_ms;  /* > 0; what a command has started is killed then */
};
enum probe_outcome { PROBE_GOOD, PROBE_BAD, PROBE_TIMED_OUT };
struct probe_result {
    enum probe_outcome outcome;
    int exit_code;      /* of a command; else 0 or 1; -1: it was killed for taking too long */
    const char *output; /* the first PROBE_OUTPUT_MAX bytes, or one line with the reason */
    size_t length;
};
struct probe;
/* on_done is the only call and the handle is gone after it: with a result that is valid during the
 * call, or with err where the VM or the channel went away. Errors as runtime_exec_start(). */
int runtime_probe_start(struct runtime *runtime, const char *instance,
                        const struct probe_options *options,
                        void (*on_done)(void *userdata, const struct probe_result *result,
                                        const struct error *err),
                        void *userdata, struct probe **ret_probe, struct error *err);
void runtime_probe_abandon(struct probe *probe);

/* --- top ------------------------------------------------------------------------------------ */

struct top_process {
    char *user; /* the guest's name for the uid, else the number */
    uint32_t pid, ppid;
    uint32_t cpu_percent; /* ps's C: processor time over life time */
    int64_t started_at_ms;
    char *tty; /* "pts/0", "?" */
    uint64_t cpu_ms;
    char *command; /* arguments with blanks between, or "[kthreadd]" */
};
struct top;
/* on_done as of a probe; processes of the service and of execs, by pid, without kernel threads and
 * the agent. */
int runtime_top_start(struct runtime *runtime, const char *instance,
                      void (*on_done)(void *userdata, const struct top_process *processes,
                                      size_t count, const struct error *err),
                      void *userdata, struct top **ret_top, struct error *err);
void runtime_top_abandon(struct top *top);

/* --- the network inside --------------------------------------------------------------------- */

enum guest_fact_kind { /* as guest/protocol.h's enum fact_kind; others are to be skipped */
                       GUEST_INTERFACE = 1, /* name, mac, up */
                       GUEST_ADDRESS = 2,   /* name of the NIC, text: the address, prefix */
                       GUEST_ROUTE = 3, /* a default route: name of the NIC, text: the gateway */
                       GUEST_NAMESERVER = 4, /* text: the first */
                       GUEST_LISTENER = 5,   /* text: the address, port, udp */
                       GUEST_PING = 6,       /* name: as asked for; failure, or elapsed_us */
                       GUEST_RESOLVED =
                           7 /* name: as asked for; failure, or text: an address, and elapsed_us */
};
/* Whatever it says is the guest's word. */
struct guest_fact {
    enum guest_fact_kind kind;
    char *name, *text;   /* never NULL */
    char *mac, *failure; /* may be NULL */
    uint32_t prefix, port;
    bool up, udp;
    uint64_t elapsed_us;
};
/* What the guest tries besides telling what it knows: vectors that end with NULL, or NULL; 32
 * together. */
struct inspect_options {
    const char *const *pings; /* addresses */
    const char *const *names; /* for its nameserver; /etc/hosts is not asked */
};
struct inspection;
/* on_done as of a probe, within seconds; facts are valid during the call. */
int runtime_inspect_start(struct runtime *runtime, const char *instance,
                          const struct inspect_options *options,
                          void (*on_done)(void *userdata, const struct guest_fact *facts,
                                          size_t count, const struct error *err),
                          void *userdata, struct inspection **ret_inspection, struct error *err);
void runtime_inspect_abandon(struct inspection *inspection);

/* --- copy ----------------------------------------------------------------------------------- */

/* Docker's X-Docker-Container-Path-Stat. */
struct copy_stat {
    const char *name; /* the path's last component; "/" for the root */
    uint64_t size;
    uint32_t mode; /* st_mode, with the type */
    int64_t mtime_ns;
    const char *link_target; /* "" where it is no symlink */
};
struct copy_out_options {
    const char *path; /* relative: to the root */
    bool follow;      /* a symlink at the path's end is followed (cp -L) */
    bool contents;    /* of a folder: entries are named from "." on, not from its name */
    bool only_stat;   /* nothing but on_stat (HEAD) */
};
struct copy_out_callbacks {
    /* First, once; not where the path is missing. stat is valid during the call. */
    void (*on_stat)(void *userdata, const struct copy_stat *stat);
    /* Bytes of a tar archive (pax where it must be). Flow as of an exec's output. */
    void (*on_data)(void *userdata, const void *data, size_t length);
    /* Last call. err: -ENOENT and the like; the archive is not complete then. */
    void (*on_end)(void *userdata, const struct error *err);
};
struct copy_out;
/* Errors as runtime_exec_start(). */
int runtime_copy_out_start(struct runtime *runtime, const char *instance,
                           const struct copy_out_options *options,
                           const struct copy_out_callbacks *callbacks, void *userdata,
                           struct copy_out **ret_copy, struct error *err);
void runtime_copy_out_consumed(struct copy_out *copy, size_t length);
void runtime_copy_out_abandon(struct copy_out *copy);

struct copy_in_options {
    const char *path;  /* a folder that exists; relative: to the root */
    bool no_overwrite; /* Docker's noOverwriteDirNonDir: a folder never replaces what is none,
                          nor the other way round */
    bool keep_owners;  /* uid and gid as the archive says (cp -a); else root */
};
struct copy_in_callbacks {
    /* More of the archive may be written: `window` bytes. May be NULL. */
    void (*on_writable)(void *userdata, size_t window);
    /* Last call: everything is in place, or err says what went wrong and at which entry. */
    void (*on_end)(void *userdata, const struct error *err);
};
struct copy_in;
/* Errors as runtime_exec_start(). Archives as libarchive reads them: tar, also compressed. An entry
 * that would leave the folder by "..", or through a symlink that points out of it, is an error. */
int runtime_copy_in_start(struct runtime *runtime, const char *instance,
                          const struct copy_in_options *options,
                          const struct copy_in_callbacks *callbacks, void *userdata,
                          struct copy_in **ret_copy, struct error *err);
size_t runtime_copy_in_window(struct copy_in *copy);
/* At most runtime_copy_in_window() bytes. */
void runtime_copy_in_write(struct copy_in *copy, const void *data, size_t length);
/* That was all of the archive. */
void runtime_copy_in_finish(struct copy_in *copy);
void runtime_copy_in_abandon(struct copy_in *copy);

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
    int64_t since_ns, until_ns; /* records with since <= time < until; 0: no bound. With follow, the
                                   end comes with the first record at or after until. */
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
