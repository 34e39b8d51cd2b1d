/* Third stage: one file's tree, interpolated, -> its canonical form: every key known, every value
 * of the right type and in its long form (environment as a mapping, ports one by one, sizes in
 * bytes).
 *
 * All of it is driven by one table (schema_table.c), one row per key. The same table tells how two
 * files merge (merge.c), in which order `config` prints (print.c), and is docs/compose-reference.md
 * (reference.c). */
#pragma once

#include "compose/node.h"

enum key_class {
    KEY_WORKS,    /* on VMs as in the specification */
    KEY_LATER,    /* of the specification, checked and kept, but nothing is done with it yet: `up`
                     says so */
    KEY_INSTEAD,  /* a VM does something else instead, which the row's help tells: a warning each */
    KEY_NOTHING,  /* means nothing to a VM: one warning for all of them */
    KEY_OBSOLETE, /* accepted with a warning, and gone */
    KEY_CLASS_COUNT
};

/* How the values of two files become one (Compose Specification, "Merge"). */
enum merge_rule {
    MERGE_REPLACE,  /* the later one counts; no value (null) leaves the earlier, here and below */
    MERGE_OVERRIDE, /* the later one counts, no value as well */
    MERGE_MAP,      /* per key; values that are mappings again, others replaced */
    MERGE_PAIRS,    /* per key, of texts: a later KEY without a value counts */
    MERGE_OBJECT,   /* per key, each by its own row */
    MERGE_APPEND,   /* the later list goes behind the earlier, without duplicates */
    MERGE_CONCAT,   /* the later list goes behind the earlier */
    MERGE_HOSTS,    /* the same, but for what the earlier one has */
    MERGE_DISTINCT, /* the same, and nothing may then be there twice */
    MERGE_LOGGING,  /* as an object, but another driver replaces all */
    MERGE_SUBNETS,  /* lists of mappings, those of the same `subnet` merged */
    MERGE_RULE_COUNT
};

struct schema;
struct schema_key;

/* Takes a value apart and returns it in canonical form; NULL where it was reported. */
typedef struct node *schema_parse_fn(struct schema *schema, const struct schema_key *key,
                                     struct node *node);

struct schema_type {
    const char *name; /* as the reference page says it: "string or list of strings" */
    schema_parse_fn *parse;
    enum merge_rule merge;
    bool null_is_absent; /* `key:` with no value is as if it were not there */
};

struct schema_key {
    const char *name;
    const struct schema_type *type;
    const struct schema_object *object; /* of a mapping: its keys; of a list or mapping of names:
                                           the keys of each value */
    enum key_class class;
    const char *help;
    bool keeps_zero;       /* 0, false, "" and [] are not the same as none */
    bool hides_zero;       /* nor here, but the reference's JSON leaves them out */
    bool is_distinct;      /* as a list it holds no item twice; see MERGE_DISTINCT for all files */
    bool is_forgotten;     /* checked, but not shown: the reference does not keep it */
    bool is_hidden;        /* the reference's JSON leaves it out whatever it is */
    const char *shown;     /* ...shows it where it is not there: as "null", "{}", "0" or "" */
    const char *json_name; /* ...has it by this name */
};

struct schema_object {
    const char *title; /* "services.NAME" */
    const struct schema_key *keys;
    size_t count;
    bool extensions;   /* x-... is let through */
    const char *needs; /* a key that must be there when all files are merged; NULL: none */
};

/* The keys of a file's top level. */
extern const struct schema_object schema_root;
const struct schema_key *schema_find(const struct schema_object *object, const char *name);
/* The row of a pair of a canonical mapping; NULL for x-... */
static inline const struct schema_key *schema_row(const struct schema_object *object,
                                                  const struct node_pair *pair)
{
    bool is_ranked = pair->rank < object->count && object->keys[pair->rank].name == pair->key;
    return is_ranked ? &object->keys[pair->rank] : schema_find(object, pair->key);
}
/* Puts a value under a key of an object, at the rank the table gives it. */
void schema_put_value(struct arena *arena, const struct schema_object *object, struct node *map,
                      const char *name, struct node *value);
/* The key's value is a mapping of names to mappings with the rows of key->object. */
bool schema_has_entries(const struct schema_key *key);
/* Calls visit for the mappings that have the rows of key->object: the value itself, its items, or
 * its entries. */
typedef void schema_visit_fn(const struct schema_object *rows, struct node *map, void *data);
void schema_each(const struct schema_key *key, struct node *value, schema_visit_fn *visit,
                 void *data);
/* Calls visit for all mappings below one that have rows, and then for itself. */
void schema_walk(const struct schema_object *rows, struct node *map, schema_visit_fn *visit,
                 void *data);

struct schema_run {
    struct arena *arena;
    struct diagnostics *diagnostics;
    bool no_interpolate; /* values stay as they are written (schema_original.c) */
    bool is_open;        /* out: there is something for schema_finish() to look at */
};

/* Checks a document and makes it canonical, in place. Problems go to diagnostics; what was wrong is
 * NODE_BAD in the result, so that later stages can go on and find more. What another file may
 * complete is left open: keys without a value, and mappings without what they need. */
struct node *schema_normalise(struct schema_run *run, struct node *document);
/* The same for one service of a document, nothing else of which is looked at. NULL: there is none.
 */
struct node *schema_normalise_service(struct schema_run *run, const struct node *document,
                                      const char *name);
/* Checks what the merge of all files has left open, and what it has put together (schema_finish.c).
 */
void schema_finish(struct schema_run *run, struct node *tree);
