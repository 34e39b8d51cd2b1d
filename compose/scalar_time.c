/* The part of compose/scalar.h about dates and times. The layouts are go-yaml's, the leniency is
 * that of Go's time.Parse: one digit or two, any number of blanks, a comma before the fraction. */
#include "compose/scalar.h"

#include "base/str.h"

#include <ctype.h>

struct moment {
    unsigned year, month, day, hour, minute, second;
    char fraction[10]; /* digits without trailing zeros */
    char zone[8];      /* "Z" or "+02:00" */
};

/* A number of one or two digits, from first to last. */
static bool take_number(const char **text, unsigned first, unsigned last, unsigned *ret_value)
{
    size_t length = strspn(*text, "0123456789");
    if (length == 0)
        return false;
    unsigned value = (unsigned)(**text - '0');
    if (length > 1)
        value = value * 10 + (unsigned)((*text)[1] - '0');
    *text += length > 1 ? 2 : 1;
    *ret_value = value;
    return value >= first && value <= last;
}

static bool take_char(const char **text, char c)
{
    bool found = **text == c;
    *text += found;
    return found;
}

static unsigned days_in(unsigned month, unsigned year)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool take_date(const char **text, struct moment *moment)
{
    for (unsigned i = 0; i < 4; i++, (*text)++) {
        if (!isdigit((unsigned char)**text))
            return false;
        moment->year = moment->year * 10 + (unsigned)(**text - '0');
    }
    return take_char(text, '-') && take_number(text, 1, 12, &moment->month) &&
           take_char(text, '-') &&
           take_number(text, 1, days_in(moment->month, moment->year), &moment->day);
}

/* Nine digits count, further ones are dropped. */
static void take_fraction(const char **text, struct moment *moment)
{
    if ((**text != '.' && **text != ',') || !isdigit((unsigned char)(*text)[1]))
        return;
    size_t length = strspn(++*text, "0123456789");
    size_t kept = length < 9 ? length : 9;
    memcpy(moment->fraction, *text, kept);
    while (kept > 0 && moment->fraction[kept - 1] == '0')
        kept--;
    moment->fraction[kept] = '\0';
    *text += length;
}

static bool take_time(const char **text, struct moment *moment)
{
    if (!take_number(text, 0, 23, &moment->hour) || !take_char(text, ':') ||
        !take_number(text, 0, 59, &moment->minute) || !take_char(text, ':') ||
        !take_number(text, 0, 59, &moment->second))
        return false;
    take_fraction(text, moment);
    return true;
}

/* "Z" or "+hh:mm"; Go's limits for both numbers are 24 and 60. */
static bool take_zone(const char **text, struct moment *moment)
{
    const char *zone = *text;
    unsigned hours = 0, minutes = 0;
    if (take_char(text, 'Z'))
        return true;
    if (!take_char(text, '+') && !take_char(text, '-'))
        return false;
    if (strspn(*text, "0123456789") != 2 || !take_number(text, 0, 24, &hours) ||
        !take_char(text, ':') || strspn(*text, "0123456789") < 2 ||
        !take_number(text, 0, 60, &minutes))
        return false;
    if (hours > 0 || minutes > 0)
        memcpy(moment->zone, zone, 6);
    return true;
}

const char *scalar_time(struct arena *arena, const char *text)
{
    struct moment moment = {.zone = "Z"};
    if (!take_date(&text, &moment))
        return NULL;
    if (*text == 'T' || *text == 't') {
        text++;
        if (!take_time(&text, &moment) || !take_zone(&text, &moment))
            return NULL;
    } else if (*text == ' ') {
        text += strspn(text, " ");
        if (!take_time(&text, &moment))
            return NULL;
    }
    if (*text != '\0')
        return NULL;
    return arena_printf(arena, "%04u-%02u-%02uT%02u:%02u:%02u%s%s%s", moment.year, moment.month,
                        moment.day, moment.hour, moment.minute, moment.second,
                        moment.fraction[0] ? "." : "", moment.fraction, moment.zone);
}
