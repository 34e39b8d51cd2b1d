/* See paths.h. */
#include "base/paths.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>

#define PATHS_SYSTEM_RUN "/run/vmstead"

static char *xdg_folder(const char *variable, const char *below_home)
{
    const char *value = getenv(variable), *home = getenv("HOME");
    if (value && *value == '/')
        return xasprintf("%s/vmstead", value);
    return xasprintf("%s/%s/vmstead", home && *home ? home : "/tmp", below_home);
}

static int make_absolute(char **folder, struct error *err)
{
    int r = fs_make_directory(*folder, 0700, err);
    if (r < 0)
        return r;
    char *real = realpath(*folder, NULL);
    if (!real)
        return error_set(err, errno, "cannot resolve '%s': %s", *folder, strerror(errno));
    free(*folder);
    *folder = real;
    return 0;
}

int paths_init(struct paths *ret_paths, struct error *err)
{
    struct paths paths = {0};
    const char *root = getenv("VMSTEAD_ROOT");
    if (root && *root) {
        paths.state = xasprintf("%s/state", root);
        paths.run = xasprintf("%s/run", root);
        paths.cache = xasprintf("%s/cache", root);
    } else if (geteuid() == 0) {
        paths.state = xstrdup("/var/lib/vmstead");
        paths.run = xstrdup(PATHS_SYSTEM_RUN);
        paths.cache = xstrdup("/var/cache/vmstead");
    } else {
        paths.state = xdg_folder("XDG_STATE_HOME", ".local/state");
        paths.run = xdg_folder("XDG_RUNTIME_DIR", ".local/run");
        paths.cache = xdg_folder("XDG_CACHE_HOME", ".cache");
    }
    int r = make_absolute(&paths.state, err);
    if (r == 0)
        r = make_absolute(&paths.run, err);
    if (r == 0)
        r = make_absolute(&paths.cache, err);
    if (r < 0) {
        paths_done(&paths);
        return r;
    }
    char hex[HASH_HEX_SIZE];
    hash_sha256_hex(paths.state, strlen(paths.state), hex);
    snprintf(paths.root_id, sizeof(paths.root_id), "%.6s", hex);
    *ret_paths = paths;
    return 0;
}

void paths_done(struct paths *paths)
{
    free(paths->state);
    free(paths->run);
    free(paths->cache);
    *paths = (struct paths){0};
}

char *paths_daemon_socket(const struct paths *paths)
{
    return xasprintf("%s/daemon.sock", paths->run);
}

char *paths_root_socket(void)
{
    const char *root = getenv("VMSTEAD_ROOT");
    return root && *root ? xasprintf("%s/run/daemon.sock", root)
                         : xstrdup(PATHS_SYSTEM_RUN "/daemon.sock");
}
