/* See volume.h: the tables of volumes and of who uses them. */
#include "runtime/volume.h"

#include "base/alloc.h"
#include "base/str.h"

int volume_store_save(const struct volume *volume, struct error *err)
{
    _cleanup_free_ char *labels = json_print(volume->labels);
    int r = store_execute(volume->runtime->store, err,
                          "INSERT OR REPLACE INTO volumes VALUES (?,?,?,?,?,?,?)", "sissisi",
                          volume->name, (int64_t)volume->kind, volume->project, volume->key,
                          (int64_t)volume->anonymous, labels, volume->created_ms);
    store_fault_point();
    return r;
}

int volume_store_delete(struct store *store, const char *name, struct error *err)
{
    int r = store_execute(store, err, "DELETE FROM volumes WHERE name = ?", "s", name);
    store_fault_point();
    return r;
}

int volume_store_set_used(struct store *store, const char *instance, char *const *volumes,
                          struct error *err)
{
    int r = store_begin(store, err);
    if (r < 0)
        return r;
    r = store_execute(store, err, "DELETE FROM volume_users WHERE instance = ?", "s", instance);
    for (char *const *volume = volumes; r == 0 && volume && *volume; volume++)
        r = store_execute(store, err, "INSERT OR IGNORE INTO volume_users VALUES (?,?)", "ss",
                          instance, *volume);
    if (r == 0)
        r = store_commit(store, err);
    if (r < 0)
        store_rollback(store);
    return r;
}

static void load_row(struct runtime *runtime, sqlite3_stmt *row)
{
    struct volume *volume = volume_new(runtime, store_column_text(row, 0));
    int kind = sqlite3_column_int(row, 1);
    volume->kind = kind >= 0 && kind < VOLUME_KIND_COUNT ? (enum volume_kind)kind : VOLUME_NONE;
    free(volume->project);
    free(volume->key);
    volume->project = xstrdup(store_column_text(row, 2));
    volume->key = xstrdup(store_column_text(row, 3));
    volume->anonymous = sqlite3_column_int(row, 4) != 0;
    volume->created_ms = sqlite3_column_int64(row, 6);
    const char *labels = store_column_text(row, 5);
    cJSON *parsed = NULL;
    if (json_parse(labels, strlen(labels), &parsed, NULL) == 0) {
        cJSON_Delete(volume->labels);
        volume->labels = parsed;
    }
}

static int load_users(struct runtime *runtime, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows =
        store_query(runtime->store, err,
                    "SELECT instance, volume FROM volume_users ORDER BY instance, volume", "");
    if (!rows)
        return -err->code;
    int r;
    while ((r = store_step(runtime->store, rows, err)) > 0) {
        struct vm *vm = vm_find(runtime, store_column_text(rows, 0));
        if (vm)
            strv_add(&vm->volumes, xstrdup(store_column_text(rows, 1)));
    }
    return r;
}

int volume_store_load(struct runtime *runtime, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows =
        store_query(runtime->store, err,
                    "SELECT name, kind, project, key, anonymous, labels, created_ms FROM volumes"
                    " ORDER BY name",
                    "");
    if (!rows)
        return -err->code;
    int r;
    while ((r = store_step(runtime->store, rows, err)) > 0)
        load_row(runtime, rows);
    return r < 0 ? r : load_users(runtime, err);
}
