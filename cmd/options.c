/* Parses argv by a table of rows; see options.h. */
#include "cmd/options.h"

#include "base/alloc.h"
#include "base/vec.h"

#include <errno.h>
#include <stdio.h>

#define GRACE_LIMIT_S 86400

static void *value_at(const struct option_row *row, void *values)
{
    return (char *)values + row->offset;
}

static bool choice_contains(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (length && strncmp(at, word, length) == 0 && (at[length] == '|' || !at[length]))
            return true;
    }
    return false;
}

static int read_flag(const struct option_row *row, const char *text, bool *ret_value,
                     struct error *err)
{
    if (streq(text, "true") || streq(text, "1"))
        *ret_value = true;
    else if (streq(text, "false") || streq(text, "0"))
        *ret_value = false;
    else
        return error_set(err, EINVAL, "invalid value '%s' for --%s: use true or false", text,
                         row->name);
    return 0;
}

static int read_number(const struct option_row *row, const char *text, int64_t *ret_value,
                       struct error *err)
{
    const char *digits = text + (*text == '-');
    uint64_t magnitude;
    if (str_to_u64(digits, &magnitude) < 0 || magnitude > INT64_MAX)
        return error_set(err, EINVAL, "invalid value '%s' for --%s: a number is needed", text,
                         row->name);
    int64_t number = digits == text ? (int64_t)magnitude : -(int64_t)magnitude;
    if (number < row->minimum || number > row->maximum)
        return error_set(err, ERANGE, "invalid value '%s' for --%s: allowed is %lld to %lld", text,
                         row->name, (long long)row->minimum, (long long)row->maximum);
    *ret_value = number;
    return 0;
}

static int read_grace(const struct option_row *row, const char *text, int64_t *ret_value,
                      struct error *err)
{
    uint64_t seconds;
    if (str_to_u64(text, &seconds) < 0 || seconds > GRACE_LIMIT_S)
        return error_set(err, EINVAL, "invalid value '%s' for --%s: seconds, 0 to %d, are needed",
                         text, row->name, GRACE_LIMIT_S);
    *ret_value = (int64_t)seconds * 1000;
    return 0;
}

/* "all" and, as the reference has it, any negative number mean everything. */
static int read_lines(const struct option_row *row, const char *text, int64_t *ret_value,
                      struct error *err)
{
    const char *digits = text + (*text == '-');
    uint64_t count = 0;
    bool all = streq(text, "all");
    if (!all && (str_to_u64(digits, &count) < 0 || count > INT64_MAX))
        return error_set(err, EINVAL, "invalid value '%s' for --%s: use a number of lines or 'all'",
                         text, row->name);
    *ret_value = all || digits != text ? -1 : (int64_t)count;
    return 0;
}

static int set_value(const struct option_row *row, const char *text, void *values,
                     struct error *err)
{
    void *value = value_at(row, values);
    switch (row->type) {
    case OPTION_FLAG:
        return read_flag(row, text, value, err);
    case OPTION_STRING:
        *(const char **)value = text;
        return 0;
    case OPTION_LIST:
        strv_add(value, xstrdup(text));
        return 0;
    case OPTION_NUMBER:
        return read_number(row, text, value, err);
    case OPTION_GRACE:
        return read_grace(row, text, value, err);
    case OPTION_LINES:
        return read_lines(row, text, value, err);
    case OPTION_CHOICE:
        if (!choice_contains(row->argument, text))
            return error_set(err, EINVAL, "unsupported --%s value '%s': use one of %s", row->name,
                             text, row->argument);
        *(const char **)value = text;
        return 0;
    case OPTION_TYPE_COUNT:
        break;
    }
    return error_set(err, EINVAL, "option --%s has no type", row->name);
}

static const struct option_row *find_name(const struct option_table *table, const char *name,
                                          size_t length)
{
    for (size_t i = 0; i < table->count; i++)
        if (strlen(table->rows[i].name) == length &&
            strncmp(table->rows[i].name, name, length) == 0)
            return &table->rows[i];
    return NULL;
}

static const struct option_row *find_letter(const struct option_table *table, char letter)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].letter && table->rows[i].letter == letter)
            return &table->rows[i];
    return NULL;
}

static int refuse_name(const struct option_table *table, const char *name, size_t length,
                       struct error *err)
{
    _cleanup_free_ char *wanted = xstrndup(name, length);
    VEC(const char *) names = {0};
    for (size_t i = 0; i < table->count; i++)
        vec_add(&names, table->rows[i].name);
    const char *nearest = str_nearest(wanted, names.items, names.count);
    int result =
        nearest ? error_set(err, EINVAL, "unknown option --%s; did you mean --%s?", wanted, nearest)
                : error_set(err, EINVAL, "unknown option --%s", wanted);
    vec_done(&names);
    return result;
}

/* The state of one walk over argv. */
struct walk {
    const struct option_table *table;
    char *const *argv;
    int count, at;
    void *values;
    bool help;
};

/* The value of an option that needs one: what is attached to it, or the next word. */
static int take_value(struct walk *walk, const struct option_row *row, const char *attached,
                      const char *spelling, struct error *err)
{
    if (!attached) {
        if (walk->at >= walk->count)
            return error_set(err, EINVAL, "option %s needs an argument: %s", spelling,
                             row->argument);
        attached = walk->argv[walk->at++];
    }
    return set_value(row, attached, walk->values, err);
}

static int parse_long(struct walk *walk, const char *word, struct error *err)
{
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    if (length == 4 && strncmp(name, "help", 4) == 0) {
        walk->help = true;
        return 0;
    }
    const struct option_row *row = find_name(walk->table, name, length);
    if (!row)
        return refuse_name(walk->table, name, length, err);
    const char *attached = equals ? equals + 1 : NULL;
    if (row->type == OPTION_FLAG)
        return set_value(row, attached ? attached : "true", walk->values, err);
    return take_value(walk, row, attached, word, err);
}

static int parse_letters(struct walk *walk, const char *word, struct error *err)
{
    for (const char *letter = word + 1; *letter; letter++) {
        const struct option_row *row = find_letter(walk->table, *letter);
        if (!row && *letter == 'h') {
            walk->help = true;
            return 0;
        }
        if (!row)
            return error_set(err, EINVAL, "unknown option -%c in '%s'", *letter, word);
        bool assigned = letter[1] == '=';
        if (row->type != OPTION_FLAG) {
            const char spelling[] = {'-', *letter, '\0'};
            return take_value(walk, row, letter[1] ? letter + 1 + assigned : NULL, spelling, err);
        }
        int r = set_value(row, assigned ? letter + 2 : "true", walk->values, err);
        if (r < 0 || assigned)
            return r;
    }
    return 0;
}

static int set_fallbacks(const struct option_table *table, void *values, struct error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        if (row->type == OPTION_GRACE)
            *(int64_t *)value_at(row, values) = -1;
        int r = row->fallback ? set_value(row, row->fallback, values, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int walk_words(struct walk *walk, bool interspersed, struct option_result *result,
                      struct error *err)
{
    bool options_ended = false;
    while (walk->at < walk->count && !walk->help) {
        const char *word = walk->argv[walk->at++];
        int r = 0;
        if (options_ended || word[0] != '-' || !word[1]) {
            result->vector[result->operand_count++] = walk->argv[walk->at - 1];
            options_ended = options_ended || !interspersed;
        } else if (streq(word, "--")) {
            options_ended = true;
        } else if (word[1] == '-') {
            r = parse_long(walk, word, err);
        } else {
            r = parse_letters(walk, word, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

int options_parse(const struct option_table *table, int count, char *const *argv, bool interspersed,
                  void *values, struct option_result *ret_result, struct error *err)
{
    int r = set_fallbacks(table, values, err);
    if (r < 0)
        return r;
    struct option_result result = {.vector = xcalloc((size_t)count + 1, sizeof(char *))};
    struct walk walk = {.table = table, .argv = argv, .count = count, .values = values};
    r = walk_words(&walk, interspersed, &result, err);
    if (r < 0) {
        options_done(table, values, &result);
        return r;
    }
    result.help = walk.help;
    result.operands = result.vector;
    *ret_result = result;
    return 0;
}

void options_done(const struct option_table *table, void *values, struct option_result *result)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].type != OPTION_LIST)
            continue;
        char ***vector = value_at(&table->rows[i], values);
        strv_free(*vector);
        *vector = NULL;
    }
    free(result->vector);
    *result = (struct option_result){0};
}

bool options_knows(const struct option_table *table, const char *word)
{
    if (word[0] != '-' || !word[1])
        return false;
    if (word[1] != '-')
        return find_letter(table, word[1]) != NULL;
    return find_name(table, word + 2, strcspn(word + 2, "=")) != NULL;
}

/* "  -n, --tail N|all": the left column of help. */
static char *row_heading(const struct option_row *row)
{
    struct strbuf heading = {0};
    if (row->letter)
        strbuf_addf(&heading, "  -%c, --%s", row->letter, row->name);
    else
        strbuf_addf(&heading, "      --%s", row->name);
    if (row->type != OPTION_FLAG)
        strbuf_addf(&heading, " %s", row->argument);
    return strbuf_take(&heading);
}

static char *row_help(const struct option_row *row)
{
    struct strbuf help = {0};
    strbuf_add_str(&help, row->help);
    if (row->type == OPTION_NUMBER)
        strbuf_addf(&help, " (%lld to %lld)", (long long)row->minimum, (long long)row->maximum);
    if (row->fallback)
        strbuf_addf(&help, " (default: %s)", row->fallback);
    return strbuf_take(&help);
}

/* Adds text in lines of at most width - indent columns; the first line continues the current one.
 */
static void add_wrapped(struct strbuf *out, const char *text, unsigned indent, unsigned width)
{
    unsigned column = indent;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > indent && column + 1 + word > width) {
            strbuf_addf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            strbuf_add_char(out, ' ');
            column++;
        }
        strbuf_add(out, text, word);
        column += (unsigned)word;
        text += word + strspn(text + word, " ");
    }
    strbuf_add_char(out, '\n');
}

void options_describe(const struct option_table *table, unsigned width, struct strbuf *out)
{
    size_t widest = 0;
    for (size_t i = 0; i < table->count; i++) {
        _cleanup_free_ char *heading = row_heading(&table->rows[i]);
        if (strlen(heading) > widest)
            widest = strlen(heading);
    }
    for (size_t i = 0; i < table->count; i++) {
        _cleanup_free_ char *heading = row_heading(&table->rows[i]);
        _cleanup_free_ char *help = row_help(&table->rows[i]);
        strbuf_addf(out, "%-*s", (int)widest + 3, heading);
        add_wrapped(out, help, (unsigned)widest + 3, width);
    }
}
