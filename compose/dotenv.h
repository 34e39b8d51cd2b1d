/* .env and env_file: KEY=VALUE lines as Docker Compose reads them (compose-go's dotenv, to the
 * letter): comments, `export`, '...' literal, "..." with escapes, both over several lines;
 * variables expand but in '...'. A bare KEY takes the value it has outside. */
#pragma once

#include "compose/node.h"
#include "compose/variables.h"

#define DOTENV_SIZE_LIMIT ((size_t)1024 * 1024)

/* Adds what the text sets to variables (a later line replaces an earlier); `$NAME` and bare names
 * see what they hold, the outer ones first. Problems go to diagnostics with the place in file (its
 * number in diagnostics). 0 or -EINVAL. */
int dotenv_read(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                const char *text, size_t length, struct variables *variables);
/* env_file's `format: raw`: what is behind the first `=` is the value as it is. */
int dotenv_read_raw(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                    const char *text, size_t length, struct variables *variables);

struct dotenv_file {
    const char *path, *name; /* name: as positions show it */
    bool is_raw;
    size_t size; /* out */
};
/* Reads a file. Only what keeps it from being read is returned, as -errno, for dotenv_problem(). */
int dotenv_read_file(struct arena *arena, struct diagnostics *diagnostics, struct dotenv_file *file,
                     struct variables *variables);
const char *dotenv_problem(int error);
