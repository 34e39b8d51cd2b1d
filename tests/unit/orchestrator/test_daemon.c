/* The daemon's life in a folder of its own, with nothing but shells below it: the lock, the socket,
 * the description, every way to leave. Each daemon is a child process. */
#include "api_client.h"
#include "api_fakes.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "orchestrator/daemon.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* --- what the daemon builds: shells, steered by environment variables ------------------------- */

static void *shell(void)
{
    static int there;
    return &there;
}

static const char *const no_scripts[] = {""};
const struct store_schema *network_schema(void)
{
    static const struct store_schema schema = {"network", no_scripts, 1};
    return &schema;
}

int network_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                struct network **ret_network, struct error *err)
{
    (void)loop;
    (void)paths;
    assert_non_null(store);
    if (getenv("FAKE_NETWORK_FAILS"))
        return error_set(err, EPERM, "no privileges for bridges");
    *ret_network = shell();
    return 0;
}

int network_adopt(struct network *network, struct error *err)
{
    (void)network;
    (void)err;
    if (getenv("FAKE_ADOPT_MS"))
        poll(NULL, 0, atoi(getenv("FAKE_ADOPT_MS")));
    return 0;
}

void network_free(struct network *network)
{
    (void)network;
}

void network_set_presence(struct network *network, const char *instance,
                          enum instance_presence presence)
{
    (void)network;
    (void)instance;
    (void)presence;
}

cJSON *network_describe_endpoints(struct network *network, const char *instance)
{
    (void)network;
    (void)instance;
    return cJSON_CreateArray();
}

cJSON *network_describe_ports(struct network *network, const char *instance)
{
    return network_describe_endpoints(network, instance);
}

int runtime_probe_start(struct runtime *runtime, const char *instance,
                        const struct probe_options *options,
                        void (*on_done)(void *userdata, const struct probe_result *result,
                                        const struct error *err),
                        void *userdata, struct probe **ret_probe, struct error *err)
{
    (void)runtime, (void)options, (void)on_done, (void)userdata, (void)ret_probe;
    return error_set(err, ENOTCONN, "'%s' does not run", instance);
}

void runtime_probe_abandon(struct probe *probe)
{
    (void)probe;
}

const struct store_schema *runtime_schema(void)
{
    static const struct store_schema schema = {"runtime", no_scripts, 1};
    return &schema;
}

int runtime_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                runtime_event_fn *on_event, void *userdata, struct runtime **ret_runtime,
                struct error *err)
{
    (void)loop;
    (void)paths;
    (void)store;
    (void)on_event;
    (void)userdata;
    (void)err;
    *ret_runtime = shell();
    return 0;
}

int runtime_adopt(struct runtime *runtime, struct error *err)
{
    (void)runtime;
    (void)err;
    return 0;
}

void runtime_free(struct runtime *runtime)
{
    (void)runtime;
}

const struct provider *runtime_providers(struct runtime *runtime, size_t *ret_count)
{
    (void)runtime;
    *ret_count = 0;
    return NULL;
}

int runtime_vm_signal(struct runtime *runtime, const char *instance, int signal_number,
                      struct error *err)
{
    (void)runtime;
    (void)signal_number;
    return error_set(err, ENOENT, "no such container: %s", instance);
}

int runtime_vm_kill(struct runtime *runtime, const char *instance, struct error *err)
{
    return runtime_vm_signal(runtime, instance, SIGKILL, err);
}

int runtime_vm_set_paused(struct runtime *runtime, const char *instance, bool paused,
                          void (*on_done)(void *userdata, const struct error *err), void *userdata,
                          struct error *err)
{
    (void)paused;
    (void)on_done;
    (void)userdata;
    return runtime_vm_signal(runtime, instance, SIGSTOP, err);
}

const char *runtime_acceleration_note(const struct runtime *runtime)
{
    (void)runtime;
    return NULL;
}

int orchestrator_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                     const struct orchestrator_world *world, struct orchestrator **ret_orchestrator,
                     struct error *err)
{
    (void)loop;
    (void)paths;
    (void)store;
    (void)world;
    (void)err;
    *ret_orchestrator = shell();
    return 0;
}

void orchestrator_free(struct orchestrator *orchestrator)
{
    (void)orchestrator;
}

int orchestrator_adopt(struct orchestrator *orchestrator, struct error *err)
{
    (void)orchestrator;
    (void)err;
    return 0;
}

void orchestrator_vm_event(void *orchestrator, const struct vm_status *status)
{
    (void)orchestrator;
    (void)status;
}

void orchestrator_shutdown(struct orchestrator *orchestrator,
                           void (*on_done)(void *userdata, const struct error *err), void *userdata)
{
    (void)orchestrator;
    on_done(userdata, &(struct error){0});
}

bool orchestrator_is_idle(const struct orchestrator *orchestrator)
{
    (void)orchestrator;
    return !getenv("FAKE_BUSY");
}

/* --- helpers ---------------------------------------------------------------------------------- */

static char folder[64];
static char *socket_path, *description_path;

static int set_up(void **state)
{
    (void)state;
    memcpy(folder, "/tmp/vmstead-daemon-XXXXXX", 27);
    assert_non_null(mkdtemp(folder));
    setenv("VMSTEAD_ROOT", folder, 1);
    setenv("VMSTEAD_IDLE_SECONDS", "0", 1);
    unsetenv("FAKE_ADOPT_MS");
    unsetenv("FAKE_BUSY");
    unsetenv("FAKE_NETWORK_FAILS");
    socket_path = xasprintf("%s/run/daemon.sock", folder);
    description_path = xasprintf("%s/run/daemon.json", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(socket_path);
    free(description_path);
    return fs_remove_tree(folder, NULL);
}

/* The child's exit status is daemon_run()'s error. */
static pid_t start_daemon(bool background)
{
    pid_t pid = fork();
    if (pid > 0)
        return pid;
    const struct daemon_options options = {.background = background};
    _cleanup_error_ struct error err = {0};
    _exit(daemon_run(&options, &err) < 0 ? err.code : 0);
}

static int wait_daemon(pid_t pid)
{
    int status = 0;
    for (int i = 0; i < 1000; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        poll(NULL, 0, 10);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    fail_msg("the daemon does not leave");
    return -1;
}

static void wait_for_file(const char *path)
{
    for (int i = 0; i < 1000 && !fs_exists(path); i++)
        poll(NULL, 0, 10);
    assert_true(fs_exists(path));
}

static pid_t start_serving(bool background)
{
    pid_t pid = start_daemon(background);
    wait_for_file(description_path);
    return pid;
}

static void check_nothing_left(void)
{
    assert_false(fs_exists(socket_path));
    assert_false(fs_exists(description_path));
    _cleanup_free_ char *lock = xasprintf("%s/run/daemon.lock", folder);
    _cleanup_close_ int fd = -1;
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_lock_file(lock, 0, &fd, &err), &err);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_publishes_itself(void **state)
{
    (void)state;
    pid_t pid = start_serving(false);
    struct stat status;
    assert_int_equal(stat(socket_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    _cleanup_json_ cJSON *answer =
        client_ask_json(socket_path, "GET", "/vmstead/daemon", NULL, 200);
    json_set(answer, "memory_bytes", NULL);
    _cleanup_free_ char *told = json_print(answer);
    _cleanup_free_ char *published = NULL;
    assert_int_equal(fs_read_file(description_path, 65536, &published, NULL, NULL), 0);
    assert_string_equal(told, published);
    assert_int_equal(json_int(answer, "pid", 0), pid);
    kill(pid, SIGTERM);
    assert_int_equal(wait_daemon(pid), 0);
    check_nothing_left();
}

static void test_only_one(void **state)
{
    (void)state;
    pid_t first = start_serving(false);
    assert_int_equal(wait_daemon(start_daemon(false)), EBUSY);
    struct answer answer = {0};
    client_ask(socket_path, "GET", "/_ping", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    kill(first, SIGINT);
    assert_int_equal(wait_daemon(first), 0);
}

static void test_stop_request(void **state)
{
    (void)state;
    pid_t pid = start_serving(false);
    _cleanup_json_ cJSON *answer =
        client_ask_json(socket_path, "POST", "/vmstead/daemon/stop", "{}", 200);
    assert_int_equal(json_int(answer, "pid", 0), pid);
    assert_int_equal(wait_daemon(pid), 0);
    check_nothing_left();
}

static void test_shutdown_request(void **state)
{
    (void)state;
    pid_t pid = start_serving(false);
    _cleanup_json_ cJSON *answer =
        client_ask_json(socket_path, "POST", "/vmstead/daemon/shutdown", "{}", 200);
    assert_int_equal(json_int(answer, "pid", 0), pid);
    assert_int_equal(wait_daemon(pid), 0);
    check_nothing_left();
}

/* A successor that comes while the old one is leaving waits for the lock. */
static void test_successor_waits(void **state)
{
    (void)state;
    pid_t first = start_serving(false);
    pid_t second = start_daemon(true);
    poll(NULL, 0, 200);
    kill(first, SIGTERM);
    assert_int_equal(wait_daemon(first), 0);
    wait_for_file(description_path);
    _cleanup_json_ cJSON *answer =
        client_ask_json(socket_path, "GET", "/vmstead/daemon", NULL, 200);
    assert_int_equal(json_int(answer, "pid", 0), second);
    kill(second, SIGTERM);
    assert_int_equal(wait_daemon(second), 0);
}

static void test_stale_socket(void **state)
{
    (void)state;
    pid_t killed = start_serving(false);
    kill(killed, SIGKILL);
    wait_daemon(killed);
    assert_true(fs_exists(socket_path));
    unlink(description_path);
    pid_t pid = start_serving(false);
    struct answer answer = {0};
    client_ask(socket_path, "GET", "/_ping", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    answer_done(&answer);
    kill(pid, SIGTERM);
    assert_int_equal(wait_daemon(pid), 0);
    check_nothing_left();
}

/* The socket is there long before the answer. */
static void test_listens_before_adoption(void **state)
{
    (void)state;
    setenv("FAKE_ADOPT_MS", "700", 1);
    uint64_t before_ms = clock_monotonic_ms();
    pid_t pid = start_daemon(false);
    wait_for_file(socket_path);
    struct answer answer = {0};
    assert_true(clock_monotonic_ms() - before_ms < 600);
    client_ask(socket_path, "GET", "/_ping", "", NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(clock_monotonic_ms() - before_ms >= 700);
    answer_done(&answer);
    kill(pid, SIGTERM);
    assert_int_equal(wait_daemon(pid), 0);
}

static void test_failed_start_leaves_nothing(void **state)
{
    (void)state;
    setenv("FAKE_NETWORK_FAILS", "1", 1);
    assert_int_equal(wait_daemon(start_daemon(false)), EPERM);
    check_nothing_left();
}

static void test_leaves_when_idle(void **state)
{
    (void)state;
    setenv("VMSTEAD_IDLE_SECONDS", "1", 1);
    uint64_t before_ms = clock_monotonic_ms();
    pid_t pid = start_serving(false);
    assert_int_equal(wait_daemon(pid), 0);
    assert_true(clock_monotonic_ms() - before_ms >= 1000);
    check_nothing_left();
}

static void test_stays_while_something_runs(void **state)
{
    (void)state;
    setenv("VMSTEAD_IDLE_SECONDS", "1", 1);
    setenv("FAKE_BUSY", "1", 1);
    pid_t pid = start_serving(false);
    poll(NULL, 0, 1500);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    kill(pid, SIGTERM);
    assert_int_equal(wait_daemon(pid), 0);
}

/* A stream is a request; when it ends the time begins. */
static void test_stays_while_somebody_listens(void **state)
{
    (void)state;
    setenv("VMSTEAD_IDLE_SECONDS", "1", 1);
    pid_t pid = start_serving(false);
    int fd = client_connect(socket_path);
    client_send(fd, "GET", "/events", "", NULL);
    poll(NULL, 0, 1500);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    close(fd);
    assert_int_equal(wait_daemon(pid), 0);
}

static void test_background_log(void **state)
{
    (void)state;
    setenv("VMSTEAD_LOG", "info", 1);
    pid_t pid = start_serving(true);
    kill(pid, SIGTERM);
    assert_int_equal(wait_daemon(pid), 0);
    unsetenv("VMSTEAD_LOG");
    _cleanup_free_ char *path = xasprintf("%s/state/daemon.log", folder);
    _cleanup_free_ char *text = NULL;
    assert_int_equal(fs_read_file(path, 65536, &text, NULL, NULL), 0);
    assert_non_null(strstr(text, "leaving: signal"));
}

/* In the child: descriptor 3 is the socket, as systemd leaves it. */
static pid_t start_activated(int listen_fd)
{
    pid_t pid = fork();
    if (pid > 0)
        return pid;
    dup2(listen_fd, 3);
    _cleanup_free_ char *text = xasprintf("%d", getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", "1", 1);
    const struct daemon_options options = {0};
    _exit(daemon_run(&options, NULL) < 0 ? 1 : 0);
}

static void test_systemd_socket(void **state)
{
    (void)state;
    setenv("VMSTEAD_IDLE_SECONDS", "1", 1);
    _cleanup_free_ char *path = xasprintf("%s/activated.sock", folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    for (int i = 0; i < 2; i++) { /* it leaves, and is started again for the next client */
        pid_t pid = start_activated(fd);
        _cleanup_json_ cJSON *answer = client_ask_json(path, "GET", "/vmstead/daemon", NULL, 200);
        assert_true(json_bool(answer, "systemd", false));
        assert_int_equal(wait_daemon(pid), 0);
        assert_true(fs_exists(path));
        assert_false(fs_exists(socket_path));
    }
}

static void test_long_root(void **state)
{
    (void)state;
    _cleanup_free_ char *root = xasprintf("%s/%0100d", folder, 0);
    setenv("VMSTEAD_ROOT", root, 1);
    assert_int_equal(wait_daemon(start_daemon(false)), ENAMETOOLONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_publishes_itself),
        TEST(test_only_one),
        TEST(test_stop_request),
        TEST(test_shutdown_request),
        TEST(test_successor_waits),
        TEST(test_stale_socket),
        TEST(test_listens_before_adoption),
        TEST(test_failed_start_leaves_nothing),
        TEST(test_leaves_when_idle),
        TEST(test_stays_while_something_runs),
        TEST(test_stays_while_somebody_listens),
        TEST(test_background_log),
        TEST(test_systemd_socket),
        TEST(test_long_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
