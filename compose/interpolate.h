/* Second stage: `$` in values (never in keys) is replaced, in place, before files are merged.
 * $V ${V} ${V:-d} ${V-d} ${V:?e} ${V?e} ${V:+a} ${V+a}, nested in d, e and a; `$$` is a `$`; a `$`
 * that begins none of these stays (Compose Specification, "Interpolation").
 *
 * ${VMSTEAD_REPLICA} stays as it is (MODEL_REPLICA) in a service's hostname and environment, unless
 * the caller has set it, and is an error anywhere else. */
#pragma once

#include "base/str.h"
#include "compose/node.h"
#include "compose/variables.h"

/* An unset variable is blank and, once per name, a warning. What cannot be read is an error with
 * the place of the `$`, and its node becomes NODE_BAD. */
struct interpolation;
struct interpolation *interpolation_new(struct arena *arena, struct diagnostics *diagnostics,
                                        const struct variables *variables);
void interpolate_tree(struct interpolation *interpolation, struct node *document);

/* The same for one text, for .env files, whose places the caller knows. */
struct interpolate_text {
    const char *text;
    /* Hears of each use of a variable that is not set; may be NULL. */
    void (*on_unset)(const struct interpolate_text *text, const char *name, size_t offset);
    void *data;
    size_t offset;       /* out: of the problem, */
    const char *problem; /* which lives in the arena */
};
/* out gets the result. 0, or -EINVAL with a problem. */
int interpolate_text(struct interpolation *interpolation, struct interpolate_text *text,
                     struct strbuf *out);
/* Says, once per name, that a variable is not set. */
void interpolate_warn_unset(struct diagnostics *diagnostics, const char *name,
                            struct position position);

/* The `}` that closes the `{` behind which text begins; NULL: there is none before end, or before
 * the end of the line. */
const char *interpolate_closing_brace(const char *text, const char *end);
