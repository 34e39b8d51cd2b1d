/* See control.h. */
#include "orchestrator/control.h"

#include "base/str.h"
#include "base/vec.h"

#include <errno.h>
#include <signal.h>

struct control {
    const struct orchestrator_world *world;
    struct provider provider;
    VEC(struct operation *) kills; /* wait for the guest's end */
};

static size_t find_kill(const struct control *control, const char *instance)
{
    for (size_t i = 0; i < control->kills.count; i++)
        if (streq(control->kills.items[i]->name, instance))
            return i;
    return SIZE_MAX;
}

static struct operation *take_kill(struct control *control, size_t index)
{
    struct operation *operation = control->kills.items[index];
    control->kills.items[index] = control->kills.items[--control->kills.count];
    return operation;
}

static int start_kill(struct control *control, struct operation *operation, struct error *err)
{
    const struct orchestrator_world *world = control->world;
    int signal_number = (int)json_int(operation->spec, "signal", SIGKILL);
    if (signal_number != SIGKILL) {
        int r = world->signal(world->userdata, operation->name, signal_number, err);
        if (r == 0)
            operation_done(operation, NULL, NULL);
        return r;
    }
    vec_add(&control->kills, operation);
    int r = world->kill(world->userdata, operation->name, err);
    if (r < 0)
        take_kill(control, find_kill(control, operation->name));
    return r;
}

static void on_paused(void *userdata, const struct error *err)
{
    struct operation *operation = userdata;
    _cleanup_error_ struct error local = {0};
    if (err && err->code && err->code != EALREADY)
        error_copy(&local, err);
    operation_done(operation, NULL, &local);
}

static int start_pause(struct control *control, struct operation *operation, struct error *err)
{
    const struct orchestrator_world *world = control->world;
    _cleanup_error_ struct error local = {0};
    int r = world->set_paused(world->userdata, operation->name, operation->verb == OPERATION_PAUSE,
                              on_paused, operation, &local);
    if (r == -EALREADY)
        operation_done(operation, NULL, NULL);
    else if (r < 0)
        return error_move(err, &local);
    return 0;
}

static int control_start(void *self, struct operation *operation, struct error *err)
{
    struct control *control = self;
    bool is_kill = operation->verb == OPERATION_KILL;
    return (is_kill ? start_kill : start_pause)(control, operation, err);
}

static void end_cancelled(struct operation *operation)
{
    _cleanup_error_ struct error err = {0};
    error_set(&err, ECANCELED, "cancelled");
    operation_done(operation, NULL, &err);
}

/* A pause is answered by the runtime within its own time. */
static void control_cancel(void *self, struct operation *operation)
{
    struct control *control = self;
    size_t index =
        operation->verb == OPERATION_KILL ? find_kill(control, operation->name) : SIZE_MAX;
    if (index != SIZE_MAX)
        end_cancelled(take_kill(control, index));
}

struct control *control_new(const struct orchestrator_world *world)
{
    struct control *control = new0(struct control);
    control->world = world;
    control->provider = (struct provider){
        .kind = "control", .start = control_start, .cancel = control_cancel, .self = control};
    return control;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    while (control->kills.count > 0)
        end_cancelled(take_kill(control, 0));
    vec_done(&control->kills);
    free(control);
}

const struct provider *control_provider(struct control *control)
{
    return &control->provider;
}

void control_vm_event(struct control *control, const struct vm_status *status)
{
    size_t index = status->state == VM_EXITED ? find_kill(control, status->instance) : SIZE_MAX;
    if (index != SIZE_MAX)
        operation_done(take_kill(control, index), NULL, NULL);
}
