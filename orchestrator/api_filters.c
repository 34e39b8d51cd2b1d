/* The `filters` parameter of Docker's lists: {"key":["value"...]}. Values of one key are
 * alternatives, but for labels, which must all hold. */
#include "base/alloc.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

/* Docker's clients before API 1.22 write {"label":{"a=b":true}}. */
static cJSON *filter_values(const cJSON *values)
{
    if (cJSON_IsArray(values))
        return cJSON_Duplicate(values, true);
    cJSON *list = cJSON_CreateArray();
    const cJSON *value;
    cJSON_ArrayForEach(value, values) cJSON_AddItemToArray(list, cJSON_CreateString(value->string));
    return list;
}

/* A filter that is not known would let too much through. */
static int check_filters(const cJSON *filters, const char *const *known, struct error *err)
{
    const cJSON *filter;
    cJSON_ArrayForEach(filter, filters)
    {
        if (strv_contains((char *const *)known, filter->string))
            continue;
        _cleanup_free_ char *names = strv_join((char *const *)known, ", ");
        return error_set(err, EINVAL, "invalid filter '%s': known are %s", filter->string, names);
    }
    return 0;
}

static int parse_filters(const char *text, const char *const *known, cJSON **ret_filters,
                         struct error *err)
{
    _cleanup_json_ cJSON *given = NULL, *filters = cJSON_CreateObject();
    if (*text && (json_parse(text, strlen(text), &given, NULL) < 0 || !cJSON_IsObject(given)))
        return error_set(err, EINVAL, "invalid filters '%s': not a JSON object", text);
    const cJSON *values;
    cJSON_ArrayForEach(values, given) json_set(filters, values->string, filter_values(values));
    int code = check_filters(filters, known, err);
    if (code == 0)
        *ret_filters = TAKE_PTR(filters);
    return code;
}

bool api_read_filters(struct http_request *request, const char *const *known, cJSON **ret_filters)
{
    const char *text = http_request_query(request, "filters");
    _cleanup_error_ struct error err = {0};
    if (parse_filters(text ? text : "", known, ret_filters, &err) == 0)
        return true;
    api_respond_failure(request, &err);
    return false;
}

static bool label_holds(const cJSON *labels, const char *wanted)
{
    const char *equals = strchr(wanted, '=');
    _cleanup_free_ char *key =
        xstrndup(wanted, equals ? (size_t)(equals - wanted) : strlen(wanted));
    const char *value = json_string(labels, key, NULL);
    return value && (!equals || streq(value, equals + 1));
}

bool api_labels_match(const cJSON *labels, const cJSON *wanted)
{
    const cJSON *label;
    cJSON_ArrayForEach(label, wanted) if (!cJSON_IsString(label) ||
                                          !label_holds(labels, label->valuestring)) return false;
    return true;
}

bool api_filter_matches(const cJSON *values, const char *text,
                        bool (*matches)(const char *text, const char *value))
{
    const cJSON *value;
    cJSON_ArrayForEach(value, values) if (cJSON_IsString(value) &&
                                          matches(text, value->valuestring)) return true;
    return cJSON_GetArraySize(values) == 0;
}

bool api_filter_is_true(const cJSON *filters, const char *key)
{
    const char *value = cJSON_GetStringValue(cJSON_GetArrayItem(json_array(filters, key), 0));
    return value && (streq(value, "true") || streq(value, "1"));
}

bool api_text_contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

bool api_text_begins(const char *text, const char *prefix)
{
    return str_after_prefix(text, prefix) != NULL;
}
