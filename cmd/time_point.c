/* --since, --until; see time_point.h. */
#include "cmd/time_point.h"

#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>

#define SECOND_NS 1000000000LL

static const struct {
    const char *name;
    double ns;
} units[] = {
    /* longer names before those that they begin with */
    {"ns", 1}, {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},
};

/* A number without a sign: digits, at most one point. */
static const char *read_number(const char *text, double *ret_value)
{
    double value = 0, scale = 1;
    const char *start = text;
    for (; isdigit((unsigned char)*text); text++)
        value = value * 10 + (*text - '0');
    if (*text == '.')
        for (text++; isdigit((unsigned char)*text); text++)
            value += (*text - '0') * (scale /= 10);
    *ret_value = value;
    return text == start || (text == start + 1 && *start == '.') ? NULL : text;
}

/* Go's durations: "1h30m"; NULL where it is none. */
static bool read_span(const char *text, int64_t *ret_ns)
{
    double total = 0;
    if (!*text)
        return false;
    while (*text) {
        double value;
        text = read_number(text, &value);
        if (!text)
            return false;
        size_t i = 0;
        while (i < sizeof(units) / sizeof(units[0]) && !str_after_prefix(text, units[i].name))
            i++;
        if (i == sizeof(units) / sizeof(units[0]))
            return false;
        total += value * units[i].ns;
        text = str_after_prefix(text, units[i].name);
    }
    if (total > 9e18)
        return false;
    *ret_ns = (int64_t)total;
    return true;
}

/* ".123456789" -> nanoseconds; further digits are dropped. */
static const char *read_fraction(const char *text, int64_t *ret_ns)
{
    *ret_ns = 0;
    if (*text != '.')
        return text;
    int64_t unit = SECOND_NS / 10;
    for (text++; isdigit((unsigned char)*text); text++, unit /= 10)
        *ret_ns += (*text - '0') * unit;
    return text;
}

static bool read_unix(const char *text, int64_t *ret_ns)
{
    int64_t seconds = 0, fraction;
    size_t digits = 0;
    for (; isdigit((unsigned char)*text); text++, digits++)
        if (digits < 10)
            seconds = seconds * 10 + (*text - '0');
    if (digits == 0 || digits > 10)
        return false;
    text = read_fraction(text, &fraction);
    if (*text || seconds > INT64_MAX / SECOND_NS - 1)
        return false;
    *ret_ns = seconds * SECOND_NS + fraction;
    return true;
}

/* "Z", "+02:00"; nothing: our own zone. */
static bool read_zone(const char *text, bool *ret_local, int64_t *ret_offset_s)
{
    int hours, minutes, used = 0;
    *ret_local = !*text;
    *ret_offset_s = 0;
    if (!*text || streq(text, "Z") || streq(text, "z"))
        return true;
    if ((*text != '+' && *text != '-') ||
        sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 || text[6])
        return false;
    *ret_offset_s = (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

static bool read_date(const char *text, int64_t *ret_ns)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H",
                                          "%Y-%m-%d"};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm parts = {.tm_isdst = -1};
        int64_t fraction, offset_s;
        bool is_local;
        const char *rest = strptime(text, formats[i], &parts);
        if (!rest)
            continue;
        rest = i == 0 ? read_fraction(rest, &fraction) : (fraction = 0, rest);
        if (!read_zone(rest, &is_local, &offset_s))
            continue;
        time_t seconds = is_local ? mktime(&parts) : timegm(&parts);
        *ret_ns = ((int64_t)seconds - offset_s) * SECOND_NS + fraction;
        return true;
    }
    return false;
}

int time_point_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error *err)
{
    int64_t span_ns;
    if (read_span(text, &span_ns)) {
        *ret_ns = now_ns - span_ns;
        return 0;
    }
    if (read_unix(text, ret_ns) || read_date(text, ret_ns))
        return 0;
    return error_set(err, EINVAL,
                     "'%s' is no time: use 2026-01-02T03:04:05Z, a part of it, seconds since 1970, "
                     "or a span before now such as 10m",
                     text);
}

char *time_point_format(int64_t ns, char *buffer)
{
    if (ns < 0)
        ns = 0;
    snprintf(buffer, TIME_POINT_SIZE, "%lld.%09lld", (long long)(ns / SECOND_NS),
             (long long)(ns % SECOND_NS));
    return buffer;
}

int time_point_query(const char *text, int64_t now_ns, char *buffer, struct error *err)
{
    int64_t ns;
    *buffer = '\0';
    int r = text ? time_point_parse(text, now_ns, &ns, err) : 0;
    if (r == 0 && text)
        time_point_format(ns, buffer);
    return r;
}
