/* See api_fakes.h. */
#include "api_fakes.h"
#include "api_fakes_internal.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

enum { IN_FLIGHT = 256 << 10, STDIN_ROOM = 48 << 10 };

struct fake_counters fakes;
uv_loop_t *fake_loop;

void fake_free_on_close(uv_handle_t *handle)
{
    free(handle->data);
}

/* --- orchestrator ----------------------------------------------------------------------------- */

static cJSON *make_instance(const char *service, const char *id_digit, const char *state,
                            int exit_code)
{
    cJSON *instance = cJSON_CreateObject();
    _cleanup_free_ char *name = xasprintf("shop-%s-1", service);
    _cleanup_strbuf_ struct strbuf id = {0};
    for (int i = 0; i < 64; i++)
        strbuf_add_str(&id, id_digit);
    json_set_string(instance, "Id", id.data);
    json_set_string(instance, "Name", name);
    json_set_string(instance, "Project", "shop");
    json_set_string(instance, "Service", service);
    json_set_int(instance, "Number", 1);
    json_set_string(instance, "Image", "nginx:1.25");
    json_set_string(instance, "ImageID", "sha256:abc");
    json_set_string(instance, "Command", "nginx -g 'daemon off;'");
    json_set_int(instance, "CreatedMs", (int64_t)(time(NULL) - 70) * 1000);
    json_set_string(instance, "State", state);
    json_set_int(instance, "ExitCode", exit_code);
    json_set_int(instance, "StartedMs", (int64_t)(time(NULL) - 65) * 1000);
    json_set_int(instance, "FinishedMs", exit_code ? (int64_t)(time(NULL) - 5) * 1000 : 0);
    json_set_string(instance, "Health", streq(service, "web") ? "healthy" : "");
    json_set_int(instance, "RestartCount", 2);
    json_set_string(instance, "RestartPolicy", "on-failure");
    json_set_int(instance, "RestartMaximum", 3);
    json_set_bool(instance, "Tty", true);
    json_set_bool(instance, "OOMKilled", streq(service, "job"));
    json_set(instance, "Labels", cJSON_Parse("{\"tier\":\"front\"}"));
    json_set(
        instance, "Mounts",
        cJSON_Parse("[{\"Type\":\"volume\",\"Name\":\"shop_data\",\"Destination\":\"/data\"}]"));
    json_set(
        instance, "Endpoints",
        cJSON_Parse("[{\"network\":\"shop_frontend\",\"interface\":\"eth0\",\"mac\":\"02:00:00:"
                    "00:00:01\",\"address\":\"10.89.0.2\",\"prefix\":24,\"gateway\":\"10.89.0.1"
                    "\"}]"));
    json_set(
        instance, "Ports",
        cJSON_Parse("[{\"host_ip\":\"\",\"published\":8080,\"target\":80,\"protocol\":\"tcp\"}]"));
    return instance;
}

cJSON *orchestrator_instances(struct orchestrator *orchestrator, const char *project, bool all)
{
    (void)orchestrator;
    cJSON *list = cJSON_CreateArray();
    if (project && !streq(project, "shop"))
        return list;
    cJSON_AddItemToArray(list, make_instance("cache", "a", "running", 0));
    cJSON_AddItemToArray(list, make_instance("web", "b", "running", 0));
    if (!all)
        return list;
    cJSON_AddItemToArray(list, make_instance("job", "c", "exited", 3));
    cJSON_AddItemToArray(list, make_instance("idle", "d", "paused", 0));
    return list;
}

cJSON *orchestrator_projects(struct orchestrator *orchestrator)
{
    (void)orchestrator;
    return cJSON_Parse("[{\"Name\":\"shop\",\"Status\":\"running(2)\",\"Instances\":3}]");
}

int orchestrator_find_instance(struct orchestrator *orchestrator, const char *name_or_id,
                               char **ret_instance, struct error *err)
{
    _cleanup_json_ cJSON *list = orchestrator_instances(orchestrator, NULL, true);
    const cJSON *instance;
    cJSON_ArrayForEach(instance, list)
    {
        if (!streq(json_string(instance, "Name", ""), name_or_id) &&
            !str_after_prefix(json_string(instance, "Id", ""), name_or_id))
            continue;
        *ret_instance = xstrdup(json_string(instance, "Name", ""));
        return 0;
    }
    return error_set(err, ENOENT, "no instance '%s'", name_or_id);
}

/* --- exec ------------------------------------------------------------------------------------- */

struct exec {
    uv_idle_t idle; /* active while something can move */
    const struct exec_callbacks *callbacks;
    void *userdata;
    char **argv;
    struct strbuf input;
    bool stdin_open;
    size_t in_flight, to_write;
    int exit_code;
    bool exiting;
    bool to_stderr;
};

static void exec_close(struct exec *exec)
{
    strv_free(exec->argv);
    strbuf_done(&exec->input);
    uv_close((uv_handle_t *)&exec->idle, fake_free_on_close);
}

static void exec_write_out(struct exec *exec, const void *data, size_t length)
{
    exec->in_flight += length;
    if (exec->in_flight > fakes.exec_max_in_flight)
        fakes.exec_max_in_flight = exec->in_flight;
    exec->callbacks->on_output(exec->userdata, exec->to_stderr ? EXEC_STDERR : EXEC_STDOUT, data,
                               length);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void exec_move(struct exec *exec)
{
    static const char zeros[32 << 10];
    size_t room = IN_FLIGHT - exec->in_flight;
    size_t length = least(least(exec->input.length, room), 20000);
    if ((streq(exec->argv[0], "cat") || streq(exec->argv[0], "absent")) && length > 0) {
        _cleanup_free_ char *copy = xmemdup(exec->input.data, length);
        strbuf_drop_front(&exec->input, length);
        exec_write_out(exec, copy, length);
        exec->to_stderr = !exec->to_stderr;
        exec->callbacks->on_writable(exec->userdata, STDIN_ROOM - exec->input.length);
    }
    length = least(least(exec->to_write, room), sizeof(zeros));
    if (length > 0) {
        exec->to_write -= length;
        exec_write_out(exec, zeros, length);
        exec->exiting = exec->to_write == 0;
    }
    if (streq(exec->argv[0], "cat") && !exec->stdin_open && exec->input.length == 0)
        exec->exiting = true;
}

static void on_exec_idle(uv_idle_t *idle)
{
    struct exec *exec = (struct exec *)idle;
    exec_move(exec);
    if (exec->exiting) {
        _cleanup_error_ struct error err = {0};
        if (streq(exec->argv[0], "lost"))
            error_set(&err, ECONNRESET, "the VM is gone");
        exec->callbacks->on_exit(exec->userdata, exec->exit_code, &err);
        exec_close(exec);
        return;
    }
    if (exec->in_flight >= IN_FLIGHT || (exec->input.length == 0 && exec->to_write == 0))
        uv_idle_stop(&exec->idle);
}

static void exec_wake(struct exec *exec)
{
    uv_idle_start(&exec->idle, on_exec_idle);
}

int runtime_exec_start(struct runtime *runtime, const char *instance,
                       const struct exec_options *options, const struct exec_callbacks *callbacks,
                       void *userdata, struct exec **ret_exec, struct error *err)
{
    (void)runtime;
    (void)instance;
    if (streq(options->argv[0], "refused"))
        return error_set(err, ENOTCONN, "the instance does not run");
    struct exec *exec = new0(struct exec);
    exec->callbacks = callbacks;
    exec->userdata = userdata;
    exec->argv = strv_copy(options->argv);
    exec->stdin_open = options->attach_stdin;
    uv_idle_init(fake_loop, &exec->idle);
    exec->idle.data = exec;
    if (options->detach) {
        exec->exiting = !streq(exec->argv[0], "hangs");
        exec->exit_code = streq(exec->argv[0], "absent") ? 127 : 0;
        exec->to_stderr = true;
        strbuf_add_str(&exec->input, exec->exit_code ? "absent: not found\n" : "");
    } else if (streq(exec->argv[0], "exit")) {
        exec->exit_code = atoi(exec->argv[1]);
        exec->exiting = true;
    } else if (streq(exec->argv[0], "flood")) {
        exec->to_write = strtoul(exec->argv[1], NULL, 10);
    } else if (streq(exec->argv[0], "lost")) {
        exec->exit_code = -1;
        exec->exiting = true;
    }
    exec_wake(exec);
    fakes.exec_started++;
    *ret_exec = exec;
    return 0;
}

size_t runtime_exec_window(struct exec *exec)
{
    return STDIN_ROOM - exec->input.length;
}

void runtime_exec_write(struct exec *exec, const void *data, size_t length)
{
    assert_true(exec->stdin_open && length <= runtime_exec_window(exec));
    strbuf_add(&exec->input, data, length);
    exec_wake(exec);
}

void runtime_exec_close_stdin(struct exec *exec)
{
    assert_true(exec->stdin_open);
    exec->stdin_open = false;
    fakes.stdin_closed++;
    exec_wake(exec);
}

void runtime_exec_consumed(struct exec *exec, size_t length)
{
    assert_true(length <= exec->in_flight);
    exec->in_flight -= length;
    exec_wake(exec);
}

void runtime_exec_resize(struct exec *exec, uint16_t rows, uint16_t columns)
{
    if (!streq(exec->argv[0], "size"))
        return;
    _cleanup_free_ char *text = xasprintf("%d %d", rows, columns);
    exec_write_out(exec, text, strlen(text));
    exec->exiting = true;
    exec_wake(exec);
}

void runtime_exec_signal(struct exec *exec, int signal_number)
{
    exec->exit_code = 128 + signal_number;
    exec->exiting = true;
    exec_wake(exec);
}

void runtime_exec_abandon(struct exec *exec)
{
    fakes.exec_abandoned++;
    exec_close(exec);
}

/* --- logs ------------------------------------------------------------------------------------- */

struct log_reader {
    uv_idle_t idle;
    bool (*on_record)(void *userdata, const struct log_record *record);
    void (*on_end)(void *userdata, const struct error *err);
    void *userdata;
    int64_t next, last;
    bool follow, endless;
};

static void on_log_idle(uv_idle_t *idle)
{
    struct log_reader *reader = (struct log_reader *)idle;
    if (reader->next > reader->last && !reader->endless) {
        uv_idle_stop(idle);
        if (!reader->follow)
            reader->on_end(reader->userdata, NULL);
        return;
    }
    _cleanup_free_ char *text =
        reader->endless ? xasprintf("%01000d", 0) : xasprintf("line %d", (int)reader->next);
    const struct log_record record = {
        .time_ns = 1000000000LL * reader->next,
        .stream = reader->next % 2 ? EXEC_STDOUT : EXEC_STDERR,
        .partial = reader->next == 5,
        .text = text,
        .length = strlen(text),
    };
    reader->next++;
    fakes.log_records++;
    if (!reader->on_record(reader->userdata, &record))
        uv_idle_stop(idle);
}

int runtime_logs_open(struct runtime *runtime, const char *instance, const struct log_query *query,
                      bool (*on_record)(void *userdata, const struct log_record *record),
                      void (*on_end)(void *userdata, const struct error *err), void *userdata,
                      struct log_reader **ret_reader, struct error *err)
{
    (void)runtime;
    if (streq(instance, "shop-job-1"))
        return error_set(err, EIO, "the log cannot be read");
    fakes.log_since_ns = query->since_ns;
    fakes.log_until_ns = query->until_ns;
    struct log_reader *reader = new0(struct log_reader);
    reader->on_record = on_record;
    reader->on_end = on_end;
    reader->userdata = userdata;
    reader->last = 10;
    reader->next = query->tail >= 0 && query->tail < 10 ? 11 - query->tail : 1;
    reader->follow = query->follow;
    reader->endless = streq(instance, "shop-cache-1");
    uv_idle_init(fake_loop, &reader->idle);
    reader->idle.data = reader;
    uv_idle_start(&reader->idle, on_log_idle);
    fakes.readers_open++;
    *ret_reader = reader;
    return 0;
}

void log_reader_resume(struct log_reader *reader)
{
    uv_idle_start(&reader->idle, on_log_idle);
}

void log_reader_free(struct log_reader *reader)
{
    fakes.readers_open--;
    uv_close((uv_handle_t *)&reader->idle, fake_free_on_close);
}

/* --- network ---------------------------------------------------------------------------------- */

/* A subnet "10.0.0.0/8" is refused before anything happens, the name "late" in the middle. */
static int check_network(void *self, struct operation *const *operations, size_t count,
                         struct error *err)
{
    (void)self;
    (void)count;
    if (streq(json_string(operations[0]->spec, "subnet", ""), "10.0.0.0/8"))
        return error_set(err, EADDRINUSE, "the subnet overlaps");
    return 0;
}

static int start_network(void *self, struct operation *operation, struct error *err)
{
    (void)self;
    struct error late = {0};
    if (streq(operation->name, "shop_frontend"))
        return error_set(err, EBUSY, "the network 'shop_frontend' is still used by 'shop-web-1'");
    if (streq(operation->name, "late"))
        error_set(&late, EIO, "the kernel said no");
    _cleanup_free_ char *spec = json_print(operation->spec);
    snprintf(fakes.network_spec, sizeof(fakes.network_spec), "%s", spec);
    fakes.networks_removed += operation->verb == OPERATION_REMOVE;
    operation_done(operation, NULL, &late);
    error_done(&late);
    return 0;
}

const struct provider *network_providers(struct network *network, size_t *ret_count)
{
    static const struct provider provider = {
        .kind = "network", .check = check_network, .start = start_network};
    (void)network;
    *ret_count = 1;
    return &provider;
}

cJSON *network_describe_names(struct network *network)
{
    (void)network;
    return cJSON_Parse("[{\"project\":\"shop\",\"service\":\"web\",\"instance\":\"shop-web-1\","
                       "\"address\":\"10.89.0.2\",\"names\":[\"shop-web-1.vm\"]}]");
}

cJSON *network_describe_networks(struct network *network)
{
    (void)network;
    return cJSON_Parse(
        "[{\"name\":\"shop_frontend\",\"id\":\"abc123\",\"project\":\"shop\",\"key\":\"frontend\","
        "\"bridge\":\"vs1-br0\",\"subnet\":\"10.89.0.0/24\",\"gateway\":\"10.89.0.1\","
        "\"subnet6\":\"fd00::/64\",\"gateway6\":\"fd00::1\",\"internal\":true,\"created_ms\":1000,"
        "\"labels\":{\"tier\":\"front\"},\"aux_addresses\":{\"a\":\"10.89.0.9\",\"b\":\"fd00::9\"},"
        "\"room\":{\"subnet\":{\"taken\":1,\"left\":251},\"subnet6\":{\"taken\":1,\"left\":65533}},"
        "\"endpoints\":[{\"instance\":\"shop-web-1\",\"mac\":\"02:00:00:00:00:01\",\"address\":"
        "\"10.89.0.5\",\"prefix\":24,\"address6\":\"fd00::5\",\"prefix6\":64}]},"
        "{\"name\":\"spare\",\"id\":\"abc456\",\"project\":\"\",\"key\":\"\",\"bridge\":\"vs1-"
        "br1\","
        "\"subnet\":\"10.89.1.0/24\",\"gateway\":\"10.89.1.1\",\"internal\":false,"
        "\"labels\":{\"k\":\"v\"},\"endpoints\":[]},"
        "{\"name\":\"bridge\",\"id\":\"def\",\"subnet\":\"10.88.0.0/16\",\"gateway\":\"10.88.0.1\","
        "\"internal\":false,\"endpoints\":[]}]");
}

/* --- the server ------------------------------------------------------------------------------- */

struct fake_server {
    char folder[64];
    char *socket_path;
    int listen_fd;
    struct paths paths;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t wake;
    uv_sem_t ready;
    uv_mutex_t lock;
    int events; /* to be told */
    bool stopping;
    struct api *api;
};

static void on_stop(void *userdata)
{
    (void)userdata;
    fakes.stop_requests++;
}

static void on_activity(void *userdata)
{
    (void)userdata;
    fakes.activity++;
}

static void on_wake(uv_async_t *wake)
{
    struct fake_server *server = wake->data;
    uv_mutex_lock(&server->lock);
    for (; server->events > 0; server->events--)
        fake_tell_event();
    bool stopping = server->stopping;
    uv_mutex_unlock(&server->lock);
    if (!stopping)
        return;
    api_free(server->api);
    uv_close((uv_handle_t *)&server->wake, NULL);
}

/* uv_run() returns only when every handle has been closed: a leak hangs, and the test's time limit
 * says so. */
static void serve(void *userdata)
{
    struct fake_server *server = userdata;
    uv_loop_init(&server->loop);
    fake_loop = &server->loop;
    uv_async_init(&server->loop, &server->wake, on_wake);
    server->wake.data = server;
    const struct api_options options = {.loop = &server->loop,
                                        .paths = &server->paths,
                                        .listen_fd = server->listen_fd,
                                        .idle_seconds = 60,
                                        .on_stop = on_stop,
                                        .on_activity = on_activity,
                                        .userdata = server};
    _cleanup_error_ struct error err = {0};
    assert_ok(api_new(&options, &server->api, &err), &err);
    uv_sem_post(&server->ready);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&server->loop), 0);
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 512), 0);
    return fd;
}

struct fake_server *fake_server_start(void)
{
    struct fake_server *server = new0(struct fake_server);
    memset(&fakes, 0, sizeof(fakes));
    memcpy(server->folder, "/tmp/vmstead-api-XXXXXX", 24);
    assert_non_null(mkdtemp(server->folder));
    server->socket_path = xasprintf("%s/daemon.sock", server->folder);
    server->listen_fd = listen_on(server->socket_path);
    server->paths = (struct paths){.state = server->folder,
                                   .run = server->folder,
                                   .cache = server->folder,
                                   .root_id = "1a2b3c"};
    uv_sem_init(&server->ready, 0);
    uv_mutex_init(&server->lock);
    uv_thread_create(&server->thread, serve, server);
    uv_sem_wait(&server->ready);
    return server;
}

const char *fake_server_socket(const struct fake_server *server)
{
    return server->socket_path;
}

void fake_server_event(struct fake_server *server)
{
    uv_mutex_lock(&server->lock);
    server->events++;
    uv_mutex_unlock(&server->lock);
    uv_async_send(&server->wake);
}

void fake_server_stop(struct fake_server *server)
{
    uv_mutex_lock(&server->lock);
    server->stopping = true;
    uv_mutex_unlock(&server->lock);
    uv_async_send(&server->wake);
    uv_thread_join(&server->thread);
    uv_sem_destroy(&server->ready);
    uv_mutex_destroy(&server->lock);
    close(server->listen_fd);
    unlink(server->socket_path);
    rmdir(server->folder);
    free(server->socket_path);
    free(server);
}

void fake_wait(atomic_int *counter, int value)
{
    for (int i = 0; i < 1000 && *counter != value; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_int_equal(*counter, value);
}
