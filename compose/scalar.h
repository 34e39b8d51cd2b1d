/* What a plain YAML scalar is: YAML 1.2's core schema as go-yaml (and so Docker Compose) reads it.
 * `0644` is octal, `08` is 8, `yes`, `on` and `22:22` are strings, `2020-01-01` is a time,
 * which no key takes; under `x-` Compose prints it as "2020-01-01T00:00:00Z". Called by
 * compose/yaml.h per scalar. */
#pragma once

#include "compose/node.h"

/* Sets kind, value and text of a scalar node from the plain text. */
void scalar_resolve(struct arena *arena, struct node *node, const char *text);
/* Whether a string with this text has to be quoted to stay a string. */
bool scalar_needs_quotes(const char *text);
