/* Words of a command line -> services and instances; see target.h. */
#include "cmd/target.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/daemon_start.h"
#include "cmd/instances.h"
#include "cmd/project.h"

#include <errno.h>

#define TIMEOUT_MS 30000

static struct target *target_of(struct targets *targets, const char *project)
{
    for (size_t i = 0; i < targets->count; i++)
        if (streq(targets->items[i].project, project))
            return &targets->items[i];
    vec_add(targets, (struct target){.project = xstrdup(project)});
    return &targets->items[targets->count - 1];
}

void targets_done(struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++) {
        free(targets->items[i].project);
        strv_free(targets->items[i].services);
        strv_free(targets->items[i].instances);
    }
    vec_done(targets);
    model_free(targets->model);
    client_free(targets->client);
    *targets = (struct targets){0};
}

/* Files that were taken away leave machines of which -p or a word tells. */
static bool has_service(struct targets *targets, const char *project, const char *word)
{
    if (targets->model)
        return model_find_service(targets->model, word) != NULL;
    _cleanup_json_ cJSON *instances = NULL;
    if (!project || !targets->client ||
        instances_get(targets->client, project, true, &instances, NULL) < 0)
        return false;
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (streq(json_string(instance, "Service", ""), word))
            return true;
    }
    return false;
}

/* -ENOENT where no machine has that name or ID. */
static int add_instance(struct targets *targets, const char *word, struct error *err)
{
    if (!targets->client)
        return error_set(err, ENOENT, "no such virtual machine: %s", word);
    _cleanup_free_ char *escaped = client_escape(word);
    _cleanup_free_ char *path = xasprintf("/containers/%s/json", escaped);
    _cleanup_json_ cJSON *container = NULL;
    int r = client_call(targets->client, "GET", path, NULL, TIMEOUT_MS, &container, err);
    if (r < 0)
        return r;
    const cJSON *labels = json_object(json_object(container, "Config"), "Labels");
    const char *name = json_string(container, "Name", "");
    struct target *target =
        target_of(targets, json_string(labels, "com.docker.compose.project", ""));
    strv_add(&target->instances, xstrdup(name + (*name == '/')));
    return 0;
}

static int add_word(struct targets *targets, const char *project, const char *word,
                    const struct error *no_project, struct error *err)
{
    if (has_service(targets, project, word)) {
        strv_add(&target_of(targets, project)->services, xstrdup(word));
        return 0;
    }
    int r = add_instance(targets, word, err);
    if (r != -ENOENT)
        return r;
    if (project)
        return error_set(err, ENOENT, "no such service: %s", word);
    return error_set(err, ENOENT, "no virtual machine is called '%s', and there is no project: %s",
                     word, error_text(no_project));
}

int target_find(const struct invocation *invocation, char *const *words, size_t count,
                struct targets *ret_targets, struct error *err)
{
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_free_ char *project = NULL;
    _cleanup_error_ struct error no_project = {0};
    int r = project_find(invocation->global, &project, &targets.model, &no_project);
    if (r < 0 && (r != -ENOENT || count == 0))
        return error_move(err, &no_project);
    r = daemon_open(invocation, DAEMON_IF_ANY, &targets.client, err);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_word(&targets, project, words[i], &no_project, err);
    if (r < 0)
        return r;
    if (count == 0)
        target_of(&targets, project);
    *ret_targets = targets;
    targets = (struct targets){0};
    return 0;
}

static bool is_meant(const struct target *target, unsigned scope, const cJSON *instance)
{
    if (strv_contains(target->instances, json_string(instance, "Name", "")))
        return true;
    if (json_bool(instance, "OneOff", false) && !(scope & TARGET_ONEOFFS))
        return false;
    if (!target->services)
        return !target->instances;
    return strv_contains(target->services, json_string(instance, "Service", ""));
}

static int add_instances(struct client *client, const struct target *target, unsigned scope,
                         cJSON *instances, struct error *err)
{
    _cleanup_json_ cJSON *all = NULL;
    int r = instances_get(client, target->project, scope & TARGET_ALL, &all, err);
    if (r < 0)
        return r;
    for (cJSON *instance = all ? all->child : NULL, *next; instance; instance = next) {
        next = instance->next;
        if (is_meant(target, scope, instance))
            cJSON_AddItemToArray(instances, cJSON_DetachItemViaPointer(all, instance));
    }
    return 0;
}

int targets_instances(const struct targets *targets, unsigned scope, cJSON **ret_instances,
                      struct error *err)
{
    _cleanup_json_ cJSON *instances = cJSON_CreateArray();
    for (size_t i = 0; targets->client && i < targets->count; i++) {
        int r = add_instances(targets->client, &targets->items[i], scope, instances, err);
        if (r < 0)
            return r;
    }
    *ret_instances = TAKE_PTR(instances);
    return 0;
}

static bool runs(const cJSON *instance)
{
    const char *state = json_string(instance, "State", "");
    return streq(state, "running") || streq(state, "paused");
}

/* The first that runs; where none does, the first. */
static cJSON *choose(cJSON *instances, int64_t index)
{
    cJSON *chosen = NULL, *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (index && json_int(instance, "Number", 0) != index)
            continue;
        if (!chosen || (runs(instance) && !runs(chosen)))
            chosen = instance;
    }
    return chosen ? cJSON_DetachItemViaPointer(instances, chosen) : NULL;
}

int target_find_one(const struct invocation *invocation, const char *word, int64_t index,
                    struct client **ret_client, cJSON **ret_instance, struct error *err)
{
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_json_ cJSON *instances = NULL;
    char *const words[] = {(char *)word, NULL};
    int r = target_find(invocation, words, 1, &targets, err);
    if (r == 0)
        r = targets_instances(&targets, TARGET_ALL, &instances, err);
    if (r < 0)
        return r;
    cJSON *instance = choose(instances, index);
    if (!instance && index)
        return error_set(err, ENOENT, "service \"%s\" has no virtual machine with the number %lld",
                         word, (long long)index);
    if (!instance)
        return error_set(err, ENOENT, "service \"%s\" is not running", word);
    *ret_client = TAKE_PTR(targets.client);
    *ret_instance = instance;
    return 0;
}
