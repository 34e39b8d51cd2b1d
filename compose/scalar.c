/* See compose/scalar.h. The rules follow go-yaml v3, resolve.go. */
#include "compose/scalar.h"

#include "base/base64.h"
#include "base/str.h"
#include "base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text[0] == words[i][0] && streq(text, words[i]))
            return true;
    return false;
}

#define LONGEST_WORD 5 /* of those below */

static bool resolve_word(struct node *node, const char *text)
{
    if (strnlen(text, LONGEST_WORD + 1) > LONGEST_WORD)
        return false;
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    static const char *const infinities[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"};
    static const char *const negatives[] = {"-.inf", "-.Inf", "-.INF"};
    static const char *const nans[] = {".nan", ".NaN", ".NAN"};

    if (is_one_of(text, nulls, ARRAY_SIZE(nulls))) {
        node->kind = NODE_NULL;
    } else if (is_one_of(text, trues, ARRAY_SIZE(trues)) ||
               is_one_of(text, falses, ARRAY_SIZE(falses))) {
        node->kind = NODE_BOOL;
        node->boolean = text[0] == 't' || text[0] == 'T';
    } else if (is_one_of(text, infinities, ARRAY_SIZE(infinities)) ||
               is_one_of(text, negatives, ARRAY_SIZE(negatives))) {
        node->kind = NODE_FLOAT;
        node->number = text[0] == '-' ? -INFINITY : INFINITY;
    } else if (is_one_of(text, nans, ARRAY_SIZE(nans))) {
        node->kind = NODE_FLOAT;
        node->number = NAN;
    } else {
        return false;
    }
    return true;
}

/* The base that a prefix announces as Go's ParseInt(text, 0, 64) sees it; moves past the prefix. */
static unsigned integer_base(const char **digits)
{
    const char *text = *digits;
    if (text[0] != '0' || text[1] == '\0')
        return 10;
    int letter = tolower((unsigned char)text[1]);
    unsigned base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    *digits += base ? 2 : 1;
    return base ? base : 8;
}

static bool parse_digits(const char *digits, unsigned base, uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *c = digits;
    for (; isxdigit((unsigned char)*c); c++) {
        unsigned digit =
            isdigit((unsigned char)*c) ? (unsigned)(*c - '0') : (unsigned)(tolower(*c) - 'a') + 10;
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *ret_value = value;
    return c > digits && *c == '\0';
}

/* One above INT64_MAX is a float whose text has all digits. */
static bool resolve_integer(struct arena *arena, struct node *node, const char *text)
{
    bool negative = text[0] == '-', is_signed = negative || text[0] == '+';
    const char *digits = text + is_signed;
    unsigned base = integer_base(&digits);
    uint64_t value = 0, limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (!parse_digits(digits, base, &value) || (value > limit && is_signed))
        return false;
    if (value > limit) {
        node->kind = NODE_FLOAT;
        node->number = (double)value;
        node->text = arena_printf(arena, "%llu", (unsigned long long)value);
        return true;
    }
    node->kind = NODE_INT;
    node->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static size_t count_digits(const char *text)
{
    size_t count = 0;
    while (isdigit((unsigned char)text[count]))
        count++;
    return count;
}

/* ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ */
static bool is_float(const char *text)
{
    text += *text == '-' || *text == '+';
    size_t whole = count_digits(text), fraction = 0;
    text += whole;
    if (*text == '.') {
        text++;
        fraction = count_digits(text);
        text += fraction;
    }
    if (whole == 0 && fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t exponent = count_digits(text);
        text += exponent;
        if (exponent == 0)
            return false;
    }
    return *text == '\0';
}

static bool resolve_float(struct node *node, const char *text)
{
    double number = is_float(text) ? strtod(text, NULL) : INFINITY;
    if (isinf(number))
        return false;
    node->kind = NODE_FLOAT;
    node->number = number;
    return true;
}

static const char *without_underscores(struct arena *arena, const char *text)
{
    char *plain = arena_strdup(arena, text);
    size_t length = 0;
    for (const char *c = text; *c; c++)
        if (*c != '_')
            plain[length++] = *c;
    plain[length] = '\0';
    return plain;
}

static bool resolve_number(struct arena *arena, struct node *node, const char *text)
{
    if (text[0] == '.')
        return resolve_float(node, text);
    if (strchr(text, '_')) /* go-yaml allows 1_000 */
        text = without_underscores(arena, text);
    return resolve_integer(arena, node, text) || resolve_float(node, text);
}

static bool resolve_time(struct arena *arena, struct node *node, const char *text)
{
    const char *time = scalar_time(arena, text);
    if (!time)
        return false;
    node->kind = NODE_TIME;
    node->text = time;
    return true;
}

/* What is no string shows it by its first character. */
static bool resolve_other(struct arena *arena, struct node *node, const char *text)
{
    switch (text[0]) {
    case '\0':
    case '~':
    case 'n':
    case 'N':
    case 't':
    case 'T':
    case 'f':
    case 'F':
        return resolve_word(node, text);
    case '.':
    case '+':
    case '-':
        return resolve_word(node, text) || resolve_number(arena, node, text);
    default:
        return isdigit((unsigned char)text[0]) &&
               (resolve_time(arena, node, text) || resolve_number(arena, node, text));
    }
}

void scalar_resolve(struct arena *arena, struct node *node, const char *text)
{
    node->text = text;
    if (!resolve_other(arena, node, text))
        node->kind = NODE_STRING;
}

/* --- tags ------------------------------------------------------------------------------------- */

static int resolve_binary(struct arena *arena, struct node *node, const char *text)
{
    _cleanup_strbuf_ struct strbuf bytes = {0};
    int r = base64_decode(text, &bytes);
    const char *data = strbuf_text(&bytes);
    if (r < 0 || strlen(data) != bytes.length || !str_is_utf8(data, bytes.length))
        return -EINVAL;
    node->kind = NODE_STRING;
    node->text = arena_strdup(arena, data);
    return 0;
}

/* Also one above INT64_MAX, which go-yaml does not make a float of. */
static bool is_integer(struct arena *arena, const char *text)
{
    struct node node = {0};
    return resolve_integer(arena, &node, without_underscores(arena, text));
}

int scalar_resolve_tagged(struct arena *arena, struct node *node, const char *text, const char *tag)
{
    static const struct {
        const char *name;
        enum node_kind kind;
    } tags[] = {{"null", NODE_NULL},
                {"bool", NODE_BOOL},
                {"int", NODE_INT},
                {"float", NODE_FLOAT},
                {"timestamp", NODE_TIME}};
    if (streq(tag, "binary"))
        return resolve_binary(arena, node, text);
    for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
        if (!streq(tag, tags[i].name))
            continue;
        scalar_resolve(arena, node, text);
        if (tags[i].kind == NODE_INT)
            return is_integer(arena, text) ? 0 : -EINVAL;
        if (tags[i].kind == NODE_FLOAT && node->kind == NODE_INT) {
            node->kind = NODE_FLOAT;
            node->number = (double)node->integer;
            return 0;
        }
        bool is_odd = node->kind == NODE_FLOAT && is_integer(arena, text);
        return node->kind == tags[i].kind && !is_odd ? 0 : -EINVAL;
    }
    node->kind = NODE_STRING;
    node->text = text;
    return 0;
}

/* --- back to text ----------------------------------------------------------------------------- */

/* Words that older YAML readers take for booleans, and numbers in base 60: go-yaml quotes them. */
static bool is_yaml_1_1(const char *text)
{
    static const char *const words[] = {"y", "Y", "yes", "Yes", "YES", "on",  "On",  "ON",
                                        "n", "N", "no",  "No",  "NO",  "off", "Off", "OFF"};
    if (is_one_of(text, words, ARRAY_SIZE(words)))
        return true;
    const char *c = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*c) || !strchr(text, ':'))
        return false;
    c += strspn(c, "0123456789_");
    while (*c == ':') {
        size_t digits = strspn(c + 1, "0123456789");
        if (digits == 0 || digits > 2 || (digits == 2 && c[1] > '5'))
            return false;
        c += 1 + digits;
    }
    if (*c == '.')
        c += 1 + strspn(c + 1, "0123456789_");
    return *c == '\0';
}

bool scalar_needs_quotes(const char *text)
{
    /* How everything below begins, the empty text too. */
    if (!strchr("0123456789+-.~nNtTfFyYoO<=", text[0]))
        return false;
    struct node node = {0};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    if (resolve_other(arena, &node, text) || is_yaml_1_1(text))
        return true;
    /* go-yaml writes both bare, but does not read the first as a key, and PyYAML not the other. */
    return streq(text, "<<") || streq(text, "=");
}
