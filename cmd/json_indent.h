/* JSON for people to read, as `docker inspect` prints it: four blanks a level. Pure. */
#pragma once

#include "base/json.h"
#include "base/str.h"

void json_indent(const cJSON *value, struct strbuf *out);
