/* See log_store.h: one line of a log, to text and back; pure. */
#include "runtime/log_store.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include <stdio.h>
#include <time.h>

void log_line_format(const struct log_line *line, struct strbuf *out)
{
    const struct log_record *record = &line->record;
    char time_text[CLOCK_TEXT_SIZE];
    strbuf_addf(out, "%s %s %c", clock_format_ns(record->time_ns, time_text),
                record->stream == EXEC_STDERR ? "stderr" : "stdout", record->partial ? 'P' : 'F');
    if (line->boot)
        strbuf_addf(out, ":boot=%lld:seq=%llu", (long long)line->boot,
                    (unsigned long long)line->sequence);
    strbuf_add_char(out, ' ');
    size_t start = out->length;
    strbuf_add(out, record->text, record->length);
    for (size_t i = start; i < out->length; i++)
        if (out->data[i] == '\n')
            out->data[i] = ' ';
    strbuf_add_char(out, '\n');
}

/* The field before the next blank; moves *text behind the blank. */
static bool next_field(const char **text, const char *end, char *field, size_t size)
{
    const char *blank = memchr(*text, ' ', (size_t)(end - *text));
    if (!blank || (size_t)(blank - *text) >= size)
        return false;
    memcpy(field, *text, (size_t)(blank - *text));
    field[blank - *text] = '\0';
    *text = blank + 1;
    return true;
}

/* "2026-01-02T03:04:05.123456789Z", with any number of digits behind the point. */
static bool parse_time(const char *text, int64_t *ret_ns)
{
    struct tm calendar = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &calendar);
    if (!rest)
        return false;
    int64_t fraction = 0, unit = 100000000;
    if (*rest == '.')
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, unit /= 10)
            fraction += (*rest - '0') * unit;
    *ret_ns = (int64_t)timegm(&calendar) * 1000000000 + fraction;
    return streq(rest, "Z");
}

static void parse_tags(char *tags, struct log_line *line)
{
    char *rest = NULL;
    uint64_t boot = 0, sequence = 0;
    for (char *tag = strtok_r(tags, ":", &rest); tag; tag = strtok_r(NULL, ":", &rest)) {
        const char *value;
        if ((value = str_after_prefix(tag, "boot=")))
            (void)str_to_u64(value, &boot);
        else if ((value = str_after_prefix(tag, "seq=")))
            (void)str_to_u64(value, &sequence);
    }
    if (boot && sequence && boot <= INT64_MAX) {
        line->boot = (int64_t)boot;
        line->sequence = sequence;
    }
}

bool log_line_parse(const char *text, size_t length, struct log_line *ret_line)
{
    const char *end = text + length;
    char time_text[CLOCK_TEXT_SIZE], stream[8], tags[80];
    struct log_line line = {0};
    if (!next_field(&text, end, time_text, sizeof(time_text)) ||
        !next_field(&text, end, stream, sizeof(stream)) ||
        !next_field(&text, end, tags, sizeof(tags)) || !parse_time(time_text, &line.record.time_ns))
        return false;
    if (streq(stream, "stdout"))
        line.record.stream = EXEC_STDOUT;
    else if (streq(stream, "stderr"))
        line.record.stream = EXEC_STDERR;
    else
        return false;
    if ((tags[0] != 'F' && tags[0] != 'P') || (tags[1] && tags[1] != ':'))
        return false;
    line.record.partial = tags[0] == 'P';
    parse_tags(tags + 1, &line);
    line.record.text = text;
    line.record.length = (size_t)(end - text);
    *ret_line = line;
    return true;
}
