/* Request bodies' options: JSON members to a struct's fields, by a table with one row per option.
 * What is missing stays as it was; what is unknown, or of another type, is an error. Pure. */
#pragma once

#include "base/json.h"

#include <stddef.h>

enum api_option_type {
    API_BOOL,    /* bool */
    API_INT,     /* int64_t */
    API_STRING,  /* const char *, borrowed from the body; JSON's null and "" leave NULL */
    API_STRINGS, /* char **, owned: api_options_done() */
    API_OBJECT,  /* const cJSON *, borrowed from the body */
    API_CHOICE,  /* an enum, as int: the index in names */
    API_OPTION_TYPE_COUNT
};

struct api_option {
    const char *name;
    enum api_option_type type;
    size_t offset;
    const char *const *names; /* API_CHOICE: ends with NULL */
};

struct api_option_table {
    const struct api_option *rows;
    size_t count;
    const struct api_option_table *base; /* its rows hold as well; NULL: none */
};

/* options NULL: nothing is given. Errors are -EINVAL and name the option; what was read so far is
 * to be given to api_options_done() in any case. */
int api_options_read(const struct api_option_table *table, const cJSON *options, void *values,
                     struct error *err);
void api_options_done(const struct api_option_table *table, void *values);
