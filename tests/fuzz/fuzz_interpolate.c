/* Text and variables. The input is two texts with a NUL between them: an .env for the variables,
 * and the text, which is also read as YAML, for places. Without a `$` it is itself; a result whose
 * `$` are doubled becomes itself again; a problem has a place in the text. */
#include "base/alloc.h"
#include "compose/dotenv.h"
#include "compose/extract.h"
#include "compose/interpolate.h"
#include "compose/yaml.h"
#include "stage.h"

#include <stdlib.h>

static struct variables *read_variables(struct arena *arena, struct text text)
{
    static char set[] = "SET=value", blank[] = "BLANK=", dollar[] = "DOLLAR=${SET}$";
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_free_ char *copy = xstrndup(text.data, text.length);
    struct variables *variables = variables_new(arena, NULL);
    variables_add_all(variables, (char *[]){set, blank, dollar, NULL});
    dotenv_read(arena, diagnostics, 0, copy, text.length, variables);
    return variables;
}

static void on_unset(const struct interpolate_text *text, const char *name, size_t offset)
{
    if (!*name || offset >= strlen(text->text) || text->text[offset] != '$')
        abort();
}

static char *doubled(const char *text)
{
    struct strbuf out = {0};
    for (; *text; text++) {
        if (*text == '$')
            strbuf_add_char(&out, '$');
        strbuf_add_char(&out, *text);
    }
    return strbuf_take(&out);
}

static int expand(struct arena *arena, struct diagnostics *diagnostics,
                  const struct variables *variables, const char *text, struct strbuf *out)
{
    struct interpolation *interpolation = interpolation_new(arena, diagnostics, variables);
    struct interpolate_text request = {.text = text, .on_unset = on_unset};
    int r = interpolate_text(interpolation, &request, out);
    if (r < 0 && (!request.problem || request.offset > strlen(text) ||
                  (request.offset < strlen(text) && text[request.offset] != '$')))
        abort();
    return r;
}

static void check_text(struct arena *arena, const struct variables *variables, const char *text)
{
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_strbuf_ struct strbuf out = {0}, again = {0};
    if (expand(arena, diagnostics, variables, text, &out) < 0)
        return;
    if (!strchr(text, '$'))
        stage_require_same("a text without $", text, strbuf_text(&out));
    _cleanup_free_ char *escaped = doubled(strbuf_text(&out));
    if (strlen(escaped) > (size_t)1024 * 1024)
        return; /* more than may be interpolated */
    if (expand(arena, diagnostics, variables, escaped, &again) < 0)
        abort();
    stage_require_same("a result", strbuf_text(&out), strbuf_text(&again));
}

static void check_document(struct arena *arena, const struct variables *variables, struct text text)
{
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_strbuf_ struct strbuf problems = {0};
    struct yaml_budget budget = {0};
    struct node *resets = NULL, *names = node_new(arena, NODE_MAP, (struct position){0});
    unsigned file = diagnostics_add_file(diagnostics, "compose.yaml", text.data, text.length);
    struct node *documents =
        yaml_read_file(arena, diagnostics, file, text.data, text.length, &budget, &resets);
    struct interpolation *interpolation = interpolation_new(arena, diagnostics, variables);
    for (size_t i = 0; documents && i < documents->count; i++) {
        extract_variables(arena, documents->items[i], names);
        interpolate_tree(interpolation, documents->items[i]);
    }
    diagnostics_print(diagnostics, NULL, &problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(arena_freep) struct arena *arena = arena_new();
    const struct variables *variables = read_variables(arena, stage_take_text(&data, &size));
    struct text text = {(const char *)data, size};
    _cleanup_free_ char *copy = xstrndup(text.data, text.length);
    check_text(arena, variables, copy);
    check_document(arena, variables, text);
    return 0;
}
