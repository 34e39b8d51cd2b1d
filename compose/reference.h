/* docs/compose-reference.md from the schema table; a test holds the two together. */
#pragma once

#include "base/str.h"

void reference_print(struct strbuf *out);
