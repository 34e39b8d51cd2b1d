/* See compose/scalar.h. The rules follow go-yaml v3, resolve.go. */
#include "compose/scalar.h"

#include "base/str.h"
#include "base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text[0] == words[i][0] && streq(text, words[i]))
            return true;
    return false;
}

/* The first characters of those below. */
static const char word_begins[] = "~nNtTfF.+-";

static bool resolve_word(struct node *node, const char *text)
{
    if (!strchr(word_begins, text[0]))
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
static int integer_base(const char **digits)
{
    const char *text = *digits;
    if (text[0] != '0' || text[1] == '\0')
        return 10;
    int letter = tolower((unsigned char)text[1]);
    int base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    *digits += base ? 2 : 1;
    return base ? base : 8;
}

static bool resolve_integer(struct node *node, const char *text)
{
    bool negative = text[0] == '-';
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    int base = integer_base(&digits);
    if (!isxdigit((unsigned char)digits[0]))
        return false;
    errno = 0;
    char *end = NULL;
    unsigned long long value = strtoull(digits, &end, base);
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (*end != '\0' || errno != 0)
        return false;
    if (value > limit) {
        node->kind = NODE_FLOAT;
        node->number = negative ? -(double)value : (double)value;
        return true;
    }
    node->kind = NODE_INT;
    node->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

/* ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ */
static bool is_float(const char *text)
{
    const char *digits = "0123456789";
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, digits), fraction = 0;
    text += whole;
    if (*text == '.') {
        text++;
        fraction = strspn(text, digits);
        text += fraction;
    }
    if (whole == 0 && fraction == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '-' || *text == '+';
        size_t exponent = strspn(text, digits);
        text += exponent;
        if (exponent == 0)
            return false;
    }
    return *text == '\0';
}

static bool resolve_number(struct node *node, const char *text)
{
    if (!isdigit((unsigned char)text[0]) && !strchr("+-.", text[0]))
        return false;
    char plain[128];
    size_t length = 0;
    for (const char *c = text; *c; c++) { /* go-yaml allows 1_000 */
        if (*c == '_')
            continue;
        if (length + 1 == sizeof(plain))
            return false;
        plain[length++] = *c;
    }
    plain[length] = '\0';
    if (length == 0)
        return false;
    if (resolve_integer(node, plain))
        return true;
    if (!is_float(plain))
        return false;
    node->kind = NODE_FLOAT;
    node->number = strtod(plain, NULL);
    return !isinf(node->number); /* 1e400 is a string */
}

/* Dates and times that go-yaml takes as such; Compose prints them in UTC as RFC 3339. */
static const char *time_text(struct arena *arena, const char *text)
{
    static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"};
    size_t length = strlen(text);
    if (length < 8 || length > 32 || strspn(text, "0123456789") != 4 || text[4] != '-')
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, formats[i], &tm);
        if (!end || *end != '\0')
            continue;
        struct tm normal = tm; /* 2020-02-30 is no date */
        time_t seconds = timegm(&normal);
        if (seconds == (time_t)-1 || normal.tm_mday != tm.tm_mday)
            continue;
        char buffer[32];
        strftime(buffer, sizeof(buffer), "%Y-%m-%dT%H:%M:%SZ", &tm);
        return arena_strdup(arena, buffer);
    }
    return NULL;
}

void scalar_resolve(struct arena *arena, struct node *node, const char *text)
{
    node->text = text;
    if (resolve_word(node, text) || resolve_number(node, text))
        return;
    node->kind = NODE_STRING;
    if (isdigit((unsigned char)text[0])) {
        const char *time = time_text(arena, text);
        if (time) {
            node->kind = NODE_TIME;
            node->text = time;
        }
    }
}

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
    struct node node = {0};
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    if (isdigit((unsigned char)text[0]) && time_text(arena, text))
        return true;
    if (resolve_word(&node, text) || resolve_number(&node, text) || is_yaml_1_1(text))
        return true;
    /* go-yaml writes both bare, but does not read the first as a key, and PyYAML not the other. */
    return streq(text, "<<") || streq(text, "=");
}
