/* See events.h and orchestrator.h, "what happens". */
#include "orchestrator/events.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <signal.h>

/* 1, or 0 where there is no such instance. */
static int insert_event(struct store *store, const char *instance, const char *action,
                        const char *attributes, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *insert =
        store_query(store, err,
                    "INSERT INTO events (time_ns, project, service, instance, id, image,"
                    " action, attributes) SELECT ?, project, service, name, id, image, ?, ?"
                    " FROM instances WHERE name = ? RETURNING event",
                    "isss", clock_realtime_ns(), action, attributes, instance);
    if (!insert)
        return -err->code;
    int r = store_step(store, insert, err);
    if (r <= 0)
        return r;
    int64_t latest = sqlite3_column_int64(insert, 0);
    r = store_step(store, insert, err);
    if (r == 0 && latest % EVENTS_PER_SWEEP == 0)
        r = store_execute(store, err, "DELETE FROM events WHERE event <= ?", "i",
                          latest - EVENTS_KEPT);
    return r < 0 ? r : 1;
}

#define EVENT_COLUMNS                                                                              \
    "SELECT event, time_ns, project, service, instance, id, image, action, attributes FROM "       \
    "events "

static int visit_event(sqlite3_stmt *row, orchestrator_event_fn *visit, void *userdata,
                       struct error *err)
{
    const char *text = store_column_text(row, 8);
    _cleanup_json_ cJSON *attributes = NULL;
    int r = json_parse(text, strlen(text), &attributes, err);
    if (r < 0)
        return error_prefix(err, "the store's event %lld", (long long)sqlite3_column_int64(row, 0));
    visit(userdata, &(struct orchestrator_event){
                        .number = sqlite3_column_int64(row, 0),
                        .time_ns = sqlite3_column_int64(row, 1),
                        .project = store_column_text(row, 2),
                        .service = store_column_text(row, 3),
                        .instance = store_column_text(row, 4),
                        .id = store_column_text(row, 5),
                        .image = store_column_text(row, 6),
                        .action = store_column_text(row, 7),
                        .attributes = attributes,
                    });
    return 0;
}

int orchestrator_list_events(struct orchestrator *orchestrator, int64_t since_ns, int64_t until_ns,
                             orchestrator_event_fn *visit, void *userdata, struct error *err)
{
    _cleanup_error_ struct error local = {0};
    _cleanup_statement_ sqlite3_stmt *rows =
        store_query(orchestrator->store, &local,
                    EVENT_COLUMNS "WHERE time_ns >= ? AND time_ns <= ? ORDER BY event", "ii",
                    since_ns, until_ns);
    int r = rows ? 0 : -local.code;
    while (r >= 0 && (r = store_step(orchestrator->store, rows, &local)) > 0)
        r = visit_event(rows, visit, userdata, &local);
    return r < 0 ? error_move(err, &local) : 0;
}

/* What was just written, as who listens will find it there later. */
static int tell_latest(struct orchestrator *orchestrator, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *row =
        store_query(orchestrator->store, err, EVENT_COLUMNS "ORDER BY event DESC LIMIT 1", "");
    if (!row)
        return -err->code;
    int r = store_step(orchestrator->store, row, err);
    return r <= 0 ? r
                  : visit_event(row, orchestrator->on_happening, orchestrator->happening_userdata,
                                err);
}

void events_note(struct orchestrator *orchestrator, const char *instance, const char *action,
                 const cJSON *attributes)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *text = attributes ? json_print(attributes) : xstrdup("{}");
    int r = insert_event(orchestrator->store, instance, action, text, &err);
    if (r > 0 && orchestrator->on_happening)
        r = tell_latest(orchestrator, &err);
    if (r < 0)
        log_error("%s: cannot record the event '%s': %s", instance, action, error_text(&err));
}

static void note_signal(struct orchestrator *orchestrator, const struct plan_step *step)
{
    _cleanup_json_ cJSON *attributes = cJSON_CreateObject();
    _cleanup_free_ char *number =
        xasprintf("%lld", (long long)json_int(step->spec, "signal", SIGKILL));
    json_set_string(attributes, "signal", number);
    events_note(orchestrator, step->name, "kill", attributes);
}

void events_note_step(struct orchestrator *orchestrator, const struct plan_step *step)
{
    if (!streq(step->kind, "vm"))
        return;
    switch (step->verb) {
    case OPERATION_ENSURE:
        events_note(orchestrator, step->name, "create", NULL);
        break;
    case OPERATION_STOP:
        events_note(orchestrator, step->name, "stop", NULL);
        break;
    case OPERATION_REMOVE:
        events_note(orchestrator, step->name, "destroy", NULL);
        break;
    case OPERATION_KILL:
        note_signal(orchestrator, step);
        break;
    case OPERATION_START: /* these show in the VM's state (supervisor.c) */
    case OPERATION_PAUSE:
    case OPERATION_UNPAUSE:
    case OPERATION_WAIT:
    case OPERATION_VERB_COUNT:
        break;
    }
}

void orchestrator_note_event(struct orchestrator *orchestrator, const char *instance,
                             const char *action, const cJSON *attributes)
{
    events_note(orchestrator, instance, action, attributes);
}

void orchestrator_listen(struct orchestrator *orchestrator, orchestrator_event_fn *on_event,
                         void *userdata)
{
    orchestrator->on_happening = on_event;
    orchestrator->happening_userdata = userdata;
}
