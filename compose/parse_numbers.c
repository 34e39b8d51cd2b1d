/* The part of compose/parse.h about numbers, sizes and durations: the grammars of Go's strconv,
 * docker/go-units and str2duration, which the reference reads them with. */
#include "compose/parse.h"

#include "base/str.h"
#include "base/vec.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <math.h>

/* --- numbers -------------------------------------------------------------------------------- */

/* 1_000: underscores stand between digits, or behind the base. */
static bool has_good_underscores(const char *text)
{
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    for (const char *c = is_hex ? text + 2 : text; *c; c++) {
        bool after = c > text && (is_hex ? isxdigit((unsigned char)c[-1]) || c == text + 2
                                         : isdigit((unsigned char)c[-1]));
        bool before = is_hex ? isxdigit((unsigned char)c[1]) : isdigit((unsigned char)c[1]);
        if (*c == '_' && (!after || !before))
            return false;
    }
    return true;
}

/* Past the digits; NULL where there are none. */
static const char *skip_mantissa(const char *text, const char *digits)
{
    size_t whole = strspn(text, digits), fraction = 0;
    text += whole;
    if (*text == '.') {
        fraction = strspn(text + 1, digits);
        text += 1 + fraction;
    }
    return whole + fraction > 0 ? text : NULL;
}

static const char *skip_exponent(const char *text)
{
    text += *text == '+' || *text == '-';
    size_t digits = strspn(text, "0123456789");
    return digits > 0 ? text + digits : NULL;
}

/* What Go takes for a number; strtod() takes more. */
static bool is_number(const char *text)
{
    bool is_hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (is_hex)
        text = skip_mantissa(text + 2, "0123456789abcdefABCDEF");
    else
        text = skip_mantissa(text, "0123456789");
    bool has_exponent = text && *text && strchr(is_hex ? "pP" : "eE", *text);
    if (has_exponent)
        text = skip_exponent(text + 1);
    return text && *text == '\0' && (has_exponent || !is_hex);
}

/* A whole number that a double holds exactly. */
static bool parse_plain(const char *text, double *ret_value)
{
    uint64_t value = 0;
    size_t length = 0;
    for (; isdigit((unsigned char)text[length]); length++)
        value = value * 10 + (uint64_t)(text[length] - '0');
    if (length == 0 || length > DBL_DIG || text[length] != '\0')
        return false;
    *ret_value = (double)value;
    return true;
}

int parse_number(const char *text, double *ret_value)
{
    char plain[64];
    if (parse_plain(text, ret_value))
        return 0;
    size_t length = 0;
    if (!has_good_underscores(text + (*text == '+' || *text == '-')))
        return -EINVAL;
    for (; *text; text++) {
        if (*text == '_')
            continue;
        if (length + 1 == sizeof(plain))
            return -EINVAL;
        plain[length++] = *text;
    }
    plain[length] = '\0';
    if (!is_number(plain + (plain[0] == '+' || plain[0] == '-')))
        return -EINVAL;
    double value = strtod(plain, NULL);
    if (!isfinite(value))
        return -ERANGE;
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

/* --- sizes ---------------------------------------------------------------------------------- */

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

/* The number ends with the last digit, point or blank, and one blank may part it from the unit. */
int parse_bytes(const char *text, uint64_t *ret_bytes)
{
    char number[64];
    size_t length = strlen(text);
    while (length > 0 && !strchr("0123456789. ", text[length - 1]))
        length--;
    const char *unit = text + length;
    if (length > 0 && text[length - 1] == ' ')
        length--;
    if (length == 0 || length >= sizeof(number))
        return -EINVAL;
    memcpy(number, text, length);
    number[length] = '\0';
    int power = unit_power(unit);
    double value = 0;
    int r = parse_number(number, &value);
    if (r < 0)
        return r;
    if (power < 0 || value < 0)
        return -EINVAL;
    value *= (double)((uint64_t)1 << (10 * power));
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

/* "1.5h" at the beginning of *text, which moves behind it. Digits of a fraction that are too many
 * for a number count no more. */
static int take_duration(const char **text, int64_t *ret_nanoseconds)
{
    int64_t value = 0, fraction = 0;
    double scale = 1;
    const char *c = *text;
    bool has_digits = isdigit((unsigned char)*c);
    for (; isdigit((unsigned char)*c); c++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *c - '0', &value))
            return -ERANGE;
    if (*c == '.')
        for (c++; isdigit((unsigned char)*c); c++) {
            has_digits = true;
            if (fraction > (INT64_MAX - 9) / 10)
                continue;
            fraction = fraction * 10 + (*c - '0');
            scale *= 10;
        }
    const struct duration_unit *unit = find_duration_unit(c);
    if (!has_digits || !unit)
        return -EINVAL;
    if (__builtin_mul_overflow(value, unit->nanoseconds, &value) ||
        __builtin_add_overflow(
            value, (int64_t)((double)fraction * ((double)unit->nanoseconds / scale)), &value))
        return -ERANGE;
    *text = c + strlen(unit->name);
    *ret_nanoseconds = value;
    return 0;
}

int parse_duration(const char *text, int64_t *ret_nanoseconds)
{
    bool negative = *text == '-';
    int64_t total = 0, part = 0;
    text += *text == '-' || *text == '+';
    if (*text == '\0')
        return -EINVAL;
    if (streq(text, "0"))
        text = "";
    while (*text) {
        int r = take_duration(&text, &part);
        if (r < 0)
            return r;
        if (__builtin_add_overflow(total, part, &total))
            return -ERANGE;
    }
    *ret_nanoseconds = negative ? -total : total;
    return 0;
}

/* A fraction without the zeros at its end: 1500 of 1000 is "1.5". */
static void put_fraction(char *at, uint64_t value, uint64_t unit, const char *name)
{
    uint64_t rest = value % unit;
    at = str_put_u64(at, value / unit);
    if (rest > 0)
        *at++ = '.';
    for (; rest > 0; rest %= unit) {
        rest *= 10;
        *at++ = (char)('0' + rest / unit);
    }
    memcpy(at, name, strlen(name) + 1);
}

/* The longest is "-2562047h47m16.854775808s". */
char *format_duration(int64_t nanoseconds, char buffer[static DURATION_SIZE])
{
    char *at = buffer;
    uint64_t value = nanoseconds < 0 ? 0 - (uint64_t)nanoseconds : (uint64_t)nanoseconds;
    uint64_t minutes = value / (60 * SECOND);
    if (nanoseconds < 0)
        *at++ = '-';
    if (minutes >= 60) {
        at = str_put_u64(at, minutes / 60);
        *at++ = 'h';
    }
    if (minutes > 0) {
        at = str_put_u64(at, minutes % 60);
        *at++ = 'm';
    }
    if (value == 0 || value >= SECOND)
        put_fraction(at, value % (60 * SECOND), SECOND, "s");
    else if (value >= DURATION_MILLISECOND)
        put_fraction(at, value, DURATION_MILLISECOND, "ms");
    else if (value >= 1000)
        put_fraction(at, value, 1000, "\u00b5s");
    else
        put_fraction(at, value, 1, "ns");
    return buffer;
}
