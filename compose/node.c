/* See compose/node.h. */
#include "compose/node.h"

#include "base/str.h"
#include "base/vec.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

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

size_t node_text_size(const struct node *node)
{
    size_t size = node->kind == NODE_STRING ? strlen(node->text) : 0;
    for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
        size += node_text_size(node->items[i]);
    for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++)
        size += strlen(node->pairs[i].key) + node_text_size(node->pairs[i].value);
    return size;
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

/* --- maps ----------------------------------------------------------------------------------- */

static uint64_t hash_seed;

/* Nobody outside can know it, so nobody can write keys that all meet in one slot. */
__attribute__((constructor)) static void choose_seed(void)
{
    memcpy(&hash_seed, (const void *)getauxval(AT_RANDOM), sizeof(hash_seed));
}

static uint64_t word_at(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    return word;
}

static uint64_t mix(uint64_t hash)
{
    hash *= 0x9e3779b97f4a7c15; /* 2^64 divided by the golden ratio (Knuth, 6.4) */
    return hash ^ (hash >> 32);
}

static uint32_t hash_end(uint64_t hash, size_t length)
{
    uint32_t folded = (uint32_t)mix(mix(hash ^ length));
    return folded ? folded : 1;
}

uint32_t node_hash(const char *key)
{
    size_t length = strlen(key), left = length;
    uint64_t hash = hash_seed;
    uint32_t first = 0, last = 0;
    if (length >= 8) {
        for (; left > 8; key += 8, left -= 8)
            hash = mix(hash ^ word_at(key));
        return hash_end(hash ^ word_at(key + left - 8), length);
    }
    if (length >= 4) {
        memcpy(&first, key, sizeof(first));
        memcpy(&last, key + length - 4, sizeof(last));
        hash ^= (uint64_t)first << 32 | last;
    } else if (length > 0) {
        first = (unsigned char)key[0] << 8 | (unsigned char)key[length / 2];
        hash ^= (uint64_t)first << 8 | (unsigned char)key[length - 1];
    }
    return hash_end(hash, length);
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

static void index_place(struct node *map, size_t place)
{
    size_t slot = first_slot(map, map->pairs[place].hash);
    while (map->index[slot])
        slot = next_slot(map, slot);
    map->index[slot] = (uint32_t)place + 1;
}

static void index_all(struct node *map)
{
    if (!node_is_indexed(map)) {
        map->present = 0;
        for (size_t i = 0; i < map->count; i++)
            map->present |= node_present_bit(map->pairs[i].key);
        return;
    }
    memset(map->index + 1, 0, map->index[0] * sizeof(*map->index));
    for (size_t i = 0; i < map->count; i++)
        index_place(map, i);
}

/* Half of the slots stay free. */
static void index_rebuild(struct arena *arena, struct node *map)
{
    uint32_t size = 2 * NODE_INDEX_FROM;
    while (size < 2 * map->capacity)
        size *= 2;
    map->index = arena_array(arena, (size_t)size + 1, sizeof(*map->index));
    map->index[0] = size;
    index_all(map);
}

static bool is_key(const struct node_pair *pair, const char *key, uint32_t hash)
{
    return pair->hash == hash && (pair->key == key || streq(pair->key, key));
}

static struct node_pair *search(const struct node *map, const char *key, uint32_t hash)
{
    if (node_is_indexed(map)) {
        for (size_t slot = first_slot(map, hash); map->index[slot]; slot = next_slot(map, slot))
            if (is_key(&map->pairs[map->index[slot] - 1], key, hash))
                return &map->pairs[map->index[slot] - 1];
        return NULL;
    }
    for (size_t i = 0; i < map->count; i++)
        if (is_key(&map->pairs[i], key, hash))
            return &map->pairs[i];
    return NULL;
}

struct node_pair *node_search(const struct node *map, const char *key)
{
    /* Keys of the schema are the same text, and often the same string. */
    for (size_t i = 0; !node_is_indexed(map) && i < map->count; i++)
        if (map->pairs[i].key == key)
            return &map->pairs[i];
    return search(map, key, node_hash(key));
}

/* --- growing -------------------------------------------------------------------------------- */

#define CAPACITY_LIMIT ((size_t)1 << 23) /* of the member's bits */

void node_reserve(struct arena *arena, struct node *node, size_t capacity)
{
    if (capacity <= node->capacity)
        return;
    size_t size = node->kind == NODE_MAP ? sizeof(*node->pairs) : sizeof(*node->items);
    void *larger = arena_array(arena, capacity < CAPACITY_LIMIT ? capacity : SIZE_MAX, size);
    if (node->count > 0)
        memcpy(larger, node->items, node->count * size);
    node->items = larger; /* the same member as pairs */
    node->capacity = (uint32_t)capacity;
    if (node->kind == NODE_MAP && node_is_indexed(node))
        index_rebuild(arena, node);
}

static void grow(struct arena *arena, struct node *node)
{
    if (node->count == node->capacity)
        node_reserve(arena, node, node->capacity ? (size_t)node->capacity * 2 : 4);
}

void node_append(struct arena *arena, struct node *list, struct node *item)
{
    grow(arena, list);
    list->items[list->count++] = item;
}

struct node_pair *node_add(struct arena *arena, struct node *map, const struct node_pair *pair)
{
    uint32_t hash = pair->hash ? pair->hash : node_hash(pair->key);
    uint64_t bit = node_present_bit(pair->key);
    bool may_be_there = node_is_indexed(map) || (map->present & bit);
    struct node_pair *earlier = may_be_there ? search(map, pair->key, hash) : NULL;
    if (earlier)
        return earlier;
    grow(arena, map);
    map->pairs[map->count] = *pair;
    map->pairs[map->count].hash = hash;
    if (node_is_indexed(map))
        index_place(map, map->count);
    else
        map->present |= bit;
    map->count++;
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

/* --- scalars as text ------------------------------------------------------------------------ */

/* A number above 2^63 that a double would round. */
static bool is_unsigned(const char *text)
{
    errno = 0;
    strtoull(text, NULL, 10);
    return errno == 0 && text[strspn(text, "0123456789")] == '\0';
}

static void put_integer(char *at, int64_t value)
{
    if (value < 0)
        *at++ = '-';
    *str_put_u64(at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value) = '\0';
}

char *node_format_number(const struct node *node, enum number_style style, char *buffer)
{
    if (node->kind == NODE_INT)
        put_integer(buffer, node->integer);
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
