/* A model's structs as text for golden tests: what config's output does not show (addresses of NICs
 * in order, host paths, bytes). */
#pragma once

#include "compose/model.h"

/* The project's folder is printed as {DIR}. */
void dump_model(const struct model *model, struct strbuf *out);
