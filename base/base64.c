/* See base/base64.h. */
#include "base/base64.h"

#include <errno.h>

static int value_of(char character)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = character ? strchr(alphabet, character) : NULL;
    return found ? (int)(found - alphabet) : -1;
}

int base64_decode(const char *text, struct strbuf *out)
{
    unsigned bits = 0, padding = 0;
    size_t count = 0; /* of characters that mean something */
    for (const char *c = text; *c; c++) {
        if (*c == '\n' || *c == '\r')
            continue;
        int value = value_of(*c);
        padding += *c == '=';
        if (value < 0 ? *c != '=' : padding > 0)
            return -EINVAL;
        bits = bits << 6 | (value < 0 ? 0 : (unsigned)value);
        if (padding == 0 && count % 4)
            strbuf_add_char(out, (char)(bits >> (6 - 2 * (count % 4)) & 0xff));
        count++;
    }
    bool is_whole = count % 4 == 0 && padding <= 2;
    return is_whole ? 0 : -EINVAL;
}
