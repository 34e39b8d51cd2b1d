/* .env and env_file: KEY=VALUE lines as Docker Compose reads them: comments, `export`, '...'
 * literal,
 * "..." with escapes, both over several lines; variables expand but in '...'. A bare KEY takes the
 * value it has outside. */
#pragma once

#include "compose/node.h"
#include "compose/variables.h"

#define DOTENV_SIZE_LIMIT ((size_t)1024 * 1024)

/* Adds NAME: string nodes to map (a later line replaces an earlier). outer is what `$NAME` and bare
 * names see first, then what map holds, of files before this one too. Problems go to diagnostics
 * with the place in file (its number in diagnostics). 0 or -EINVAL. */
int dotenv_read(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                const char *text, const struct variables *outer, struct node *map);
/* env_file's `format: raw`: what is behind the first `=` is the value as it is. */
void dotenv_read_raw(struct arena *arena, const char *text, unsigned file, struct node *map);
