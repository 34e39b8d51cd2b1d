/* Copies what is in a folder into another one, in the guest: owners, modes, times, symlinks, hard
 * links, devices, holes, extended attributes. What is in the target already stays as it is, so that
 * a copy that was cut off can be done again; a file is there only when it is complete. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* Both are folders open for reading; the target folder gets the source's owner, mode and attributes
 * as well. */
int tree_copy(int source, int target, struct error *err);
/* A folder without entries (lost+found counts). True where it cannot be read. */
bool tree_is_empty(int folder);
