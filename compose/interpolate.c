/* See compose/interpolate.h. */
#include "compose/interpolate.h"

#include "base/alloc.h"
#include "compose/model.h"

#include <ctype.h>
#include <errno.h>

#define NESTING_LIMIT 32
#define WARNED_LIMIT 1000
#define TEXT_LIMIT ((size_t)1024 * 1024)       /* one value, expanded */
#define TOTAL_LIMIT ((size_t)16 * 1024 * 1024) /* all that expansion adds */

struct interpolation {
    struct arena *arena;
    struct diagnostics *diagnostics;
    const struct variables *variables;
    struct node *warned; /* names of unset variables */
    size_t total;
    bool has_replica; /* the value at hand may say which VM it is */
};

/* A place in a value as it stands in the file. */
struct place {
    const char *value; /* so far */
    const char *text;  /* the same in the file; NULL: not looked for yet */
    size_t left;       /* in the file */
    struct position position;
};

/* One text that is being expanded. */
struct expansion {
    struct interpolation *owner;
    const char *start; /* the whole text */
    size_t offset;     /* of the problem */
    const char *problem;
    const char *hint;
    const struct node *node; /* NULL: it is a text's that has no node */
    const struct interpolate_text *text;
    struct place place; /* of what was reported last: further ones stand behind it */
};

struct interpolation *interpolation_new(struct arena *arena, struct diagnostics *diagnostics,
                                        const struct variables *variables)
{
    struct interpolation *interpolation = arena_new0(arena, struct interpolation);
    interpolation->arena = arena;
    interpolation->diagnostics = diagnostics;
    interpolation->variables = variables;
    interpolation->warned = node_new(arena, NODE_MAP, (struct position){0});
    return interpolation;
}

static int fail(struct expansion *expansion, const char *at, const char *hint, const char *problem)
{
    expansion->offset = (size_t)(at - expansion->start);
    expansion->problem = problem;
    expansion->hint = hint;
    return -EINVAL;
}

/* The value, NULL where it is not set. That of VMSTEAD_REPLICA is the text itself, until the VM
 * knows, where that is allowed: *ret_problem is set where it is not. */
static const char *look_up(const struct expansion *expansion, const char *name,
                           const char **ret_problem)
{
    const char *value = variables_get(expansion->owner->variables, name);
    if (value || !expansion->node || !streq(name, "VMSTEAD_REPLICA"))
        return value;
    if (!expansion->owner->has_replica)
        *ret_problem = "'VMSTEAD_REPLICA' is known to each VM alone";
    return MODEL_REPLICA;
}

#define REPLICA_HINT "it can stand in 'hostname' and 'environment'"

static bool begins_name(char c)
{
    return c == '_' || isalpha((unsigned char)c);
}

static size_t name_length(const char *text)
{
    size_t length = 0;
    if (begins_name(text[0]))
        while (text[length] == '_' || isalnum((unsigned char)text[length]))
            length++;
    return length;
}

/* --- places ------------------------------------------------------------------------------------
 */

static void step(struct place *place)
{
    if (*place->text == '\n') {
        place->position.line++;
        place->position.column = 1;
    } else if (((unsigned char)*place->text & 0xc0) != 0x80) {
        place->position.column++;
    }
    place->text++;
    place->left--;
}

static bool stands_on(const struct place *place, const char *characters)
{
    return place->left > 0 && *place->text && strchr(characters, *place->text);
}

/* Behind the tag and anchor of a value, and the line that begins a block. */
static void skip_properties(struct place *place)
{
    while (stands_on(place, "&!")) {
        while (place->left > 0 && !stands_on(place, " \t\r\n"))
            step(place);
        while (stands_on(place, " \t\r\n"))
            step(place);
    }
    if (stands_on(place, "|>"))
        while (place->left > 0 && !stands_on(place, "\n"))
            step(place);
}

/* Where the `$` at offset was written: YAML may fold, indent and escape a text, but leaves each `$`
 * of it in the file. */
static struct position position_of(struct expansion *expansion, size_t offset)
{
    struct place *place = &expansion->place;
    const char *at = expansion->start + offset;
    if (!place->text || at < place->value) {
        *place = (struct place){.value = expansion->start, .position = expansion->node->position};
        place->text =
            diagnostics_text(expansion->owner->diagnostics, place->position, &place->left);
        if (!place->text)
            return expansion->node->position;
        skip_properties(place);
    }
    for (;; place->value++, step(place)) {
        while (place->value < at && *place->value != '$')
            place->value++;
        while (place->left > 0 && *place->text != '$')
            step(place);
        if (place->left == 0)
            return expansion->node->position;
        if (place->value == at)
            return place->position;
    }
}

/* --- expansion ---------------------------------------------------------------------------------
 */

void interpolate_warn_unset(struct diagnostics *diagnostics, const char *name,
                            struct position position)
{
    diagnostics_add_once(diagnostics, SEVERITY_WARNING, position,
                         "the '%s' variable is not set, defaulting to a blank string", name);
}

static void warn_unset(struct expansion *expansion, const char *name, const char *at)
{
    struct interpolation *owner = expansion->owner;
    size_t offset = (size_t)(at - expansion->start);
    if (owner->warned->count == WARNED_LIMIT || node_find(owner->warned, name))
        return;
    node_put(owner->arena, owner->warned, arena_strdup(owner->arena, name), (struct position){0},
             node_new(owner->arena, NODE_NULL, (struct position){0}));
    if (expansion->node)
        interpolate_warn_unset(owner->diagnostics, name, position_of(expansion, offset));
    else if (expansion->text->on_unset)
        expansion->text->on_unset(expansion->text, name, offset);
}

static int expand(struct expansion *expansion, const char *text, const char *end, unsigned depth,
                  struct strbuf *out);

/* The reference counts braces, but not with the character behind an opening one, looks no further
 * than the line, and where its count does not come out takes the last. */
const char *interpolate_closing_brace(const char *text, const char *end)
{
    size_t open = 1;
    const char *last = text < end && *text == '}' ? text : NULL;
    for (const char *c = text + 1; c < end && c[-1] != '\n' && *c != '\n'; c++) {
        if (*c == '}')
            last = c;
        if (*c == '}' && --open == 0)
            return c;
        if (*c == '{') {
            open++;
            c++;
            last = c < end && *c == '}' ? c : last;
        }
    }
    return last;
}

/* A word that may not count; what is wrong in it does, as in the reference. */
static int expand_word(struct expansion *expansion, const char *word, const char *end,
                       unsigned depth, struct strbuf *out)
{
    _cleanup_strbuf_ struct strbuf unused = {0};
    return expand(expansion, word, end, depth + 1, out ? out : &unused);
}

static int fail_required(struct expansion *expansion, const char *dollar, const char *name,
                         const struct strbuf *message)
{
    return fail(expansion, dollar, "set it in the environment or in .env",
                arena_printf(expansion->owner->arena,
                             "required variable '%s' is missing a value%s%s", name,
                             message->length ? ": " : "", strbuf_text(message)));
}

/* What follows the name in ${NAME...}: operator, then word. */
static int expand_operator(struct expansion *expansion, const char *dollar, const char *name,
                           const char *rest, const char *end, unsigned depth, struct strbuf *out)
{
    _cleanup_strbuf_ struct strbuf message = {0};
    const char *problem = NULL, *value = look_up(expansion, name, &problem);
    if (problem)
        return fail(expansion, dollar, REPLICA_HINT, problem);
    bool blank_counts_as_unset = *rest == ':';
    const char *word = rest + blank_counts_as_unset;
    char action = *word++;
    bool is_set = value && !(blank_counts_as_unset && *value == '\0');
    int r = 0;
    switch (action) {
    case '-':
        r = expand_word(expansion, word, end, depth, is_set ? NULL : out);
        break;
    case '+':
        return expand_word(expansion, word, end, depth, is_set ? out : NULL);
    case '?':
        r = expand_word(expansion, word, end, depth, &message);
        if (r == 0 && !is_set)
            r = fail_required(expansion, dollar, name, &message);
        break;
    default:
        return fail(expansion, dollar,
                    "the forms are ${NAME}, ${NAME:-default}, ${NAME:?message} and "
                    "${NAME:+other}; a literal $ is written $$",
                    "invalid interpolation format");
    }
    if (r == 0 && is_set)
        strbuf_add_str(out, value);
    return r;
}

/* A variable without an operator. */
static int add_value(struct expansion *expansion, const char *name, const char *dollar,
                     struct strbuf *out)
{
    const char *problem = NULL, *value = look_up(expansion, name, &problem);
    if (problem)
        return fail(expansion, dollar, REPLICA_HINT, problem);
    if (value)
        strbuf_add_str(out, value);
    else
        warn_unset(expansion, name, dollar);
    return 0;
}

/* text points behind "${". Returns where to go on, NULL on error. */
static const char *expand_braced(struct expansion *expansion, const char *text, const char *end,
                                 unsigned depth, struct strbuf *out)
{
    const char *dollar = text - 2;
    const char *close = interpolate_closing_brace(text, end);
    size_t length = name_length(text);
    if (!close || length == 0) {
        fail(expansion, dollar, "a literal $ is written $$",
             close ? "invalid interpolation format" : "'${' is not closed by '}' in its line");
        return NULL;
    }
    if (depth == NESTING_LIMIT) {
        fail(expansion, dollar, NULL, "variables nest too deep");
        return NULL;
    }
    _cleanup_free_ char *name = xstrndup(text, length);
    if (text + length < close) {
        int r = expand_operator(expansion, dollar, name, text + length, close, depth, out);
        return r < 0 ? NULL : close + 1;
    }
    return add_value(expansion, name, dollar, out) < 0 ? NULL : close + 1;
}

/* text points to a `$`. Returns where to go on, NULL on error. */
static const char *expand_dollar(struct expansion *expansion, const char *text, const char *end,
                                 unsigned depth, struct strbuf *out)
{
    if (text + 1 < end && text[1] == '{')
        return expand_braced(expansion, text + 2, end, depth, out);
    size_t length = text + 1 < end ? name_length(text + 1) : 0;
    if (length == 0) {
        strbuf_add_char(out, '$');
        return text + (text + 1 < end && text[1] == '$' ? 2 : 1);
    }
    _cleanup_free_ char *name = xstrndup(text + 1, length);
    return add_value(expansion, name, text, out) < 0 ? NULL : text + 1 + length;
}

static int expand(struct expansion *expansion, const char *text, const char *end, unsigned depth,
                  struct strbuf *out)
{
    while (text < end) {
        const char *dollar = memchr(text, '$', (size_t)(end - text));
        strbuf_add(out, text, (size_t)((dollar ? dollar : end) - text));
        if (!dollar)
            break;
        text = expand_dollar(expansion, dollar, end, depth, out);
        if (!text)
            return -EINVAL;
        if (out->length > TEXT_LIMIT)
            return fail(expansion, dollar, NULL, "the value grows beyond 1 MiB");
    }
    return 0;
}

/* What all of a file's values become is bounded: a line may double what the line before has made.
 */
static int expand_all(struct expansion *expansion, struct strbuf *out)
{
    struct interpolation *owner = expansion->owner;
    const char *text = expansion->start, *dollar = strchr(text, '$');
    size_t length = strlen(text);
    if (dollar && length > TEXT_LIMIT)
        return fail(expansion, dollar, NULL, "a text with variables must not be larger than 1 MiB");
    int r = owner->total <= TOTAL_LIMIT ? expand(expansion, text, text + length, 0, out) : 0;
    owner->total += out->length;
    return owner->total <= TOTAL_LIMIT
               ? r
               : fail(expansion, text, NULL, "the file's values grow beyond 16 MiB");
}

int interpolate_text(struct interpolation *interpolation, struct interpolate_text *text,
                     struct strbuf *out)
{
    struct expansion expansion = {.owner = interpolation, .start = text->text, .text = text};
    int r = expand_all(&expansion, out);
    if (r < 0) {
        text->offset = expansion.offset;
        text->problem = expansion.problem;
    }
    return r;
}

static void interpolate_string(struct interpolation *interpolation, struct node *node)
{
    _cleanup_strbuf_ struct strbuf out = {0};
    struct expansion expansion = {.owner = interpolation, .start = node->text, .node = node};
    int r = expand_all(&expansion, &out);
    if (r == 0) {
        node->text = arena_strndup(interpolation->arena, strbuf_text(&out), out.length);
        return;
    }
    diagnostics_add(interpolation->diagnostics, SEVERITY_ERROR,
                    position_of(&expansion, expansion.offset), expansion.hint, "%s",
                    expansion.problem);
    node->kind = NODE_BAD;
}

static void interpolate_node(struct interpolation *interpolation, struct node *node)
{
    if (!node->has_dollar)
        return;
    if (node->kind == NODE_STRING)
        interpolate_string(interpolation, node);
    for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
        interpolate_node(interpolation, node->items[i]);
    for (size_t i = 0; node->kind == NODE_MAP && i < node->count; i++)
        interpolate_node(interpolation, node->pairs[i].value);
}

static void interpolate_service(struct interpolation *interpolation, struct node *service)
{
    if (!service->has_dollar)
        return;
    for (size_t i = 0; service->kind == NODE_MAP && i < service->count; i++) {
        const char *key = service->pairs[i].key;
        interpolation->has_replica = streq(key, "hostname") || streq(key, "environment");
        interpolate_node(interpolation, service->pairs[i].value);
    }
    interpolation->has_replica = false;
    if (service->kind != NODE_MAP)
        interpolate_node(interpolation, service);
}

void interpolate_tree(struct interpolation *interpolation, struct node *document)
{
    for (size_t i = 0; document->kind == NODE_MAP && i < document->count; i++) {
        struct node *value = document->pairs[i].value;
        bool services = streq(document->pairs[i].key, "services") && value->kind == NODE_MAP;
        for (size_t j = 0; services && j < value->count; j++)
            interpolate_service(interpolation, value->pairs[j].value);
        interpolation->has_replica = strncmp(document->pairs[i].key, "x-", 2) == 0; /* anchors */
        if (!services)
            interpolate_node(interpolation, value);
        interpolation->has_replica = false;
    }
    if (document->kind != NODE_MAP)
        interpolate_node(interpolation, document);
}
