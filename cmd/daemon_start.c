/* Finds, checks, replaces and starts the daemon; see daemon_start.h. */
#include "cmd/daemon_start.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/version.h"
#include "cmd/daemon_launch.h"
#include "cmd/daemon_member.h"
#include "cmd/project.h"

#include <errno.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 30000
#define LEAVE_TIMEOUT_MS 15000
#define SHUTDOWN_TIMEOUT_MS 600000 /* services have grace periods, one after the other */

/* --- the right one -------------------------------------------------------------------------- */

/* The version's word comes first: an older daemon is replaced wherever VMs run, since the next one
 * finds them; a newer one's state would be more than we understand. */
enum fit {
    FIT_OURS,
    FIT_OLDER,     /* than we are: to be replaced */
    FIT_NEWER,     /* than we are: not ours to touch */
    FIT_ELSEWHERE, /* in another network namespace: replaced where nothing runs */
};

static enum fit judge_daemon(const cJSON *daemon)
{
    int difference = version_compare(json_string(daemon, "version", ""), vmstead_version);
    if (difference > 0)
        return FIT_NEWER;
    if ((uint64_t)json_int(daemon, "network_namespace", 0) != client_network_namespace())
        return FIT_ELSEWHERE;
    return difference < 0 ? FIT_OLDER : FIT_OURS;
}

static bool has_running(const cJSON *projects)
{
    const cJSON *project;
    cJSON_ArrayForEach(project, projects)
    {
        if (strstr(json_string(project, "Status", ""), "running"))
            return true;
    }
    return false;
}

static int refuse_newer(const cJSON *daemon, struct error *err)
{
    return error_set(err, EREMCHG,
                     "the daemon (pid %d) is of version %s, this program of version %s: upgrade "
                     "it, or use the newer one",
                     (int)json_int(daemon, "pid", 0), json_string(daemon, "version", "?"),
                     vmstead_version);
}

static int refuse_elsewhere(const cJSON *daemon, struct error *err)
{
    int pid = (int)json_int(daemon, "pid", 0);
    return error_set(err, EREMCHG,
                     "virtual machines run under a daemon in another network namespace (pid %d): "
                     "reach it with 'nsenter -t %d -n vmstead ...', or choose another VMSTEAD_ROOT",
                     pid, pid);
}

/* The lock file is held as long as the daemon lives. */
static int wait_until_gone(const struct paths *paths, uint64_t timeout_ms, struct error *err)
{
    _cleanup_free_ char *lock_path = xasprintf("%s/daemon.lock", paths->run);
    _cleanup_close_ int fd = -1;
    int r = fs_lock_file(lock_path, timeout_ms, &fd, err);
    return r < 0 ? error_prefix(err, "the daemon does not leave") : 0;
}

static int stop_daemon(const struct paths *paths, const char *socket_path, struct error *err)
{
    _cleanup_json_ cJSON *answer = NULL;
    int r = daemon_call(socket_path, "POST", "/vmstead/daemon/stop", &answer, err);
    return r < 0 ? r : wait_until_gone(paths, LEAVE_TIMEOUT_MS, err);
}

static int replace_daemon(const struct paths *paths, const char *socket_path, struct error *err)
{
    int r = stop_daemon(paths, socket_path, err);
    return r < 0 ? r : daemon_launch(paths, socket_path, err);
}

static int replace_where_idle(const struct paths *paths, const char *socket_path,
                              const cJSON *daemon, struct error *err)
{
    _cleanup_json_ cJSON *projects = NULL;
    int r = daemon_call(socket_path, "GET", "/vmstead/projects", &projects, err);
    if (r < 0)
        return r;
    return has_running(projects) ? refuse_elsewhere(daemon, err)
                                 : replace_daemon(paths, socket_path, err);
}

/* -ENOENT, -ECONNREFUSED or -ERESTART where there is none. Asking costs a tenth of a millisecond,
 * and is the only way to know: one that is being killed takes connections until the last moment. */
static int check_daemon(const struct paths *paths, const char *socket_path, struct error *err)
{
    _cleanup_json_ cJSON *daemon = NULL;
    int r = daemon_call(socket_path, "GET", "/vmstead/daemon", &daemon, err);
    if (r < 0)
        return r;
    switch (judge_daemon(daemon)) {
    case FIT_OLDER:
        return replace_daemon(paths, socket_path, err);
    case FIT_NEWER:
        return refuse_newer(daemon, err);
    case FIT_ELSEWHERE:
        return replace_where_idle(paths, socket_path, daemon, err);
    case FIT_OURS:
        break;
    }
    return 0;
}

int daemon_describe(cJSON **ret_daemon, struct error *err)
{
    _cleanup_(paths_done) struct paths paths = {0};
    int r = geteuid() == 0 ? paths_init(&paths, err) : 0;
    if (r < 0)
        return r;
    _cleanup_free_ char *socket_path =
        geteuid() == 0 ? paths_daemon_socket(&paths) : paths_root_socket();
    return daemon_call(socket_path, "GET", "/vmstead/daemon", ret_daemon, err);
}

/* What check_daemon() and the like return where none runs. */
static bool is_absent(int r)
{
    return r == -ENOENT || r == -ECONNREFUSED || r == -ERESTART;
}

static bool has_state(const struct paths *paths)
{
    _cleanup_free_ char *database = xasprintf("%s/vmstead.db", paths->state);
    return fs_exists(database);
}

int daemon_open(const struct invocation *invocation, enum daemon_need need,
                struct client **ret_client, struct error *err)
{
    *ret_client = NULL;
    if (geteuid() != 0)
        return daemon_member_open(invocation, ret_client, err);
    _cleanup_(paths_done) struct paths paths = {0};
    int r = paths_init(&paths, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *socket_path = paths_daemon_socket(&paths);
    r = check_daemon(&paths, socket_path, err);
    bool absent = is_absent(r);
    if (absent && need == DAEMON_IF_ANY && !has_state(&paths)) {
        error_done(err);
        return 0;
    }
    if (absent) {
        error_done(err);
        r = daemon_launch(&paths, socket_path, err);
        if (r == 0) /* somebody else may have started another kind meanwhile */
            r = check_daemon(&paths, socket_path, err);
    }
    return r < 0 ? r : client_new(socket_path, ret_client, err);
}

/* As root, with where the daemon's socket is; the caller owns both. */
static int find_daemon(const struct invocation *invocation, struct paths *paths,
                       char **ret_socket_path, struct error *err)
{
    int r = project_need_root(invocation, err);
    if (r == 0)
        r = paths_init(paths, err);
    if (r == 0)
        *ret_socket_path = paths_daemon_socket(paths);
    return r;
}

int daemon_restart(const struct invocation *invocation, struct error *err)
{
    _cleanup_(paths_done) struct paths paths = {0};
    _cleanup_free_ char *socket_path = NULL;
    int r = find_daemon(invocation, &paths, &socket_path, err);
    if (r < 0)
        return r;
    r = replace_daemon(&paths, socket_path, err);
    if (!is_absent(r))
        return r;
    error_done(err);
    return daemon_launch(&paths, socket_path, err);
}

int daemon_stop(const struct invocation *invocation, struct error *err)
{
    _cleanup_(paths_done) struct paths paths = {0};
    _cleanup_free_ char *socket_path = NULL;
    int r = find_daemon(invocation, &paths, &socket_path, err);
    if (r < 0)
        return r;
    r = stop_daemon(&paths, socket_path, err);
    if (!is_absent(r))
        return r;
    error_done(err);
    return 0;
}

int daemon_shutdown(const struct invocation *invocation, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_(paths_done) struct paths paths = {0};
    int r = project_need_root(invocation, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (r < 0 || !client)
        return r;
    r = paths_init(&paths, err);
    if (r == 0)
        r = client_call(client, "POST", "/vmstead/daemon/shutdown", NULL, ANSWER_TIMEOUT_MS, NULL,
                        err);
    return r < 0 ? r : wait_until_gone(&paths, SHUTDOWN_TIMEOUT_MS, err);
}
