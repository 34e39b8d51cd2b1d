/* Runs a program and waits for it, with our own descriptors: for the few commands that are nothing
 * but other programs. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* argv[0] is looked up in $PATH. quiet: what it says goes nowhere. *ret_status as a shell has it
 * (128 + n: ended by signal n); -ENOENT where there is no such program. */
int run_program(const char *const *argv, bool quiet, int *ret_status, struct error *err);
