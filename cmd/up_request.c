/* Options -> body of the request; see up_request.h. */
#include "cmd/up_request.h"

#include "base/alloc.h"
#include "base/json.h"
#include "base/str.h"
#include "compose/compose.h"

#include <errno.h>

#define SCALE_LIMIT 10000

static int check(const struct up_choices *choices, struct error *err)
{
    const struct {
        bool one, other;
        const char *names;
    } conflicts[] = {
        {choices->build, choices->no_build, "--build and --no-build"},
        {choices->force_recreate, choices->no_recreate, "--force-recreate and --no-recreate"},
        {choices->always_recreate_deps, choices->no_recreate,
         "--always-recreate-deps and --no-recreate"},
        {choices->wait, choices->no_start, "--wait and --no-start"},
    };
    for (size_t i = 0; i < sizeof(conflicts) / sizeof(conflicts[0]); i++)
        if (conflicts[i].one && conflicts[i].other)
            return error_set(err, EINVAL, "%s are incompatible", conflicts[i].names);
    return 0;
}

/* "web=3" */
static int add_scale(cJSON *scales, const char *text, const struct model *model, struct error *err)
{
    const char *equals = strchr(text, '=');
    uint64_t number;
    if (!equals || str_to_u64(equals + 1, &number) < 0 || number > SCALE_LIMIT)
        return error_set(err, EINVAL, "invalid scale '%s': use SERVICE=NUMBER, 0 to %d", text,
                         SCALE_LIMIT);
    _cleanup_free_ char *service = xstrndup(text, (size_t)(equals - text));
    if (!model_find_service(model, service))
        return error_set(err, ENOENT, "no such service: %s", service);
    json_set_int(scales, service, (int64_t)number);
    return 0;
}

static const char *recreate_word(const struct up_choices *choices)
{
    if (choices->force_recreate)
        return "force";
    return choices->no_recreate ? "never" : "diverged";
}

static const char *build_word(const struct up_choices *choices)
{
    if (choices->build)
        return "always";
    return choices->no_build ? "never" : "missing";
}

static int add_options(cJSON *options, const struct up_choices *choices, const struct model *model,
                       struct error *err)
{
    cJSON *scales = cJSON_AddObjectToObject(options, "scale");
    for (size_t i = 0; choices->scale && choices->scale[i]; i++) {
        int r = add_scale(scales, choices->scale[i], model, err);
        if (r < 0)
            return r;
    }
    bool own_pull = choices->pull && !streq(choices->pull, "policy");
    json_set_string(options, "recreate", recreate_word(choices));
    json_set_bool(options, "recreate_deps", choices->always_recreate_deps);
    json_set_bool(options, "no_deps", choices->no_deps);
    json_set_bool(options, "no_start", choices->no_start);
    json_set_bool(options, "remove_orphans", choices->remove_orphans);
    json_set_int(options, "timeout_ms", choices->timeout_ms);
    json_set_bool(options, "renew_anon_volumes", choices->renew_anon_volumes);
    json_set_bool(options, "wait", choices->wait);
    json_set_int(options, "wait_timeout_ms", choices->wait_timeout_s * 1000);
    json_set_string(options, "build", build_word(choices));
    json_set_string(options, "pull", own_pull ? choices->pull : "default");
    json_set_string(options, "changed_volumes",
                    choices->changed_volumes ? choices->changed_volumes : "ask");
    json_set(options, "files", json_from_strv(model->files));
    json_set_bool(options, "dry_run", choices->dry_run);
    return 0;
}

int up_request_print(const struct up_choices *choices, const struct model *model,
                     char *const *services, size_t count, char **ret_body, struct error *err)
{
    _cleanup_json_ cJSON *options = cJSON_CreateObject(), *names = cJSON_CreateArray();
    int r = check(choices, err);
    if (r == 0)
        r = add_options(options, choices, model, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(services[i]));
    _cleanup_free_ char *model_text = compose_serialize(model); /* JSON already */
    _cleanup_free_ char *names_text = json_print(names), *options_text = json_print(options);
    *ret_body = xasprintf("{\"model\":%s,\"services\":%s,\"options\":%s}", model_text, names_text,
                          options_text);
    return 0;
}
