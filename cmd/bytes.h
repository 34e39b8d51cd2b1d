/* Amounts of bytes as people read them: decimal units, as sizes of downloads are given. Pure. */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* "512 B", "12.3 MB". */
void bytes_add(int64_t bytes, struct strbuf *out);
/* Docker's, four digits at most: "512B", "12.3MB", "1.25GB". */
void bytes_add_docker(int64_t bytes, struct strbuf *out);
