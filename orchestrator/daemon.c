/* See daemon.h. daemon_run() reads as the outline; below it nothing but its steps, above it the
 * callbacks from the loop. */
#include "orchestrator/daemon.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/api.h"
#include "orchestrator/daemon_log.h"
#include "orchestrator/daemon_memory.h"
#include "orchestrator/daemon_socket.h"
#include "orchestrator/state.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    IDLE_SECONDS = 60,
    SUCCESSION_MS = 5000, /* for a predecessor that is just leaving */
    TRIM_MS = 1000,       /* after the last request: memory goes back to the kernel */
    PROVIDER_LIMIT = 8,
    FILE_LIMIT = 16384,
};

struct daemon {
    uv_loop_t loop;
    struct paths paths;
    int lock_fd;
    struct daemon_socket socket;
    struct store *store;
    struct network *network;
    struct runtime *runtime;
    struct orchestrator *orchestrator;
    struct api *api;
    char *description_path; /* RUN/daemon.json, once it is written */
    uv_signal_t signals[2];
    uv_timer_t idle_timer, trim_timer;
    uv_fs_event_t run_folder;
    uint64_t idle_ms; /* 0: never leaves */
    bool leaving;
};

/* --- leaving ---------------------------------------------------------------------------------- */

static void daemon_leave(struct daemon *daemon, const char *why)
{
    if (daemon->leaving)
        return;
    log_info("leaving: %s; running VMs go on", why);
    daemon->leaving = true;
    uv_stop(&daemon->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    daemon_leave(handle->data, "signal");
}

static void on_stop_request(void *userdata)
{
    daemon_leave(userdata, "asked by a client");
}

static void on_all_stopped(void *userdata, const struct error *err)
{
    daemon_leave(userdata, err->code ? "not every VM could be stopped" : "all VMs were stopped");
}

static void on_shutdown_request(void *userdata)
{
    struct daemon *daemon = userdata;
    log_info("stopping all VMs: asked by a client");
    orchestrator_shutdown(daemon->orchestrator, on_all_stopped, daemon);
}

/* A client that connects while we look must find either us or no socket: so the socket is taken
 * away first, and put back where somebody had been quicker. Whoever finds none starts a daemon,
 * which waits for our lock. */
static void on_idle_timeout(uv_timer_t *timer)
{
    struct daemon *daemon = timer->data;
    if (!orchestrator_is_idle(daemon->orchestrator) || !api_is_quiet(daemon->api))
        return; /* the end of what goes on starts the timer again */
    daemon_socket_park(&daemon->socket);
    if (daemon_socket_has_client(&daemon->socket))
        daemon_socket_unpark(&daemon->socket);
    else
        daemon_leave(daemon, "nothing runs and nobody asks");
}

/* Somebody deleted the run folder: nobody can find us, and the next command starts another daemon.
 * Files in a new folder of that name are that one's. */
static void on_run_folder_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
    (void)name, (void)events, (void)status;
    struct daemon *daemon = handle->data;
    if (daemon->leaving || daemon_socket_is_reachable(&daemon->socket))
        return;
    free(TAKE_PTR(daemon->description_path));
    daemon_leave(daemon, "the socket was deleted");
}

static void on_trim_timeout(uv_timer_t *timer)
{
    (void)timer;
    daemon_memory_give_back();
}

/* Something has ended: from here on it may be quiet. */
static void daemon_note_activity(struct daemon *daemon)
{
    if (daemon->idle_ms)
        uv_timer_start(&daemon->idle_timer, on_idle_timeout, daemon->idle_ms, 0);
    uv_timer_start(&daemon->trim_timer, on_trim_timeout, TRIM_MS, 0);
    daemon_log_check(&daemon->paths);
}

static void on_activity(void *userdata)
{
    daemon_note_activity(userdata);
}

/* --- the modules' ties ------------------------------------------------------------------------ */

static void on_vm_event(void *userdata, const struct vm_status *status)
{
    struct daemon *daemon = userdata;
    if (daemon->orchestrator)
        orchestrator_vm_event(daemon->orchestrator, status);
    daemon_note_activity(daemon);
}

static void set_presence(void *userdata, const char *instance, enum instance_presence presence)
{
    struct daemon *daemon = userdata;
    network_set_presence(daemon->network, instance, presence);
}

static int get_vm_status(void *userdata, const char *instance, struct vm_status *ret_status)
{
    struct daemon *daemon = userdata;
    return runtime_vm_status(daemon->runtime, instance, ret_status);
}

static cJSON *describe_endpoints(void *userdata, const char *instance)
{
    struct daemon *daemon = userdata;
    return network_describe_endpoints(daemon->network, instance);
}

static cJSON *describe_ports(void *userdata, const char *instance)
{
    struct daemon *daemon = userdata;
    return network_describe_ports(daemon->network, instance);
}

static int start_probe(void *userdata, const char *instance, const struct probe_options *options,
                       void (*on_done)(void *userdata, const struct probe_result *result,
                                       const struct error *err),
                       void *done_userdata, struct probe **ret_probe, struct error *err)
{
    struct daemon *daemon = userdata;
    return runtime_probe_start(daemon->runtime, instance, options, on_done, done_userdata,
                               ret_probe, err);
}

static void abandon_probe(void *userdata, struct probe *probe)
{
    (void)userdata;
    runtime_probe_abandon(probe);
}

static int open_logs(void *userdata, const char *instance, const struct log_query *query,
                     bool (*on_record)(void *userdata, const struct log_record *record),
                     void (*on_end)(void *userdata, const struct error *err), void *log_userdata,
                     struct log_reader **ret_reader, struct error *err)
{
    struct daemon *daemon = userdata;
    return runtime_logs_open(daemon->runtime, instance, query, on_record, on_end, log_userdata,
                             ret_reader, err);
}

static int send_signal(void *userdata, const char *instance, int signal_number, struct error *err)
{
    return runtime_vm_signal(((struct daemon *)userdata)->runtime, instance, signal_number, err);
}

static int kill_service(void *userdata, const char *instance, struct error *err)
{
    return runtime_vm_kill(((struct daemon *)userdata)->runtime, instance, err);
}

static int set_paused(void *userdata, const char *instance, bool paused,
                      void (*on_done)(void *userdata, const struct error *err), void *done_userdata,
                      struct error *err)
{
    return runtime_vm_set_paused(((struct daemon *)userdata)->runtime, instance, paused, on_done,
                                 done_userdata, err);
}

static int remove_image(void *userdata, const char *name, const cJSON *used, struct error *err)
{
    _cleanup_json_ cJSON *removed = NULL;
    return runtime_image_remove(((struct daemon *)userdata)->runtime, name, used, &removed, err);
}

static const char *get_acceleration_note(void *userdata)
{
    return runtime_acceleration_note(((const struct daemon *)userdata)->runtime);
}

/* --- the steps of daemon_run() ---------------------------------------------------------------- */

/* Each VM costs a handful of descriptors, each client's stream two; the usual 1024 are soon gone.
 * Not more than FILE_LIMIT: programs we start inherit it, and some walk through all of them. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILE_LIMIT)
        return;
    limit.rlim_cur = limit.rlim_max < FILE_LIMIT ? limit.rlim_max : FILE_LIMIT;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t read_idle_ms(void)
{
    const char *text = getenv("VMSTEAD_IDLE_SECONDS");
    uint32_t seconds;
    if (!text || str_to_u32(text, &seconds) < 0)
        seconds = IDLE_SECONDS;
    return (uint64_t)seconds * 1000;
}

static int daemon_take_lock(struct daemon *daemon, bool wait, struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/daemon.lock", daemon->paths.run);
    int code = fs_lock_file(path, wait ? SUCCESSION_MS : 0, &daemon->lock_fd, err);
    if (code == -EWOULDBLOCK || code == -ETIMEDOUT)
        return error_set(err, EBUSY,
                         "a daemon runs already for '%s' (it holds '%s'): use it, or stop it first",
                         daemon->paths.state, path);
    return code;
}

static void daemon_init_loop(struct daemon *daemon)
{
    static const int numbers[ARRAY_SIZE(daemon->signals)] = {SIGTERM, SIGINT};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    uv_loop_init(&daemon->loop);
    uv_timer_init(&daemon->loop, &daemon->idle_timer);
    uv_timer_init(&daemon->loop, &daemon->trim_timer);
    uv_fs_event_init(&daemon->loop, &daemon->run_folder);
    daemon->idle_timer.data = daemon->trim_timer.data = daemon->run_folder.data = daemon;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        uv_signal_init(&daemon->loop, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
    }
}

static int daemon_build_orchestrator(struct daemon *daemon, struct error *err)
{
    const struct provider *providers[PROVIDER_LIMIT];
    size_t networks, runtimes;
    const struct provider *first = network_providers(daemon->network, &networks);
    const struct provider *second = runtime_providers(daemon->runtime, &runtimes);
    size_t count = 0;
    for (size_t i = 0; i < networks; i++)
        providers[count++] = &first[i];
    for (size_t i = 0; i < runtimes; i++)
        providers[count++] = &second[i];
    const struct orchestrator_world world = {.providers = providers,
                                             .provider_count = count,
                                             .set_presence = set_presence,
                                             .vm_status = get_vm_status,
                                             .describe_endpoints = describe_endpoints,
                                             .describe_ports = describe_ports,
                                             .acceleration_note = get_acceleration_note,
                                             .start_probe = start_probe,
                                             .abandon_probe = abandon_probe,
                                             .open_logs = open_logs,
                                             .signal = send_signal,
                                             .kill = kill_service,
                                             .set_paused = set_paused,
                                             .remove_image = remove_image,
                                             .userdata = daemon};
    return orchestrator_new(&daemon->loop, &daemon->paths, daemon->store, &world,
                            &daemon->orchestrator, err);
}

/* All modules' tables at once: a database that one of them does not know stays whole. */
static int daemon_open_store(struct daemon *daemon, struct error *err)
{
    const struct store_schema *const schemas[] = {network_schema(), runtime_schema(),
                                                  state_schema()};
    _cleanup_free_ char *database = xasprintf("%s/vmstead.db", daemon->paths.state);
    int code = store_open(database, &daemon->store, err);
    return code < 0 ? code : store_migrate_all(daemon->store, schemas, ARRAY_SIZE(schemas), err);
}

static int daemon_build(struct daemon *daemon, struct error *err)
{
    int code = daemon_open_store(daemon, err);
    if (code == 0)
        code = network_new(&daemon->loop, &daemon->paths, daemon->store, &daemon->network, err);
    if (code == 0)
        code = runtime_new(&daemon->loop, &daemon->paths, daemon->store, on_vm_event, daemon,
                           &daemon->runtime, err);
    return code < 0 ? code : daemon_build_orchestrator(daemon, err);
}

static int daemon_adopt(struct daemon *daemon, struct error *err)
{
    int code = network_adopt(daemon->network, err);
    if (code == 0)
        code = runtime_adopt(daemon->runtime, err);
    return code < 0 ? code : orchestrator_adopt(daemon->orchestrator, err);
}

static int daemon_serve(struct daemon *daemon, struct error *err)
{
    const struct api_options options = {.loop = &daemon->loop,
                                        .orchestrator = daemon->orchestrator,
                                        .runtime = daemon->runtime,
                                        .network = daemon->network,
                                        .paths = &daemon->paths,
                                        .listen_fd = daemon->socket.fd,
                                        .systemd = daemon->socket.systemd,
                                        .group = daemon->socket.group,
                                        .idle_seconds = (int64_t)(daemon->idle_ms / 1000),
                                        .on_stop = on_stop_request,
                                        .on_shutdown = on_shutdown_request,
                                        .on_activity = on_activity,
                                        .userdata = daemon};
    int code = api_new(&options, &daemon->api, err);
    if (code < 0)
        return code;
    _cleanup_json_ cJSON *description = api_describe_daemon(daemon->api);
    _cleanup_free_ char *text = json_print(description);
    daemon->description_path = xasprintf("%s/daemon.json", daemon->paths.run);
    return fs_write_file_atomic(daemon->description_path, text, strlen(text), 0600, err);
}

/* What is still open belongs to work that goes on without us; only closing handles are waited for.
 */
static void ignore_handle(uv_handle_t *handle, void *userdata)
{
    (void)userdata;
    if (!uv_is_closing(handle))
        uv_unref(handle);
}

/* The order is the reverse of building. The socket goes first, so that clients start a successor,
 * and the lock last, so that it waits. */
static void daemon_done(struct daemon *daemon)
{
    daemon_socket_remove(&daemon->socket);
    if (daemon->description_path)
        unlink(daemon->description_path);
    api_free(daemon->api);
    orchestrator_free(daemon->orchestrator);
    runtime_free(daemon->runtime);
    network_free(daemon->network);
    uv_close((uv_handle_t *)&daemon->idle_timer, NULL);
    uv_close((uv_handle_t *)&daemon->trim_timer, NULL);
    uv_close((uv_handle_t *)&daemon->run_folder, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(daemon->signals); i++)
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    uv_walk(&daemon->loop, ignore_handle, NULL);
    uv_run(&daemon->loop, UV_RUN_DEFAULT);
    uv_loop_close(&daemon->loop);
    store_close(daemon->store);
    daemon_socket_done(&daemon->socket);
    free(daemon->description_path);
    paths_done(&daemon->paths);
    closep(&daemon->lock_fd);
}

static int daemon_start(struct daemon *daemon, const struct daemon_options *options,
                        struct error *err)
{
    int code = daemon_take_lock(daemon, options->background, err);
    if (code == 0 && options->background)
        code = daemon_log_open(&daemon->paths, err);
    /* Listening comes before adoption: clients wait in the backlog instead of starting another. */
    if (code == 0)
        code = daemon_socket_open(&daemon->paths, &daemon->socket, err);
    if (code == 0)
        uv_fs_event_start(&daemon->run_folder, on_run_folder_event, daemon->paths.run, 0);
    if (code == 0)
        code = daemon_build(daemon, err);
    if (code == 0)
        code = daemon_adopt(daemon, err);
    if (code == 0)
        code = daemon_serve(daemon, err);
    return code;
}

int daemon_run(const struct daemon_options *options, struct error *err)
{
    struct daemon daemon = {.lock_fd = -1, .socket.fd = -1, .idle_ms = read_idle_ms()};
    daemon_memory_set_policy();
    raise_file_limit();
    umask(022); /* the modes of what we make do not depend on who started us */
    log_set_name("vmstead daemon");
    log_set_level_from_environment();
    int code = paths_init(&daemon.paths, err);
    if (code < 0)
        return code;
    daemon_init_loop(&daemon);
    code = daemon_start(&daemon, options, err);
    if (code == 0) {
        log_info("serving '%s' on '%s'", daemon.paths.state, daemon.socket.path);
        daemon_note_activity(&daemon);
        if (!daemon.leaving)
            uv_run(&daemon.loop, UV_RUN_DEFAULT);
    }
    daemon_done(&daemon);
    return code;
}
