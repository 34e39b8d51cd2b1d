/* The header X-Docker-Container-Path-Stat: a file's stat as JSON in base64, with Go's FileMode
 * (pkg.go.dev/io/fs#FileMode). Pure. */
#pragma once

#include "runtime/runtime.h"

/* Owned by the caller. */
char *api_path_stat_encode(const struct copy_stat *stat);
/* st_mode as Go has it: permissions as they are, the type and the rest in the upper bits. */
uint32_t api_path_stat_go_mode(uint32_t mode);
