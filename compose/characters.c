/* See compose/characters.h. */
#include "compose/characters.h"

#define REPLACEMENT 0xfffd

size_t characters_decode(const char *text, uint32_t *ret_code)
{
    const unsigned char *c = (const unsigned char *)text;
    *ret_code = *c;
    if (*c < 0x80)
        return 1;
    size_t length = *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
    *ret_code = REPLACEMENT;
    if (strnlen(text, length) < length || !str_is_utf8(text, length))
        return 1;
    uint32_t code = *c & (0x7fU >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (c[i] & 0x3fU);
    *ret_code = code;
    return length;
}

void characters_add(struct strbuf *out, uint32_t code)
{
    static const unsigned char heads[] = {0, 0xc0, 0xe0, 0xf0};
    unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    strbuf_add_char(out, (char)(heads[more] | (code >> (6 * more))));
    while (more-- > 0)
        strbuf_add_char(out, (char)(0x80 | (code >> (6 * more) & 0x3f)));
}

size_t characters_space(const char *text)
{
    uint32_t code = 0;
    size_t length = characters_decode(text, &code);
    bool is_space = (code >= '\t' && code <= '\r') || code == ' ' || code == 0x85 || code == 0xa0 ||
                    code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
                    code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
    return is_space ? length : 0;
}

/* Where Unicode has nothing but signs, marks and space: what a name is hardly made of. */
static bool is_sign(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0x80, 0xa9},       {0xab, 0xb1},     {0xb4, 0xb4},     {0xb6, 0xb8},
                  {0xbb, 0xbb},       {0xbf, 0xbf},     {0xd7, 0xd7},     {0xf7, 0xf7},
                  {0x2000, 0x206f},   {0x20a0, 0x20ff}, {0x2190, 0x245f}, {0x2500, 0x2bff},
                  {0x2e00, 0x2e7f},   {0x3000, 0x3004}, {0x3008, 0x3020}, {0xd800, 0xf8ff},
                  {0xfe00, 0xfe6f},   {0xfeff, 0xfeff}, {0xfff0, 0xffff}, {0x1f000, 0x1faff},
                  {0xe0000, 0x10ffff}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

size_t characters_letter(const char *text)
{
    uint32_t code = 0;
    size_t length = characters_decode(text, &code);
    return code < 0x80 || is_sign(code) ? 0 : length;
}

const char *characters_clean(struct arena *arena, const char *text)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    while (*text) {
        uint32_t code = 0;
        text += characters_decode(text, &code);
        characters_add(&out, code);
    }
    return arena_strndup(arena, strbuf_text(&out), out.length);
}
