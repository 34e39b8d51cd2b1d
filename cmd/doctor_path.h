/* `vmstead doctor SERVICE[:PORT[/PROTOCOL]]`: the way to an instance. */
#pragma once

#include "cmd/command.h"

#include <stdbool.h>

/* word: a service, one with a number (web-2), or a machine's name or ID. index 0: see
 * target_find_one(). The exit status: 1 where a hop is broken. */
int doctor_path(const struct invocation *invocation, const char *word, int64_t index, bool json,
                struct error *err);
