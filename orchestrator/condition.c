/* See condition.h. A wait goes: WATCHING -> (holds) done
 *                                       -> (fails) LOGS, its last lines are read -> done with error
 */
#include "orchestrator/condition.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/supervisor.h"

#include <assert.h>
#include <errno.h>

enum {
    LOG_LINES = 10,
    LOG_LINE_LENGTH = 500,
    LOGS_TIMEOUT_MS = 2000,
    OUTPUT_LENGTH = 120, /* of a probe, in progress and errors */
    TELL_MS = 120,       /* the engine drops progress that comes faster; the last word must stay */
};

enum condition {
    CONDITION_IS_STARTED,
    CONDITION_IS_HEALTHY,
    CONDITION_IS_COMPLETED,
    CONDITION_IS_UP,
    CONDITION_IS_COUNT
};

static const struct {
    const char *name;
    const char *wish; /* "waiting for db to be healthy" */
} condition_words[] = {
    [CONDITION_IS_STARTED] = {"started", "to be started"},
    [CONDITION_IS_HEALTHY] = {"healthy", "to be healthy"},
    [CONDITION_IS_COMPLETED] = {"completed", "to complete"},
    [CONDITION_IS_UP] = {"running_or_healthy", "to be up"},
};
static_assert(ARRAY_SIZE(condition_words) == CONDITION_IS_COUNT, "words for every condition");

enum wait_phase { WAIT_WATCHING, WAIT_LOGS, WAIT_PHASE_COUNT };

static const char *const phase_names[] = {[WAIT_WATCHING] = "watching", [WAIT_LOGS] = "logs"};
static_assert(ARRAY_SIZE(phase_names) == WAIT_PHASE_COUNT, "a name for every phase");

struct wait {
    struct conditions *conditions;
    struct operation *operation;
    enum condition condition;
    enum wait_phase phase;
    uint64_t deadline_ms; /* of the phase; UINT64_MAX: none */
    bool cancelled;
    char *told; /* the latest progress */
    uint64_t told_ms;
    bool has_news; /* to be told as soon as it may */
    struct error failure;
    struct log_reader *reader;
    bool logs_ended;
    char **lines;
};

struct conditions {
    struct orchestrator *orchestrator;
    struct provider provider;
    VEC(struct wait *) waits;
    bool advancing;
};

/* --- the object ------------------------------------------------------------------------------- */

static void wait_free(struct wait *wait)
{
    log_reader_free(wait->reader);
    error_done(&wait->failure);
    strv_free(wait->lines);
    free(wait->told);
    free(wait);
}

static void set_phase(struct wait *wait, enum wait_phase phase, uint64_t deadline_ms)
{
    log_debug("condition '%s': %s -> %s", wait->operation->name, phase_names[wait->phase],
              phase_names[phase]);
    wait->phase = phase;
    wait->deadline_ms = deadline_ms;
}

static const char *service_of(const struct wait *wait)
{
    return json_string(wait->operation->spec, "service", wait->operation->name);
}

/* --- what is there ---------------------------------------------------------------------------- */

enum verdict { VERDICT_WAIT, VERDICT_HOLDS, VERDICT_FAILS };

struct sight {
    bool gone; /* there is no such instance any more */
    struct vm_status status;
    struct supervision supervision;
    bool ended; /* for good */
};

static struct sight look(const struct wait *wait)
{
    const struct orchestrator *orchestrator = wait->conditions->orchestrator;
    struct sight sight = {.status.state = VM_CREATED};
    sight.gone = orchestrator->world.vm_status(orchestrator->world.userdata, wait->operation->name,
                                               &sight.status) < 0;
    /* Of one moment, which is the supervisor's: what has just changed it has yet to be told. */
    bool is_known =
        supervisor_look(orchestrator->supervisor, wait->operation->name, &sight.supervision);
    sight.status.state = is_known ? sight.supervision.state : VM_CREATED;
    sight.ended = sight.status.state == VM_EXITED && !sight.supervision.restarting;
    return sight;
}

/* The beginning of a probe's first line. */
static char *short_output(const struct sight *sight)
{
    size_t length = strcspn(sight->supervision.output, "\r\n");
    return xstrndup(sight->supervision.output, length < OUTPUT_LENGTH ? length : OUTPUT_LENGTH);
}

static char *describe_probes(const struct sight *sight)
{
    _cleanup_free_ char *output = short_output(sight);
    return xasprintf("%lld of %lld probes failed%s%s", (long long)sight->supervision.failures,
                     (long long)sight->supervision.retries, *output ? ": " : "", output);
}

static char *describe_end(const struct sight *sight)
{
    int code = sight->status.exit_code;
    switch (sight->status.reason) {
    case VM_EXIT_OOM:
        return xasprintf("ran out of memory (%d): give it more with 'mem_limit'", code);
    case VM_EXIT_KILLED:
        return xasprintf("was lost with its virtual machine (%d)", code);
    case VM_EXIT_BOOT:
        return xstrdup("did not start");
    case VM_EXIT_NONE:
    case VM_EXIT_SERVICE:
    case VM_EXIT_REASON_COUNT:
        break;
    }
    return xasprintf("exited (%d)", code);
}

/* Takes what, and says whose end it was and who needed it otherwise. */
static enum verdict fails(struct wait *wait, char *what)
{
    const char *waiter = json_string(wait->operation->spec, "for", "");
    if (*waiter)
        error_set(&wait->failure, ECHILD, "dependency failed to start: '%s' %s; %s %s for it",
                  wait->operation->name, what, waiter, strchr(waiter, ',') ? "wait" : "waits");
    else
        error_set(&wait->failure, ECHILD, "'%s' %s", wait->operation->name, what);
    free(what);
    return VERDICT_FAILS;
}

static enum verdict judge_health(struct wait *wait, const struct sight *sight)
{
    if (sight->ended)
        return fails(wait, describe_end(sight));
    if (sight->supervision.health == HEALTH_HEALTHY)
        return VERDICT_HOLDS;
    if (sight->supervision.health != HEALTH_UNHEALTHY)
        return VERDICT_WAIT;
    _cleanup_free_ char *probes = describe_probes(sight);
    return fails(wait, xasprintf("is unhealthy: %s", probes));
}

static enum verdict judge(struct wait *wait, const struct sight *sight)
{
    bool runs = sight->status.state == VM_RUNNING || sight->status.state == VM_PAUSED;
    if (sight->gone)
        return fails(wait, xstrdup("is not there"));
    switch (wait->condition) {
    case CONDITION_IS_STARTED:
        if (sight->ended && sight->status.reason == VM_EXIT_BOOT)
            return fails(wait, describe_end(sight));
        return runs || sight->status.state == VM_EXITED ? VERDICT_HOLDS : VERDICT_WAIT;
    case CONDITION_IS_HEALTHY:
        if (runs && !sight->supervision.has_check)
            return fails(wait, xstrdup("has no health check"));
        return judge_health(wait, sight);
    case CONDITION_IS_COMPLETED:
        if (!sight->ended)
            return VERDICT_WAIT;
        if (sight->status.reason == VM_EXIT_SERVICE && sight->status.exit_code == 0)
            return VERDICT_HOLDS;
        return fails(wait, describe_end(sight));
    case CONDITION_IS_UP:
        if (runs && !sight->supervision.has_check)
            return VERDICT_HOLDS;
        return judge_health(wait, sight);
    case CONDITION_IS_COUNT:
        break;
    }
    assert(false);
    return VERDICT_WAIT;
}

/* --- words ------------------------------------------------------------------------------------ */

static char *describe_wait(const struct wait *wait, const struct sight *sight)
{
    _cleanup_free_ char *wish =
        xasprintf("waiting for %s %s", service_of(wait), condition_words[wait->condition].wish);
    if (sight->supervision.restarting) {
        _cleanup_free_ char *end = describe_end(sight);
        return xasprintf("%s: it %s and is restarted (%lld)", wish, end,
                         (long long)sight->supervision.restarts);
    }
    _cleanup_free_ char *output = short_output(sight);
    if (sight->supervision.failures == 0 && !*output)
        return TAKE_PTR(wish);
    if (sight->supervision.failures == 0) /* in the start period, where failures do not count */
        return xasprintf("%s: %s", wish, output);
    _cleanup_free_ char *probes = describe_probes(sight);
    return xasprintf("%s: %s", wish, probes);
}

static void tell(struct wait *wait, const struct sight *sight, uint64_t now_ms)
{
    _cleanup_free_ char *text = describe_wait(wait, sight);
    bool same = wait->told && streq(wait->told, text);
    wait->has_news = !same && now_ms < wait->told_ms + TELL_MS;
    if (same || wait->has_news)
        return;
    free(wait->told);
    wait->told = TAKE_PTR(text);
    wait->told_ms = now_ms;
    operation_progress(wait->operation, wait->told, 0, 0, "");
}

/* --- its last lines --------------------------------------------------------------------------- */

static bool on_record(void *userdata, const struct log_record *record)
{
    struct wait *wait = userdata;
    size_t length = record->length < LOG_LINE_LENGTH ? record->length : LOG_LINE_LENGTH;
    strv_add(&wait->lines, xasprintf("  | %.*s", (int)length, record->text));
    return true;
}

static void on_logs_end(void *userdata, const struct error *err)
{
    struct wait *wait = userdata;
    (void)err;
    wait->logs_ended = true;
    conditions_advance(wait->conditions, clock_monotonic_ms());
}

static void begin_logs(struct wait *wait, uint64_t now_ms)
{
    const struct orchestrator_world *world = &wait->conditions->orchestrator->world;
    struct log_query query = {.tail = LOG_LINES};
    set_phase(wait, WAIT_LOGS, now_ms + LOGS_TIMEOUT_MS);
    if (world->open_logs(world->userdata, wait->operation->name, &query, on_record, on_logs_end,
                         wait, &wait->reader, NULL) < 0)
        wait->logs_ended = true;
}

static void add_evidence(struct wait *wait)
{
    if (!wait->lines)
        return;
    _cleanup_free_ char *lines = strv_join(wait->lines, "\n");
    _cleanup_free_ char *before = xstrdup(error_text(&wait->failure));
    error_set(&wait->failure, wait->failure.code, "%s; its last log lines:\n%s", before, lines);
}

/* --- the machine ------------------------------------------------------------------------------ */

/* Takes the wait. The operation's end may start and end others. */
static void finish(struct wait *wait)
{
    struct conditions *conditions = wait->conditions;
    struct operation *operation = wait->operation;
    _cleanup_error_ struct error err = {0};
    for (size_t i = 0; i < conditions->waits.count; i++)
        if (conditions->waits.items[i] == wait)
            conditions->waits.items[i] = conditions->waits.items[--conditions->waits.count];
    error_move(&err, &wait->failure);
    wait_free(wait);
    operation->provider_data = NULL;
    operation_done(operation, NULL, &err);
}

static void fail_in_time(struct wait *wait)
{
    _cleanup_free_ char *told = xstrdup(wait->told ? wait->told : "");
    const char *detail = strchr(told, ':');
    error_set(&wait->failure, ETIMEDOUT, "'%s' was not %s in time%s", wait->operation->name,
              wait->condition == CONDITION_IS_UP ? "up" : condition_words[wait->condition].name,
              detail ? detail : "");
}

/* True: it has ended, and is gone. */
static bool watch(struct wait *wait, uint64_t now_ms)
{
    struct sight sight = look(wait);
    switch (judge(wait, &sight)) {
    case VERDICT_HOLDS:
        finish(wait);
        return true;
    case VERDICT_FAILS:
        begin_logs(wait, now_ms);
        return false;
    case VERDICT_WAIT:
        break;
    }
    tell(wait, &sight, now_ms);
    if (now_ms >= wait->deadline_ms) {
        fail_in_time(wait);
        begin_logs(wait, now_ms);
    }
    return false;
}

static bool advance(struct wait *wait, uint64_t now_ms)
{
    if (wait->cancelled) {
        error_done(&wait->failure);
        error_set(&wait->failure, ECANCELED, "waiting for '%s' was cancelled",
                  wait->operation->name);
        finish(wait);
        return true;
    }
    switch (wait->phase) {
    case WAIT_WATCHING:
        return watch(wait, now_ms);
    case WAIT_LOGS:
        if (!wait->logs_ended && now_ms < wait->deadline_ms)
            return false;
        add_evidence(wait);
        finish(wait);
        return true;
    case WAIT_PHASE_COUNT:
        break;
    }
    return false;
}

/* An end may begin, end and cancel other waits: then it starts over. */
void conditions_advance(struct conditions *conditions, uint64_t now_ms)
{
    if (conditions->advancing)
        return;
    conditions->advancing = true;
    for (size_t i = 0; i < conditions->waits.count;)
        i = advance(conditions->waits.items[i], now_ms) ? 0 : i + 1;
    conditions->advancing = false;
}

uint64_t conditions_deadline(const struct conditions *conditions)
{
    uint64_t next_ms = UINT64_MAX;
    for (size_t i = 0; i < conditions->waits.count; i++) {
        const struct wait *wait = conditions->waits.items[i];
        uint64_t deadline_ms = wait->cancelled ? 0 : wait->deadline_ms;
        if (wait->has_news && wait->told_ms + TELL_MS < deadline_ms)
            deadline_ms = wait->told_ms + TELL_MS;
        next_ms = deadline_ms < next_ms ? deadline_ms : next_ms;
    }
    return next_ms;
}

/* --- the provider ----------------------------------------------------------------------------- */

static int parse_condition(const struct operation *operation, enum condition *ret_condition,
                           struct error *err)
{
    const char *name = json_string(operation->spec, "condition", "");
    for (size_t i = 0; i < CONDITION_IS_COUNT; i++)
        if (streq(condition_words[i].name, name)) {
            *ret_condition = (enum condition)i;
            return 0;
        }
    return error_set(err, EINVAL, "'%s': there is no condition '%s'", operation->name, name);
}

static int start(void *self, struct operation *operation, struct error *err)
{
    struct conditions *conditions = self;
    enum condition condition = CONDITION_IS_UP;
    if (operation->verb != OPERATION_WAIT)
        return error_set(err, EOPNOTSUPP, "a condition can only be waited for");
    int r = parse_condition(operation, &condition, err);
    if (r < 0)
        return r;
    int64_t timeout_ms = json_int(operation->spec, "timeout_ms", 0);
    struct wait *wait = new0(struct wait);
    wait->conditions = conditions;
    wait->operation = operation;
    wait->condition = condition;
    wait->told_ms = clock_monotonic_ms(); /* that it waits at all */
    wait->deadline_ms = timeout_ms > 0 ? clock_monotonic_ms() + (uint64_t)timeout_ms : UINT64_MAX;
    operation->provider_data = wait;
    vec_add(&conditions->waits, wait);
    supervisor_kick(conditions->orchestrator->supervisor);
    return 0;
}

static void cancel(void *self, struct operation *operation)
{
    struct conditions *conditions = self;
    struct wait *wait = operation->provider_data;
    if (!wait)
        return;
    wait->cancelled = true;
    supervisor_kick(conditions->orchestrator->supervisor);
}

struct conditions *conditions_new(struct orchestrator *orchestrator)
{
    struct conditions *conditions = new0(struct conditions);
    conditions->orchestrator = orchestrator;
    conditions->provider = (struct provider){
        .kind = "condition", .start = start, .cancel = cancel, .self = conditions};
    return conditions;
}

void conditions_free(struct conditions *conditions)
{
    if (!conditions)
        return;
    while (conditions->waits.count > 0) { /* engines that nobody hears any more want an answer */
        struct wait *wait = conditions->waits.items[--conditions->waits.count];
        wait->cancelled = true;
        advance(wait, 0);
    }
    vec_done(&conditions->waits);
    free(conditions);
}

struct provider *conditions_provider(struct conditions *conditions)
{
    return &conditions->provider;
}
