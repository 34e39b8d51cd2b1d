/* See fake_world.h. */
#include "fake_world.h"

#include "base/fs.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

static const char *const kinds[FAKE_KINDS] = {"image", "network", "volume",   "endpoint",
                                              "ports", "vm",      "condition"};

static char *key_of(const char *kind, const char *name)
{
    return xasprintf("%s/%s", kind, name);
}

static void save(struct fake_world *world)
{
    if (!world->path)
        return;
    _cleanup_free_ char *text = json_print(world->things);
    if (fs_write_file_atomic(world->path, text, strlen(text), 0600, NULL) < 0)
        abort();
}

static cJSON *find_thing(const struct fake_world *world, const char *kind, const char *name)
{
    _cleanup_free_ char *key = key_of(kind, name);
    return json_object(world->things, key);
}

static cJSON *need_thing(struct fake_world *world, const char *kind, const char *name)
{
    _cleanup_free_ char *key = key_of(kind, name);
    cJSON *thing = json_object(world->things, key);
    if (!thing) {
        thing = cJSON_CreateObject();
        json_set(world->things, key, thing);
    }
    return thing;
}

static void drop_thing(struct fake_world *world, const char *kind, const char *name)
{
    _cleanup_free_ char *key = key_of(kind, name);
    json_set(world->things, key, NULL);
}

/* A thing of that kind whose spec has this member, other than half-made ones; NULL: none. */
static const cJSON *find_by_member(const struct fake_world *world, const char *kind,
                                   const char *member, const char *value)
{
    const cJSON *thing;
    cJSON_ArrayForEach(thing, world->things)
    {
        const char *rest = str_after_prefix(thing->string, kind);
        if (rest && *rest == '/' &&
            streq(json_string(json_object(thing, "spec"), member, ""), value))
            return thing;
    }
    return NULL;
}

/* --- what is allowed -------------------------------------------------------------------------- */

/* A VM whose spec mounts the volume, in this state or (NULL) any; NULL: none. */
static const cJSON *find_user(const struct fake_world *world, const char *volume, const char *state)
{
    const cJSON *thing, *mount;
    cJSON_ArrayForEach(thing, world->things)
    {
        if (!str_after_prefix(thing->string, "vm/") ||
            (state && !streq(json_string(thing, "state", ""), state)))
            continue;
        cJSON_ArrayForEach(mount, json_array(json_object(thing, "spec"), "mounts"))
        {
            if (streq(json_string(mount, "volume", ""), volume))
                return thing;
        }
    }
    return NULL;
}

static int check_volume(struct fake_world *world, const struct operation *operation,
                        const cJSON *thing, struct error *err)
{
    bool was_shared = json_bool(json_object(thing, "spec"), "shared", false);
    bool is_shared = json_bool(operation->spec, "shared", false);
    if (thing && was_shared != is_shared && !json_bool(thing, "half", false) &&
        find_user(world, operation->name, "running"))
        return error_set(err, EBUSY, "volume '%s' changes under a running VM", operation->name);
    return 0;
}

static int check_ensure(struct fake_world *world, const struct operation *operation,
                        struct error *err)
{
    const char *network = json_string(operation->spec, "network", "");
    if (streq(operation->kind, "endpoint") && !find_thing(world, "network", network))
        return error_set(err, ENOENT, "endpoint '%s' comes before its network", operation->name);
    const cJSON *thing = find_thing(world, operation->kind, operation->name);
    if (streq(operation->kind, "volume"))
        return check_volume(world, operation, thing, err);
    if (thing && streq(operation->kind, "network") && !json_bool(thing, "half", false) &&
        !cJSON_Compare(json_object(thing, "spec"), operation->spec, true))
        return error_set(err, EEXIST, "'%s' is there with another spec", operation->name);
    return 0;
}

static int check_start(struct fake_world *world, const struct operation *operation,
                       struct error *err)
{
    const cJSON *vm = find_thing(world, "vm", operation->name);
    if (!vm || json_bool(vm, "half", false))
        return error_set(err, ENOENT, "'%s' is started before it is made", operation->name);
    if (!streq(json_string(vm, "state", ""), "created") &&
        !streq(json_string(vm, "state", ""), "exited"))
        return error_set(err, EBUSY, "'%s' is started twice", operation->name);
    if (!streq(json_string(vm, "id", ""), json_string(operation->spec, "id", "-")))
        return error_set(err, EINVAL, "'%s' is started with the ID of another", operation->name);
    _cleanup_free_ char *image = key_of("image", json_string(operation->spec, "image", ""));
    if (!json_string(json_object(operation->inputs, image), "id", NULL))
        return error_set(err, EINVAL, "'%s' is started without its image", operation->name);
    const cJSON *endpoint, *mount;
    cJSON_ArrayForEach(mount, json_array(operation->spec, "mounts"))
    {
        const char *volume = json_string(mount, "volume", NULL);
        _cleanup_free_ char *key = key_of("volume", volume ? volume : "");
        const cJSON *thing = volume ? find_thing(world, "volume", volume) : NULL;
        if (volume &&
            (!thing || json_bool(thing, "half", false) || !json_object(operation->inputs, key)))
            return error_set(err, EINVAL, "'%s' is started without volume '%s'", operation->name,
                             volume);
        if (volume && !json_bool(json_object(thing, "spec"), "shared", false) &&
            find_user(world, volume, "running"))
            return error_set(err, EBUSY, "'%s' takes the disk '%s' of another", operation->name,
                             volume);
    }
    cJSON_ArrayForEach(endpoint, json_array(operation->spec, "endpoints"))
    {
        _cleanup_free_ char *key = key_of("endpoint", endpoint->valuestring);
        const cJSON *fd =
            cJSON_GetArrayItem(json_array(json_object(operation->inputs, key), "fds"), 0);
        if (!fd || fcntl(fd->valueint, F_GETFD) < 0)
            return error_set(err, EINVAL, "'%s' is started without a tap for '%s'", operation->name,
                             endpoint->valuestring);
    }
    return 0;
}

static int check_remove(struct fake_world *world, const struct operation *operation,
                        struct error *err)
{
    if (streq(operation->kind, "network") &&
        find_by_member(world, "endpoint", "network", operation->name))
        return error_set(err, EBUSY, "network '%s' has endpoints", operation->name);
    if (streq(operation->kind, "volume") && find_user(world, operation->name, NULL))
        return error_set(err, EBUSY, "volume '%s' is mounted", operation->name);
    const char *instance = json_string(operation->spec, "instance", "");
    const cJSON *vm = find_thing(world, "vm", instance);
    if (!streq(operation->kind, "vm") && vm && streq(json_string(vm, "state", ""), "running"))
        return error_set(err, EBUSY, "'%s' still runs with '%s'", instance, operation->name);
    return 0;
}

static int check_wait(struct fake_world *world, const struct operation *operation,
                      struct error *err)
{
    const char *state = fake_world_vm_state(world, operation->name);
    if (!state || !streq(state, "running"))
        return error_set(err, ENOTCONN, "'%s' is waited for and does not run", operation->name);
    if (world->unhealthy && streq(world->unhealthy, operation->name))
        return error_set(err, ENOTCONN, "'%s' is unhealthy", operation->name);
    return 0;
}

static int check_operation(struct fake_world *world, const struct operation *operation,
                           struct error *err)
{
    switch (operation->verb) {
    case OPERATION_ENSURE:
        return check_ensure(world, operation, err);
    case OPERATION_START:
        return check_start(world, operation, err);
    case OPERATION_REMOVE:
        return check_remove(world, operation, err);
    case OPERATION_WAIT:
        return check_wait(world, operation, err);
    case OPERATION_STOP:
    case OPERATION_PAUSE:
    case OPERATION_UNPAUSE:
    case OPERATION_KILL:
    case OPERATION_VERB_COUNT:
        break;
    }
    return 0;
}

/* --- effects ---------------------------------------------------------------------------------- */

/* From the start on something may be there. */
static void begin_effect(struct fake_world *world, const struct operation *operation)
{
    if (operation->verb == OPERATION_ENSURE) {
        cJSON *thing = need_thing(world, operation->kind, operation->name);
        if (!json_object(thing, "spec")) {
            json_set_bool(thing, "half", true);
            json_set(thing, "spec", cJSON_Duplicate(operation->spec, true));
        }
    } else if (operation->verb == OPERATION_START) {
        json_set_string(need_thing(world, "vm", operation->name), "state", "starting");
    } else if (operation->verb == OPERATION_REMOVE) {
        cJSON *thing = find_thing(world, operation->kind, operation->name);
        if (thing)
            json_set_bool(thing, "half", true);
    }
    save(world);
}

static void undo_effect(struct fake_world *world, const struct operation *operation)
{
    cJSON *thing = find_thing(world, operation->kind, operation->name);
    if (thing && operation->verb == OPERATION_ENSURE && json_bool(thing, "half", false))
        drop_thing(world, operation->kind, operation->name);
    else if (thing && operation->verb == OPERATION_START)
        json_set_string(thing, "state", "exited");
    save(world);
}

static cJSON *make_result(const struct fake_world *world, const struct operation *operation)
{
    cJSON *result = cJSON_CreateObject();
    if (streq(operation->kind, "image")) {
        json_set_string(result, "id", world->image_id);
        json_set(result, "config", cJSON_Duplicate(world->image_config, true));
    }
    if (streq(operation->kind, "endpoint") && json_bool(operation->spec, "tap", false)) {
        cJSON *fds = cJSON_AddArrayToObject(result, "fds");
        cJSON_AddItemToArray(fds, cJSON_CreateNumber(open("/dev/null", O_RDWR | O_CLOEXEC)));
    }
    return result;
}

static void finish_effect(struct fake_world *world, const struct operation *operation)
{
    cJSON *thing = NULL;
    switch (operation->verb) {
    case OPERATION_ENSURE:
        thing = need_thing(world, operation->kind, operation->name);
        json_set(thing, "half", NULL);
        json_set(thing, "spec", cJSON_Duplicate(operation->spec, true));
        if (streq(operation->kind, "vm") && !json_string(thing, "state", NULL))
            json_set_string(thing, "state", "created");
        json_set_string(thing, "id", json_string(operation->spec, "id", NULL));
        break;
    case OPERATION_START:
        json_set_string(need_thing(world, "vm", operation->name), "state", "running");
        break;
    case OPERATION_STOP:
        if (find_thing(world, "vm", operation->name))
            json_set_string(find_thing(world, "vm", operation->name), "state", "exited");
        break;
    case OPERATION_REMOVE:
        drop_thing(world, operation->kind, operation->name);
        break;
    case OPERATION_WAIT:
        if (streq(json_string(operation->spec, "condition", ""), "completed"))
            json_set_string(find_thing(world, "vm", operation->name), "state", "exited");
        break;
    case OPERATION_PAUSE:
    case OPERATION_UNPAUSE:
    case OPERATION_KILL:
    case OPERATION_VERB_COUNT:
        break;
    }
    save(world);
}

/* --- the provider ----------------------------------------------------------------------------- */

static int fake_check(void *self, struct operation *const *operations, size_t count,
                      struct error *err)
{
    struct fake_provider *provider = self;
    provider->world->checks++;
    for (size_t i = 0; i < count; i++) {
        assert(operations[i]->verb == OPERATION_ENSURE || operations[i]->verb == OPERATION_START);
        if (provider->world->refuse && streq(operations[i]->name, provider->world->refuse))
            return error_set(err, EADDRINUSE, "%s '%s' is refused", operations[i]->kind,
                             operations[i]->name);
    }
    return 0;
}

static void fail(struct fake_world *world, struct operation *operation, int code)
{
    _cleanup_error_ struct error err = {0};
    error_set(&err, code, "this one fails");
    undo_effect(world, operation);
    operation_done(operation, NULL, &err);
}

static int fake_start(void *self, struct operation *operation, struct error *err)
{
    struct fake_provider *provider = self;
    struct fake_world *world = provider->world;
    bool fails = ++world->starts == world->fail_at;
    vec_add(&world->log, xasprintf("%s %s %s", operation_verb_name(operation->verb),
                                   operation->kind, operation->name));
    int r = check_operation(world, operation, err);
    if (r < 0)
        return r;
    if (fails && world->fail_by_code)
        return error_set(err, EIO, "this one fails");
    begin_effect(world, operation);
    operation->provider_data = fails ? world : NULL;
    vec_add(&world->pending, operation);
    if (world->answer == FAKE_AT_ONCE)
        fake_world_tick(world);
    return 0;
}

static size_t find_pending(const struct fake_world *world, const struct operation *operation)
{
    for (size_t i = 0; i < world->pending.count; i++)
        if (world->pending.items[i] == operation)
            return i;
    return SIZE_MAX;
}

static void take_pending(struct fake_world *world, size_t index)
{
    world->pending.count--;
    for (size_t i = index; i < world->pending.count; i++)
        world->pending.items[i] = world->pending.items[i + 1];
}

static void fake_cancel(void *self, struct operation *operation)
{
    struct fake_provider *provider = self;
    size_t index = find_pending(provider->world, operation);
    if (index == SIZE_MAX || provider->world->ignore_cancel)
        return;
    take_pending(provider->world, index);
    fail(provider->world, operation, ECANCELED);
}

static bool end_dying(struct fake_world *world)
{
    if (!world->dying || !world->dying[0])
        return false;
    _cleanup_strv_ char **dying = TAKE_PTR(world->dying);
    for (size_t i = 0; dying[i]; i++) {
        struct vm_status status = {.state = VM_EXITED, .exit_code = 137};
        snprintf(status.instance, sizeof(status.instance), "%s", dying[i]);
        fake_world_exit_vm(world, dying[i]);
        if (world->on_vm_event)
            world->on_vm_event(world->vm_event_userdata, &status);
    }
    return true;
}

/* The one that waits longest and is not held. */
static size_t find_answerable(const struct fake_world *world)
{
    size_t index = 0;
    while (world->held && index < world->pending.count &&
           world->pending.items[index]->verb == OPERATION_WAIT &&
           streq(world->pending.items[index]->name, world->held))
        index++;
    return index;
}

bool fake_world_tick(struct fake_world *world)
{
    if (end_dying(world))
        return true;
    if (world->pending.count == 0)
        return false;
    bool at_once = world->answer == FAKE_AT_ONCE; /* then the last, which was just started */
    size_t index = at_once ? world->pending.count - 1 : find_answerable(world);
    if (index >= world->pending.count)
        return false;
    struct operation *operation = world->pending.items[index];
    take_pending(world, index);
    world->now_ms += 1000;
    if (operation->provider_data) {
        fail(world, operation, EIO);
        return true;
    }
    finish_effect(world, operation);
    operation_done(operation, make_result(world, operation), NULL);
    return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void load(struct fake_world *world)
{
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    if (world->path && fs_read_file(world->path, 1 << 20, &text, &length, NULL) == 0 &&
        json_parse(text, length, &world->things, NULL) == 0)
        return;
    world->things = cJSON_CreateObject();
}

void fake_world_init(struct fake_world *world, enum fake_answer answer, const char *path)
{
    *world = (struct fake_world){.answer = answer, .path = path, .image_id = "sha256:1"};
    load(world);
    for (size_t i = 0; i < FAKE_KINDS; i++) {
        struct fake_provider *provider = &world->providers[i];
        provider->world = world;
        provider->provider =
            (struct provider){kinds[i], fake_check, fake_start, fake_cancel, provider};
        world->provider_list[i] = &provider->provider;
    }
}

void fake_world_done(struct fake_world *world)
{
    fake_world_clear_log(world);
    vec_done(&world->log);
    vec_done(&world->pending);
    strv_free(world->named);
    strv_free(world->dying);
    cJSON_Delete(world->things);
}

size_t fake_world_count(const struct fake_world *world)
{
    size_t count = 0;
    const cJSON *thing;
    cJSON_ArrayForEach(thing, world->things) if (!str_after_prefix(thing->string, "image/"))
        count++;
    return count;
}

bool fake_world_has(const struct fake_world *world, const char *key)
{
    return json_object(world->things, key) != NULL;
}

const char *fake_world_vm_state(const struct fake_world *world, const char *instance)
{
    const cJSON *vm = find_thing(world, "vm", instance);
    return vm ? json_string(vm, "state", "created") : NULL;
}

void fake_world_exit_vm(struct fake_world *world, const char *instance)
{
    json_set_string(find_thing(world, "vm", instance), "state", "exited");
    save(world);
}

void fake_world_clear_log(struct fake_world *world)
{
    for (size_t i = 0; i < world->log.count; i++)
        free(world->log.items[i]);
    world->log.count = 0;
}

size_t fake_world_find_log(const struct fake_world *world, const char *entry)
{
    for (size_t i = 0; i < world->log.count; i++)
        if (streq(world->log.items[i], entry))
            return i;
    return SIZE_MAX;
}

/* --- as the orchestrator sees it -------------------------------------------------------------- */

static void set_presence(void *userdata, const char *instance, enum instance_presence presence)
{
    struct fake_world *world = userdata;
    char **others = NULL;
    for (size_t i = 0; world->named && world->named[i]; i++)
        if (!streq(world->named[i], instance))
            strv_add(&others, xstrdup(world->named[i]));
    if (presence == INSTANCE_SERVING)
        strv_add(&others, xstrdup(instance));
    strv_free(world->named);
    world->named = others;
}

static int vm_status(void *userdata, const char *instance, struct vm_status *ret_status)
{
    struct fake_world *world = userdata;
    const char *state = fake_world_vm_state(world, instance);
    if (!state)
        return -ENOENT;
    *ret_status = (struct vm_status){0};
    for (enum vm_state known = 0; known < VM_STATE_COUNT; known++)
        if (streq(vm_state_name(known), state))
            ret_status->state = known;
    return 0;
}

static int send_signal(void *userdata, const char *instance, int signal_number, struct error *err)
{
    struct fake_world *world = userdata;
    (void)err;
    vec_add(&world->log, xasprintf("signal %d %s", signal_number, instance));
    return 0;
}

static int kill_vm(void *userdata, const char *instance, struct error *err)
{
    struct fake_world *world = userdata;
    (void)err;
    strv_add(&world->dying, xstrdup(instance));
    return 0;
}

static int set_paused(void *userdata, const char *instance, bool paused,
                      void (*on_done)(void *userdata, const struct error *err), void *done_userdata,
                      struct error *err)
{
    struct fake_world *world = userdata;
    const char *wanted = paused ? "paused" : "running";
    if (streq(fake_world_vm_state(world, instance), wanted))
        return error_set(err, EALREADY, "'%s' is %s", instance, wanted);
    json_set_string(find_thing(world, "vm", instance), "state", wanted);
    on_done(done_userdata, NULL);
    return 0;
}

static int remove_image(void *userdata, const char *name, const cJSON *used, struct error *err)
{
    struct fake_world *world = userdata;
    const char *user = json_string(used, world->image_id, NULL);
    vec_add(&world->log, xasprintf("remove image %s", name));
    return user ? error_set(err, EBUSY, "image '%s' is used by '%s'", name, user) : 0;
}

static cJSON *describe_nothing(void *userdata, const char *instance)
{
    (void)userdata;
    (void)instance;
    return cJSON_CreateArray();
}

static const char *acceleration_note(void *userdata)
{
    return ((const struct fake_world *)userdata)->acceleration_note;
}

struct orchestrator_world fake_world_for_orchestrator(struct fake_world *world)
{
    return (struct orchestrator_world){
        .providers = world->provider_list,
        .provider_count = FAKE_KINDS,
        .set_presence = set_presence,
        .vm_status = vm_status,
        .signal = send_signal,
        .kill = kill_vm,
        .set_paused = set_paused,
        .remove_image = remove_image,
        .describe_endpoints = describe_nothing,
        .describe_ports = describe_nothing,
        .acceleration_note = acceleration_note,
        .userdata = world,
    };
}
