/* Names in archives, pure: what both directions of a copy hold them to. */
#pragma once

#include "base/error.h"

/* The name as a relative path without empty and "." components, "." for the folder itself; the
 * caller's. -EINVAL where a ".." would lead out, or the name is empty or too long. */
int archive_name_clean(const char *name, char **ret_name, struct error *err);
