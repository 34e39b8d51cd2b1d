/* Fifth stage: what the files leave out is filled in on the merged canonical tree, as `config`
 * shows it: env_file read into environment, the default network, paths made absolute, full names of
 * networks, volumes, configs and secrets. Services whose profiles are not enabled go, and then the
 * top level's entries nobody uses; references to what is not there go too, with an error. */
#pragma once

#include "compose/node.h"
#include "compose/schema_types.h"
#include "compose/variables.h"

struct completion {
    struct arena *arena;
    struct diagnostics *diagnostics;
    const struct variables *variables; /* for bare KEYs and `~`; NULL: they stay as they are */
    const char *directory;             /* absolute; relative paths begin here */
    const char *project;
    char *const *profiles; /* enabled; "*" is all */
    char *const *services; /* named by the caller: their profiles are enabled too */
    bool is_original;      /* not interpolated: values may be of any kind */
    bool keep_all;         /* nothing is left out */
    bool only_services;    /* all but those, and what they depend on, goes */
    bool is_wire;          /* a tree that was completed before: all of its services are enabled */
    /* What `config` can be told to leave out. */
    bool no_normalize, no_path_resolution, no_consistency, no_env_resolution;
};

/* *ret_disabled: the names of the services that went, a list. */
void complete_tree(const struct completion *completion, struct node *tree,
                   struct node **ret_disabled);

/* Values that say as much as none go. To be done at last. */
void complete_drop_empty(struct node *tree);
/* What is checked, and noted, but not kept goes. */
void complete_forget(struct node *tree);
/* Relative paths begin in directory, `~` is the variable HOME. Twice does no harm. */
void complete_paths(struct arena *arena, const struct variables *variables, const char *directory,
                    const struct node *tree);
/* The same for one service that another file extends: its build may yet get a context there. */
void complete_service_paths(struct arena *arena, const struct variables *variables,
                            const char *directory, struct node *service);
/* Bare KEYs of environments and build arguments take the variables' values. */
void complete_bare_keys(struct arena *arena, const struct variables *variables,
                        const struct node *tree);

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
/* volumes, configs and secrets of the top level. */
void complete_storage(const struct completion *completion, struct node *tree,
                      const struct node *services);
