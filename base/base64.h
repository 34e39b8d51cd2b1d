/* Bytes as text: RFC 4648, section 4, with padding. */
#pragma once

#include "base/str.h"

/* Adds what the text stands for to out. Line ends between are skipped, as MIME and YAML have them.
 * -EINVAL where the text is anything else. */
int base64_decode(const char *text, struct strbuf *out);
