/* Command lines: one table of rows per command says everything about its options (name, type,
 * default, range, help), and the parser, the checks and the help text all read that table.
 *
 *     argv -> options_parse -> the command's struct of values + operands -> its run()
 *
 * Syntax as in Docker Compose (pflag): "--name VALUE", "--name=VALUE", "-n VALUE", "-nVALUE",
 * "-n=VALUE", short flags in one word ("-aq"), "--flag=false", "--" ends the options. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_FLAG,   /* bool */
    OPTION_STRING, /* const char *: borrowed from argv or the row; NULL without a default */
    OPTION_LIST,   /* char **: a vector, owned; may be given more than once */
    OPTION_NUMBER, /* int64_t, within minimum..maximum */
    OPTION_GRACE,  /* int64_t: whole seconds, up to a day, kept in milliseconds; -1 where not given
                    */
    OPTION_LINES,  /* int64_t: a count, or -1 for "all" */
    OPTION_CHOICE, /* const char *: one of the words in `argument`, separated by '|' */
    OPTION_TYPE_COUNT
};

struct option_row {
    const char *name; /* long, without dashes */
    char letter;      /* 0: none */
    enum option_type type;
    size_t offset;        /* where the value goes in the command's struct of values */
    const char *argument; /* how help calls the value; for OPTION_CHOICE the words */
    const char *fallback; /* default as one would type it; NULL: none (false, NULL, empty, 0) */
    int64_t minimum, maximum;
    const char *help;
};

struct option_table {
    const struct option_row *rows;
    size_t count;
};

struct option_result {
    bool help;             /* -h or --help was there: nothing else counts */
    char *const *operands; /* what is no option, in order; points into `vector` */
    size_t operand_count;
    char **vector; /* holds operands; borrowed strings */
};

/* Sets defaults, then reads argv[0..count-1]. With `interspersed` options may follow operands;
 * without it the first operand ends the options (exec, and the global ones before the command).
 * values must be zeroed. -EINVAL with the nearest known option named. */
int options_parse(const struct option_table *table, int count, char *const *argv, bool interspersed,
                  void *values, struct option_result *ret_result, struct error *err);
/* Frees the vectors in values and the operands. */
void options_done(const struct option_table *table, void *values, struct option_result *result);
/* True where the table has an option of that spelling ("-f", "--file", "--file=x"). */
bool options_knows(const struct option_table *table, const char *word);

/* The rows as help shows them, wrapped to `width` columns, "-h, --help" left out. */
void options_describe(const struct option_table *table, unsigned width, struct strbuf *out);
