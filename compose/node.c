/* See compose/node.h. */
#include "compose/node.h"

#include "base/str.h"
#include "base/vec.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [NODE_NULL] = "null",      [NODE_BOOL] = "a boolean",  [NODE_INT] = "a number",
    [NODE_FLOAT] = "a number", [NODE_STRING] = "a string", [NODE_TIME] = "a date",
    [NODE_LIST] = "a list",    [NODE_MAP] = "a mapping",   [NODE_BAD] = "an invalid value",
};
static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == NODE_KIND_COUNT, "a name per kind");

const char *node_kind_name(enum node_kind kind)
{
    return kind_names[kind];
}

struct node *node_new(struct arena *arena, enum node_kind kind, struct position position)
{
    struct node *node = arena_new0(arena, struct node);
    node->kind = kind;
    node->position = position;
    return node;
}

struct node *node_new_string(struct arena *arena, const char *text, struct position position)
{
    struct node *node = node_new(arena, NODE_STRING, position);
    node->text = text;
    return node;
}

struct node *node_new_int(struct arena *arena, int64_t value, struct position position)
{
    struct node *node = node_new(arena, NODE_INT, position);
    node->integer = value;
    return node;
}

struct node *node_new_bool(struct arena *arena, bool value, struct position position)
{
    struct node *node = node_new(arena, NODE_BOOL, position);
    node->boolean = value;
    return node;
}

static bool copy_children(struct arena *arena, const struct node *from, struct node *to,
                          size_t depth, size_t limit, size_t *count)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct node *child = from->kind == NODE_MAP ? from->pairs[i].value : from->items[i];
        struct node *copy = node_copy(arena, child, depth - 1, limit, count);
        if (!copy)
            return false;
        if (from->kind == NODE_MAP) {
            struct node_pair pair = from->pairs[i];
            pair.value = copy;
            node_put_ranked(arena, to, &pair);
        }
        if (from->kind == NODE_LIST)
            node_append(arena, to, copy);
    }
    return true;
}

struct node *node_copy(struct arena *arena, const struct node *node, size_t depth, size_t limit,
                       size_t *count)
{
    if (depth == 0 || ++*count > limit)
        return NULL;
    struct node *copy = arena_new0(arena, struct node);
    *copy = *node;
    if (node->kind != NODE_MAP && node->kind != NODE_LIST)
        return copy;
    copy->items = NULL;
    copy->count = copy->capacity = 0;
    copy->index = NULL;
    return copy_children(arena, node, copy, depth, limit, count) ? copy : NULL;
}

bool node_is(const struct node *node, enum node_kind kind)
{
    return node && node->kind == kind;
}

bool node_is_scalar(const struct node *node)
{
    return node && node->kind >= NODE_BOOL && node->kind <= NODE_STRING;
}

#define CAPACITY_LIMIT ((size_t)1 << 23) /* of the member's bits */

/* items and pairs are the same member. */
static void reserve(struct arena *arena, struct node *node, size_t capacity, size_t size)
{
    void *larger = arena_array(arena, capacity < CAPACITY_LIMIT ? capacity : SIZE_MAX, size);
    if (node->count > 0)
        memcpy(larger, node->items, node->count * size);
    node->items = larger;
    node->capacity = (uint32_t)capacity;
}

static void grow(struct arena *arena, struct node *node, size_t size)
{
    if (node->count == node->capacity)
        reserve(arena, node, node->capacity ? (size_t)node->capacity * 2 : 4, size);
}

void node_reserve(struct arena *arena, struct node *node, size_t count)
{
    if (count > node->capacity)
        reserve(arena, node, count,
                node->kind == NODE_MAP ? sizeof(*node->pairs) : sizeof(*node->items));
}

void node_append(struct arena *arena, struct node *list, struct node *item)
{
    grow(arena, list, sizeof(*list->items));
    list->items[list->count++] = item;
}

/* --- maps ----------------------------------------------------------------------------------- */

#define INDEX_FROM 16 /* smaller maps are searched from front to back; a power of two */

uint32_t node_hash(const char *key)
{
    uint64_t hash = 14695981039346656037U; /* FNV-1a */
    for (const unsigned char *c = (const unsigned char *)key; *c; c++)
        hash = (hash ^ *c) * 1099511628211U;
    uint32_t folded = (uint32_t)(hash ^ (hash >> 32));
    return folded ? folded : 1;
}

/* The slot of a hash, and the one behind it; the first word is their number, a power of two. */
static size_t first_slot(const struct node *map, uint32_t hash)
{
    return 1 + (hash & (map->index[0] - 1));
}
static size_t next_slot(const struct node *map, size_t slot)
{
    return slot < map->index[0] ? slot + 1 : 1;
}

static void index_add(struct node *map, size_t place)
{
    size_t slot = first_slot(map, map->pairs[place].hash);
    while (map->index[slot])
        slot = next_slot(map, slot);
    map->index[slot] = (uint32_t)place + 1;
}

static void index_all(struct node *map)
{
    memset(map->index + 1, 0, map->index[0] * sizeof(*map->index));
    for (size_t i = 0; i < map->count; i++)
        index_add(map, i);
}

/* Half of the slots stay free. */
static void index_rebuild(struct arena *arena, struct node *map)
{
    uint32_t size = 2 * INDEX_FROM;
    while (size < 2 * map->capacity)
        size *= 2;
    map->index = arena_array(arena, (size_t)size + 1, sizeof(*map->index));
    map->index[0] = size;
    index_all(map);
}

static struct node_pair *find(const struct node *map, const char *key, uint32_t hash)
{
    if (map->index) {
        for (size_t slot = first_slot(map, hash); map->index[slot]; slot = next_slot(map, slot)) {
            struct node_pair *pair = &map->pairs[map->index[slot] - 1];
            if (pair->hash == hash && streq(pair->key, key))
                return pair;
        }
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++)
        if (map->pairs[i].hash == hash && streq(map->pairs[i].key, key))
            return &map->pairs[i];
    return NULL;
}

struct node_pair *node_find(const struct node *map, const char *key)
{
    return node_is(map, NODE_MAP) && map->count ? find(map, key, node_hash(key)) : NULL;
}

struct node_pair *node_add(struct arena *arena, struct node *map, const struct node_pair *pair)
{
    uint32_t hash = pair->hash ? pair->hash : node_hash(pair->key);
    struct node_pair *earlier = find(map, pair->key, hash);
    if (earlier)
        return earlier;
    bool is_full = map->count == map->capacity;
    grow(arena, map, sizeof(*map->pairs));
    struct node_pair *place = &map->pairs[map->count++];
    *place = *pair;
    place->hash = hash;
    if (map->count >= INDEX_FROM && (is_full || !map->index))
        index_rebuild(arena, map);
    else if (map->index)
        index_add(map, map->count - 1);
    return NULL;
}

void node_put_ranked(struct arena *arena, struct node *map, const struct node_pair *pair)
{
    struct node_pair *earlier = node_add(arena, map, pair);
    if (!earlier)
        return;
    uint32_t hash = earlier->hash;
    *earlier = *pair;
    earlier->hash = hash;
}

void node_shrink(struct node *map, size_t count)
{
    if (map->count == count)
        return;
    map->count = (uint32_t)count;
    if (map->index)
        index_all(map);
}

void node_put(struct arena *arena, struct node *map, const char *key, struct position position,
              struct node *value)
{
    node_put_ranked(arena, map,
                    &(struct node_pair){.key = key, .position = position, .value = value});
}

const char *node_nearest_key(const struct node *map, const char *key)
{
    const char *names[256]; /* more would make a hostile file slow */
    size_t count = 0;
    if (!node_is(map, NODE_MAP) || key[0] == '\0' || key[1] == '\0')
        return NULL;
    for (; count < map->count && count < ARRAY_SIZE(names); count++)
        names[count] = map->pairs[count].key;
    return str_nearest(key, names, count);
}

void node_remove(struct node *map, const char *key)
{
    struct node_pair *pair = node_find(map, key);
    if (!pair)
        return;
    size_t place = (size_t)(pair - map->pairs);
    memmove(pair, pair + 1, (map->count - place - 1) * sizeof(*pair));
    node_shrink(map, map->count - 1);
}

struct node *node_get(const struct node *map, const char *key)
{
    const struct node_pair *pair = node_find(map, key);
    return pair && pair->value->kind != NODE_BAD ? pair->value : NULL;
}

const char *node_get_string(const struct node *map, const char *key, const char *fallback)
{
    const struct node *value = node_get(map, key);
    return node_is(value, NODE_STRING) ? value->text : fallback;
}

int64_t node_get_int(const struct node *map, const char *key, int64_t fallback)
{
    const struct node *value = node_get(map, key);
    return node_is(value, NODE_INT) ? value->integer : fallback;
}

bool node_get_bool(const struct node *map, const char *key, bool fallback)
{
    const struct node *value = node_get(map, key);
    return node_is(value, NODE_BOOL) ? value->boolean : fallback;
}

/* --- scalars as text ------------------------------------------------------------------------ */

/* A number above 2^63 that a double would round. */
static bool is_unsigned(const char *text)
{
    errno = 0;
    strtoull(text, NULL, 10);
    return errno == 0 && text[strspn(text, "0123456789")] == '\0';
}

char *node_format_number(const struct node *node, enum number_style style, char *buffer)
{
    if (node->kind == NODE_INT)
        snprintf(buffer, NUMBER_SIZE, "%" PRId64, node->integer);
    else if (node->text && node->number >= 0x1p63 && is_unsigned(node->text))
        snprintf(buffer, NUMBER_SIZE, "%s", node->text);
    else
        number_format(node->number, style, buffer);
    return buffer;
}

const char *node_scalar_text(struct arena *arena, const struct node *node)
{
    char buffer[NUMBER_SIZE];
    switch (node->kind) {
    case NODE_BOOL:
        return node->boolean ? "true" : "false";
    case NODE_INT:
    case NODE_FLOAT:
        return arena_strdup(arena, node_format_number(node, NUMBER_PLAIN, buffer));
    case NODE_STRING:
    case NODE_TIME:
        return node->text;
    case NODE_NULL:
    case NODE_LIST:
    case NODE_MAP:
    case NODE_BAD:
    case NODE_KIND_COUNT:
        break;
    }
    return "";
}
