/* Fifth stage: what the files leave out is filled in on the merged canonical tree, as `config`
 * shows it: env_file read into environment, the default network, full names of networks; networks
 * nobody uses are dropped, and so are, with an error, references to networks that are not there. */
#pragma once

#include "compose/node.h"
#include "compose/variables.h"

struct completion {
    struct arena *arena;
    struct diagnostics *diagnostics;
    const struct variables *variables; /* for bare KEYs; NULL: they stay empty */
    const char *directory;             /* absolute; relative paths begin here */
    const char *project;
};

void complete_tree(const struct completion *completion, struct node *tree);
