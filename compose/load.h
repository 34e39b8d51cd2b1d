/* Between load.c (the whole), load_file.c (one file), load_extends.c and load_include.c. A context
 * is what a file's relative paths and variables mean: the project's own, or that of an `include`.
 * compose/ only. */
#pragma once

#include "compose/compose.h"
#include "compose/interpolate.h"
#include "compose/project.h"
#include "compose/variables.h"
#include "compose/yaml.h"

struct load {
    struct arena *arena;
    const struct compose_options *options;
    struct diagnostics *diagnostics;
    struct variables *variables;
    struct project_files files;
    struct load_file *read; /* the same files, as many */
    size_t read_count;
    struct node *disabled; /* names of services */
    const char *name;      /* of the project */
    struct node *profiles; /* of all services */
    struct yaml_budget budget;
    size_t included;      /* includes so far */
    bool is_incomplete;   /* one of them could not be read: what is undefined may stand there */
    size_t file_values;   /* made by env_file and label_file so far */
    size_t extended;      /* nodes made by extends so far */
    size_t extended_text; /* their bytes */
};

struct load_context {
    struct load *load;
    const char *directory; /* absolute */
    const struct variables *variables;
    struct interpolation *interpolation;
    const struct load_context *includer; /* NULL: the project itself */
    const char *including;               /* the first path of the include, absolute */
    unsigned depth;
    struct node *extended_files; /* path -> what load_extends.c has read */
};

struct load_file {
    const char *path, *name;  /* absolute, or "-"; as positions show it */
    struct position position; /* where it was asked for; of no file: the command line */
    /* As load_parse_file() found it. */
    unsigned number;              /* in positions */
    struct node *documents;       /* NULL: not read yet, or not readable */
    struct node *document_resets; /* what `!reset` and `!override` name: a tree (reset.h) each */
    const struct node *resets;    /* that of the document at hand */
};

/* Reads a file into its documents, once: it may be a pipe. -EINVAL without err: it is no YAML, as
 * was reported. */
int load_parse_file(struct load *load, struct load_file *file, struct error *err);
/* Fills variables in. */
void load_fill_in(const struct load_context *context, const struct load_file *file);

/* Reads a file, where that was not done yet, and merges it over tree, canonical. A file that cannot
 * be read ends the load; one that is wrong does not. */
int load_merge_file(const struct load_context *context, struct load_file *file, struct node *tree,
                    struct error *err);

/* Sets load->name, and COMPOSE_PROJECT_NAME among the variables. */
int load_find_name(struct load *load, struct error *err);

/* Merges the services that the document's services extend below them. */
void load_apply_extends(const struct load_context *context, const struct load_file *file,
                        struct node *document);

/* Adds what the document includes to it. */
int load_apply_include(const struct load_context *context, struct node *document,
                       struct error *err);

/* Where the relative paths of what is extended or included begin: its folder, as seen from the
 * context's where paths are not resolved. */
const char *load_paths_begin(const struct load_context *context, const char *directory);

/* Without the folder the caller stands in, for positions. */
const char *load_shown_path(const struct load *load, const char *path);
