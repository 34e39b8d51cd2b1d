/* The course of an `up`; see up.h.
 *
 *   JOB ──done──> ATTACHED ──all exited──> DONE
 *    │ Ctrl-C        │ Ctrl-C
 *    v               v
 *   CANCELLING    STOPPING ──Ctrl-C──> KILLING
 *    │               └──done──> DONE <──done──┘
 *    └──ended──> DONE (detached) or STOPPING (attached)
 */
#include "cmd/up_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "cmd/instances.h"
#include "cmd/interrupt.h"
#include "cmd/output.h"

#include <assert.h>
#include <errno.h>

static const char *const phase_names[] = {
    [UP_JOB] = "job",           [UP_CANCELLING] = "cancelling", [UP_ATTACHED] = "attached",
    [UP_STOPPING] = "stopping", [UP_KILLING] = "killing",       [UP_DONE] = "done",
};
static_assert(ARRAY_SIZE(phase_names) == UP_PHASE_COUNT, "a name for every phase");

#define LAST_WORDS_MS 1000

static void set_phase(struct up *up, enum up_phase phase)
{
    assert(up->phase < UP_PHASE_COUNT && phase < UP_PHASE_COUNT);
    if (phase == up->phase)
        return;
    log_debug("up: %s -> %s", phase_names[up->phase], phase_names[phase]);
    up->phase = phase;
}

/* --- jobs ----------------------------------------------------------------------------------- */

static void on_job_end(void *userdata, const struct error *err)
{
    struct up *up = userdata;
    up->job_ended = true;
    error_done(&up->job_result);
    if (err->code)
        error_copy(&up->job_result, err);
}

static void forget_job(struct up *up)
{
    remote_job_free(up->job);
    up->job = NULL;
    progress_free(up->progress);
    up->progress = NULL;
    up->job_ended = false;
}

static int start_job(struct up *up, const char *verb, const char *title, const char *body,
                     struct error *err)
{
    _cleanup_free_ char *path = remote_job_path(up->project, verb);
    up->progress = progress_new(up->invocation->global->progress, title);
    progress_hide_images(up->progress, up->values->quiet_pull);
    return remote_job_start(up->client, path, body, up->progress, on_job_end, up, &up->job, err);
}

static char *print_stop_body(const struct up *up, bool kill)
{
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    cJSON *services = cJSON_AddArrayToObject(body, "services");
    for (size_t i = 0; i < up->invocation->operand_count; i++)
        cJSON_AddItemToArray(services, cJSON_CreateString(up->invocation->operands[i]));
    json_set_int(body, "timeout_ms", up->values->choices.timeout_ms);
    json_set_bool(body, "kill", kill);
    return json_print(body);
}

static void start_stop(struct up *up, bool kill)
{
    _cleanup_free_ char *body = print_stop_body(up, kill);
    forget_job(up);
    if (start_job(up, "stop", kill ? "Killing" : "Stopping", body, &up->failure) < 0)
        set_phase(up, UP_DONE);
    else
        set_phase(up, kill ? UP_KILLING : UP_STOPPING);
}

/* --- events --------------------------------------------------------------------------------- */

static void on_event(void *userdata, const cJSON *event)
{
    up_take_event(userdata, event);
}

static void on_events_end(void *userdata, const struct error *err)
{
    struct up *up = userdata;
    if (up->failure.code || up->phase == UP_DONE)
        return;
    error_set(&up->failure, err->code ? err->code : ECONNRESET,
              "the daemon went away (%s); virtual machines run on: 'vmstead logs -f' shows their "
              "output",
              err->code ? error_text(err) : "it closed the connection");
}

/* Opened before the job, so that no end is missed. */
static int open_events(struct up *up, struct error *err)
{
    static const struct event_watch_handlers handlers = {on_event, on_events_end};
    _cleanup_free_ char *query = event_watch_query(up->project);
    return event_watch_start(up->client, query, &handlers, up, &up->events, err);
}

/* --- the course ----------------------------------------------------------------------------- */

static void enter_attached(struct up *up)
{
    forget_job(up);
    set_phase(up, UP_ATTACHED);
    if (up_attach_all(up, &up->failure) < 0)
        set_phase(up, UP_DONE);
}

/* The first job has ended, well or not. */
static void leave_job(struct up *up)
{
    up->has_asked = remote_job_has_asked(up->job);
    if (up->job_result.code && !up->interrupted) {
        error_move(&up->failure, &up->job_result);
        set_phase(up, UP_DONE);
    } else if (up->interrupted && !up->detach) {
        start_stop(up, up->kill_wanted);
    } else if (up->detach) {
        set_phase(up, UP_DONE);
    } else {
        enter_attached(up);
    }
}

/* Stopped: what the services said last, and how they exited, is still shown when it comes soon. */
static void leave_stop(struct up *up)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (!up->stopped_at_ms)
        up->stopped_at_ms = now_ms;
    if (up->job_result.code && !(up->kill_wanted && up->phase == UP_STOPPING))
        error_move(&up->failure, &up->job_result);
    else if (up->kill_wanted && up->phase == UP_STOPPING)
        start_stop(up, true);
    else if (up_all_ended(up) || now_ms > up->stopped_at_ms + LAST_WORDS_MS)
        set_phase(up, UP_DONE);
}

static void up_advance(struct up *up)
{
    if (up->feed)
        up_report_exits(up);
    if (up->feed && log_feed_write_error(up->feed) < 0) {
        up->status = output_fail(-log_feed_write_error(up->feed), &up->failure);
        set_phase(up, UP_DONE);
    }
    switch (up->phase) {
    case UP_JOB:
    case UP_CANCELLING:
        if (up->job_ended)
            leave_job(up);
        break;
    case UP_ATTACHED:
        if (up->rescan && up_attach_new(up, &up->failure) == 0)
            up->rescan = false;
        if (up->interrupted || up->aborting)
            start_stop(up, up->kill_wanted);
        else if (up_all_ended(up))
            set_phase(up, UP_DONE);
        break;
    case UP_STOPPING:
    case UP_KILLING:
        if (up->job_ended)
            leave_stop(up);
        break;
    case UP_DONE:
    case UP_PHASE_COUNT:
        break;
    }
    if (up->failure.code)
        set_phase(up, UP_DONE);
}

static void on_interrupt(void *userdata, unsigned count)
{
    struct up *up = userdata;
    up->interrupted = true;
    up->kill_wanted = count > 1;
    if (up->progress)
        progress_clear(up->progress);
    if (count == 1 && !up->detach)
        output_note("Gracefully stopping... (press Ctrl+C again to force)");
    if (up->phase == UP_JOB)
        set_phase(up, UP_CANCELLING);
    if (up->phase == UP_CANCELLING || (up->phase == UP_STOPPING && up->kill_wanted))
        remote_job_cancel(up->job);
}

/* Deadlines of draining logs pass without any other event. */
static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static void run_loop(struct up *up)
{
    struct interrupt interrupt;
    uv_timer_init(client_loop(up->client), &up->tick);
    uv_timer_start(&up->tick, on_tick, PROGRESS_TICK_MS, PROGRESS_TICK_MS);
    interrupt_init(&interrupt, client_loop(up->client), on_interrupt, up);
    while (up->phase != UP_DONE) {
        uv_run(client_loop(up->client), UV_RUN_ONCE);
        up_advance(up);
    }
    interrupt_done(&interrupt);
    uv_close((uv_handle_t *)&up->tick, NULL);
    uv_run(client_loop(up->client), UV_RUN_NOWAIT);
}

static void up_done(struct up *up)
{
    up_detach_all(up);
    event_watch_free(up->events);
    cJSON_Delete(up->before);
    forget_job(up);
    error_done(&up->job_result);
    error_done(&up->failure);
}

static int prepare(struct up *up, struct error *err)
{
    if (up->detach)
        return 0;
    up_choose_services(up);
    int r = instances_get(up->client, up->project, true, &up->before, err);
    return r < 0 ? r : open_events(up, err);
}

int up_run(const struct invocation *invocation, struct client *client, const struct model *model,
           const char *body, bool detach, bool *ret_asked, struct error *err)
{
    struct up up = {.invocation = invocation,
                    .values = invocation->values,
                    .model = model,
                    .client = client,
                    .project = model->name,
                    .detach = detach};
    int r = prepare(&up, err);
    if (r == 0)
        r = start_job(&up, "up", "Running", body, err);
    if (r == 0) {
        run_loop(&up);
        if (up.failure.code)
            r = error_move(err, &up.failure);
        else if (up.interrupted)
            r = INTERRUPT_EXIT_STATUS;
        else
            r = up.status;
    }
    *ret_asked = up.has_asked && r == -EEXIST;
    up_done(&up);
    return r;
}
