/* See resource.h. */
#include "cmd/resource.h"

#include "base/alloc.h"
#include "base/str.h"
#include "cmd/daemon_start.h"
#include "cmd/json_indent.h"
#include "cmd/output.h"

#include <errno.h>

#define TIMEOUT_MS 60000

const struct resource_kind resource_volume = {"volume", "/volumes"};
const struct resource_kind resource_network = {"network", "/networks"};

static int unknown(const struct resource_kind *kind, const char *name, struct error *err)
{
    return error_set(err, ENOENT, "no such %s: %s", kind->word, name);
}

/* --- inspect ---------------------------------------------------------------------------------- */

static int find(struct client *client, const struct resource_kind *kind, const char *name,
                cJSON *found, struct error *err)
{
    if (!client)
        return unknown(kind, name, err);
    _cleanup_free_ char *escaped = client_escape(name);
    _cleanup_free_ char *path = xasprintf("%s/%s", kind->path, escaped);
    cJSON *one = NULL;
    int r = client_call(client, "GET", path, NULL, TIMEOUT_MS, &one, err);
    if (r == 0 && one)
        cJSON_AddItemToArray(found, one);
    return r;
}

int resource_inspect(const struct invocation *invocation, const struct resource_kind *kind,
                     struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *found = cJSON_CreateArray();
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    for (size_t i = 0; r == 0 && i < invocation->operand_count; i++)
        r = find(client, kind, invocation->operands[i], found, err);
    if (r < 0)
        return r;
    json_indent(found, &out);
    return output_write(strbuf_text(&out), out.length, err);
}

/* --- remove ----------------------------------------------------------------------------------- */

static int remove_one(struct client *client, const struct resource_kind *kind, const char *name,
                      bool force, struct error *err)
{
    if (!client)
        return force ? 0 : unknown(kind, name, err);
    _cleanup_free_ char *escaped = client_escape(name);
    _cleanup_free_ char *path = xasprintf("%s/%s%s", kind->path, escaped, force ? "?force=1" : "");
    _cleanup_free_ char *line = xasprintf("%s\n", name);
    int r = client_call(client, "DELETE", path, NULL, TIMEOUT_MS, NULL, err);
    return r < 0 ? r : output_write(line, strlen(line), err);
}

int resource_remove(const struct invocation *invocation, const struct resource_kind *kind,
                    bool force, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    int result = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (result < 0)
        return result;
    for (size_t i = 0; i < invocation->operand_count; i++) {
        _cleanup_error_ struct error own = {0};
        int r = remove_one(client, kind, invocation->operands[i], force, &own);
        if (r < 0 && result < 0)
            output_error(error_text(&own));
        else if (r < 0)
            result = error_move(err, &own);
    }
    return result;
}

/* --- lists ------------------------------------------------------------------------------------ */

int resource_filters(char *const *texts, const char *const *known, const char *help,
                     cJSON **ret_filters, struct error *err)
{
    _cleanup_json_ cJSON *filters = cJSON_CreateObject();
    for (; texts && *texts; texts++) {
        const char *equals = strchr(*texts, '=');
        _cleanup_free_ char *key = xstrndup(*texts, strcspn(*texts, "="));
        if (!equals || !strv_contains((char *const *)known, key))
            return error_set(err, EINVAL, "invalid filter '%s': use %s", *texts, help);
        if (!json_array(filters, key))
            cJSON_AddArrayToObject(filters, key);
        cJSON_AddItemToArray(json_array(filters, key), cJSON_CreateString(equals + 1));
    }
    *ret_filters = TAKE_PTR(filters);
    return 0;
}

int resource_list(const struct invocation *invocation, const struct resource_kind *kind,
                  const cJSON *filters, cJSON **ret_answer, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_free_ char *text = json_print(filters), *escaped = client_escape(text);
    _cleanup_free_ char *path = xasprintf("%s?filters=%s", kind->path, escaped);
    int r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    *ret_answer = NULL;
    if (r == 0 && client)
        r = client_call(client, "GET", path, NULL, TIMEOUT_MS, ret_answer, err);
    return r;
}

cJSON *resource_pairs(char *const *texts)
{
    cJSON *pairs = cJSON_CreateObject();
    for (; texts && *texts; texts++) {
        const char *equals = strchr(*texts, '=');
        _cleanup_free_ char *name = xstrndup(*texts, strcspn(*texts, "="));
        json_set_string(pairs, name, equals ? equals + 1 : "");
    }
    return pairs;
}

char *resource_join_labels(const cJSON *labels)
{
    struct strbuf joined = {0};
    const cJSON *label;
    cJSON_ArrayForEach(label, labels)
    {
        strbuf_addf(&joined, "%s%s=%s", joined.length ? "," : "", label->string,
                    cJSON_IsString(label) ? label->valuestring : "");
    }
    return strbuf_take(&joined);
}
