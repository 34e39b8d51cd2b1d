/* One VM: what it is, what it does now, and the one state machine that moves it. Inside runtime/
 * only.
 *
 *   operation (vm_operations.c) ─┐
 *   channel, QMP, process ends ──┼─> flags in struct vm -> vm_kick() -> vm_advance() -> next phase
 *   deadlines ───────────────────┘
 *
 * Callbacks only set a flag and kick; vm_advance() runs in the loop's next round, so that nothing
 * is freed inside its own callback, and one place knows all the rules. */
#pragma once

#include "base/process.h"
#include "runtime/channel.h"
#include "runtime/console.h"
#include "runtime/deadline.h"
#include "runtime/disk.h"
#include "runtime/file_bound.h"
#include "runtime/log_store.h"
#include "runtime/platform.h"
#include "runtime/process_watch.h"
#include "runtime/qmp.h"
#include "runtime/runtime.h"

enum vm_phase {
    VM_PHASE_IDLE,     /* no QEMU */
    VM_PHASE_DISK,     /* ENSURE: mke2fs runs */
    VM_PHASE_PLATFORM, /* START: waits for guest kit and acceleration verdict */
    VM_PHASE_BOOT,     /* QEMU runs; waits for the agent's HELLO */
    VM_PHASE_SERVICE,  /* the guest has its identity; waits for the service's process */
    VM_PHASE_RUNNING,
    VM_PHASE_SHUTDOWN, /* the agent was asked to end the service and the guest */
    VM_PHASE_POWEROFF, /* the service has ended by itself; the guest is going down */
    VM_PHASE_QUIT,     /* QEMU was asked to end */
    VM_PHASE_KILL,     /* SIGKILL was sent */
    VM_PHASE_DRAIN,    /* QEMU is gone; what it left in the sockets is read */
    VM_PHASE_REMOVING, /* REMOVE: files are deleted in the thread pool */
    VM_PHASE_COUNT
};

struct vm {
    struct runtime *runtime;
    struct vm *next;

    struct vm_status status; /* what the world sees, and what the store keeps */
    char id[65];
    int stop_signal;
    bool stdin_open; /* the service's, as status.tty */
    int64_t boot;    /* counts the starts */
    struct process_id process;

    enum vm_phase phase;
    struct operation *operation; /* at most one at a time */
    bool cancelled;              /* it was asked to end early */
    struct error failure;        /* of the operation; reported when the VM is idle again */

    char *folder;     /* STATE/instances/INSTANCE */
    char *run_folder; /* RUN/vm/<12 digits of the id>: socket paths are short */
    struct log_store *log;
    char *logging;       /* the spec's "logging" as JSON text; NULL or "": the defaults */
    bool log_failed;     /* the last flush has: the disk is full */
    char **volumes;      /* names of those it mounts */
    cJSON *guest_mounts; /* between QEMU's start and the identity */

    struct deadline *tick;    /* vm_kick() */
    struct deadline *timeout; /* of the phase */
    struct deadline *room;    /* while the host's disk is full; else NULL */
    struct disk_request *disk;
    struct removal *removal;
    struct process_watch *watch;
    struct channel *channel;
    struct qmp *qmp;
    struct console *console;
    struct file_bound *qemu_log;
    struct pause *pauses; /* asked for, QEMU has not answered yet */
    struct attach *attaches;

    /* What has happened since QEMU was started (or adopted). */
    bool timed_out; /* the phase's deadline */
    bool process_gone, channel_closed, console_closed;
    bool channel_ready, service_started, service_exited;
    bool service_failed;
    bool kill_asked; /* runtime_vm_kill() */
    bool disk_done, files_gone;
    bool disk_full; /* the host's; QEMU has stopped the guest */
    bool found;     /* by the adoption, in /proc */
    bool adopted;
};

struct runtime {
    uv_loop_t *loop;
    const struct paths *paths;
    struct store *store;
    runtime_event_fn *on_event;
    void *userdata;
    struct platform *platform;
    struct image_store *images;
    struct vm *vms;
    struct volume *volumes;
    struct provider providers[3];
};

/* --- vm.c: life of the object ---------------------------------------------------------------- */

/* Linked into runtime->vms; status is VM_CREATED. */
struct vm *vm_new(struct runtime *runtime, const char *instance, const char *id);
/* Lets go of everything; a QEMU runs on. */
void vm_free(struct vm *vm);
struct vm *vm_find(struct runtime *runtime, const char *instance);
char *vm_file(const struct vm *vm, const char *name); /* below vm->folder; the caller's */
/* The limits of the log, as the spec's "logging" has them in JSON. */
void vm_set_logging(struct vm *vm, const char *logging);

/* --- vm_advance.c: the state machine ---------------------------------------------------------- */

void vm_advance(struct vm *vm);
/* vm_advance() in the loop's next round. */
void vm_kick(struct vm *vm);
/* timeout_ms 0: none. */
void vm_set_phase(struct vm *vm, enum vm_phase phase, uint64_t timeout_ms);
/* Saves the row and sends the event. */
void vm_set_state(struct vm *vm, enum vm_state state);
/* The files go on being deleted without it. */
void vm_forget_removal(struct vm *vm);

/* --- vm_start.c: making and connecting a QEMU ------------------------------------------------- */

/* Folder and disk, and a note of the volumes that it uses; vm->disk runs until vm->disk_done. */
int vm_ensure_files(struct vm *vm, uint64_t disk_bytes, struct error *err);
/* From the operation's spec and inputs; everything made is undone on failure. */
int vm_start_qemu(struct vm *vm, struct error *err);
/* Watches the process, connects channel, QMP and console: after a start and after an adoption. */
int vm_connect(struct vm *vm, struct error *err);
/* Closes all of that, and removes the run folder. */
void vm_disconnect(struct vm *vm);

/* --- vm_operations.c: the provider "vm" ------------------------------------------------------- */

int vm_start_operation(void *self, struct operation *operation, struct error *err);
void vm_cancel_operation(void *self, struct operation *operation);
/* Ends the operation: with err's content where its code is not 0. The engine may start the next one
 * from within. */
void vm_complete(struct vm *vm, cJSON *result, struct error *err);
/* Ends an ENSURE with vm->failure; nothing is left of it, vm included. */
void vm_undo_ensure(struct vm *vm);
/* Ends a REMOVE, and vm with it. */
void vm_complete_removal(struct vm *vm);

/* --- vm_full_disk.c --------------------------------------------------------------------------- */

/* QEMU has stopped the guest because the host's disk is full (an event, or seen by an adoption). */
void vm_disk_is_full(struct vm *vm);
void vm_on_qmp_event(void *userdata, const cJSON *event);

/* --- vm_check.c ------------------------------------------------------------------------------- */

int vm_check_operations(void *self, struct operation *const *operations, size_t count,
                        struct error *err);
/* vCPUs and MiB of a spec, defaults filled in, rounded up. */
unsigned vm_spec_cpus(const cJSON *spec);
uint64_t vm_spec_memory_mib(const cJSON *spec);
/* The sum of what START operations ask for against what the host has available. */
int vm_check_memory(struct operation *const *operations, size_t count, uint64_t available_mib,
                    struct error *err);

/* --- vm_services.c ---------------------------------------------------------------------------- */

/* The VM where its agent is there; else as runtime_exec_start(). */
int vm_find_running(struct runtime *runtime, const char *instance, struct vm **ret_vm,
                    struct error *err);
/* Those who wait for a pause hear that the VM has ended. */
void vm_fail_pauses(struct vm *vm);
/* They hear nothing: the daemon ends. */
void vm_forget_pauses(struct vm *vm);
/* Sets the state of an adopted VM to what its QEMU says. */
void vm_ask_whether_paused(struct vm *vm);

/* --- attach.c --------------------------------------------------------------------------------- */

/* The VM has ended: those who are attached hear its exit code after its last words. */
void vm_end_attachments(struct vm *vm);
/* They hear an error at once. */
void vm_fail_attachments(struct vm *vm);

/* --- vm_store.c: table vms -------------------------------------------------------------------- */

int vm_store_save(const struct vm *vm, struct error *err);
int vm_store_delete(struct store *store, const char *instance, struct error *err);
/* Makes a struct vm for every row. */
int vm_store_load(struct runtime *runtime, struct error *err);

/* --- vm_adopt.c ------------------------------------------------------------------------------- */

int vm_adopt_all(struct runtime *runtime, struct error *err);

/* --- vm_identity.c: pure ---------------------------------------------------------------------- */

/* What the guest is told (channel.h, channel_send_identity), from a START's spec and inputs.
 * *ret_identity is the caller's. Errors: no command, an input that is missing. */
int vm_identity_build(const cJSON *spec, const cJSON *inputs, int64_t time_ns, cJSON **ret_identity,
                      struct error *err);
/* Entrypoint and command as Docker puts them together: the service's `command` replaces the image's
 * CMD; its `entrypoint` replaces ENTRYPOINT and drops CMD (Compose specification, "entrypoint"). */
cJSON *vm_identity_argv(const cJSON *spec, const cJSON *image_config);
/* The signal that asks the service to end, as text: the spec's, else the image's STOPSIGNAL, else
 * SIGTERM. Borrowed. */
const char *vm_stop_signal(const cJSON *spec, const cJSON *inputs);
/* "SIGTERM", "TERM" or "15"; 0 where it is none. */
int vm_signal_number(const char *text);
