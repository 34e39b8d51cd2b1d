/* What `vmstead setup` does to a host, as data: steps of commands and files. The same data is
 * carried out, or printed as a shell script (--dry-run), so that the two cannot differ.
 *
 *     a look at the host -> steps, each with its state -> carried out or printed (setup.c) */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "base/vec.h"

#include <stdbool.h>

/* One of the two. */
struct setup_action {
    char **argv;       /* a program to run */
    char *path, *text; /* a file to write, mode 0644 */
};

enum setup_state { SETUP_THERE, SETUP_NEEDED, SETUP_SKIPPED };

struct setup_step {
    const char *name;
    enum setup_state state;
    char *reason;                     /* why it is there already, skipped, or what it is for */
    VEC(struct setup_action) actions; /* of SETUP_NEEDED */
};

struct setup_steps {
    VEC(struct setup_step) list;
};

/* Looks at the host (runs `systemctl is-enabled`, changes nothing). */
void setup_look(struct setup_steps *steps);
void setup_steps_done(struct setup_steps *steps);
/* As a shell would be told: "groupadd --system vmstead", or a here-document. */
void setup_action_format(const struct setup_action *action, struct strbuf *out);
/* The same in a few words, for a line: "wrote '/etc/...'". */
void setup_action_describe(const struct setup_action *action, struct strbuf *out);
int setup_action_run(const struct setup_action *action, struct error *err);
