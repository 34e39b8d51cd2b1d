/* -e NAME=VALUE of `exec` and `run`. */
#pragma once

#include "base/json.h"

/* "NAME" takes our value, and is left out where we have none, as Compose does. An array of
 * "NAME=VALUE", owned by the caller. */
cJSON *environment_print(char *const *entries);
