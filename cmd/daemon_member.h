/* Those who are not root: a member of the group PATHS_GROUP uses root's daemon (which makes him as
 * powerful as root), but neither starts nor replaces one. */
#pragma once

#include "cmd/client.h"
#include "cmd/command.h"

/* 0 for root, and where the socket may be written to; else one error that says what to do. */
int daemon_member_check(const struct invocation *invocation, struct error *err);
/* A client to root's daemon, where it runs (or systemd listens for it). Owned by the caller. */
int daemon_member_open(const struct invocation *invocation, struct client **ret_client,
                       struct error *err);
