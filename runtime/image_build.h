/* An image from a Dockerfile: what Compose's `build` says -> a key for the cache and the arguments
 * of buildah(1). Used by image_steps.c; everything blocks but the parsing.
 *
 * buildah works without a daemon, in chroots, in a store of its own below CACHE/images/buildah,
 * where it also keeps the layers between steps. That store is only its scratch: what a build makes
 * becomes an image of the cache like any other, and the cache knows which names are built here. So
 * the bases are looked up in the cache first, and buildah is given a Dockerfile whose images are
 * named in full: an id of its store, or a registry's reference. */
#pragma once

#include "base/hash.h"
#include "base/json.h"

#include <stdbool.h>

struct image_build;

/* spec: runtime.h, kind "image", with "build". -EINVAL says what is wrong. */
int image_build_parse(const cJSON *spec, struct image_build **ret_build, struct error *err);
void image_build_free(struct image_build *build);
DEFINE_FREEP(struct image_build *, image_build_free)

/* Build it though its name is there already? */
bool image_build_is_wanted(const struct image_build *build);
/* Its names, as sources ("docker://docker.io/library/app:latest"), the one of `image` first.
 * Borrowed, NULL-terminated. */
char *const *image_build_names(const struct image_build *build);

/* Reads the Dockerfile and the ignore file. */
int image_build_read(struct image_build *build, struct error *err);
/* Does it build on `source`? After image_build_read(). */
bool image_build_needs(const struct image_build *build, const char *source);

/* A base of the cache that is not in buildah's store any more, or never was. */
struct image_build_base {
    char *hex;  /* its id's digits */
    char *name; /* as the Dockerfile has it */
};
/* Looks up the bases in the cache. The key is the hash of all that the result depends on; "" where
 * only buildah can know (a context behind a URL). */
int image_build_resolve(struct image_build *build, const char *images, char key[HASH_HEX_SIZE],
                        struct error *err);
/* May a build with the same key take its place? */
bool image_build_may_be_cached(const struct image_build *build);
/* The first base that buildah's store lacks, NULL: none. After image_build_resolve(). */
const struct image_build_base *image_build_missing_base(const struct image_build *build,
                                                        const char *images);

/* Writes what the command line names into `folder`; buildah's store has all local bases by now. */
int image_build_prepare(const struct image_build *build, const char *images, const char *folder,
                        struct error *err);
/* Owned by the caller. Values of build arguments go through the environment, where other users do
 * not see them. */
char **image_build_argv(const struct image_build *build, const char *images, const char *folder);
char **image_build_environment(const struct image_build *build);

/* A line of buildah's with the bases named as the Dockerfile does. Owned by the caller. */
char *image_build_translate(const struct image_build *build, const char *line);
/* Does the Dockerfile have what buildah understands since 1.33 only? */
bool image_build_has_heredoc(const struct image_build *build);
