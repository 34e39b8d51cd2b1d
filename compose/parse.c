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

int parse_subnet(const char *text, struct subnet *ret_subnet)
{
    char address[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof(address))
        return -EINVAL;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    struct subnet subnet;
    uint16_t prefix = 0;
    if (parse_ipv4(address, &subnet.address) < 0 || str_to_u16(slash + 1, &prefix) < 0 ||
        prefix > 32)
        return -EINVAL;
    subnet.prefix = prefix;
    *ret_subnet = subnet;
    return 0;
}

char *format_ipv4(uint32_t address, char *buffer)
{
    struct in_addr network_order = {.s_addr = htonl(address)};
    inet_ntop(AF_INET, &network_order, buffer, INET_ADDRSTRLEN);
    return buffer;
}
