/* See repair.h. */
#include "network/repair.h"

#include "base/log.h"
#include "base/str.h"
#include "network/host_watch.h"

struct repair {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct host_watch *watch; /* NULL: nothing to watch over */
    char root_id[8];
    void (*on_due)(void *userdata); /* NULL once it is being freed */
    void *userdata;
    struct repair_pace pace;
    bool is_wanted;     /* something may be missing */
    bool is_due;        /* and it is time to look */
    bool rules_changed; /* by somebody else: what they say now, a look does not tell */
    bool is_running;
};

uint32_t repair_pace_delay(const struct repair_pace *pace, uint64_t now_ms)
{
    uint64_t credit_ms = now_ms + (uint64_t)REPAIR_BURST * REPAIR_INTERVAL_MS;
    uint64_t wait_ms = pace->paid_until_ms > credit_ms ? pace->paid_until_ms - credit_ms : 0;
    return wait_ms > REPAIR_DELAY_MS ? (uint32_t)wait_ms : REPAIR_DELAY_MS;
}

enum repair_news repair_pace_note(struct repair_pace *pace, uint64_t now_ms)
{
    bool is_first = pace->paid_until_ms <= now_ms, was_exhausted = pace->is_exhausted;
    pace->paid_until_ms = (is_first ? now_ms : pace->paid_until_ms) + REPAIR_INTERVAL_MS;
    pace->is_exhausted =
        !is_first && (was_exhausted || repair_pace_delay(pace, now_ms) > REPAIR_DELAY_MS);
    if (is_first)
        return REPAIR_FIRST;
    return pace->is_exhausted && !was_exhausted ? REPAIR_ENDLESS : REPAIR_AGAIN;
}

static void on_timer(uv_timer_t *timer)
{
    struct repair *repair = timer->data;
    if (!repair->on_due)
        return;
    repair->is_due = true;
    repair->on_due(repair->userdata);
}

/* While a run goes on, its end decides. */
static void want(struct repair *repair)
{
    repair->is_wanted = true;
    if (!repair->is_running && !uv_is_active((uv_handle_t *)&repair->timer))
        uv_timer_start(&repair->timer, on_timer,
                       repair_pace_delay(&repair->pace, uv_now(repair->loop)), 0);
}

static void on_loss(void *userdata)
{
    want(userdata);
}

static void on_rules(void *userdata)
{
    struct repair *repair = userdata;
    if (!repair->is_running)
        repair->rules_changed = true;
    want(repair);
}

static void start_watching(struct repair *repair)
{
    static const struct host_watch_callbacks callbacks = {.on_loss = on_loss, .on_rules = on_rules};
    struct error err = {0};
    if (host_watch_new(repair->loop, repair->root_id, &callbacks, repair, &repair->watch, &err) < 0)
        log_warning("what others do to the networks goes unnoticed: %s", error_text(&err));
    error_done(&err);
}

void repair_before_run(struct repair *repair)
{
    if (repair->watch)
        host_watch_catch_up(repair->watch);
    repair->is_running = true;
}

void repair_after_run(struct repair *repair, bool any)
{
    if (repair->watch)
        host_watch_catch_up(repair->watch);
    repair->is_running = false;
    if (any && !repair->watch)
        start_watching(repair);
    if (!any && repair->watch)
        host_watch_free(TAKE_PTR(repair->watch));
    if (!any)
        repair->is_wanted = repair->is_due = repair->rules_changed = false;
    if (repair->is_wanted)
        want(repair);
}

bool repair_is_due(const struct repair *repair)
{
    return repair->is_due;
}

bool repair_take(struct repair *repair, bool *ret_look_is_enough)
{
    bool is_wanted = repair->is_wanted;
    *ret_look_is_enough = !repair->rules_changed;
    repair->is_wanted = repair->is_due = repair->rules_changed = false;
    uv_timer_stop(&repair->timer);
    return is_wanted;
}

void repair_report(struct repair *repair, const char *fault, const char *error)
{
    switch (repair_pace_note(&repair->pace, uv_now(repair->loop))) {
    case REPAIR_FIRST:
        if (error)
            log_warning("somebody has changed the VMs' networks (%s), which cannot be put back: %s",
                        fault, error);
        else
            log_warning("somebody has changed the VMs' networks: %s; put back", fault);
        break;
    case REPAIR_ENDLESS:
        log_warning(
            "somebody keeps changing the VMs' networks (%s): put back every %d seconds from "
            "now on",
            fault, REPAIR_INTERVAL_MS / 1000);
        break;
    case REPAIR_AGAIN:
        break;
    }
    if (error)
        repair->is_wanted = true;
}

struct repair *repair_new(uv_loop_t *loop, const char *root_id, void (*on_due)(void *userdata),
                          void *userdata)
{
    struct repair *repair = new0(struct repair);
    repair->loop = loop;
    repair->on_due = on_due;
    repair->userdata = userdata;
    repair->timer.data = repair;
    snprintf(repair->root_id, sizeof(repair->root_id), "%s", root_id);
    uv_timer_init(loop, &repair->timer);
    return repair;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void repair_free(struct repair *repair)
{
    if (!repair)
        return;
    repair->on_due = NULL;
    host_watch_free(TAKE_PTR(repair->watch));
    uv_close((uv_handle_t *)&repair->timer, on_closed);
}
