/* Between load.c (the whole), load_file.c (one file), load_extends.c and load_include.c. A context
 * is what a file's relative paths and variables mean: the project's own, or that of an `include`.
 * compose/ only. */
#pragma once

#include "compose/compose.h"
#include "compose/interpolate.h"
#include "compose/project.h"
#include "compose/variables.h"

struct load {
    struct arena *arena;
    const struct compose_options *options;
    struct diagnostics *diagnostics;
    struct variables *variables;
    struct project_files files;
    struct load_file *read; /* the same files and their texts, as many */
    size_t read_count;
    struct node *disabled; /* names of services */
    const char *name;      /* given by option or environment; NULL: the files or the folder say */
    struct node *profiles; /* of all services */
    size_t included;       /* includes so far */
    size_t extended;       /* nodes made by extends so far */
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
    const char *path, *name; /* absolute, or "-"; as positions show it */
    char *text;              /* NULL: not read yet, or taken by the diagnostics */
    size_t length;
    unsigned number;          /* out: in positions */
    struct position position; /* where it was asked for; of no file: the command line */
    struct node *resets;      /* out: what `!reset` and `!override` name, of the last document */
};

/* Reads a file's text, once: it may be a pipe. */
int load_read_text(const struct load *load, struct load_file *file, struct error *err);

/* Reads a file and merges it over tree, canonical. A file that cannot be read ends the load; one
 * that is wrong does not. */
int load_read_file(const struct load_context *context, struct load_file *file, struct node *tree,
                   struct error *err);

/* Reads a file into its documents, variables filled in, and what each has tagged (reset.h). */
int load_read_documents(const struct load_context *context, struct load_file *file,
                        struct node **ret_documents, struct node **ret_resets, struct error *err);

/* What `name:` at the beginning of a line of the text says, variables filled in; NULL: nothing. */
const char *load_peek_name(const struct load *load, const char *text);

/* Merges the services that the document's services extend below them. */
void load_apply_extends(const struct load_context *context, const struct load_file *file,
                        struct node *document);

/* Adds what the document includes to it. */
int load_apply_include(const struct load_context *context, struct node *document,
                       struct error *err);

/* Without the folder the caller stands in, for positions. */
const char *load_shown_path(const struct load *load, const char *path);
