/* Questions about what is there, for ps, ls and the API: the store's rows with what the world says
 * of each at this moment. */
#include "orchestrator/context.h"
#include "orchestrator/state.h"
#include "orchestrator/supervisor.h"

#include "base/log.h"
#include "base/str.h"

#include <errno.h>

enum { ID_PREFIX_MIN = 12 }; /* as ps shows them */

static bool is_alive(const struct vm_status *status)
{
    return status->state != VM_CREATED && status->state != VM_EXITED;
}

/* Between its end and the start of its next life; Docker counts it among those that run. */
static bool is_restarting(const struct orchestrator *orchestrator, const char *instance,
                          const struct vm_status *status)
{
    struct supervision supervision;
    bool between = status->state == VM_EXITED || status->state == VM_STARTING;
    return between && supervisor_look(orchestrator->supervisor, instance, &supervision) &&
           supervision.restarting;
}

/* An instance whose VM the runtime does not know (a crash came between) was only created. */
static void read_status(struct orchestrator *orchestrator, const char *instance,
                        struct vm_status *ret_status)
{
    *ret_status = (struct vm_status){.state = VM_CREATED};
    orchestrator->world.vm_status(orchestrator->world.userdata, instance, ret_status);
}

static struct state_instances list_instances(const struct orchestrator *orchestrator,
                                             const char *project)
{
    struct state_instances instances = {0};
    _cleanup_error_ struct error err = {0};
    if (state_list_instances(orchestrator->store, project, &instances, &err) < 0)
        log_error("cannot list the instances: %s", error_text(&err));
    return instances;
}

static cJSON *describe_mounts(const cJSON *vm_spec)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *mount;
    cJSON_ArrayForEach(mount, json_array(vm_spec, "mounts"))
    {
        cJSON *item = cJSON_CreateObject();
        json_set_string(item, "Type", json_string(mount, "type", ""));
        json_set_string(item, "Name", json_string(mount, "volume", NULL));
        json_set_string(item, "Source", json_string(mount, "source", ""));
        json_set_string(item, "Destination", json_string(mount, "target", ""));
        json_set_bool(item, "RW", !json_bool(mount, "read_only", false));
        cJSON_AddItemToArray(list, item);
    }
    return list;
}

/* The service's own, and those by which Docker's tools know who belongs to what. */
static cJSON *describe_labels(const struct state_instance *instance, const cJSON *vm_spec)
{
    const cJSON *own = json_object(vm_spec, "labels");
    cJSON *labels = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject();
    _cleanup_free_ char *number = xasprintf("%lld", (long long)instance->number);
    json_set_string(labels, "com.docker.compose.project", instance->project);
    json_set_string(labels, "com.docker.compose.service", instance->service);
    json_set_string(labels, "com.docker.compose.container-number", number);
    json_set_string(labels, "com.docker.compose.oneoff", instance->oneoff ? "True" : "False");
    return labels;
}

static void describe_spec(struct orchestrator *orchestrator, const struct state_instance *instance,
                          cJSON *value)
{
    _cleanup_json_ cJSON *spec = NULL;
    _cleanup_error_ struct error err = {0};
    if (state_read_spec(orchestrator->store, instance->project, "vm", instance->name, &spec, &err) <
        0)
        log_error("cannot read the spec of '%s': %s", instance->name, error_text(&err));
    json_set(value, "Labels", describe_labels(instance, spec));
    json_set(value, "Mounts", describe_mounts(spec));
    json_set_bool(value, "Tty", json_bool(spec, "tty", false));
    json_set_bool(value, "OpenStdin", json_bool(spec, "stdin_open", false));
    const cJSON *restart = json_object(spec, "restart");
    json_set_string(value, "RestartPolicy", json_string(restart, "mode", "no"));
    json_set_int(value, "RestartMaximum", json_int(restart, "max_attempts", 0));
}

static cJSON *describe(struct orchestrator *orchestrator, const struct state_instance *instance,
                       const struct vm_status *status)
{
    const struct orchestrator_world *world = &orchestrator->world;
    cJSON *value = cJSON_CreateObject();
    json_set_string(value, "Id", instance->id);
    json_set_string(value, "Name", instance->name);
    json_set_string(value, "Project", instance->project);
    json_set_string(value, "Service", instance->service);
    json_set_int(value, "Number", instance->number);
    json_set_string(value, "Image", instance->image);
    json_set_string(value, "ImageID", instance->image_id);
    json_set_string(value, "Command", instance->command);
    json_set_int(value, "CreatedMs", instance->created_ms);
    bool restarting = is_restarting(orchestrator, instance->name, status);
    json_set_string(value, "State", restarting ? "restarting" : vm_state_name(status->state));
    json_set_string(value, "Health", instance->health);
    json_set_int(value, "RestartCount", instance->restarts);
    json_set_bool(value, "OneOff", instance->oneoff);
    json_set_string(value, "Desired", instance->is_wanted ? "running" : "stopped");
    json_set_bool(value, "OOMKilled", instance->oom);
    json_set_int(value, "ExitCode", status->exit_code);
    json_set_string(value, "Reason", vm_exit_reason_name(status->reason));
    json_set_int(value, "StartedMs", status->started_at_ms);
    json_set_int(value, "FinishedMs", status->finished_at_ms);
    json_set_int(value, "Pid", status->pid);
    describe_spec(orchestrator, instance, value);
    json_set(value, "Endpoints", world->describe_endpoints(world->userdata, instance->name));
    /* Kept for who has ended, but nobody answers there: Docker shows none then. */
    json_set(value, "Ports",
             is_alive(status) ? world->describe_ports(world->userdata, instance->name)
                              : cJSON_CreateArray());
    return value;
}

cJSON *orchestrator_instances(struct orchestrator *orchestrator, const char *project, bool all)
{
    cJSON *list = cJSON_CreateArray();
    struct state_instances instances = list_instances(orchestrator, project);
    for (size_t i = 0; i < instances.list.count; i++) {
        struct vm_status status;
        read_status(orchestrator, instances.list.items[i].name, &status);
        const char *name = instances.list.items[i].name;
        if (all || is_alive(&status) || is_restarting(orchestrator, name, &status))
            cJSON_AddItemToArray(list, describe(orchestrator, &instances.list.items[i], &status));
    }
    state_instances_done(&instances);
    return list;
}

bool orchestrator_is_idle(const struct orchestrator *orchestrator)
{
    if (orchestrator->jobs.count > 0 || supervisor_is_busy(orchestrator->supervisor))
        return false;
    bool idle = true;
    struct state_instances instances = list_instances(orchestrator, NULL);
    for (size_t i = 0; i < instances.list.count; i++) {
        struct vm_status status = {.state = VM_CREATED};
        orchestrator->world.vm_status(orchestrator->world.userdata, instances.list.items[i].name,
                                      &status);
        idle = idle && !is_alive(&status);
    }
    state_instances_done(&instances);
    return idle;
}

static cJSON *describe_project(struct orchestrator *orchestrator,
                               const struct state_project_row *project)
{
    size_t counts[VM_STATE_COUNT] = {0};
    struct state_instances instances = list_instances(orchestrator, project->name);
    for (size_t i = 0; i < instances.list.count; i++) {
        struct vm_status status;
        read_status(orchestrator, instances.list.items[i].name, &status);
        counts[status.state]++;
    }
    _cleanup_strbuf_ struct strbuf text = {0};
    for (size_t state = 0; state < VM_STATE_COUNT; state++)
        if (counts[state])
            strbuf_addf(&text, "%s%s(%zu)", text.length ? ", " : "", vm_state_name(state),
                        counts[state]);
    cJSON *value = cJSON_CreateObject();
    json_set_string(value, "Name", project->name);
    json_set_string(value, "Status", strbuf_text(&text));
    json_set_int(value, "Instances", (int64_t)instances.list.count);
    json_set_string(value, "Directory", project->directory);
    json_set(value, "ConfigFiles", cJSON_Duplicate(project->files, true));
    state_instances_done(&instances);
    return value;
}

cJSON *orchestrator_projects(struct orchestrator *orchestrator)
{
    cJSON *list = cJSON_CreateArray();
    struct state_projects projects = {0};
    _cleanup_error_ struct error err = {0};
    if (state_list_projects(orchestrator->store, &projects, &err) < 0)
        log_error("cannot list the projects: %s", error_text(&err));
    for (size_t i = 0; i < projects.list.count; i++)
        cJSON_AddItemToArray(list, describe_project(orchestrator, &projects.list.items[i]));
    state_projects_done(&projects);
    return list;
}

static bool fits(const struct state_instance *instance, const char *name_or_id)
{
    return strlen(name_or_id) >= ID_PREFIX_MIN && str_after_prefix(instance->id, name_or_id);
}

int orchestrator_find_instance(struct orchestrator *orchestrator, const char *name_or_id,
                               char **ret_instance, struct error *err)
{
    struct state_instances instances = {0};
    _cleanup_error_ struct error local = {0};
    int r = state_list_instances(orchestrator->store, NULL, &instances, &local);
    const char *found = NULL;
    size_t count = 0;
    for (size_t i = 0; r >= 0 && i < instances.list.count; i++) {
        const struct state_instance *instance = &instances.list.items[i];
        bool is_name = streq(instance->name, name_or_id);
        if (!is_name && !fits(instance, name_or_id))
            continue;
        found = instance->name;
        count = is_name ? 1 : count + 1;
        if (is_name)
            break;
    }
    if (r >= 0 && count == 0)
        r = error_set(&local, ENOENT, "no such container: %s", name_or_id);
    else if (r >= 0 && count > 1)
        r = error_set(&local, EEXIST, "'%s' is the beginning of %zu IDs: give more digits",
                      name_or_id, count);
    else if (r >= 0)
        *ret_instance = xstrdup(found);
    state_instances_done(&instances);
    return r < 0 ? error_move(err, &local) : 0;
}
