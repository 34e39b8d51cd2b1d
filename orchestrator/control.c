/* See control.h. */
#include "orchestrator/control.h"

#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/state.h"

#include <errno.h>
#include <signal.h>

struct control {
    const struct orchestrator_world *world;
    struct store *store;
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

/* {image id: an instance that uses it} */
static int find_users(struct control *control, cJSON **ret_users, struct error *err)
{
    struct state_instances instances = {0};
    int r = state_list_instances(control->store, NULL, &instances, err);
    if (r < 0)
        return r;
    cJSON *users = cJSON_CreateObject();
    for (size_t i = 0; i < instances.list.count; i++)
        json_set_string(users, instances.list.items[i].image_id, instances.list.items[i].name);
    state_instances_done(&instances);
    *ret_users = users;
    return 0;
}

/* A bootstrap has no name that the cache knows it by. One that is not there any more is gone. */
static int remove_image(struct control *control, struct operation *operation, struct error *err)
{
    const struct orchestrator_world *world = control->world;
    bool by_id = str_after_prefix(operation->name, "bootstrap:");
    const char *name = by_id ? json_string(operation->spec, "id", "") : operation->name;
    _cleanup_error_ struct error local = {0};
    _cleanup_json_ cJSON *users = NULL;
    int r = find_users(control, &users, &local);
    if (r == 0)
        r = world->remove_image(world->userdata, name, users, &local);
    if (r < 0 && r != -ENOENT)
        return error_move(err, &local);
    operation_done(operation, NULL, NULL);
    return 0;
}

static int control_start(void *self, struct operation *operation, struct error *err)
{
    struct control *control = self;
    if (operation->verb == OPERATION_REMOVE)
        return remove_image(control, operation, err);
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

struct control *control_new(const struct orchestrator_world *world, struct store *store)
{
    struct control *control = new0(struct control);
    control->world = world;
    control->store = store;
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
