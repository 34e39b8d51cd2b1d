/* See strmap.h. Open addressing, at most half full; nothing is ever removed. */
#include "base/strmap.h"

#include "base/alloc.h"
#include "base/str.h"

enum { FIRST_CAPACITY = 16 };

struct strmap_slot {
    char *key; /* NULL: free */
    size_t value;
};

/* FNV-1a, 64 bits (draft-eastlake-fnv). */
static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
    return hash;
}

/* The key's slot, or the free one where it would go. */
static struct strmap_slot *find_slot(const struct strmap *map, const char *key)
{
    size_t index = hash_text(key) & (map->capacity - 1);
    while (map->slots[index].key && !streq(map->slots[index].key, key))
        index = (index + 1) & (map->capacity - 1);
    return &map->slots[index];
}

static void grow(struct strmap *map)
{
    struct strmap larger = {.count = map->count,
                            .capacity = map->capacity ? map->capacity * 2 : FIRST_CAPACITY};
    larger.slots = xcalloc(larger.capacity, sizeof(*larger.slots));
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key)
            *find_slot(&larger, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = larger;
}

void strmap_set(struct strmap *map, const char *key, size_t value)
{
    if (map->count * 2 >= map->capacity)
        grow(map);
    struct strmap_slot *slot = find_slot(map, key);
    if (!slot->key) {
        slot->key = xstrdup(key);
        map->count++;
    }
    slot->value = value;
}

size_t strmap_get(const struct strmap *map, const char *key)
{
    if (map->count == 0)
        return STRMAP_NONE;
    const struct strmap_slot *slot = find_slot(map, key);
    return slot->key ? slot->value : STRMAP_NONE;
}

void strmap_done(struct strmap *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        free(map->slots[i].key);
    free(map->slots);
    *map = (struct strmap){0};
}
