/* Fifth stage: what the files leave out is filled in on the merged canonical tree, as `config`
 * shows it: env_file read into environment, the default network, paths made absolute, full names of
 * networks, volumes, configs and secrets. Services whose profiles are not enabled go, and then the
 * top level's entries nobody uses; references to what is not there go too, with an error. */
#pragma once

#include "compose/node.h"
#include "compose/schema_table.h"
#include "compose/variables.h"

struct completion {
    struct arena *arena;
    struct diagnostics *diagnostics;
    const struct variables *variables; /* for bare KEYs and `~`; NULL: they stay as they are */
    const char *directory;             /* absolute; relative paths begin here */
    const char *project;
    size_t *file_values;   /* made by env_file and label_file so far */
    char *const *profiles; /* enabled; "*" is all */
    char *const *services; /* named by the caller: their profiles are enabled too */
    bool is_original;      /* not interpolated: values may be of any kind */
    bool keep_all;         /* nothing is left out */
    bool only_services;    /* all but those, and what they depend on, goes */
    bool is_incomplete;    /* some file could not be read: what is undefined may stand there */
    bool is_wire;          /* a tree that was completed before: all of its services are enabled */
    /* What `config` can be told to leave out. */
    bool no_normalize, no_path_resolution, no_consistency, no_env_resolution;
};

/* *ret_disabled: the names of the services that went, a list. */
void complete_tree(const struct completion *completion, struct node *tree,
                   struct node **ret_disabled);

/* `tty: false`, `dns: []`. */
bool complete_says_nothing(const struct schema_key *key, const struct node *value);
/* Values that say as much as none go from a part of the tree, such as a service; and from all but
 * the services. To be done at last. */
void complete_drop_empty(const struct schema_object *rows, struct node *map);
void complete_drop_empty_rest(struct node *tree);
/* Of a tree that was not interpolated: variables and labels of several files are a list, as the
 * reference prints them. */
void complete_original_pairs(struct arena *arena, struct node *tree);
/* What is checked, and noted, but not kept goes. */
void complete_forget(const struct schema_object *rows, struct node *map);
void complete_forget_rest(struct node *tree);
/* What a tree's own folder and the caller's variables mean: a relative path is made absolute, `~`
 * is the variable HOME, a bare KEY of an environment takes its value. Twice does no harm. */
struct host_values {
    struct arena *arena;
    const struct variables *variables; /* NULL: `~` stays */
    const char *directory;             /* NULL: paths stay */
    bool bare_keys;                    /* they are filled in */
    /* Those of `environment: [KEY]` only: an include's own variables are asked for no others. */
    bool listed_keys;
    bool is_part; /* of a service: what has no path here may have one elsewhere */
};
void complete_host_values(const struct host_values *host, const struct node *tree);
/* The same for one service, and for all but the services. */
void complete_host_service(const struct host_values *host, struct node *service);
void complete_host_rest(const struct host_values *host, const struct node *tree);

/* --- between complete.c and complete_storage.c ------------------------------------------------ */

/* Puts a key with the rank its row gives it. */
void complete_put(const struct completion *completion, const struct schema_object *rows,
                  struct node *map, const char *name, struct node *value);

struct reference {
    const char *service, *kind, *name, *hint;
    struct position position;
};
void complete_report_undefined(const struct completion *completion,
                               const struct reference *reference, const struct node *written);

/* A service's `environment`, with what its env_file and label_file hold. */
void complete_environment(const struct completion *completion, struct node *service);
/* The services that `links`, `volumes_from`, `network_mode: service:X`... name are waited for. */
void complete_implied_dependencies(const struct completion *completion, struct node *service);
void complete_build(const struct completion *completion, struct node *service);
/* volumes, configs, secrets and models: what services use, service by service, and then the top
 * level, where the rest goes. */
enum { USED_VOLUMES, USED_CONFIGS, USED_SECRETS, USED_MODELS, USED_COUNT };
struct used_storage {
    const struct node *written[USED_COUNT]; /* NULL: no such section */
    struct node *used[USED_COUNT];
};
struct used_storage complete_storage_begin(const struct completion *completion,
                                           const struct node *tree);
void complete_storage_service(const struct completion *completion, struct used_storage *storage,
                              const struct node_pair *service);
void complete_storage_end(const struct completion *completion, const struct used_storage *storage,
                          struct node *tree);
