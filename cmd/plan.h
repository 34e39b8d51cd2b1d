/* `plan` and `up --dry-run`. */
#pragma once

#include "cmd/client.h"
#include "cmd/command.h"

/* Sends the body of an `up` with dry_run and prints the diff. */
int plan_run(const struct invocation *invocation, struct client *client, const char *project,
             const char *body, struct error *err);
