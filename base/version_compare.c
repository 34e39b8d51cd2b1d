/* See version.h. Apart from the version itself, which a program may bring along. */
#include "base/version.h"

#include <stdlib.h>

/* 0 where there is none any more. */
static unsigned long next_part(const char **text)
{
    char *end;
    unsigned long part = strtoul(*text, &end, 10);
    *text = end != *text && *end == '.' ? end + 1 : "";
    return part;
}

int version_compare(const char *a, const char *b)
{
    while (*a || *b) {
        unsigned long first = next_part(&a), second = next_part(&b);
        if (first != second)
            return first < second ? -1 : 1;
    }
    return 0;
}
