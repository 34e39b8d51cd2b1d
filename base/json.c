/* See json.h. */
#include "base/json.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>

int json_parse(const char *text, size_t length, cJSON **ret_value, struct error *err)
{
    const char *end = NULL;
    cJSON *value = cJSON_ParseWithLengthOpts(text, length, &end, false);
    size_t used = end ? (size_t)(end - text) : 0;
    while (value && used < length && strchr(" \t\r\n", text[used]))
        used++;
    if (!value || used < length) {
        cJSON_Delete(value);
        return error_set(err, EINVAL, "not valid JSON at byte %zu of %zu", used + 1, length);
    }
    *ret_value = value;
    return 0;
}

const char *json_string(const cJSON *object, const char *key, const char *fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : fallback;
}

int64_t json_int(const cJSON *object, const char *key, int64_t fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= -9e18 && item->valuedouble <= 9e18))
        return fallback;
    return (int64_t)item->valuedouble;
}

double json_double(const cJSON *object, const char *key, double fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

bool json_bool(const cJSON *object, const char *key, bool fallback)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

cJSON *json_object(const cJSON *object, const char *key)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsObject(item) ? item : NULL;
}

cJSON *json_array(const cJSON *object, const char *key)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsArray(item) ? item : NULL;
}

char **json_strv(const cJSON *array)
{
    char **vector = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, array) if (cJSON_IsString(item))
        strv_add(&vector, xstrdup(item->valuestring));
    return vector;
}

cJSON *json_from_strv(char *const *vector)
{
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; vector && vector[i]; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(vector[i]));
    return array;
}

void json_set(cJSON *object, const char *key, cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    if (value)
        cJSON_AddItemToObject(object, key, value);
}

void json_set_string(cJSON *object, const char *key, const char *value)
{
    json_set(object, key, value ? cJSON_CreateString(value) : NULL);
}

void json_set_int(cJSON *object, const char *key, int64_t value)
{
    json_set(object, key, cJSON_CreateNumber((double)value));
}

void json_set_bool(cJSON *object, const char *key, bool value)
{
    json_set(object, key, cJSON_CreateBool(value));
}

char *json_print(const cJSON *value)
{
    char *text = cJSON_PrintUnformatted(value);
    if (!text)
        abort();
    return text;
}
