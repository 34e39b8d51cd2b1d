/* Keeps a file that somebody else writes to (QEMU its stderr) from growing without end: when it has
 * passed the limit it is begun anew. The writer must append (O_APPEND). */
#pragma once

#include <uv.h>

struct file_bound;

/* NULL where the file cannot be watched. */
struct file_bound *file_bound_new(uv_loop_t *loop, const char *path, uint64_t limit);
void file_bound_free(struct file_bound *bound);
