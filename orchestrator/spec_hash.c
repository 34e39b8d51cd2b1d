/* See spec.h: how a change is noticed, and how it is told. */
#include "orchestrator/spec.h"

#include "base/alloc.h"
#include "base/str.h"

#include <assert.h>

static const char *const condition_names[] = {
    [CONDITION_STARTED] = "started",
    [CONDITION_HEALTHY] = "healthy",
    [CONDITION_COMPLETED] = "completed",
};
static_assert(ARRAY_SIZE(condition_names) == CONDITION_COUNT, "a name for every condition");

const char *spec_condition_name(enum model_condition condition)
{
    return condition_names[condition];
}

enum model_condition spec_condition_parse(const char *name)
{
    for (enum model_condition i = 0; i < CONDITION_COUNT; i++)
        if (streq(condition_names[i], name))
            return i;
    return CONDITION_STARTED;
}

char *spec_hash_json(const cJSON *value, char *hex)
{
    _cleanup_free_ char *text = json_print(value);
    return hash_sha256_hex(text, strlen(text), hex);
}

/* --- hashes ----------------------------------------------------------------------------------- */

/* Members that are no reason to make an instance anew. */
static bool is_without_weight(const char *member)
{
    return streq(member, "id") || streq(member, "depends_on") || streq(member, "mounts");
}

static cJSON *mounts_without_anonymous_names(const cJSON *vm)
{
    cJSON *mounts = cJSON_Duplicate(json_array(vm, "mounts"), true), *mount;
    cJSON_ArrayForEach(mount, mounts)
    {
        if (spec_is_anonymous(json_string(mount, "volume", "")))
            json_set_string(mount, "volume", "");
    }
    return mounts ? mounts : cJSON_CreateArray();
}

char *spec_hash_instance(const struct spec_instance *instance, const char *image_id, char *hex)
{
    _cleanup_json_ cJSON *all = cJSON_CreateObject();
    cJSON *endpoints = cJSON_AddArrayToObject(all, "endpoints");
    for (size_t i = 0; i < instance->endpoint_count; i++)
        cJSON_AddItemToArray(endpoints, cJSON_CreateString(instance->endpoints[i].hash));
    cJSON *vm = cJSON_AddObjectToObject(all, "vm");
    for (cJSON *member = instance->vm->child; member; member = member->next)
        if (!is_without_weight(member->string))
            cJSON_AddItemReferenceToObject(vm, member->string, member);
    cJSON_AddItemToObject(vm, "mounts", mounts_without_anonymous_names(instance->vm));
    json_set_string(all, "ports", instance->ports ? instance->ports_hash : "");
    json_set_string(all, "image_id", image_id);
    return spec_hash_json(all, hex);
}

/* --- differences ------------------------------------------------------------------------------ */

/* How people call a member of a VM's spec, where its own name does not do. Several may share one.
 */
static const char *member_name(const char *member)
{
    static const struct {
        const char *member, *name;
    } names[] = {
        {"entrypoint", "command"},
        {"memory_bytes", "memory"},
        {"disk_bytes", "disk"},
        {"mounts", "volumes"},
        {"files", "configs or secrets"},
        {"endpoints", "networks"},
        {"stop_timeout_ms", "stop_grace_period"},
        {"restart", "restart policy"},
        {"dns_options", "dns_opt"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (streq(names[i].member, member))
            return names[i].name;
    return member;
}

static void add_once(char ***names, const char *name)
{
    if (!strv_contains(*names, name))
        strv_add(names, xstrdup(name));
}

static void add_changed_members(const cJSON *one, const cJSON *two, char ***names)
{
    for (const cJSON *member = one->child; member; member = member->next) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(two, member->string);
        if (streq(member->string, "mounts")) {
            _cleanup_json_ cJSON *here = mounts_without_anonymous_names(one);
            _cleanup_json_ cJSON *there = mounts_without_anonymous_names(two);
            if (!cJSON_Compare(here, there, true))
                add_once(names, member_name(member->string));
        } else if (!is_without_weight(member->string) && !cJSON_Compare(member, other, true)) {
            add_once(names, member_name(member->string));
        }
    }
}

static bool is_changed(const struct observed *observed, const char *kind, const char *name,
                       const char *hash)
{
    const struct observed_resource *known = observed_find_resource(observed, kind, name);
    return !streq(known ? known->hash : "", hash);
}

char *spec_describe_changes(const struct spec_instance *wanted, const char *image_id,
                            const struct observed *observed,
                            const struct observed_instance *instance)
{
    _cleanup_strv_ char **names = NULL;
    const struct observed_resource *vm = observed_find_resource(observed, "vm", instance->name);
    if (!vm || !*vm->hash)
        return xstrdup("it was left half made");
    if (!streq(instance->image_id, image_id))
        add_once(&names, "image");
    add_changed_members(wanted->vm, vm->spec, &names);
    add_changed_members(vm->spec, wanted->vm, &names);
    if (is_changed(observed, "ports", wanted->name, wanted->ports ? wanted->ports_hash : ""))
        add_once(&names, "ports");
    for (size_t i = 0; i < wanted->endpoint_count; i++)
        if (is_changed(observed, "endpoint", wanted->endpoints[i].name, wanted->endpoints[i].hash))
            add_once(&names, "networks");
    return strv_join(names, ", ");
}

/* --- for people ------------------------------------------------------------------------------- */

static void add_shell_words(struct strbuf *text, const cJSON *argv)
{
    const cJSON *word;
    cJSON_ArrayForEach(word, argv)
    {
        if (!cJSON_IsString(word))
            continue;
        bool plain =
            *word->valuestring && !strpbrk(word->valuestring, " \t\r\n\"'\\$`;&|<>()*?[]#~");
        const char *quote = plain ? "" : "'";
        strbuf_addf(text, "%s%s%s%s", text->length ? " " : "", quote, word->valuestring, quote);
    }
}

char *spec_command_text(const cJSON *vm_spec, const cJSON *image_config)
{
    const cJSON *entrypoint = json_array(vm_spec, "entrypoint");
    const cJSON *command = json_array(vm_spec, "command");
    struct strbuf text = {0};
    add_shell_words(&text, entrypoint ? entrypoint : json_array(image_config, "Entrypoint"));
    if (command)
        add_shell_words(&text, command);
    else if (!entrypoint)
        add_shell_words(&text, json_array(image_config, "Cmd"));
    return strbuf_take(&text);
}
