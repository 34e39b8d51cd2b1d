/* See journal.h. The tables are state.c's. */
#include "orchestrator/journal.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>

struct entry { /* a journal row, or a step seen as one */
    const char *project, *kind, *name, *spec, *hash;
    enum operation_verb verb;
};

/* Two projects can come to the same name: "a" with service "b-c", "a-b" with service "c". */
static int check_owner(struct store *store, const char *project, const char *instance,
                       struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows =
        store_query(store, err, "SELECT project FROM instances WHERE name = ? AND project <> ?",
                    "ss", instance, project);
    if (!rows)
        return -err->code;
    int r = store_step(store, rows, err);
    if (r > 0)
        return error_set(err, EEXIST, "the name '%s' is already in use, in project '%s'", instance,
                         store_column_text(rows, 0));
    return r;
}

static int write_instance(struct store *store, const char *project, const struct plan_step *step,
                          struct error *err)
{
    return store_execute(
        store, err,
        "INSERT OR REPLACE INTO instances (name, id, project, service, number, oneoff, image,"
        " image_id, image_result, command, created_ms, state, desired)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'created', 'stopped')",
        "ssssiissssi", step->name, json_string(step->spec, "id", ""), project, step->service,
        json_int(step->spec, "number", 1), (int64_t)json_bool(step->spec, "oneoff", false),
        json_string(step->spec, "image", ""), step->instance->image_id,
        step->instance->image_result, step->instance->command, clock_realtime_ms());
}

/* What is wanted of it from now on: whether it comes back by itself depends on it. */
static int write_wish(struct store *store, const struct plan_step *step, struct error *err)
{
    return store_execute(store, err, "UPDATE instances SET desired = ? WHERE name = ?", "ss",
                         step->verb == OPERATION_START ? "running" : "stopped", step->name);
}

static int write_intent(struct store *store, const char *project, const struct plan_step *step,
                        int64_t *ret_entry, struct error *err)
{
    _cleanup_free_ char *spec = json_print(step->spec);
    _cleanup_statement_ sqlite3_stmt *insert =
        store_query(store, err,
                    "INSERT INTO journal (project, kind, name, verb, spec, begun_ms)"
                    " VALUES (?, ?, ?, ?, ?, ?) RETURNING entry",
                    "sssssi", project, step->kind, step->name, operation_verb_name(step->verb),
                    spec, clock_realtime_ms());
    if (!insert)
        return -err->code;
    int r = store_step(store, insert, err);
    if (r < 0)
        return r;
    *ret_entry = sqlite3_column_int64(insert, 0);
    r = store_step(store, insert, err);
    if (r < 0)
        return r;
    if (step->instance)
        return write_instance(store, project, step, err);
    bool is_vm = streq(step->kind, "vm");
    bool is_wish = is_vm && step->verb != OPERATION_REMOVE && !step->keep_wish;
    return is_wish ? write_wish(store, step, err) : 0;
}

/* What an operation leaves of its resource in the store. */
static int write_outcome(struct store *store, const struct entry *entry, bool success,
                         struct error *err)
{
    switch (entry->verb) {
    case OPERATION_ENSURE:
        if (success)
            return store_execute(store, err,
                                 "INSERT INTO resources (project, kind, name, spec, hash)"
                                 " VALUES (?, ?, ?, ?, ?) ON CONFLICT (project, kind, name)"
                                 " DO UPDATE SET spec = excluded.spec, hash = excluded.hash",
                                 "sssss", entry->project, entry->kind, entry->name, entry->spec,
                                 entry->hash);
        /* Where there is a row, it was complete before and this was only another look. */
        return store_execute(
            store, err,
            "INSERT INTO resources (project, kind, name, spec, hash)"
            " VALUES (?, ?, ?, ?, '') ON CONFLICT (project, kind, name) DO NOTHING",
            "ssss", entry->project, entry->kind, entry->name, entry->spec);
    case OPERATION_REMOVE:
        if (!success)
            return store_execute(
                store, err,
                "UPDATE resources SET hash = '' WHERE project = ? AND kind = ? AND name = ?", "sss",
                entry->project, entry->kind, entry->name);
        if (streq(entry->kind, "vm")) {
            int r =
                store_execute(store, err, "DELETE FROM instances WHERE name = ?", "s", entry->name);
            if (r < 0)
                return r;
        }
        return store_execute(store, err,
                             "DELETE FROM resources WHERE project = ? AND kind = ? AND name = ?",
                             "sss", entry->project, entry->kind, entry->name);
    case OPERATION_START: /* whether it runs is asked of the runtime, never of the store */
    case OPERATION_STOP:
    case OPERATION_WAIT:
    case OPERATION_PAUSE:
    case OPERATION_UNPAUSE:
    case OPERATION_KILL:
    case OPERATION_VERB_COUNT:
        break;
    }
    return 0;
}

static int forget_entry(struct store *store, int64_t entry, struct error *err)
{
    return store_execute(store, err, "DELETE FROM journal WHERE entry = ?", "i", entry);
}

static int end_transaction(struct store *store, int result, struct error *err)
{
    int r = result < 0 ? result : store_commit(store, err);
    if (r < 0)
        store_rollback(store);
    return r;
}

int journal_open(struct store *store, struct error *err)
{
    return store_begin(store, err);
}

int journal_close(struct store *store, struct error *err)
{
    int r = end_transaction(store, 0, err);
    if (r < 0)
        return error_prefix(err, "cannot record what is done");
    store_fault_point();
    return 0;
}

int journal_begin(struct store *store, const char *project, const struct plan_step *step,
                  int64_t *ret_entry, struct error *err)
{
    int r = step->instance ? check_owner(store, project, step->name, err) : 0;
    return r < 0 ? r : write_intent(store, project, step, ret_entry, err);
}

int journal_finish(struct store *store, const char *project, int64_t entry,
                   const struct plan_step *step, bool success, struct error *err)
{
    _cleanup_free_ char *spec = json_print(step->spec);
    struct entry outcome = {project, step->kind, step->name, spec, step->hash, step->verb};
    int r = write_outcome(store, &outcome, success, err);
    return r < 0 ? r : forget_entry(store, entry, err);
}

static int parse_verb(const char *name, enum operation_verb *ret_verb)
{
    for (enum operation_verb verb = 0; verb < OPERATION_VERB_COUNT; verb++)
        if (streq(operation_verb_name(verb), name)) {
            *ret_verb = verb;
            return 0;
        }
    return -EINVAL;
}

/* 1: settled one; 0: there is none left. */
static int settle_next(struct store *store, const char *project, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *next =
        store_query(store, err,
                    "SELECT entry, project, kind, name, verb, spec FROM journal"
                    " WHERE ?1 IS NULL OR project = ?1 ORDER BY entry LIMIT 1",
                    "s", project);
    if (!next)
        return -err->code;
    int r = store_step(store, next, err);
    if (r <= 0)
        return r;
    struct entry entry = {
        .project = store_column_text(next, 1),
        .kind = store_column_text(next, 2),
        .name = store_column_text(next, 3),
        .spec = store_column_text(next, 5),
    };
    r = parse_verb(store_column_text(next, 4), &entry.verb);
    if (r < 0)
        return error_set(err, EINVAL,
                         "the journal has an entry with the verb '%s', which no "
                         "vmstead writes: the database is damaged",
                         store_column_text(next, 4));
    r = write_outcome(store, &entry, false, err);
    if (r >= 0)
        r = forget_entry(store, sqlite3_column_int64(next, 0), err);
    return r < 0 ? r : 1;
}

int journal_settle(struct store *store, const char *project, struct error *err)
{
    int r = store_begin(store, err);
    if (r < 0)
        return r;
    int settled = 0;
    while ((r = settle_next(store, project, err)) > 0)
        settled++;
    r = end_transaction(store, r, err);
    if (r < 0)
        return error_prefix(err, "cannot settle the journal");
    if (settled)
        store_fault_point();
    return settled;
}
