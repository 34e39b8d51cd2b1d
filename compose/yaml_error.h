/* What libyaml says of a text it cannot read, as diagnostics. compose/yaml.c only. */
#pragma once

#include "compose/diagnostics.h"

#include <yaml.h>

/* The last text in quotes of several lines: where it ends a quote may be missing. */
struct yaml_quotes {
    bool is_there;
    yaml_mark_t start, end;
};

/* parser has failed on the text. */
void yaml_report(const yaml_parser_t *parser, const struct yaml_quotes *quotes,
                 struct diagnostics *diagnostics, unsigned file, const char *text, size_t length);
