/* Which images a Dockerfile builds on. Only that is read: buildah reads the rest. The syntax:
 * docs.docker.com/reference/dockerfile. Pure. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/vec.h"

#include <stdbool.h>

struct image_base {
    char *name;           /* as written, variables replaced */
    size_t start, length; /* where it stands in the text */
};

struct image_dockerfile {
    char *text;
    VEC(struct image_base)
    bases; /* in the text's order; of FROM, --from= and --mount=...,from=.
              Neither stages of this file nor "scratch" */
    bool has_heredoc;
};

/* args: {NAME: value} of the build, over the defaults of the ARGs before the first FROM; may be
 * NULL. target: NULL, or a stage that must exist. -EINVAL says what is wrong, with the line. */
int image_dockerfile_parse(const char *text, const cJSON *args, const char *target,
                           struct image_dockerfile *ret_dockerfile, struct error *err);
void image_dockerfile_done(struct image_dockerfile *dockerfile);

/* The text with names[i] in place of bases.items[i]; NULL keeps one. Owned by the caller. */
char *image_dockerfile_rewrite(const struct image_dockerfile *dockerfile, const char *const *names);
