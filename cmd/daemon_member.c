/* See daemon_member.h. */
#include "cmd/daemon_member.h"

#include "base/paths.h"
#include "base/str.h"
#include "cmd/project.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

/* Where there is no group yet, root is the only way. */
static int refuse(const struct invocation *invocation, int code, const char *socket_path,
                  struct error *err)
{
    const char *name = invocation->command->name;
    if (!getgrnam(PATHS_GROUP))
        return project_need_root(invocation, err);
    if (code == EACCES)
        return error_set(err, EACCES,
                         "'%s' needs root or the group '" PATHS_GROUP
                         "', which may use '%s': 'sudo "
                         "vmstead %s ...', or 'sudo usermod -aG " PATHS_GROUP " $USER' and log in "
                         "again",
                         name, socket_path, name);
    return error_set(err, code,
                     "no daemon listens on '%s', and only root starts one: 'sudo vmstead %s ...', "
                     "or 'sudo vmstead setup' to have systemd do it",
                     socket_path, name);
}

int daemon_member_check(const struct invocation *invocation, struct error *err)
{
    _cleanup_free_ char *socket_path = paths_root_socket();
    if (geteuid() == 0 || access(socket_path, W_OK) == 0)
        return 0;
    return refuse(invocation, errno, socket_path, err);
}

int daemon_member_open(const struct invocation *invocation, struct client **ret_client,
                       struct error *err)
{
    _cleanup_free_ char *socket_path = paths_root_socket();
    _cleanup_close_ int fd = -1;
    int r = client_connect(socket_path, &fd, NULL);
    return r < 0 ? refuse(invocation, -r, socket_path, err)
                 : client_new(socket_path, ret_client, err);
}
