/* Kernel parameters that the service asks for. */
#pragma once

#include "base/error.h"

/* pairs: "K=V", NULL for none. K as sysctl(8) takes it: dots between, or slashes where a part has a
 * dot of its own. */
int sysctl_apply(char *const *pairs, struct error *err);
