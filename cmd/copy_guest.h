/* The guest's side of `cp`: what is at a path, and the daemon's archive requests (docs/api.md,
 * /containers/{id}/archive). Blocking. */
#pragma once

#include "cmd/client.h"
#include "cmd/connection.h"
#include "cmd/copy_path.h"

/* What is at the path; a symlink is followed. -ENOENT is no error here: COPY_MISSING. *ret_path
 * (may be NULL): where the links lead; owned by the caller. */
int copy_guest_stat(const struct client *client, const char *instance, const char *path,
                    enum copy_kind *ret_kind, char **ret_path, struct error *err);
/* "base64 of {"mode":N,"linkTarget":S}" -> kind, and the link's target, NULL for no link. */
int copy_guest_parse_stat(const char *text, enum copy_kind *ret_kind, char **ret_link,
                          struct error *err);
/* The tar of a path; read it by connection_receive(). */
int copy_guest_get(const struct client *client, const char *instance, const char *path,
                   struct connection *ret_connection, struct error *err);
/* A tar into a folder; send it by connection_send(), then connection_answer(). */
int copy_guest_put(const struct client *client, const char *instance, const char *folder,
                   bool owners, struct connection *ret_connection, struct error *err);
