/* The types of numbers and sizes. Where the reference's own number cannot hold what is written it
 * wraps around, or keeps nothing: here that is an error. */
#include "compose/parse.h"
#include "compose/schema_types.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- whole numbers ---------------------------------------------------------------------------- */

#define WANTED_WHOLE "a whole number"

static struct node *whole_of_text(struct schema *schema, struct node *node)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(node->text, &end, 10);
    if (*end != '\0' || end == node->text || isspace((unsigned char)*node->text))
        return schema_error(schema, node, NULL, "must be a whole number, not '%s'", node->text);
    if (errno != 0)
        return schema_error(schema, node, NULL, "is too large a number: '%s'", node->text);
    return node_new_int(schema->arena, value, node->position);
}

static struct node *whole_of_float(struct schema *schema, const struct node *node, bool fraction)
{
    if (!fraction && isfinite(node->number) && node->number != trunc(node->number))
        return schema_error(schema, node, NULL, "must be a whole number, not '%s'", node->text);
    if (!(fabs(node->number) < 9223372036854775808.0)) /* nor is it a number at all */
        return schema_error(schema, node, NULL, "is too large a number: '%s'", node->text);
    return node_new_int(schema->arena, (int64_t)node->number, node->position);
}

/* fraction: what is behind the point is dropped, otherwise it must be 0. */
static struct node *parse_any_whole(struct schema *schema, struct node *node, bool fraction)
{
    if (node->kind == NODE_INT)
        return node;
    if (node->kind == NODE_FLOAT)
        return whole_of_float(schema, node, fraction);
    if (node->kind == NODE_STRING) /* from a variable */
        return whole_of_text(schema, node);
    return schema_wrong_kind(schema, node, WANTED_WHOLE);
}

struct node *schema_parse_integer(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    (void)key;
    return parse_any_whole(schema, node, true);
}
const struct schema_type type_integer = {"number; its fraction is dropped", schema_parse_integer,
                                         MERGE_REPLACE, false};

struct node *schema_parse_whole(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    (void)key;
    return parse_any_whole(schema, node, false);
}

const struct schema_type type_whole = {"whole number", schema_parse_whole, MERGE_REPLACE, false};

static struct node *check_range(struct schema *schema, struct node *node, int64_t least,
                                int64_t most)
{
    if (node && (node->integer < least || node->integer > most))
        return schema_error(schema, node, NULL, "must be from %lld to %lld, not %lld",
                            (long long)least, (long long)most, (long long)node->integer);
    return node;
}

static struct node *check_not_negative(struct schema *schema, struct node *node)
{
    if (node && node->integer < 0)
        return schema_error(schema, node, NULL, "must not be negative: %lld",
                            (long long)node->integer);
    return node;
}

static struct node *parse_natural(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    (void)key;
    return check_not_negative(schema, parse_any_whole(schema, node, false));
}
const struct schema_type type_natural = {"whole number, not negative", parse_natural, MERGE_REPLACE,
                                         false};

static struct node *check_count(struct schema *schema, struct node *node)
{
    node = check_not_negative(schema, node);
    if (node && node->integer > INT32_MAX)
        schema_engine(schema, node, NULL, "must be from 0 to %d, not %lld", INT32_MAX,
                      (long long)node->integer);
    return node;
}

static struct node *parse_count(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    (void)key;
    return check_count(schema, parse_any_whole(schema, node, false));
}
const struct schema_type type_count = {"whole number, not negative", parse_count, MERGE_REPLACE,
                                       false};

static struct node *parse_retries(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    (void)key;
    return check_count(schema, parse_any_whole(schema, node, true));
}
const struct schema_type type_retries = {"number, not negative; its fraction is dropped",
                                         parse_retries, MERGE_REPLACE, false};

#define REPLICA_LIMIT 1000

static struct node *parse_replicas(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    (void)key;
    node = check_not_negative(schema, parse_any_whole(schema, node, false));
    if (node && node->integer > REPLICA_LIMIT)
        schema_engine(schema, node, NULL, "must be from 0 to %d, not %lld", REPLICA_LIMIT,
                      (long long)node->integer);
    return node;
}
const struct schema_type type_replicas = {"whole number, 0 to 1000", parse_replicas, MERGE_REPLACE,
                                          false};

static struct node *parse_oom_score(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    (void)key;
    return check_range(schema, parse_any_whole(schema, node, false), -1000, 1000);
}
const struct schema_type type_oom_score = {"whole number, -1000 to 1000", parse_oom_score,
                                           MERGE_REPLACE, false};

/* The reference takes no text for these, so no variable either. */
static struct node *parse_plain(struct schema *schema, struct node *node, bool fraction)
{
    if (node->kind == NODE_STRING)
        return schema_error(schema, node, "write the number itself, without quotes or a variable",
                            "must be a number, not a string");
    return parse_any_whole(schema, node, fraction);
}

static struct node *parse_priority(struct schema *schema, const struct schema_key *key,
                                   struct node *node)
{
    (void)key;
    return parse_plain(schema, node, true);
}
const struct schema_type type_priority = {"number, without quotes; its fraction is dropped",
                                          parse_priority, MERGE_REPLACE, false};

static struct node *parse_plain_whole(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    (void)key;
    return parse_plain(schema, node, false);
}
const struct schema_type type_plain_whole = {"whole number, without quotes", parse_plain_whole,
                                             MERGE_REPLACE, false};

static struct node *parse_weight(struct schema *schema, const struct schema_key *key,
                                 struct node *node)
{
    (void)key;
    return check_range(schema, parse_plain(schema, node, false), 0, UINT16_MAX);
}
const struct schema_type type_weight = {"whole number, 0 to 65535, without quotes", parse_weight,
                                        MERGE_REPLACE, false};

/* --- other numbers ---------------------------------------------------------------------------- */

static struct node *parse_any_number(struct schema *schema, const struct node *node,
                                     const char *hint)
{
    double value = 0;
    if (node->kind != NODE_INT && node->kind != NODE_FLOAT && node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a number");
    const char *text = node_scalar_text(schema->arena, node);
    if (parse_number(text, &value) < 0)
        return schema_error(schema, node, hint, "must be a number, not '%s'", text);
    struct node *result = node_new(schema->arena, NODE_FLOAT, node->position);
    result->number = value;
    return result;
}

static struct node *parse_float(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    (void)key;
    return parse_any_number(schema, node, NULL);
}
const struct schema_type type_number = {"number", parse_float, MERGE_REPLACE, false};

static struct node *parse_percent(struct schema *schema, const struct schema_key *key,
                                  struct node *node)
{
    (void)key;
    struct node *result = parse_any_number(schema, node, NULL);
    if (result &&
        (result->number < 0 || result->number > 100 || result->number != trunc(result->number)))
        return schema_error(schema, node, NULL, "must be a whole number from 0 to 100, not '%s'",
                            node_scalar_text(schema->arena, node));
    return result;
}
const struct schema_type type_percent = {"whole number, 0 to 100", parse_percent, MERGE_REPLACE,
                                         false};

/* The shortest decimal number that is the same float: the reference counts CPUs in floats. */
static double as_float(double value)
{
    char text[32];
    value = (double)(float)value;
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if ((double)strtof(text, NULL) == value)
            break;
    }
    return strtod(text, NULL);
}

static struct node *parse_cpus(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    (void)key;
    struct node *result = parse_any_number(schema, node, "write how many CPUs, like 0.5 or 2");
    if (!result)
        return NULL;
    result->number = as_float(result->number);
    if (result->number > 1024 || result->number < 0)
        schema_engine(schema, node, NULL, "must be from 0 to 1024, not '%s'",
                      node_scalar_text(schema->arena, node));
    return result;
}
const struct schema_type type_cpus = {"number", parse_cpus, MERGE_REPLACE, false};

/* A word or a boolean. Canonical: a string. */
static struct node *parse_flag_text(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    (void)key;
    if (node->kind != NODE_STRING && node->kind != NODE_BOOL)
        return schema_wrong_kind(schema, node, "a string or a boolean");
    return node_new_string(schema->arena, node_scalar_text(schema->arena, node), node->position);
}
const struct schema_type type_flag_text = {"string or boolean", parse_flag_text, MERGE_REPLACE,
                                           false};

/* --- sizes ------------------------------------------------------------------------------------ */

#define SIZE_HINT "write a whole number of bytes, or a text with a unit: b, k, m or g, like 512m"

static struct node *size_of_text(struct schema *schema, const struct node *node)
{
    uint64_t bytes = 0;
    if (parse_bytes(node->text, &bytes) < 0)
        return schema_error(schema, node, SIZE_HINT, "must be a size, not '%s'", node->text);
    return node_new_string(schema->arena, arena_u64(schema->arena, bytes), node->position);
}

#define EXACT_IN_DOUBLE ((int64_t)1 << 53)

/* Canonical: bytes as a string; what no text can say stays a number: texts are read as doubles. */
static struct node *parse_any_size(struct schema *schema, struct node *node, bool fraction)
{
    if (node->kind == NODE_STRING)
        return size_of_text(schema, node);
    if (node->kind == NODE_INT && (node->integer < 0 || node->integer > EXACT_IN_DOUBLE))
        return node;
    if (node->kind == NODE_INT)
        return node_new_string(schema->arena, node_scalar_text(schema->arena, node),
                               node->position);
    if (node->kind != NODE_FLOAT)
        return schema_wrong_kind(schema, node, "a size");
    if (!fraction && (node->number != trunc(node->number) || isinf(node->number)))
        return schema_error(schema, node, SIZE_HINT, "must be a size, not '%s'", node->text);
    schema_engine(schema, node, SIZE_HINT, "is left out by Docker Compose: '%s' is no whole number",
                  node->text);
    return node_new_string(schema->arena, "0", node->position);
}

static struct node *parse_size(struct schema *schema, const struct schema_key *key,
                               struct node *node)
{
    (void)key;
    struct node *result = parse_any_size(schema, node, false);
    if (node_is(result, NODE_INT) && node->integer < 0)
        return schema_error(schema, node, NULL, "must not be negative: %s", node->text);
    if (node_is(result, NODE_INT))
        return schema_error(schema, node, SIZE_HINT, "is too large a size: '%s'", node->text);
    return result;
}
const struct schema_type type_bytes = {"size: number with b, k, m, g", parse_size, MERGE_REPLACE,
                                       false};

/* The reference takes no bare number here. */
static struct node *parse_size_text(struct schema *schema, const struct schema_key *key,
                                    struct node *node)
{
    (void)key;
    if (node->kind != NODE_STRING)
        return schema_wrong_kind(schema, node, "a string, like 512M");
    return size_of_text(schema, node);
}
const struct schema_type type_bytes_text = {"size in a string: number with b, k, m, g",
                                            parse_size_text, MERGE_REPLACE, false};

static struct node *check_limit(struct schema *schema, struct node *node)
{
    if (node_is(node, NODE_INT) && node->integer < -1)
        schema_engine(schema, node, NULL, "must be a size, or -1 for none, not %lld",
                      (long long)node->integer);
    return node;
}

static struct node *parse_limit(struct schema *schema, const struct schema_key *key,
                                struct node *node)
{
    (void)key;
    return check_limit(schema, parse_any_size(schema, node, true));
}
const struct schema_type type_limit = {"size, or -1", parse_limit, MERGE_REPLACE, false};

static struct node *parse_whole_limit(struct schema *schema, const struct schema_key *key,
                                      struct node *node)
{
    (void)key;
    return check_limit(schema, parse_any_size(schema, node, false));
}
const struct schema_type type_whole_limit = {"size, or -1", parse_whole_limit, MERGE_REPLACE,
                                             false};
