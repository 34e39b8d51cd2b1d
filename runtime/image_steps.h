/* What is done to make an image, step by step; image_request.c says in which order and runs them.
 * A job blocks and runs in the thread pool; a program is an argument vector for base/spawn.h, run
 * in making->folder. Each returns 0, or -errno with making->err set. */
#pragma once

#include "base/hash.h"
#include "base/spawn.h"
#include "runtime/image_bootstrap.h"
#include "runtime/image_build.h"
#include "runtime/image_oci.h"

enum image_pull { IMAGE_PULL_MISSING, IMAGE_PULL_ALWAYS, IMAGE_PULL_NEVER, IMAGE_PULL_COUNT };

struct image_making {
    char *images; /* CACHE/images */
    char *name;   /* as the person wrote it */
    enum image_pull pull;
    struct image_reference reference; /* one of the three is set */
    struct image_bootstrap *bootstrap;
    struct image_build *build;

    char key[HASH_HEX_SIZE];       /* of the reference or description; of a build's name */
    char build_key[HASH_HEX_SIZE]; /* of all that a build's result depends on; "": not known */
    char *fingerprint;   /* the source's state: a local source's, or the registry's digest */
    char *damage;        /* what is wrong with the copy that was cached */
    int lock, tool_lock; /* of the image; of mmdebstrap (alone) or buildah (shared); -1 */
    char *folder;        /* private, below CACHE/images/tmp */
    struct image_oci_facts facts;
    char *targets; /* apt-get's index targets */
    cJSON *image;  /* "id", "architecture", "config" */
    bool prunes;   /* buildah's store is too large, and nobody else uses it now */
    bool is_built; /* the reference is a name that a build gave */
    cJSON *result; /* set: the image is ready, nothing is left to do */
    char *built_id;
    char imported[HASH_HEX_SIZE]; /* the last base that buildah's store was given */
    size_t command;               /* of bootstrap's, the next */
    struct error err;
};

void image_making_done(struct image_making *making);

/* Jobs. */
int image_step_lookup(struct image_making *making);  /* is it cached and whole? */
int image_step_prepare(struct image_making *making); /* look again, programs there?, folder */
int image_step_compare(struct image_making *making); /* does the registry have what is cached? */
int image_step_layout(struct image_making *making);  /* id and configuration of what was fetched */
int image_step_files(struct image_making *making);   /* bootstrap's files */
int image_step_leave(struct image_making *making);   /* what its commands were lent */
int image_step_pack(struct image_making *making);    /* a base for buildah */
int image_step_ready(struct image_making *making);   /* the Dockerfile, with its bases' ids */
int image_step_built(struct image_making *making);   /* did buildah make what is there already? */
int image_step_install(struct image_making *making); /* hash, rename, reference */
int image_step_cleanup(struct image_making *making); /* the folder and the locks go */

/* Does the layout hold all of the configuration? After image_step_layout(). */
bool image_step_needs_config(const struct image_making *making);

/* Programs. *ret_argv is owned by the caller. */
int image_step_inspect(struct image_making *making, char ***ret_argv);
int image_step_copy(struct image_making *making, char ***ret_argv);
int image_step_config(struct image_making *making, char ***ret_argv);
int image_step_unpack(struct image_making *making, char ***ret_argv);
int image_step_sources(struct image_making *making, char ***ret_argv);
int image_step_bootstrap(struct image_making *making, char ***ret_argv);
/* The next of bootstrap's commands; image_step_next_command() tells which, NULL: none is left. */
const char *image_step_next_command(const struct image_making *making);
/* The id (its digits) of a base that is not in buildah's store; NULL: none is left. */
const char *image_step_missing_base(const struct image_making *making);
int image_step_extract(struct image_making *making, char ***ret_argv);
int image_step_tar(struct image_making *making, char ***ret_argv);
int image_step_import(struct image_making *making, char ***ret_argv);
int image_step_run(struct image_making *making, char ***ret_argv);
int image_step_build(struct image_making *making, char ***ret_argv);
int image_step_build_config(struct image_making *making, char ***ret_argv);
int image_step_sweep(struct image_making *making, char ***ret_argv);
int image_step_prune(struct image_making *making, char ***ret_argv);
int image_step_erofs(struct image_making *making, char ***ret_argv);
/* image_step_build()'s: values of build arguments. */
void image_step_add_build_environment(struct image_making *making, char ***environment);
/* And what some of them wrote. */
int image_step_read_config(struct image_making *making, const struct spawn_result *result);
int image_step_read_inspection(struct image_making *making, const struct spawn_result *result);
int image_step_has_run(struct image_making *making, const struct spawn_result *result);
int image_step_read_build_config(struct image_making *making, const struct spawn_result *result);
int image_step_read_sources(struct image_making *making, const struct spawn_result *result);
