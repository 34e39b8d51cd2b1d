/* See vm.h: runtime/'s tables, and that of VMs (of volumes: volume_store.c). A row is written
 * before QEMU is spawned (the intent) and again with pid and start time right after; what happened
 * in between is found by scanning /proc (vm_adopt.c).
 */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/volume.h"

static const char *const scripts[] = {
    "CREATE TABLE vms ("
    "  instance TEXT PRIMARY KEY, id TEXT NOT NULL, state INTEGER NOT NULL,"
    "  reason INTEGER NOT NULL, exit_code INTEGER NOT NULL, pid INTEGER NOT NULL,"
    "  process_start INTEGER NOT NULL, started_ms INTEGER NOT NULL, finished_ms INTEGER NOT NULL,"
    "  boot INTEGER NOT NULL, stop_signal INTEGER NOT NULL) STRICT",
    "ALTER TABLE vms ADD COLUMN oom INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vms ADD COLUMN tty INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vms ADD COLUMN stdin_open INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE vms ADD COLUMN logging TEXT NOT NULL DEFAULT ''",
    "CREATE TABLE volumes ("
    "  name TEXT PRIMARY KEY, kind INTEGER NOT NULL, project TEXT NOT NULL, key TEXT NOT NULL,"
    "  anonymous INTEGER NOT NULL, labels TEXT NOT NULL, created_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE volume_users ("
    "  instance TEXT NOT NULL, volume TEXT NOT NULL, PRIMARY KEY (instance, volume)) STRICT"};

const struct store_schema *runtime_schema(void)
{
    static const struct store_schema schema = {"runtime", scripts, ARRAY_SIZE(scripts)};
    return &schema;
}

int vm_store_save(const struct vm *vm, struct error *err)
{
    const struct vm_status *status = &vm->status;
    int r = store_execute(
        vm->runtime->store, err,
        "INSERT OR REPLACE INTO vms VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", "ssiiiiiiiiiiiis",
        status->instance, vm->id, (int64_t)status->state, (int64_t)status->reason,
        (int64_t)status->exit_code, (int64_t)vm->process.pid, (int64_t)vm->process.start_time,
        status->started_at_ms, status->finished_at_ms, vm->boot, (int64_t)vm->stop_signal,
        (int64_t)status->oom_killed, (int64_t)status->tty, (int64_t)vm->stdin_open,
        vm->logging ? vm->logging : "");
    store_fault_point();
    return r;
}

int vm_store_delete(struct store *store, const char *instance, struct error *err)
{
    int r = volume_store_set_used(store, instance, NULL, err);
    if (r == 0)
        r = store_execute(store, err, "DELETE FROM vms WHERE instance = ?", "s", instance);
    store_fault_point();
    return r;
}

static void load_row(struct runtime *runtime, sqlite3_stmt *row)
{
    struct vm *vm = vm_new(runtime, store_column_text(row, 0), store_column_text(row, 1));
    int state = sqlite3_column_int(row, 2), reason = sqlite3_column_int(row, 3);
    vm->status.state = state >= 0 && state < VM_STATE_COUNT ? (enum vm_state)state : VM_EXITED;
    vm->status.reason =
        reason >= 0 && reason < VM_EXIT_REASON_COUNT ? (enum vm_exit_reason)reason : VM_EXIT_NONE;
    vm->status.exit_code = sqlite3_column_int(row, 4);
    vm->process.pid = sqlite3_column_int(row, 5);
    vm->process.start_time = (uint64_t)sqlite3_column_int64(row, 6);
    vm->status.started_at_ms = sqlite3_column_int64(row, 7);
    vm->status.finished_at_ms = sqlite3_column_int64(row, 8);
    vm->boot = sqlite3_column_int64(row, 9);
    vm->stop_signal = sqlite3_column_int(row, 10);
    vm->status.oom_killed = sqlite3_column_int(row, 11) != 0;
    vm->status.tty = sqlite3_column_int(row, 12) != 0;
    vm->stdin_open = sqlite3_column_int(row, 13) != 0;
    vm_set_logging(vm, store_column_text(row, 14));
}

int vm_store_load(struct runtime *runtime, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows = store_query(
        runtime->store, err,
        "SELECT instance, id, state, reason, exit_code, pid, process_start, started_ms,"
        " finished_ms, boot, stop_signal, oom, tty, stdin_open, logging FROM vms ORDER BY instance",
        "");
    if (!rows)
        return -err->code;
    int r;
    while ((r = store_step(runtime->store, rows, err)) > 0)
        load_row(runtime, rows);
    return r;
}
