/* See compose/yaml.h. */
#include "compose/yaml_reader.h"

#include "base/str.h"
#include "compose/scalar.h"
#include "compose/yaml_error.h"

/* --- placing a finished node ---------------------------------------------------------------- */

static bool is_mapping(const struct node *node)
{
    return node->kind == NODE_MAP || node->kind == NODE_BAD; /* which was reported */
}

/* Mappings, of which the first to have a key gives its value. */
static bool is_merge_source(const struct node *source)
{
    for (size_t i = 0; source->kind == NODE_LIST && i < source->count; i++)
        if (!is_mapping(source->items[i]))
            return false;
    return source->kind == NODE_LIST || is_mapping(source);
}

/* One source of a merge key: what the map has already wins. */
static void merge_one(struct reader *reader, struct node *map, const struct node *source,
                      struct node *inherited)
{
    for (size_t i = 0; source->kind == NODE_MAP && i < source->count; i++)
        if (!node_find(map, source->pairs[i].key) && !node_find(inherited, source->pairs[i].key))
            node_put_ranked(reader->arena, inherited, &source->pairs[i]);
}

/* `<<` is kept under its own name until the map is complete, for explicit keys win wherever they
 * stand. */
static void apply_merge_key(struct reader *reader, struct node *map)
{
    struct node_pair *pair = node_find(map, "<<");
    if (!pair || pair->rank != RANK_MERGE)
        return;
    const struct node *source = pair->value;
    struct position position = pair->position;
    struct node *inherited = node_new(reader->arena, NODE_MAP, map->position);
    node_remove(map, "<<");
    if (!is_merge_source(source))
        complain_at(reader, position, "write `<<: *anchor` or `<<: [*one, *two]`",
                    "a merge key takes a mapping, not %s",
                    source->kind == NODE_LIST ? "a list of other values"
                                              : node_kind_name(source->kind));
    else if (source->kind == NODE_LIST)
        for (size_t i = 0; i < source->count; i++)
            merge_one(reader, map, source->items[i], inherited);
    else
        merge_one(reader, map, source, inherited);
    for (size_t i = 0; i < inherited->count; i++)
        node_put_ranked(reader->arena, map, &inherited->pairs[i]);
}

static void fill_list(struct reader *reader, struct node *list, size_t first)
{
    size_t count = reader->children.count - first;
    node_reserve(reader->arena, list, count);
    for (size_t i = 0; i < count; i++)
        node_append(reader->arena, list, reader->children.items[first + i].value);
}

static void remove_resets(struct node *map)
{
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++)
        if (map->pairs[i].rank != RANK_RESET)
            map->pairs[kept++] = map->pairs[i];
    node_shrink(map, kept);
}

static void fill_map(struct reader *reader, struct node *map, size_t first)
{
    size_t count = reader->children.count - first;
    bool has_merge_key = false, has_reset = false;
    node_reserve(reader->arena, map, count);
    for (size_t i = 0; i < count; i++) {
        const struct node_pair *pair = &reader->children.items[first + i];
        const struct node_pair *earlier = node_add(reader->arena, map, pair);
        has_merge_key = has_merge_key || pair->rank == RANK_MERGE;
        has_reset = has_reset || pair->rank == RANK_RESET;
        if (earlier)
            complain_at(reader, pair->position, NULL, "key '%s' is given twice (first in line %u)",
                        pair->key, earlier->position.line);
    }
    if (has_reset)
        remove_resets(map);
    if (has_merge_key)
        apply_merge_key(reader, map);
}

/* A key in the arena; a recent one where it is the same. */
static struct recent_key intern_key(struct reader *reader, const char *text)
{
    size_t length = strlen(text);
    size_t ends = length > 0 ? (size_t)text[0] * 5 + (size_t)text[length - 1] : 0;
    struct recent_key *recent = &reader->recent_keys[(ends * 3 + length * 29) % RECENT_KEYS];
    if (!recent->text || !streq(recent->text, text))
        *recent = (struct recent_key){arena_strndup(reader->arena, text, length), node_hash(text)};
    return *recent;
}

static void take_key(struct reader *reader, struct level *level, const struct node *node,
                     bool is_plain)
{
    static const struct node nothing = {.text = ""};
    const struct node *text = node_is_scalar(node) || node->kind == NODE_NULL ? node : &nothing;
    struct recent_key key = intern_key(reader, text->text);
    level->key = key.text;
    level->key_hash = key.hash;
    level->key_position = node->position;
    level->key_rank = is_plain && streq(level->key, "<<") ? RANK_MERGE : RANK_PLAIN;
    if (node->kind == NODE_STRING)
        return;
    if (node->kind == NODE_MAP || node->kind == NODE_LIST) {
        level->key_rank = RANK_BAD;
        complain_at(reader, node->position, NULL, "a key must be a string, not %s",
                    node_kind_name(node->kind));
    } else {
        complain_at(reader, node->position, "put it in quotes",
                    "a key must be a string, not %s ('%s')", node_kind_name(node->kind),
                    node->text);
    }
}

static void take_budget(struct reader *reader, const struct level *level, struct position position)
{
    if (reader->children.count - level->first >= YAML_COLLECTION_LIMIT)
        fail_at(reader, position, NULL, "%s holds more than %d values",
                node_kind_name(level->node->kind), YAML_COLLECTION_LIMIT);
    else if (++reader->budget->values > YAML_VALUE_LIMIT)
        fail_at(reader, position, NULL, "the files hold more than %d values", YAML_VALUE_LIMIT);
}

/* The value of the key at hand, or the next item. */
static void add_child(struct reader *reader, struct level *level, struct node *node, unsigned rank)
{
    if (reader->budget)
        take_budget(reader, level, node->position);
    if (rank != RANK_BAD)
        vec_add(&reader->children, ((struct node_pair){.key = level->key,
                                                       .position = level->key_position,
                                                       .rank = rank,
                                                       .hash = level->key_hash,
                                                       .value = node}));
    level->key = NULL;
}

/* Its key, which is given all the same, goes when the map is complete. */
void reader_leave_out(struct reader *reader, struct node *node)
{
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->key)
        add_child(reader, level, node, RANK_RESET);
    else if (reader->budget)
        take_budget(reader, level, node->position);
}

void reader_place(struct reader *reader, struct node *node)
{
    if (reader->depth == 0) {
        if (node->kind == NODE_NULL) /* where it ends is elsewhere */
            node->position = reader->document_position;
        if (reader->budget && reader->documents->count == YAML_DOCUMENT_LIMIT)
            fail_at(reader, node->position, NULL, "the file holds more than %d documents",
                    YAML_DOCUMENT_LIMIT);
        node_append(reader->arena, reader->documents, node);
        node_append(reader->arena, reader->all_resets, reader->resets);
        reader->resets = node_new(reader->arena, NODE_MAP, node->position);
        return;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->node->kind == NODE_MAP && !level->key) {
        take_key(reader, level, node, false);
        return;
    }
    level->node->has_dollar |= node->has_dollar;
    add_child(reader, level, node, level->key_rank);
}

/* --- events --------------------------------------------------------------------------------- */

/* Kind and value, from the text and its tag. */
static void resolve(struct reader *reader, struct node *node, const char *tag, bool is_plain)
{
    if (tag && scalar_resolve_tagged(reader->arena, node, node->text, tag) < 0)
        complain_at(reader, node->position, "leave the tag out", "'%.60s' is no !!%s", node->text,
                    tag);
    if (!tag && is_plain)
        scalar_resolve(reader->arena, node, node->text);
}

/* The text of a scalar, and its length. */
static const char *scalar_text(struct reader *reader, const yaml_event_t *event, size_t *ret_length)
{
    const char *value = (const char *)event->data.scalar.value;
    yaml_scalar_style_t style = event->data.scalar.style;
    bool is_escaped = style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    *ret_length = event->data.scalar.length;
    if (is_escaped && strlen(value) != *ret_length) { /* "\0" */
        complain_at(reader, reader_position(reader, &event->start_mark), NULL,
                    "a string must not hold a NUL character");
        *ret_length = strlen(value);
    }
    if (event->start_mark.line != event->end_mark.line &&
        (is_escaped || style == YAML_SINGLE_QUOTED_SCALAR_STYLE))
        reader->quotes = (struct yaml_quotes){true, event->start_mark, event->end_mark};
    return value;
}

static void read_key(struct reader *reader, struct level *level, const yaml_event_t *event)
{
    const char *tag = reader_tag_name(event->data.scalar.tag);
    bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    size_t length = 0;
    struct node node = {.kind = NODE_STRING,
                        .position = reader_position(reader, &event->start_mark),
                        .text = scalar_text(reader, event, &length)};
    resolve(reader, &node, tag, is_plain);
    take_key(reader, level, &node, is_plain && (!tag || streq(tag, "merge")));
    if (!event->data.scalar.anchor) /* most keys need no node */
        return;
    struct node *kept = node_new(reader->arena, node.kind, node.position);
    *kept = node;
    kept->text = level->key;
    reader_complete_anchor(
        reader, reader_define_anchor(reader, event->data.scalar.anchor, YAML_TAG_OTHER), kept);
}

static void read_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct level *level = reader->depth > 0 ? &reader->levels[reader->depth - 1] : NULL;
    if (level && level->node->kind == NODE_MAP && !level->key) {
        read_key(reader, level, event);
        return;
    }
    size_t length = 0;
    const char *text = scalar_text(reader, event, &length);
    struct node *node =
        node_new(reader->arena, NODE_STRING, reader_position(reader, &event->start_mark));
    node->text = arena_strndup(reader->arena, text, length);
    node->has_dollar = memchr(text, '$', length);
    enum yaml_tag tag = reader_take_tag(reader, event->data.scalar.tag, node->position);
    size_t anchor = reader_define_anchor(reader, event->data.scalar.anchor, tag);
    resolve(reader, node, reader_tag_name(event->data.scalar.tag),
            event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
    reader_complete_anchor(reader, anchor, node);
    if (tag == YAML_TAG_RESET && level)
        reader_leave_out(reader, node);
    else
        reader_place(reader, node);
}

static void open_level(struct reader *reader, enum node_kind kind, const yaml_event_t *event,
                       const yaml_char_t *anchor, const yaml_char_t *tag)
{
    struct position position = reader_position(reader, &event->start_mark);
    if (reader->depth == YAML_DEPTH_LIMIT) {
        fail_at(reader, position, NULL, "values nest deeper than %d levels", YAML_DEPTH_LIMIT);
        return;
    }
    enum yaml_tag kind_of_tag = reader_take_tag(reader, tag, position);
    size_t number = reader_define_anchor(reader, anchor, kind_of_tag);
    reader->levels[reader->depth++] =
        (struct level){.node = node_new(reader->arena, kind, position),
                       .first = reader->children.count,
                       .anchor = number,
                       .tag = kind_of_tag};
}

static void close_level(struct reader *reader)
{
    const struct level *level = &reader->levels[--reader->depth];
    if (level->node->kind == NODE_MAP)
        fill_map(reader, level->node, level->first);
    else
        fill_list(reader, level->node, level->first);
    reader->children.count = level->first;
    reader_complete_anchor(reader, level->anchor, level->node);
    if (level->tag == YAML_TAG_RESET && reader->depth > 0)
        reader_leave_out(reader, level->node);
    else
        reader_place(reader, level->node);
}

/* go-yaml refuses a version that is not 1.1, whatever it reads. */
static void begin_document(struct reader *reader, const yaml_event_t *event)
{
    reader->document_position = reader_position(reader, &event->start_mark);
    const yaml_version_directive_t *version = event->data.document_start.version_directive;
    if (version && (version->major != 1 || version->minor != 1))
        complain_at(reader, reader->document_position, "leave the line out",
                    "'%%YAML %d.%d' is not supported", version->major, version->minor);
}

static void read_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        reader_take_alias(reader, event);
        break;
    case YAML_SCALAR_EVENT:
        read_scalar(reader, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_level(reader, NODE_LIST, event, event->data.sequence_start.anchor,
                   event->data.sequence_start.tag);
        break;
    case YAML_MAPPING_START_EVENT:
        open_level(reader, NODE_MAP, event, event->data.mapping_start.anchor,
                   event->data.mapping_start.tag);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_level(reader);
        break;
    case YAML_DOCUMENT_START_EVENT:
        begin_document(reader, event);
        break;
    case YAML_DOCUMENT_END_EVENT: /* anchors stay, as in go-yaml */
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
        break;
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static void read_events(struct reader *reader, const char *text, size_t length)
{
    bool ended = false;
    while (!ended && !reader->failed) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            reader->failed = true;
            reader->is_mended = yaml_mend(reader->mended, &reader->parser, text, length);
            if (!reader->is_mended)
                yaml_report(&reader->parser, &reader->quotes, reader->diagnostics, reader->file,
                            text, length);
            return;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        read_event(reader, &event);
        yaml_event_delete(&event);
    }
}

/* libyaml compares each `%TAG` with all others, for minutes where there are many. */
static void count_directives(struct reader *reader, const char *text, size_t length)
{
    const char *end = text + length, *c = text;
    size_t count = 0;
    for (; (c = memchr(c, '%', (size_t)(end - c))); c++)
        count += c > text && c[-1] == '\n' && end - c >= 4 && memcmp(c, "%TAG", 4) == 0;
    if (count > YAML_DOCUMENT_LIMIT)
        fail_at(reader, ((struct position){.file = reader->file, .line = 1, .column = 1}), NULL,
                "the file holds more than %d directives", YAML_DOCUMENT_LIMIT);
}

/* One reading of the text. */
static struct node *read_once(struct reader *reader, const char *text, size_t length)
{
    struct position start = {.file = reader->file, .line = 1, .column = 1};
    reader->documents = node_new(reader->arena, NODE_LIST, start);
    reader->anchor_names = node_new(reader->arena, NODE_MAP, start);
    reader->resets = node_new(reader->arena, NODE_MAP, start);
    reader->all_resets = node_new(reader->arena, NODE_LIST, start);
    if (!yaml_parser_initialize(&reader->parser)) {
        fail_at(reader, start, NULL, "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)text, length);
    count_directives(reader, text, length);
    read_events(reader, text, length);
    yaml_parser_delete(&reader->parser);
    vec_done(&reader->children);
    vec_done(&reader->anchors);
    vec_done(&reader->overrides);
    return reader->failed || reader->is_broken ? NULL : reader->documents;
}

/* Reads the text, again where it was mended. fresh is a reader that has read nothing yet. */
static struct node *read_all(const struct reader *fresh, const char *text, size_t length,
                             struct node **ret_resets)
{
    struct yaml_mended mended = {0};
    struct node *documents = NULL;
    size_t values = fresh->budget ? fresh->budget->values : 0;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text += 3;
        length -= 3;
    }
    for (bool goes_on = true; goes_on;) {
        struct reader reader = *fresh;
        reader.mended = &mended;
        if (reader.budget)
            reader.budget->values = values;
        documents = read_once(&reader, text, length);
        *ret_resets = reader.all_resets;
        goes_on = reader.is_mended;
        text = goes_on ? strbuf_text(&mended.text) : text;
        length = goes_on ? mended.text.length : length;
    }
    yaml_mended_done(&mended);
    return documents;
}

struct node *yaml_read(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                       const char *text, size_t length)
{
    struct node *resets = NULL;
    struct reader reader = {.arena = arena, .diagnostics = diagnostics, .file = file};
    return read_all(&reader, text, length, &resets);
}

struct node *yaml_read_file(struct arena *arena, struct diagnostics *diagnostics, unsigned file,
                            const char *text, size_t length, struct yaml_budget *budget,
                            struct node **ret_resets)
{
    struct reader reader = {
        .arena = arena, .diagnostics = diagnostics, .file = file, .budget = budget};
    budget->size += length;
    if (budget->size > YAML_TEXT_LIMIT) {
        diagnostics_add(diagnostics, SEVERITY_ERROR, (struct position){.file = file}, NULL,
                        "with this file, all files are larger than %zu MiB", YAML_TEXT_LIMIT >> 20);
        return NULL;
    }
    return read_all(&reader, text, length, ret_resets);
}
