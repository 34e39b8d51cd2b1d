/* See log_store.h: one line of a log, to text and back; pure. A guest that talks writes a million
 * of them a second: no printf, no strptime. */
#include "runtime/log_store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include <stdio.h>
#include <time.h>

#define NS 1000000000
#define SECONDS_LENGTH 19 /* "2026-01-02T03:04:05" */
#define HEAD_MAX 160

/* --- to text -------------------------------------------------------------------------------- */

static char *put_text(char *at, const char *text)
{
    return stpcpy(at, text);
}

static char *put_number(char *at, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (count)
        *at++ = digits[--count];
    return at;
}

/* The calendar is asked once a second of the log. */
static char *put_time(char *at, int64_t time_ns)
{
    static char known[CLOCK_TEXT_SIZE];
    static int64_t known_second = INT64_MIN;
    int64_t second = time_ns / NS, fraction = time_ns % NS;
    if (second != known_second || time_ns < 0)
        clock_format_ns(time_ns, known);
    known_second = second;
    if (time_ns < 0 || known[SECONDS_LENGTH] != '.') /* a year with another number of digits */
        return put_text(at, clock_format_ns(time_ns, known));
    memcpy(at, known, SECONDS_LENGTH + 1);
    at += SECONDS_LENGTH + 1;
    for (int i = 8; i >= 0; i--, fraction /= 10)
        at[i] = (char)('0' + fraction % 10);
    at[9] = 'Z';
    return at + 10;
}

void log_line_format(const struct log_line *line, struct strbuf *out)
{
    const struct log_record *record = &line->record;
    char *start = strbuf_reserve(out, HEAD_MAX + record->length + 1);
    char *at = put_time(start, record->time_ns);
    at = put_text(at, record->stream == EXEC_STDERR ? " stderr " : " stdout ");
    *at++ = record->partial ? 'P' : 'F';
    if (line->boot) {
        at = put_number(put_text(at, ":boot="), (uint64_t)line->boot);
        at = put_number(put_text(at, ":seq="), line->sequence);
    }
    *at++ = ' ';
    if (record->length)
        memcpy(at, record->text, record->length);
    for (char *newline = at;
         (newline = memchr(newline, '\n', record->length - (size_t)(newline - at)));)
        *newline = ' ';
    at += record->length;
    *at++ = '\n';
    *at = '\0';
    out->length += (size_t)(at - start);
}

/* --- from text ------------------------------------------------------------------------------ */

/* Exactly `count` digits at text. */
static bool read_digits(const char *text, int count, int64_t *ret_number)
{
    int64_t number = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = number;
    return true;
}

/* Seconds since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t seconds_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    return (era * 146097 + days - 719468) * 86400;
}

static bool read_seconds(const char *text, int64_t *ret_seconds)
{
    static const char shape[] = "....-..-..T..:..:..";
    int64_t year, month, day, hour, minute, second;
    for (int i = 0; i < SECONDS_LENGTH; i++)
        if (shape[i] != '.' && text[i] != shape[i])
            return false;
    if (!read_digits(text, 4, &year) || !read_digits(text + 5, 2, &month) ||
        !read_digits(text + 8, 2, &day) || !read_digits(text + 11, 2, &hour) ||
        !read_digits(text + 14, 2, &minute) || !read_digits(text + 17, 2, &second))
        return false;
    if (month < 1 || month > 12)
        return false;
    *ret_seconds = seconds_of(year, month, day) + hour * 3600 + minute * 60 + second;
    return true;
}

/* "2026-01-02T03:04:05.123456789Z ", with any number of digits behind the point. Moves *text. */
static bool read_time(const char **text, const char *end, int64_t *ret_ns)
{
    int64_t seconds, fraction = 0, unit = NS / 10;
    const char *at = *text;
    if (end - at < SECONDS_LENGTH + 2 || !read_seconds(at, &seconds))
        return false;
    at += SECONDS_LENGTH;
    if (*at == '.')
        for (at++; at < end && *at >= '0' && *at <= '9'; at++, unit /= 10)
            fraction += (*at - '0') * unit;
    if (end - at < 2 || at[0] != 'Z' || at[1] != ' ')
        return false;
    *ret_ns = seconds * NS + fraction;
    *text = at + 2;
    return true;
}

/* What stands before the next blank; moves *text behind it. */
static bool read_field(const char **text, const char *end, const char **ret_field,
                       size_t *ret_length)
{
    const char *blank = memchr(*text, ' ', (size_t)(end - *text));
    if (!blank)
        return false;
    *ret_field = *text;
    *ret_length = (size_t)(blank - *text);
    *text = blank + 1;
    return true;
}

static bool field_is(const char *field, size_t length, const char *text)
{
    return length == strlen(text) && memcmp(field, text, length) == 0;
}

/* The number behind ":NAME=" where the tags go on with that; moves *at. */
static uint64_t read_tag(const char **at, const char *end, const char *name)
{
    size_t length = strlen(name);
    const char *from = *at;
    uint64_t number = 0;
    if ((size_t)(end - from) < length || memcmp(from, name, length) != 0)
        return 0;
    for (from += length; from < end && *from >= '0' && *from <= '9'; from++) {
        if (number > (UINT64_MAX - 9) / 10)
            return 0;
        number = number * 10 + (uint64_t)(*from - '0');
    }
    *at = from;
    return number;
}

/* ":boot=3:seq=17" as we write it; what others have put there is not ours to understand. */
static void read_tags(const char *tags, const char *end, struct log_line *line)
{
    uint64_t boot = read_tag(&tags, end, ":boot=");
    uint64_t sequence = read_tag(&tags, end, ":seq=");
    if (boot && sequence && boot <= INT64_MAX && tags == end) {
        line->boot = (int64_t)boot;
        line->sequence = sequence;
    }
}

bool log_line_parse(const char *text, size_t length, struct log_line *ret_line)
{
    const char *end = text + length, *stream, *tags;
    size_t stream_length, tags_length;
    struct log_line line = {0};
    if (!read_time(&text, end, &line.record.time_ns) ||
        !read_field(&text, end, &stream, &stream_length) ||
        !read_field(&text, end, &tags, &tags_length))
        return false;
    if (field_is(stream, stream_length, "stdout"))
        line.record.stream = EXEC_STDOUT;
    else if (field_is(stream, stream_length, "stderr"))
        line.record.stream = EXEC_STDERR;
    else
        return false;
    if (!tags_length || (tags[0] != 'F' && tags[0] != 'P') || (tags_length > 1 && tags[1] != ':'))
        return false;
    line.record.partial = tags[0] == 'P';
    read_tags(tags + 1, tags + tags_length, &line);
    line.record.text = text;
    line.record.length = (size_t)(end - text);
    *ret_line = line;
    return true;
}
