/* What a YAML scalar is: YAML 1.2's core schema as go-yaml (and so Docker Compose) reads it.
 * `0644` is octal, `08` is 8, `yes`, `on` and `22:22` are strings, `2020-01-01` is a time,
 * which no key takes; under `x-` Compose prints it as "2020-01-01T00:00:00Z". Called by
 * compose/yaml.h per scalar. */
#pragma once

#include "compose/node.h"

/* Sets kind, value and text of a scalar node from the plain text. */
void scalar_resolve(struct arena *arena, struct node *node, const char *text);
/* The same of a text with a tag, quoted or not; tags of YAML's own are without their
 * "tag:yaml.org,2002:". What has a tag that YAML does not know is a string. -EINVAL where the text
 * is nothing of the tag's kind. */
int scalar_resolve_tagged(struct arena *arena, struct node *node, const char *text,
                          const char *tag);
/* Whether a string with this text has to be quoted to stay a string. */
bool scalar_needs_quotes(const char *text);

/* A date, or a date and a time, as RFC 3339 has it ("2020-01-01T10:00:00.5+02:00"); NULL where the
 * text is none. Forms and limits are those of go-yaml's parseTimestamp. */
const char *scalar_time(struct arena *arena, const char *text);
