/* A command line in one word, as --entrypoint has it. Pure. */
#pragma once

#include "base/error.h"

/* Blanks separate, '...' and "..." hold together, a backslash takes the next character as it is
 * (not within '...'). -EINVAL for a quote that does not end. The vector is owned by the caller. */
int shell_words_split(const char *text, char ***ret_words, struct error *err);
