/* Events, waits for an end and health of api_fakes.h. */
#include "api_fakes.h"
#include "api_fakes_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "unit.h"

#include <stdlib.h>

static orchestrator_event_fn *listener;
static void *listener_userdata;

void orchestrator_listen(struct orchestrator *orchestrator, orchestrator_event_fn *on_event,
                         void *userdata)
{
    (void)orchestrator;
    listener = on_event;
    listener_userdata = userdata;
}

static void tell(orchestrator_event_fn *visit, void *userdata, const char *service,
                 const char *action, int64_t time_ns, const char *attributes_text)
{
    _cleanup_free_ char *instance = xasprintf("shop-%s-1", service);
    _cleanup_json_ cJSON *attributes = cJSON_Parse(attributes_text);
    const struct orchestrator_event event = {.time_ns = time_ns,
                                             .project = "shop",
                                             .service = service,
                                             .instance = instance,
                                             .id = streq(service, "web") ? "bbbb" : "cccc",
                                             .image = "nginx:1.25",
                                             .action = action,
                                             .attributes = attributes};
    visit(userdata, &event);
}

int orchestrator_list_events(struct orchestrator *orchestrator, int64_t since_ns, int64_t until_ns,
                             orchestrator_event_fn *visit, void *userdata, struct error *err)
{
    static const struct {
        int64_t second;
        const char *action;
    } history[] = {{1000, "create"}, {2000, "exec_create: ls"}};
    (void)orchestrator;
    (void)err;
    for (size_t i = 0; i < 2; i++) {
        int64_t time_ns = history[i].second * 1000000000;
        if (time_ns >= since_ns && time_ns <= until_ns)
            tell(visit, userdata, "web", history[i].action, time_ns, "{}");
    }
    return 0;
}

void fake_tell_event(void)
{
    if (listener)
        tell(listener, listener_userdata, "job", "die", clock_realtime_ns(),
             "{\"exitCode\":\"3\"}");
}

cJSON *orchestrator_describe_health(struct orchestrator *orchestrator, const char *instance)
{
    (void)orchestrator;
    return streq(instance, "shop-web-1")
               ? cJSON_Parse("{\"Status\":\"healthy\",\"FailingStreak\":0,\"Log\":[]}")
               : NULL;
}

/* --- wait ------------------------------------------------------------------------------------ */

struct exit_wait {
    uv_timer_t timer;
    void (*on_exit)(void *userdata, int exit_code);
    void *userdata;
    int exit_code;
};

static void on_wait_timer(uv_timer_t *timer)
{
    struct exit_wait *wait = (struct exit_wait *)timer;
    wait->on_exit(wait->userdata, wait->exit_code);
}

int orchestrator_wait_exit(struct orchestrator *orchestrator, const char *instance,
                           enum exit_condition condition,
                           void (*on_exit)(void *userdata, int exit_code), void *userdata,
                           struct exit_wait **ret_wait, struct error *err)
{
    (void)orchestrator;
    (void)err;
    struct exit_wait *wait = new0(struct exit_wait);
    wait->on_exit = on_exit;
    wait->userdata = userdata;
    wait->exit_code = streq(instance, "shop-job-1") ? 3 : 0;
    uv_timer_init(fake_loop, &wait->timer);
    wait->timer.data = wait;
    if (condition == EXIT_NOT_RUNNING &&
        (streq(instance, "shop-job-1") || streq(instance, "shop-web-1")))
        uv_timer_start(&wait->timer, on_wait_timer, wait->exit_code ? 0 : 50, 0);
    fakes.waits_open++;
    *ret_wait = wait;
    return 0;
}

void exit_wait_free(struct exit_wait *wait)
{
    if (!wait)
        return;
    fakes.waits_open--;
    uv_close((uv_handle_t *)&wait->timer, fake_free_on_close);
}
