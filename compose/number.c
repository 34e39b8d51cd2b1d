/* See compose/number.h. */
#include "compose/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decimal {
    bool negative;
    char digits[20]; /* the first stands before the point */
    int count, exponent;
};

static struct decimal shortest(double value)
{
    struct decimal decimal = {0};
    char text[NUMBER_SIZE];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    const char *c = text + (text[0] == '-');
    decimal.negative = text[0] == '-';
    for (; *c != 'e'; c++)
        if (*c != '.')
            decimal.digits[decimal.count++] = *c;
    decimal.exponent = (int)strtol(c + 1, NULL, 10);
    return decimal;
}

/* 1.25e-07; JSON leaves the zero out. */
static void write_exponent(const struct decimal *decimal, enum number_style style, char *buffer)
{
    snprintf(buffer, NUMBER_SIZE, "%s%c%s%.*se%c%0*d", decimal->negative ? "-" : "",
             decimal->digits[0], decimal->count > 1 ? "." : "", decimal->count - 1,
             decimal->digits + 1, decimal->exponent < 0 ? '-' : '+', style == NUMBER_JSON ? 1 : 2,
             abs(decimal->exponent));
}

static void write_point(const struct decimal *decimal, char *buffer)
{
    size_t length = 0;
    int first = decimal->exponent < 0 ? decimal->exponent : 0;
    int last = decimal->count - 1 > decimal->exponent ? decimal->count - 1 : decimal->exponent;
    if (decimal->negative)
        buffer[length++] = '-';
    for (int i = first; i <= last; i++) { /* digit i counts 10^(exponent - i) */
        buffer[length++] = i >= 0 && i < decimal->count ? decimal->digits[i] : '0';
        if (i == decimal->exponent && i < last)
            buffer[length++] = '.';
    }
    buffer[length] = '\0';
}

char *number_format(double value, enum number_style style, char *buffer)
{
    if (isnan(value) || isinf(value)) {
        snprintf(buffer, NUMBER_SIZE, "%s", isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return buffer;
    }
    struct decimal decimal = shortest(value);
    int smallest = style == NUMBER_JSON ? -6 : -4, limit = style == NUMBER_JSON ? 21 : 6;
    if (decimal.exponent < smallest || decimal.exponent >= limit)
        write_exponent(&decimal, style, buffer);
    else
        write_point(&decimal, buffer);
    return buffer;
}
