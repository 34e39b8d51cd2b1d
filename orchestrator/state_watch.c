/* See state_watch.h. */
#include "orchestrator/state_watch.h"

#include "base/alloc.h"
#include "base/str.h"

void state_watched_done(struct state_watched *watched)
{
    free(watched->project);
    free(watched->health);
    cJSON_Delete(watched->vm_spec);
}

int state_find_watched(struct store *store, const char *instance, struct state_watched *ret_watched,
                       struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *row = store_query(
        store, err,
        "SELECT i.project, i.restarts, i.health, r.spec FROM instances i LEFT JOIN resources r"
        " ON r.project = i.project AND r.kind = 'vm' AND r.name = i.name WHERE i.name = ?",
        "s", instance);
    if (!row)
        return -err->code;
    int r = store_step(store, row, err);
    if (r <= 0)
        return r;
    const char *text = store_column_text(row, 3);
    _cleanup_json_ cJSON *spec = NULL;
    r = *text ? json_parse(text, strlen(text), &spec, err) : 0;
    if (r < 0)
        return error_prefix(err, "the store's spec of '%s'", instance);
    *ret_watched = (struct state_watched){
        .project = xstrdup(store_column_text(row, 0)),
        .restarts = sqlite3_column_int64(row, 1),
        .health = xstrdup(store_column_text(row, 2)),
        .vm_spec = TAKE_PTR(spec),
    };
    return 1;
}

int state_is_wanted(struct store *store, const char *instance, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *row =
        store_query(store, err, "SELECT 1 FROM instances WHERE name = ? AND desired = 'running'",
                    "s", instance);
    return row ? store_step(store, row, err) : -err->code;
}

int state_set_health(struct store *store, const char *instance, const char *health,
                     struct error *err)
{
    return store_execute(store, err, "UPDATE instances SET health = ? WHERE name = ?", "ss", health,
                         instance);
}

int state_set_restarts(struct store *store, const char *instance, int64_t restarts,
                       struct error *err)
{
    return store_execute(store, err, "UPDATE instances SET restarts = ? WHERE name = ?", "is",
                         restarts, instance);
}

int state_set_oom(struct store *store, const char *instance, bool oom, struct error *err)
{
    return store_execute(store, err, "UPDATE instances SET oom = ?1 WHERE name = ?2 AND oom <> ?1",
                         "is", (int64_t)oom, instance);
}

int state_read_boot(struct store *store, char **ret_boot_id, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *row = store_query(store, err, "SELECT boot_id FROM host", "");
    if (!row)
        return -err->code;
    int r = store_step(store, row, err);
    if (r >= 0)
        *ret_boot_id = r > 0 ? xstrdup(store_column_text(row, 0)) : NULL;
    return r < 0 ? r : 0;
}

int state_write_boot(struct store *store, const char *boot_id, struct error *err)
{
    return store_execute(store, err, "INSERT OR REPLACE INTO host (one, boot_id) VALUES (1, ?)",
                         "s", boot_id);
}
