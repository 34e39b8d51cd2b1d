/* See exit_wait.h and orchestrator.h. */
#include "orchestrator/exit_wait.h"

#include "base/str.h"

#include <errno.h>

struct exit_wait {
    struct orchestrator *orchestrator;
    char *instance;
    enum exit_condition condition;
    int exit_code; /* the latest known */
    void (*on_exit)(void *userdata, int exit_code);
    void *userdata;
    uv_timer_t *at_once; /* it has ended already: the answer still never comes from within */
};

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_at_once(uv_timer_t *timer)
{
    struct exit_wait *wait = timer->data;
    wait->on_exit(wait->userdata, wait->exit_code); /* may free it */
}

static void answer_at_once(struct exit_wait *wait)
{
    wait->at_once = new0(uv_timer_t);
    uv_timer_init(wait->orchestrator->loop, wait->at_once);
    wait->at_once->data = wait;
    uv_timer_start(wait->at_once, on_at_once, 0, 0);
}

int orchestrator_wait_exit(struct orchestrator *orchestrator, const char *instance,
                           enum exit_condition condition,
                           void (*on_exit)(void *userdata, int exit_code), void *userdata,
                           struct exit_wait **ret_wait, struct error *err)
{
    struct vm_status status;
    if (orchestrator->world.vm_status(orchestrator->world.userdata, instance, &status) < 0)
        return error_set(err, ENOENT, "no such container: %s", instance);
    struct exit_wait *wait = new0(struct exit_wait);
    wait->orchestrator = orchestrator;
    wait->instance = xstrdup(instance);
    wait->condition = condition;
    wait->exit_code = status.exit_code;
    wait->on_exit = on_exit;
    wait->userdata = userdata;
    vec_add(&orchestrator->exit_waits, wait);
    bool is_over = status.state == VM_EXITED || status.state == VM_CREATED;
    if (condition == EXIT_NOT_RUNNING && is_over)
        answer_at_once(wait);
    *ret_wait = wait;
    return 0;
}

void exit_wait_free(struct exit_wait *wait)
{
    if (!wait)
        return;
    struct orchestrator *orchestrator = wait->orchestrator;
    for (size_t i = 0; i < orchestrator->exit_waits.count; i++)
        if (orchestrator->exit_waits.items[i] == wait)
            orchestrator->exit_waits.items[i] =
                orchestrator->exit_waits.items[--orchestrator->exit_waits.count];
    if (orchestrator->exit_waits.count == 0)
        vec_done(&orchestrator->exit_waits);
    if (wait->at_once)
        uv_close((uv_handle_t *)wait->at_once, on_closed);
    free(wait->instance);
    free(wait);
}

/* Each is answered once, in a turn of the loop of its own: a callback frees what it likes. */
static void tell(struct orchestrator *orchestrator, const char *instance, bool removed,
                 int exit_code)
{
    for (size_t i = 0; i < orchestrator->exit_waits.count; i++) {
        struct exit_wait *wait = orchestrator->exit_waits.items[i];
        if (!streq(wait->instance, instance) || wait->at_once)
            continue;
        if (!removed)
            wait->exit_code = exit_code;
        if (removed || wait->condition != EXIT_REMOVED)
            answer_at_once(wait);
    }
}

void exit_waits_tell_exit(struct orchestrator *orchestrator, const char *instance, int exit_code)
{
    tell(orchestrator, instance, false, exit_code);
}

void exit_waits_tell_removed(struct orchestrator *orchestrator, const char *instance)
{
    tell(orchestrator, instance, true, 0);
}
