/* What libyaml says of a text it cannot read, as diagnostics. compose/yaml.c only. */
#pragma once

#include "compose/diagnostics.h"

#include <yaml.h>

/* parser has failed on the text. */
void yaml_report(const yaml_parser_t *parser, struct diagnostics *diagnostics, unsigned file,
                 const char *text, size_t length);
