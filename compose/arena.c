/* See compose/arena.h. A list of blocks, filled from the front. */
#include "compose/arena.h"

#include "base/alloc.h"
#include "base/str.h"

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
/* Each block is four times as large as the one before, up to this. */
#define LARGEST_BLOCK ((size_t)8 * 1024 * 1024)
/* From this size on they are mappings of huge pages: 4 KiB at a time the kernel's work for a large
 * tree is a fifth of all. */
#define HUGE_PAGE ((size_t)2 * 1024 * 1024)

struct arena_block {
    struct arena_block *next;
    void *mapping; /* NULL: from malloc */
    size_t mapping_size;
    max_align_t data[];
};

struct arena *arena_new(void)
{
    struct arena *arena = new0(struct arena);
    arena->next = arena->end = (char *)arena; /* nothing is free */
    arena->next_size = BLOCK_SIZE;
    return arena;
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    while (arena->blocks) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        if (block->mapping)
            munmap(block->mapping, block->mapping_size);
        else
            free(block);
    }
    free(arena);
}

/* NULL where the kernel gives none. size: whole pages. */
static struct arena_block *map_block(size_t size)
{
    size_t mapping_size = size + HUGE_PAGE;
    void *mapping =
        mmap(NULL, mapping_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    size_t skipped = -(uintptr_t)mapping & (HUGE_PAGE - 1);
    struct arena_block *block = (void *)((char *)mapping + skipped);
    madvise(block, size, MADV_HUGEPAGE);
    block->mapping = mapping;
    block->mapping_size = mapping_size;
    return block;
}

static size_t round_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) / alignment * alignment;
}

void *arena_alloc_block(struct arena *arena, size_t size)
{
    size_t needed = sizeof(struct arena_block) + size;
    size_t block_size = needed > arena->next_size ? needed : arena->next_size;
    struct arena_block *block = NULL;
    if (block_size >= HUGE_PAGE) {
        block_size = round_up(block_size, HUGE_PAGE);
        block = map_block(block_size);
    }
    if (!block)
        block = xcalloc(1, block_size);
    if (arena->next_size < LARGEST_BLOCK)
        arena->next_size *= 4;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->next = (char *)block->data + size;
    arena->end = (char *)block + block_size;
    return block->data;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t total = 0;
    if (__builtin_mul_overflow(count, size, &total))
        return xreallocarray(NULL, count, size); /* ends the process as every allocation does */
    return arena_alloc(arena, total);
}

char *arena_u64(struct arena *arena, uint64_t value)
{
    char text[STR_U64_SIZE];
    return arena_strndup(arena, text, (size_t)(str_put_u64(text, value) - text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *text = xvasprintf(format, args);
    va_end(args);
    return arena_strdup(arena, text);
}
