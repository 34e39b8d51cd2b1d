/* Small helpers over cJSON: typed reads with a fallback, strict parsing, hashing of canonical text.
 * A missing member and one of the wrong type read alike. */
#pragma once

#include "base/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

DEFINE_FREEP(cJSON *, cJSON_Delete)
#define _cleanup_json_ _cleanup_(cJSON_Deletep)

/* All bytes must be one JSON value; the error says at which byte it stops being JSON. */
int json_parse(const char *text, size_t length, cJSON **ret_value, struct error *err);
/* Borrowed from the object; fallback may be NULL. */
const char *json_string(const cJSON *object, const char *key, const char *fallback);
int64_t json_int(const cJSON *object, const char *key, int64_t fallback);
double json_double(const cJSON *object, const char *key, double fallback);
bool json_bool(const cJSON *object, const char *key, bool fallback);
/* The member when it is an object (array), else NULL; cJSON_ArrayForEach accepts NULL. */
cJSON *json_object(const cJSON *object, const char *key);
cJSON *json_array(const cJSON *object, const char *key);
/* An array's strings as a vector the caller owns; other items are skipped. */
char **json_strv(const cJSON *array);
cJSON *json_from_strv(char *const *vector);
/* Sets a member, replacing an earlier one; value NULL removes it. Takes value. */
void json_set(cJSON *object, const char *key, cJSON *value);
void json_set_string(cJSON *object, const char *key, const char *value);
void json_set_int(cJSON *object, const char *key, int64_t value);
void json_set_bool(cJSON *object, const char *key, bool value);
/* One line, no blanks; owned by the caller. */
char *json_print(const cJSON *value);
