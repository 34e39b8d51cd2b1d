/* See api_options.h. */
#include "orchestrator/api_options.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>

enum { NAMES_MAX = 32 }; /* for the guess at a misspelled name */

static const char *type_text(enum api_option_type type)
{
    switch (type) {
    case API_BOOL:
        return "true or false";
    case API_INT:
        return "a number";
    case API_STRING:
        return "a text";
    case API_STRINGS:
        return "a list of texts";
    case API_OBJECT:
        return "an object";
    case API_CHOICE: /* refuse_value() lists the names */
    case API_OPTION_TYPE_COUNT:
        break;
    }
    return "something else";
}

static const struct api_option *find_row(const struct api_option_table *table, const char *name)
{
    for (; table; table = table->base)
        for (size_t i = 0; i < table->count; i++)
            if (streq(table->rows[i].name, name))
                return &table->rows[i];
    return NULL;
}

static int refuse_unknown(const struct api_option_table *table, const char *name, struct error *err)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (; table; table = table->base)
        for (size_t i = 0; i < table->count && count < NAMES_MAX; i++)
            names[count++] = table->rows[i].name;
    const char *nearest = str_nearest(name, names, count);
    if (nearest)
        return error_set(err, EINVAL, "unknown option '%s': did you mean '%s'?", name, nearest);
    return error_set(err, EINVAL, "unknown option '%s'", name);
}

static bool is_list_of_texts(const cJSON *value)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, value) if (!cJSON_IsString(item)) return false;
    return cJSON_IsArray(value);
}

static bool read_choice(const struct api_option *row, const cJSON *value, int *ret_choice)
{
    for (int i = 0; cJSON_IsString(value) && row->names[i]; i++) {
        if (!streq(row->names[i], value->valuestring))
            continue;
        *ret_choice = i;
        return true;
    }
    return false;
}

/* false: not of the row's type. */
static bool read_value(const struct api_option *row, const cJSON *value, void *field)
{
    switch (row->type) {
    case API_BOOL:
        if (cJSON_IsBool(value))
            *(bool *)field = cJSON_IsTrue(value);
        return cJSON_IsBool(value);
    case API_INT:
        if (cJSON_IsNumber(value))
            *(int64_t *)field = (int64_t)value->valuedouble;
        return cJSON_IsNumber(value);
    case API_STRING:
        if (cJSON_IsString(value) && *value->valuestring)
            *(const char **)field = value->valuestring;
        return cJSON_IsString(value);
    case API_STRINGS:
        if (!is_list_of_texts(value))
            return false;
        strv_free(*(char ***)field);
        *(char ***)field = json_strv(value);
        return true;
    case API_OBJECT:
        if (cJSON_IsObject(value))
            *(const cJSON **)field = value;
        return cJSON_IsObject(value);
    case API_CHOICE:
        return read_choice(row, value, field);
    case API_OPTION_TYPE_COUNT:
        break;
    }
    return false;
}

static int refuse_value(const struct api_option *row, struct error *err)
{
    if (row->type != API_CHOICE)
        return error_set(err, EINVAL, "option '%s' must be %s", row->name, type_text(row->type));
    _cleanup_strbuf_ struct strbuf names = {0};
    for (size_t i = 0; row->names[i]; i++)
        strbuf_addf(&names, "%s'%s'", i ? ", " : "", row->names[i]);
    return error_set(err, EINVAL, "option '%s' must be one of %s", row->name, strbuf_text(&names));
}

int api_options_read(const struct api_option_table *table, const cJSON *options, void *values,
                     struct error *err)
{
    const cJSON *option;
    cJSON_ArrayForEach(option, options)
    {
        const struct api_option *row = find_row(table, option->string);
        if (!row)
            return refuse_unknown(table, option->string, err);
        if (!cJSON_IsNull(option) && !read_value(row, option, (char *)values + row->offset))
            return refuse_value(row, err);
    }
    return 0;
}

void api_options_done(const struct api_option_table *table, void *values)
{
    for (size_t i = 0; i < table->count; i++) {
        char ***field = (char ***)((char *)values + table->rows[i].offset);
        if (table->rows[i].type != API_STRINGS)
            continue;
        strv_free(*field);
        *field = NULL;
    }
    if (table->base)
        api_options_done(table->base, values);
}
