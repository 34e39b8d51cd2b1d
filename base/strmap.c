/* See strmap.h. Open addressing, at most half full; nothing is ever removed. */
#include "base/strmap.h"

#include "base/alloc.h"
#include "base/str.h"

enum { FIRST_CAPACITY = 16 };

struct strmap_slot {
    char *key; /* NULL: free */
    size_t length, value;
};

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
static uint64_t hash_bytes(const unsigned char *key, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ key[i]) * 0x100000001b3U;
    return hash;
}

/* The key's slot, or the free one where it would go. */
static struct strmap_slot *find_slot(const struct strmap *map, const void *key, size_t length)
{
    size_t index = hash_bytes(key, length) & (map->capacity - 1);
    for (const struct strmap_slot *slot; (slot = &map->slots[index])->key;
         index = (index + 1) & (map->capacity - 1))
        if (slot->length == length && memcmp(slot->key, key, length) == 0)
            break;
    return &map->slots[index];
}

static void grow(struct strmap *map)
{
    struct strmap larger = {.count = map->count,
                            .capacity = map->capacity ? map->capacity * 2 : FIRST_CAPACITY};
    larger.slots = xcalloc(larger.capacity, sizeof(*larger.slots));
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key)
            *find_slot(&larger, map->slots[i].key, map->slots[i].length) = map->slots[i];
    free(map->slots);
    *map = larger;
}

void strmap_set_bytes(struct strmap *map, const void *key, size_t length, size_t value)
{
    if (map->count * 2 >= map->capacity)
        grow(map);
    struct strmap_slot *slot = find_slot(map, key, length);
    if (!slot->key) {
        slot->key = xmemdup(key, length);
        slot->length = length;
        map->count++;
    }
    slot->value = value;
}

size_t strmap_get_bytes(const struct strmap *map, const void *key, size_t length)
{
    if (map->count == 0)
        return STRMAP_NONE;
    const struct strmap_slot *slot = find_slot(map, key, length);
    return slot->key ? slot->value : STRMAP_NONE;
}

void strmap_set(struct strmap *map, const char *key, size_t value)
{
    strmap_set_bytes(map, key, strlen(key), value);
}

size_t strmap_get(const struct strmap *map, const char *key)
{
    return strmap_get_bytes(map, key, strlen(key));
}

void strmap_done(struct strmap *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        free(map->slots[i].key);
    free(map->slots);
    *map = (struct strmap){0};
}
