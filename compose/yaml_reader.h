/* What yaml.c (the events), yaml_anchors.c (anchors and aliases, `!reset` and `!override`) share.
 */
#pragma once

#include "base/vec.h"
#include "compose/yaml.h"
#include "compose/yaml_error.h"
#include "compose/yaml_mend.h"

#include <yaml.h>

#define RECENT_KEYS 256

struct recent_key {
    const char *text; /* NULL: none */
    uint32_t hash;    /* node_hash(text) */
};

/* What a pair of a map that is being read is for. */
enum { RANK_PLAIN, RANK_MERGE, RANK_RESET, RANK_BAD /* its key was reported */ };

/* What an earlier file says under the key goes; of `!reset` the value itself as well. */
enum yaml_tag { YAML_TAG_OTHER, YAML_TAG_RESET, YAML_TAG_OVERRIDE };

/* A collection that is being read. */
struct level {
    struct node *node;
    size_t first;    /* of its children among the reader's */
    const char *key; /* of a map: set while its value is awaited */
    struct position key_position;
    uint32_t key_hash;
    unsigned key_rank;
    size_t anchor; /* as reader_define_anchor() returned it */
    enum yaml_tag tag;
};

struct anchor {
    struct node *value; /* NULL: it is being read */
    enum yaml_tag tag;
    size_t path_length;               /* keys that lead to it */
    size_t first_override, overrides; /* below it, among the reader's */
};

struct reader {
    struct arena *arena;
    struct diagnostics *diagnostics;
    unsigned file;
    yaml_parser_t parser;
    struct node *documents;
    struct position document_position; /* of the last `---` */
    struct node *resets;               /* of the document at hand (reset.h) */
    struct node *all_resets;           /* a tree per document */
    VEC(struct node *) overrides;      /* their paths: an alias brings them along */
    struct level levels[YAML_DEPTH_LIMIT];
    size_t depth;
    /* Children of the open collections; items of lists have no key. Each goes to its node when that
     * is complete and its size known. */
    VEC(struct node_pair) children;
    struct recent_key recent_keys[RECENT_KEYS]; /* most keys are written many times */
    struct node *anchor_names;                  /* name -> place among the anchors, plus 1 */
    VEC(struct anchor) anchors;
    size_t alias_nodes, alias_text; /* bytes */
    struct yaml_budget *budget;     /* NULL: there is no limit */
    struct yaml_quotes quotes;
    struct yaml_mended *mended;
    bool is_mended; /* the text is to be read again, as mended has it */
    bool is_broken; /* an alias leads nowhere: there will be no documents */
    bool failed;    /* nothing sensible can be read any more */
};

static inline struct position reader_position(const struct reader *reader, const yaml_mark_t *mark)
{
    bool is_mended = reader->mended->shifts.count > 0;
    size_t column = is_mended ? yaml_mended_column(reader->mended, mark) : mark->column;
    return (struct position){
        .file = reader->file, .line = (unsigned)mark->line + 1, .column = (unsigned)column + 1};
}

#define fail_at(reader, position, hint, ...)                                                       \
    do {                                                                                           \
        (reader)->failed = true;                                                                   \
        diagnostics_add((reader)->diagnostics, SEVERITY_ERROR, position, hint, __VA_ARGS__);       \
    } while (0)

#define complain_at(reader, position, hint, ...)                                                   \
    diagnostics_add((reader)->diagnostics, SEVERITY_ERROR, position, hint, __VA_ARGS__)

/* yaml.c: a finished value goes where it belongs; that of a `!reset` only takes up its key. */
void reader_place(struct reader *reader, struct node *node);
void reader_leave_out(struct reader *reader, struct node *node);

/* --- yaml_anchors.c: tags and anchors, which most values have none of ------------------------- */

const char *reader_short_tag(const char *tag);
enum yaml_tag reader_note_tag(struct reader *reader, const char *name, struct position position);
size_t reader_add_anchor(struct reader *reader, const yaml_char_t *name, enum yaml_tag tag);
void reader_end_anchor(struct reader *reader, size_t anchor, struct node *value);
void reader_take_alias(struct reader *reader, const yaml_event_t *event);

/* NULL: there is none, as also "!" means. */
static inline const char *reader_tag_name(const yaml_char_t *tag)
{
    return tag ? reader_short_tag((const char *)tag) : NULL;
}

/* Notes the place of a `!reset` or `!override`. */
static inline enum yaml_tag reader_take_tag(struct reader *reader, const yaml_char_t *tag,
                                            struct position position)
{
    const char *name = reader_tag_name(tag);
    return name && name[0] == '!' ? reader_note_tag(reader, name, position) : YAML_TAG_OTHER;
}

/* The last definition of a name counts. 0 where there is none. */
static inline size_t reader_define_anchor(struct reader *reader, const yaml_char_t *name,
                                          enum yaml_tag tag)
{
    return name ? reader_add_anchor(reader, name, tag) : 0;
}

static inline void reader_complete_anchor(struct reader *reader, size_t anchor, struct node *value)
{
    if (anchor > 0)
        reader_end_anchor(reader, anchor, value);
}
