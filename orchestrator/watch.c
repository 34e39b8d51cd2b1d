/* See watch.h: an instance's health. health.c says when to probe, the world does it. */
#include "orchestrator/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "orchestrator/events.h"
#include "orchestrator/state_watch.h"

#include <errno.h>

enum {
    /* A guest kills what exceeds the time itself; this is for guests that do nothing any more. */
    PROBE_GRACE_MS = 2000,
};

/* --- what is known ---------------------------------------------------------------------------- */

static void forget_record(struct watch *watch, size_t index)
{
    free(watch->log[index].output);
    memmove(&watch->log[index], &watch->log[index + 1],
            (watch->log_count - index - 1) * sizeof(watch->log[0]));
    watch->log_count--;
}

void watch_clear_log(struct watch *watch)
{
    while (watch->log_count > 0)
        forget_record(watch, watch->log_count - 1);
}

static void record_probe(struct watch *watch, int exit_code, const char *output, size_t length)
{
    if (watch->log_count == HEALTH_LOG_LENGTH)
        forget_record(watch, 0);
    watch->log[watch->log_count++] = (struct probe_record){
        .start_ns = watch->probe_start_ns,
        .end_ns = clock_realtime_ns(),
        .exit_code = exit_code,
        .output = str_clean(output, length), /* a guest says what it likes */
    };
}

const char *watch_output(const struct watch *watch)
{
    return watch->log_count > 0 ? watch->log[watch->log_count - 1].output : "";
}

/* What a health check says of an instance that can be talked to. */
static enum instance_presence presence_of(enum health_state health)
{
    switch (health) {
    case HEALTH_NONE:
    case HEALTH_HEALTHY:
        return INSTANCE_SERVING;
    case HEALTH_STARTING:
        return INSTANCE_STARTING;
    case HEALTH_UNHEALTHY:
    case HEALTH_STATE_COUNT:
        break;
    }
    return INSTANCE_GONE;
}

void watch_update_dns(struct watch *watch)
{
    const struct orchestrator_world *world = &watch->supervisor->orchestrator->world;
    bool runs = watch->seen == VM_RUNNING || watch->seen == VM_PAUSED;
    world->set_presence(world->userdata, watch->instance,
                        runs ? presence_of(watch->health.state) : INSTANCE_GONE);
}

void watch_settle_health(struct watch *watch)
{
    enum health_state state = watch->health.state;
    if (watch->told == state)
        return;
    log_info("%s: health: %s -> %s", watch->instance, health_state_name(watch->told),
             health_state_name(state));
    watch->told = state;
    _cleanup_error_ struct error err = {0};
    struct orchestrator *orchestrator = watch->supervisor->orchestrator;
    if (state_set_health(orchestrator->store, watch->instance, health_state_name(state), &err) < 0)
        log_error("%s: cannot record its health: %s", watch->instance, error_text(&err));
    watch_update_dns(watch);
    if (state == HEALTH_HEALTHY || state == HEALTH_UNHEALTHY) {
        _cleanup_free_ char *action = xasprintf("health_status: %s", health_state_name(state));
        events_note(orchestrator, watch->instance, action, NULL);
    }
}

/* --- probes ----------------------------------------------------------------------------------- */

static void abandon_probe(struct watch *watch)
{
    const struct orchestrator_world *world = &watch->supervisor->orchestrator->world;
    if (watch->probe)
        world->abandon_probe(world->userdata, TAKE_PTR(watch->probe));
}

static void on_probe_done(void *userdata, const struct probe_result *result,
                          const struct error *err)
{
    struct watch *watch = userdata;
    uint64_t now_ms = clock_monotonic_ms();
    watch->probe = NULL;
    if (result && result->outcome == PROBE_TIMED_OUT) {
        _cleanup_free_ char *text =
            xasprintf("Health check exceeded timeout (%lld ms): %.*s",
                      (long long)json_int(watch->healthcheck, "timeout_ms", 0), (int)result->length,
                      result->output);
        record_probe(watch, -1, text, strlen(text));
    } else if (result) {
        record_probe(watch, result->exit_code, result->output, result->length);
    } else {
        record_probe(watch, -1, error_text(err), strlen(error_text(err)));
    }
    health_probe_done(&watch->health, result && result->outcome == PROBE_GOOD, now_ms);
    watch_settle_health(watch);
    supervisor_kick(watch->supervisor);
}

/* The spec's "test" is Docker's: "CMD" and arguments, or "CMD-SHELL" and a line for the shell. */
static void start_probe(struct watch *watch, uint64_t now_ms)
{
    const struct orchestrator_world *world = &watch->supervisor->orchestrator->world;
    _cleanup_strv_ char **test = json_strv(json_array(watch->healthcheck, "test"));
    bool by_shell = test && test[0] && streq(test[0], "CMD-SHELL");
    struct probe_options options = {
        .argv = test && test[0] && !by_shell ? (const char *const *)test + 1 : NULL,
        .shell = by_shell ? test[1] : NULL,
        .http_url = json_string(watch->healthcheck, "http", NULL),
        .tcp_port = (uint16_t)json_int(watch->healthcheck, "tcp", 0),
        .timeout_ms = (uint32_t)(watch->health.options.timeout_ms - PROBE_GRACE_MS),
    };
    _cleanup_error_ struct error err = {0};
    watch->probe_start_ns = clock_realtime_ns();
    if (world->start_probe(world->userdata, watch->instance, &options, on_probe_done, watch,
                           &watch->probe, &err) < 0) {
        record_probe(watch, -1, error_text(&err), strlen(error_text(&err)));
        health_probe_done(&watch->health, false, now_ms);
    }
}

void watch_run_health(struct watch *watch, uint64_t now_ms)
{
    static const char no_answer[] = "the guest does not answer";
    enum health_action action;
    while ((action = health_run(&watch->health, now_ms)) != HEALTH_WAIT) {
        if (action == HEALTH_PROBE) {
            start_probe(watch, now_ms);
        } else {
            abandon_probe(watch);
            record_probe(watch, -1, no_answer, strlen(no_answer));
        }
    }
    watch_settle_health(watch);
}

/* --- the instance's life ---------------------------------------------------------------------- */

static struct health_options read_options(const struct watch *watch)
{
    struct health_options options;
    health_read_options(watch->healthcheck, &options);
    options.timeout_ms += PROBE_GRACE_MS;
    return options;
}

void watch_health_start(struct watch *watch, uint64_t now_ms)
{
    struct health_options options = read_options(watch);
    abandon_probe(watch);
    watch_clear_log(watch);
    if (watch->healthcheck)
        health_start(&watch->health, &options, now_ms);
    else
        health_stop(&watch->health);
    watch_settle_health(watch);
}

void watch_health_adopt(struct watch *watch, enum health_state state, uint64_t age_ms,
                        uint64_t now_ms)
{
    struct health_options options = read_options(watch);
    if (!watch->healthcheck)
        return;
    health_adopt(&watch->health, &options, state, age_ms, now_ms);
    watch->told = watch->health.state;
}

void watch_health_stop(struct watch *watch)
{
    abandon_probe(watch);
    health_stop(&watch->health);
    watch_settle_health(watch);
}

void watch_health_pause(struct watch *watch)
{
    abandon_probe(watch);
    health_pause(&watch->health);
}

void watch_health_resume(struct watch *watch, uint64_t now_ms)
{
    health_resume(&watch->health, now_ms);
}
