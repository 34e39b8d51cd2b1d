/* What the long programs that make an image (mmdebstrap, buildah, a bootstrap's `run`) print: their
 * progress for people, and their last lines as evidence where they fail. Pure. */
#pragma once

#include "base/error.h"

#include <stdint.h>

enum { IMAGE_OUTPUT_LINES = 10 };

struct image_output {
    char *last[IMAGE_OUTPUT_LINES]; /* a ring; NULL: not that many came */
    size_t next;
    char *step; /* buildah's "STEP 2/5: RUN make" */
    char *text; /* of the progress told last */
    uint64_t told_ms;
};

/* Takes a line. Returns what to show now, or NULL; valid until the next call. now_ms: lines of
 * what runs within a step are not shown more often than people read. */
const char *image_output_add(struct image_output *output, const char *line, uint64_t now_ms);
/* Forgets the lines of a program that has ended. */
void image_output_done(struct image_output *output);
/* The last lines, indented, each behind a newline; "" where nothing came. Owned by the caller. */
char *image_output_tail(const struct image_output *output);

/* A command of a bootstrap begins, the number-th of count. As above. */
const char *image_output_begin(struct image_output *output, size_t number, size_t count,
                               const char *command);
/* It failed: with an exit code, or by a signal. */
int image_output_explain_command(const struct image_output *output, const char *name,
                                 const char *command, int exit_status, int term_signal,
                                 struct error *err);

/* Why buildah failed to build the image `name`; errors: the end of its stderr. */
int image_output_explain_build(const struct image_output *output, const char *name,
                               const char *errors, struct error *err);
