/* See compose/arena.h. A list of blocks, filled from the front. */
#include "compose/arena.h"

#include "base/alloc.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* With AddressSanitizer every allocation is a block of its own, so that an overrun is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define BLOCK_SIZE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BLOCK_SIZE 0
#endif
#endif
#ifndef BLOCK_SIZE
#define BLOCK_SIZE ((size_t)32 * 1024)
#endif
/* Blocks double up to this. */
#define LARGEST_BLOCK ((size_t)4 * 1024 * 1024)
/* From this size on they are mappings of huge pages: 4 KiB at a time the kernel's work for a large
 * tree is a fifth of all. */
#define HUGE_PAGE ((size_t)2 * 1024 * 1024)

struct block {
    struct block *next;
    void *mapping; /* NULL: from malloc */
    size_t mapping_size;
    size_t size, used;
    max_align_t data[];
};

struct arena {
    struct block *blocks; /* the one being filled first */
    size_t next_size;
};

struct arena *arena_new(void)
{
    struct arena *arena = new0(struct arena);
    arena->next_size = BLOCK_SIZE;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    while (arena->blocks) {
        struct block *block = arena->blocks;
        arena->blocks = block->next;
        if (block->mapping)
            munmap(block->mapping, block->mapping_size);
        else
            free(block);
    }
    free(arena);
}

/* NULL where the kernel gives none. */
static struct block *map_block(size_t size)
{
    size_t mapping_size = sizeof(struct block) + size + HUGE_PAGE;
    void *mapping =
        mmap(NULL, mapping_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    size_t skipped = -(uintptr_t)mapping & (HUGE_PAGE - 1);
    struct block *block = (void *)((char *)mapping + skipped);
    madvise(block, mapping_size - skipped, MADV_HUGEPAGE);
    block->mapping = mapping;
    block->mapping_size = mapping_size;
    return block;
}

static struct block *add_block(struct arena *arena, size_t size)
{
    struct block *block = size >= HUGE_PAGE ? map_block(size) : NULL;
    if (!block)
        block = xcalloc(1, sizeof(*block) + size);
    block->size = size;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

static size_t round_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

static void *allocate(struct arena *arena, size_t size, size_t alignment)
{
    struct block *block = arena->blocks;
    size_t start = block ? round_up(block->used, alignment) : 0;
    if (!block || start + size > block->size) {
        block = add_block(arena, size > arena->next_size ? size : arena->next_size);
        if (arena->next_size < LARGEST_BLOCK)
            arena->next_size *= 2;
        start = 0;
    }
    block->used = start + size;
    return (char *)block->data + start;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return allocate(arena, size, sizeof(void *));
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total))
        return xreallocarray(NULL, count, size); /* ends the process as every allocation does */
    return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
    char *copy = allocate(arena, length + 1, 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *text = xvasprintf(format, args);
    va_end(args);
    return arena_strdup(arena, text);
}
