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

/* The same for one text, for .env files: out gets the result. 0, or -EINVAL with *ret_offset the
 * place and *ret_problem (in the arena) what is wrong there. Unset variables are blank. */
int interpolate_text(struct interpolation *interpolation, const char *text, struct strbuf *out,
                     size_t *ret_offset, const char **ret_problem);

/* The `}` that closes the `{` behind which text begins; NULL: there is none before end, or before
 * the end of the line. */
const char *interpolate_closing_brace(const char *text, const char *end);
