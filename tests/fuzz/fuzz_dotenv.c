/* .env and env_file. The input is two texts with a NUL between them: a file before, whose variables
 * the second sees, and the file itself. What was read is UTF-8 without a NUL, and read again from
 * quotes it is the same. */
#include "base/alloc.h"
#include "compose/dotenv.h"
#include "stage.h"

#include <errno.h>
#include <stdlib.h>

/* Two readings of one text must agree; problems must be told. */
static struct variables *read_text(struct arena *arena, struct text text,
                                   const struct variables *outer, bool is_raw, int *ret_result)
{
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_strbuf_ struct strbuf problems = {0};
    _cleanup_free_ char *copy = xcalloc(text.length + 1, 1); /* nothing behind it is read */
    memcpy(copy, text.data, text.length);
    struct variables *variables = variables_new(arena, outer);
    unsigned file = diagnostics_add_file(diagnostics, ".env", copy, text.length);
    *ret_result = (is_raw ? dotenv_read_raw : dotenv_read)(arena, diagnostics, file, copy,
                                                           text.length, variables);
    diagnostics_print(diagnostics, NULL, &problems);
    if ((*ret_result < 0) != (diagnostics_count(diagnostics, SEVERITY_ERROR) > 0))
        abort();
    return variables;
}

static void add_quoted(struct strbuf *out, const char *name, const char *value)
{
    strbuf_addf(out, "%s=\"", name);
    for (; *value; value++) {
        if (strchr("\\\"$", *value))
            strbuf_add_char(out, '\\');
        strbuf_add_char(out, *value);
    }
    strbuf_add_str(out, "\"\n");
}

static void check_values(struct arena *arena, const struct variables *variables, bool is_raw)
{
    _cleanup_strbuf_ struct strbuf written = {0};
    const struct node *own = variables_own(variables);
    for (size_t i = 0; i < own->count; i++) {
        const char *name = own->pairs[i].key, *value = own->pairs[i].value->text;
        if (!*name || strpbrk(name, "=\n \t") || !str_is_utf8(name, strlen(name)) ||
            !str_is_utf8(value, strlen(value)))
            abort();
        add_quoted(&written, name, value);
    }
    if (is_raw) /* any name but one with a blank */
        return;
    int result = 0;
    struct text text = {strbuf_text(&written), written.length};
    const struct node *again = variables_own(read_text(arena, text, NULL, false, &result));
    if (result < 0 || again->count != own->count)
        abort();
    for (size_t i = 0; i < own->count; i++)
        stage_require_same(own->pairs[i].key, own->pairs[i].value->text,
                           node_get_string(again, own->pairs[i].key, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text before = stage_take_text(&data, &size);
    struct text text = {(const char *)data, size};
    for (int is_raw = 0; is_raw < 2; is_raw++) {
        _cleanup_(arena_freep) struct arena *arena = arena_new();
        int result = 0;
        const struct variables *outer = read_text(arena, before, NULL, is_raw, &result);
        struct variables *variables = read_text(arena, text, outer, is_raw, &result);
        check_values(arena, outer, is_raw);
        check_values(arena, variables, is_raw);
    }
    return 0;
}
