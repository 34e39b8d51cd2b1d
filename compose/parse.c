/* See compose/parse.h. */
#include "compose/parse.h"

#include "base/str.h"
#include "base/vec.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>

/* --- shell words ---------------------------------------------------------------------------- */

struct words {
    struct arena *arena;
    char **items;
    size_t count, capacity;
    struct strbuf word;
    bool in_word; /* also true for an empty pair of quotes */
};

static void end_word(struct words *words)
{
    if (!words->in_word)
        return;
    if (words->count + 1 >= words->capacity) {
        size_t capacity = words->capacity ? words->capacity * 2 : 8;
        char **larger = arena_array(words->arena, capacity, sizeof(char *));
        if (words->count > 0)
            memcpy(larger, words->items, words->count * sizeof(char *));
        words->items = larger;
        words->capacity = capacity;
    }
    words->items[words->count++] =
        arena_strndup(words->arena, strbuf_text(&words->word), words->word.length);
    strbuf_clear(&words->word);
    words->in_word = false;
}

/* text stands behind the opening quote; returns what follows the closing one, NULL without it. */
static const char *take_quoted(struct words *words, const char *text, char quote)
{
    for (; *text && *text != quote; text++) {
        if (quote == '"' && *text == '\\' && text[1])
            text++;
        strbuf_add_char(&words->word, *text);
    }
    return *text == quote ? text + 1 : NULL;
}

/* Returns where it ended; NULL where the text is no command line. */
static const char *split_words(struct words *words, const char *text)
{
    while (text && *text && !strchr(";&|<>", *text)) {
        char c = *text++;
        if (strchr(" \t\r\n", c)) {
            end_word(words);
            continue;
        }
        words->in_word = true;
        if (c == '\'' || c == '"')
            text = take_quoted(words, text, c);
        else if ((c == '\\' && *text == '\0') || c == '(' || c == ')')
            return NULL;
        else if (c == '\\')
            strbuf_add_char(&words->word, *text++);
        else
            strbuf_add_char(&words->word, c);
    }
    end_word(words);
    return text;
}

int parse_shell_words(struct arena *arena, const char *text, char ***ret_words, size_t *ret_count,
                      size_t *ret_used)
{
    struct words words = {.arena = arena};
    const char *end = split_words(&words, text);
    strbuf_done(&words.word);
    if (!end)
        return -EINVAL;
    *ret_words = words.items ? words.items : arena_array(arena, 1, sizeof(char *));
    *ret_count = words.count;
    *ret_used = (size_t)(end - text);
    return 0;
}

/* --- numbers -------------------------------------------------------------------------------- */

int parse_decimal(const char *text, double *ret_value)
{
    size_t length = strspn(text, "0123456789.eE+-");
    if (length == 0 || text[length] != '\0' || (!isdigit((unsigned char)text[0]) && text[0] != '.'))
        return -EINVAL;
    char *end = NULL;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value) || value < 0)
        return -EINVAL;
    *ret_value = value;
    return 0;
}

int parse_octal_digits(const char *text, int64_t limit, int64_t *ret_value)
{
    int64_t value = 0;
    if (*text == '\0')
        return -EINVAL;
    for (; *text; text++) {
        if (*text < '0' || *text > '7')
            return -EINVAL;
        value = value * 8 + (*text - '0');
        if (value > limit)
            return -ERANGE;
    }
    *ret_value = value;
    return 0;
}

/* The exponent of 1024 for "", "b", "k", "kb", "kib"...; -1 for anything else. */
static int unit_power(const char *unit)
{
    static const char letters[] = "bkmgtp";
    if (*unit == '\0')
        return 0;
    const char *letter = strchr(letters, tolower((unsigned char)*unit));
    if (!letter)
        return -1;
    int power = (int)(letter - letters);
    const char *rest = unit + 1;
    if (power > 0 && (*rest == 'i' || *rest == 'I') && (rest[1] == 'b' || rest[1] == 'B'))
        rest++;
    if (power > 0 && (*rest == 'b' || *rest == 'B'))
        rest++;
    return *rest == '\0' ? power : -1;
}

int parse_bytes(const char *text, uint64_t *ret_bytes)
{
    size_t digits = strspn(text, "0123456789.");
    char number[64];
    if (digits == 0 || digits >= sizeof(number))
        return -EINVAL;
    memcpy(number, text, digits);
    number[digits] = '\0';
    const char *unit = text + digits;
    while (*unit == ' ')
        unit++;
    int power = unit_power(unit);
    double value = 0;
    if (power < 0 || parse_decimal(number, &value) < 0)
        return -EINVAL;
    value = ldexp(value, 10 * power);
    if (value >= 9223372036854775808.0)
        return -ERANGE;
    *ret_bytes = (uint64_t)value;
    return 0;
}

/* --- durations ------------------------------------------------------------------------------ */

struct duration_unit {
    const char *name;
    int64_t nanoseconds;
};

#define SECOND (1000 * DURATION_MILLISECOND)

/* Longer names first where one begins another. */
static const struct duration_unit duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\u00b5s", 1000},
    {"\u03bcs", 1000},
    {"ms", DURATION_MILLISECOND},
    {"s", SECOND},
    {"m", 60 * SECOND},
    {"h", 3600 * SECOND},
    {"d", 24 * 3600 * SECOND},
    {"w", 7 * 24 * 3600 * SECOND},
};

static const struct duration_unit *find_duration_unit(const char *text)
{
    for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++)
        if (str_after_prefix(text, duration_units[i].name))
            return &duration_units[i];
    return NULL;
}

int parse_duration(const char *text, int64_t *ret_nanoseconds)
{
    bool negative = *text == '-';
    double total = 0;
    text += *text == '-' || *text == '+';
    if (*text == '\0')
        return -EINVAL;
    while (*text && !streq(text, "0")) {
        size_t digits = strspn(text, "0123456789.");
        char number[32];
        double value = 0;
        if (digits == 0 || digits >= sizeof(number))
            return -EINVAL;
        memcpy(number, text, digits);
        number[digits] = '\0';
        const struct duration_unit *unit = find_duration_unit(text + digits);
        if (!unit || parse_decimal(number, &value) < 0)
            return -EINVAL;
        total += value * (double)unit->nanoseconds;
        text += digits + strlen(unit->name);
    }
    if (total >= 9.2e18)
        return -ERANGE;
    int64_t rounded = (int64_t)(total + 0.5);
    *ret_nanoseconds = negative ? -rounded : rounded;
    return 0;
}

/* A fraction without the zeros at its end: 1500 of 1000 is "1.5". */
static void add_fraction(struct strbuf *out, uint64_t value, uint64_t unit, const char *name)
{
    uint64_t rest = value % unit;
    strbuf_addf(out, "%llu", (unsigned long long)(value / unit));
    if (rest > 0)
        strbuf_add_char(out, '.');
    for (; rest > 0; rest %= unit) {
        rest *= 10;
        strbuf_add_char(out, (char)('0' + rest / unit));
    }
    strbuf_add_str(out, name);
}

char *format_duration(struct arena *arena, int64_t nanoseconds)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    uint64_t value = nanoseconds < 0 ? 0 - (uint64_t)nanoseconds : (uint64_t)nanoseconds;
    uint64_t minutes = value / (60 * SECOND);
    if (nanoseconds < 0)
        strbuf_add_char(&out, '-');
    if (minutes >= 60)
        strbuf_addf(&out, "%lluh", (unsigned long long)(minutes / 60));
    if (minutes > 0)
        strbuf_addf(&out, "%llum", (unsigned long long)(minutes % 60));
    if (value == 0 || value >= SECOND)
        add_fraction(&out, value % (60 * SECOND), SECOND, "s");
    else if (value >= DURATION_MILLISECOND)
        add_fraction(&out, value, DURATION_MILLISECOND, "ms");
    else if (value >= 1000)
        add_fraction(&out, value, 1000, "\u00b5s");
    else
        add_fraction(&out, value, 1, "ns");
    return arena_strdup(arena, strbuf_text(&out));
}

static int parse_port(const char *text, size_t length, bool zero, uint16_t *ret_port)
{
    char number[8];
    if (length == 0 || length >= sizeof(number))
        return -EINVAL;
    memcpy(number, text, length);
    number[length] = '\0';
    int r = str_to_u16(number, ret_port);
    if (r == 0 && *ret_port == 0 && !zero)
        r = -EINVAL;
    return r;
}

int parse_port_range(const char *text, bool zero, struct port_range *ret_range)
{
    struct port_range range = {0};
    const char *dash = strchr(text, '-');
    size_t length = dash ? (size_t)(dash - text) : strlen(text);
    int r = parse_port(text, length, zero, &range.first);
    range.last = range.first;
    if (r == 0 && dash)
        r = parse_port(dash + 1, strlen(dash + 1), false, &range.last);
    if (r == 0 && (range.last < range.first || (dash && range.first == 0)))
        r = -EINVAL;
    if (r == 0)
        *ret_range = range;
    return r;
}

/* --- addresses ------------------------------------------------------------------------------ */

int parse_ipv4(const char *text, uint32_t *ret_address)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return -EINVAL;
    *ret_address = ntohl(address.s_addr);
    return 0;
}

bool parse_is_ipv6(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, text, &address) == 1;
}

bool parse_is_host_name(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (strlen(text) > 253)
        return false;
    for (;; text++) {
        size_t length = strspn(text, allowed);
        if (length == 0 || length > 63 || text[0] == '-' || text[length - 1] == '-')
            return false;
        text += length;
        if (*text != '.')
            return *text == '\0';
    }
}

/* --- paths ----------------------------------------------------------------------------------- */

const char *path_clean(struct arena *arena, const char *base, const char *path)
{
    char *joined =
        path[0] == '/' ? arena_strdup(arena, path) : arena_printf(arena, "%s/%s", base, path);
    char *out = arena_alloc(arena, strlen(joined) + 2);
    size_t length = 0;
    for (const char *part = joined; *part;) {
        part += strspn(part, "/");
        size_t size = strcspn(part, "/");
        if (size == 2 && strncmp(part, "..", 2) == 0) {
            while (length > 0 && out[--length] != '/')
                continue;
        } else if (size > 0 && !(size == 1 && *part == '.')) {
            out[length++] = '/';
            memcpy(out + length, part, size);
            length += size;
        }
        part += size;
    }
    if (length == 0)
        out[length++] = '/';
    out[length] = '\0';
    return out;
}

const char *path_folder(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash > path ? arena_strndup(arena, path, (size_t)(slash - path)) : "/";
}
