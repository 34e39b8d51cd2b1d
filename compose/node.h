/* The tree between YAML and the model: maps, lists and scalars, each with the place where it was
 * written. Made by compose/yaml.h, changed by interpolation, schema and merge; lives in an arena.
 *
 * Maps keep the order of insertion and find a key in constant time. Strings hold no NUL. */
#pragma once

#include "compose/arena.h"
#include "compose/diagnostics.h"
#include "compose/number.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum node_kind {
    NODE_NULL,
    NODE_BOOL,
    NODE_INT,
    NODE_FLOAT,
    NODE_STRING,
    NODE_TIME, /* a date written without quotes: a text, but no string to any key we know */
    NODE_LIST,
    NODE_MAP,
    NODE_BAD, /* a value that was reported already: present, but nobody should look at it */
    NODE_KIND_COUNT
};

/* "a string", "a list"...: for messages. */
const char *node_kind_name(enum node_kind kind);

struct node_pair {
    const char *key;
    struct position position; /* the key's */
    unsigned rank;            /* place among its siblings when printed; equal ranks by name */
    uint32_t hash;            /* node_hash(key); 0: not known yet */
    struct node *value;
};

#define NODE_INDEX_FROM 16 /* a power of two */

struct node {
    enum node_kind kind : 4;
    bool has_dollar : 1; /* as yaml.h read it: the text holds one, or a child's does */
    bool is_escaped : 1; /* for print.h: its `$` are as they shall be printed */
    /* Made canonical from another form: a mapping from a list or from several files', a list from
     * a mapping, a text from no value. */
    bool is_converted : 1;
    uint32_t capacity : 25; /* of lists and maps; more is out of memory */
    uint32_t count;         /* of lists and maps, 0 in scalars */
    struct position position;
    union {
        struct {              /* scalars */
            const char *text; /* the string, or the number as it was written */
            union {
                bool boolean;
                int64_t integer;
                double number;
            };
        };
        struct { /* lists and maps */
            union {
                struct node **items;
                struct node_pair *pairs;
            };
            union {
                /* Of a map with room for NODE_INDEX_FROM pairs: open addressing, place in pairs +
                 * 1, 0 free; first its size. */
                uint32_t *index;
                /* Of a smaller one: each key's bit, so that most keys that are not there need no
                 * search. */
                uint64_t present;
            };
        };
    };
};
static_assert(sizeof(struct node) == 32 && sizeof(struct node_pair) == 32,
              "a large file makes a million of them");

static inline struct node *node_new(struct arena *arena, enum node_kind kind,
                                    struct position position)
{
    struct node *node = arena_new0(arena, struct node);
    node->kind = kind;
    node->position = position;
    return node;
}
struct node *node_new_string(struct arena *arena, const char *text, struct position position);
struct node *node_new_int(struct arena *arena, int64_t value, struct position position);
struct node *node_new_bool(struct arena *arena, bool value, struct position position);
/* Bytes of all strings and keys. */
size_t node_text_size(const struct node *node);
/* Never 0. */
uint32_t node_hash(const char *key);
/* A deep copy, positions as they were. Adds the number of nodes to *count; NULL where that exceeds
 * limit or the copy is deeper than depth. */
struct node *node_copy(struct arena *arena, const struct node *node, size_t depth, size_t limit,
                       size_t *count);

static inline bool node_is(const struct node *node, enum node_kind kind) /* false for NULL */
{
    return node && node->kind == kind;
}
static inline bool node_is_scalar(const struct node *node) /* a number, bool or string */
{
    return node && node->kind >= NODE_BOOL && node->kind <= NODE_STRING;
}

/* Room for so many items or pairs, without a byte more. */
void node_reserve(struct arena *arena, struct node *node, size_t capacity);
void node_append(struct arena *arena, struct node *list, struct node *item);

/* A new key goes to the end; an existing one gets the value and position. key is kept by reference.
 */
void node_put(struct arena *arena, struct node *map, const char *key, struct position position,
              struct node *value);
/* As node_put, with a rank. */
void node_put_ranked(struct arena *arena, struct node *map, const struct node_pair *pair);
/* The pair goes to the end where its key is new; the earlier one is returned where not, else NULL.
 */
struct node_pair *node_add(struct arena *arena, struct node *map, const struct node_pair *pair);
/* After pairs were taken out from among the first `count`, which moved together: the rest goes. */
void node_shrink(struct node *map, size_t count);
/* The key nearest to a mistyped one, or NULL. map may be NULL. */
const char *node_nearest_key(const struct node *map, const char *key);
void node_remove(struct node *map, const char *key);

/* The scalar as Compose writes it where a string is wanted (environment): numbers in their shortest
 * form, true, false; "" for null. */
const char *node_scalar_text(struct arena *arena, const struct node *node);
/* A number as text, of NUMBER_SIZE bytes. */
char *node_format_number(const struct node *node, enum number_style style, char *buffer);

/* --- looking up -------------------------------------------------------------------------------
 *
 * Inline, for most keys asked for are literals, whose bit is then a constant, and most of them are
 * not there. */

static inline bool node_is_indexed(const struct node *map)
{
    return map->capacity >= NODE_INDEX_FROM;
}

/* One of 64, by the length and the characters at both ends; these factors part the keys of services
 * well. */
static inline uint64_t node_present_bit(const char *key)
{
    size_t length = __builtin_strlen(key);
    size_t ends =
        length > 0 ? 5 * (size_t)(unsigned char)key[0] + 15 * (size_t)(unsigned char)key[length - 1]
                   : 0;
    return UINT64_C(1) << ((ends + 29 * length) % 64);
}

static inline bool node_may_hold(const struct node *map, const char *key)
{
    return node_is_indexed(map) || (map->present & node_present_bit(key));
}

struct node_pair *node_search(const struct node *map, const char *key);

static inline struct node_pair *node_find(const struct node *map, const char *key)
{
    return node_is(map, NODE_MAP) && node_may_hold(map, key) ? node_search(map, key) : NULL;
}

/* The value; NULL where there is none, or a bad one. map may be NULL. */
static inline struct node *node_get(const struct node *map, const char *key)
{
    const struct node_pair *pair = node_find(map, key);
    return pair && pair->value->kind != NODE_BAD ? pair->value : NULL;
}

/* The string; fallback where the member is missing or no string. */
static inline const char *node_get_string(const struct node *map, const char *key,
                                          const char *fallback)
{
    const struct node *value = node_get(map, key);
    return node_is(value, NODE_STRING) ? value->text : fallback;
}

static inline int64_t node_get_int(const struct node *map, const char *key, int64_t fallback)
{
    const struct node *value = node_get(map, key);
    return node_is(value, NODE_INT) ? value->integer : fallback;
}

static inline bool node_get_bool(const struct node *map, const char *key, bool fallback)
{
    const struct node *value = node_get(map, key);
    return node_is(value, NODE_BOOL) ? value->boolean : fallback;
}
