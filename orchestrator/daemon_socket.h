/* The daemon's listening socket: our own at RUN/daemon.sock, or systemd's. Used by daemon.c. */
#pragma once

#include "base/error.h"
#include "base/paths.h"

#include <stdbool.h>
#include <sys/types.h>

struct daemon_socket {
    int fd;
    bool systemd; /* stays when we go */
    ino_t inode;  /* of the path; 0: systemd's */
    gid_t group;  /* whose members may connect; 0: nobody but us and root */
    char *path;
    char *parked_path; /* while we make up our mind to leave */
};

/* Takes LISTEN_FDS' (sd_listen_fds(3)) when it is meant for us, else binds the path (mode 0600, or
 * 0660 for root's daemon and the group PATHS_GROUP, where there is one); a file left there by an
 * earlier daemon is replaced: the caller holds the lock. */
int daemon_socket_open(const struct paths *paths, struct daemon_socket *ret_socket,
                       struct error *err);
/* From now on nobody finds it; who had found it already is waiting in the backlog. */
void daemon_socket_park(struct daemon_socket *socket);
/* Somebody connected and has not been accepted. */
bool daemon_socket_has_client(const struct daemon_socket *socket);
void daemon_socket_unpark(struct daemon_socket *socket);
/* False: somebody deleted it, or put another in its place. */
bool daemon_socket_is_reachable(const struct daemon_socket *socket);
/* Removes our own from the file system; it still accepts. */
void daemon_socket_remove(struct daemon_socket *socket);
/* Closes what is left. */
void daemon_socket_done(struct daemon_socket *socket);
