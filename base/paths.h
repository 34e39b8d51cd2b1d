/* Where vmstead keeps things: one root, three folders.
 *
 * VMSTEAD_ROOT=/dir puts state/, run/ and cache/ below it. Without it: /var/lib/vmstead,
 * /run/vmstead and /var/cache/vmstead for root; $XDG_STATE_HOME/vmstead, $XDG_RUNTIME_DIR/vmstead
 * and $XDG_CACHE_HOME/vmstead (with the XDG defaults) for everybody else. */
#pragma once

#include "base/error.h"

struct paths {
    char *state; /* the database, logs and disks of instances: survives reboots */
    char *run;   /* sockets, pid files: gone after a reboot */
    char *cache; /* images, guest kits: can be deleted at any time with no VM running */
    /* 6 hex digits of a hash of the state folder's real path: in the name of every bridge, tap and
     * nft table, so that two roots on one host do not collide. */
    char root_id[8];
};

/* Absolute paths, folders made (0700). */
int paths_init(struct paths *ret_paths, struct error *err);
void paths_done(struct paths *paths);
/* The daemon's socket: RUN/daemon.sock. Owned by the caller. */
char *paths_daemon_socket(const struct paths *paths);
/* Whose members may use root's daemon, where there is such a group: `vmstead setup` makes it. */
#define PATHS_GROUP "vmstead"
/* The socket of root's daemon, for those who are not root: makes no folder. Owned by the caller. */
char *paths_root_socket(void);
