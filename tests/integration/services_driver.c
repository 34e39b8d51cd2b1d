/* What runtime.h asks of a running VM, as a command for scripts. Each run is a daemon that comes,
 * adopts what the one before it has left, and goes; VMs are started by vm_driver.
 *
 *   services_driver probe INSTANCE shell|http|tcp WHAT TIMEOUT_MS   "OUTCOME EXIT-CODE OUTPUT"
 *   services_driver top INSTANCE                                    "USER PID TTY COMMAND" a line
 *   services_driver pause|unpause|kill INSTANCE
 *   services_driver signal INSTANCE NUMBER
 *   services_driver wait INSTANCE          until it has ended: "REASON EXIT-CODE oom|-"
 *   services_driver in INSTANCE PATH       an archive from stdin
 *   services_driver out INSTANCE PATH      an archive to stdout; "NAME MODE SIZE LINK" to stderr
 *   services_driver attach INSTANCE TEXT   TEXT to its stdin, its output to stdout, until it ends
 *   services_driver logs INSTANCE SINCE_NS UNTIL_NS
 *   services_driver detach INSTANCE COMMAND...                      an exec that goes on */
#include "runtime/runtime.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define TIMEOUT_MS 60000

struct driver {
    uv_loop_t loop;
    struct paths paths;
    struct store *store;
    struct runtime *runtime;
    struct vm_status last_event;
    bool done, failed;
    struct attach *attach;
    struct copy_in *in;
    struct copy_out *out;
    struct exec *exec;
    int exit_code;
};

static void on_event(void *userdata, const struct vm_status *status)
{
    ((struct driver *)userdata)->last_event = *status;
}

static void on_wake(uv_timer_t *timer)
{
    (void)timer;
}

static void run(struct driver *driver, const bool *flag, uint64_t timeout_ms)
{
    uv_timer_t wake;
    uv_timer_init(&driver->loop, &wake);
    uv_timer_start(&wake, on_wake, 20, 20);
    uint64_t deadline = clock_monotonic_ms() + timeout_ms;
    while (!*flag && clock_monotonic_ms() < deadline)
        uv_run(&driver->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&wake, NULL);
    uv_run(&driver->loop, UV_RUN_NOWAIT);
}

/* 0 where it has ended well in time. result: of what has started it. */
static int finish(struct driver *driver, int result, const struct error *err)
{
    if (result == 0)
        run(driver, &driver->done, TIMEOUT_MS);
    if (result < 0)
        fprintf(stderr, "%s\n", error_text(err));
    else if (!driver->done)
        fprintf(stderr, "it did not end in time\n");
    return result < 0 || !driver->done || driver->failed;
}

static void end(struct driver *driver, const struct error *err)
{
    if (err)
        fprintf(stderr, "%s\n", error_text(err));
    driver->failed = err != NULL;
    driver->done = true;
}

static void on_done(void *userdata, const struct error *err)
{
    end(userdata, err);
}

/* --- probes, processes ------------------------------------------------------------------------ */

static void on_probed(void *userdata, const struct probe_result *result, const struct error *err)
{
    static const char *const outcomes[] = {"good", "bad", "timeout"};
    if (result)
        printf("%s %d %.*s\n", outcomes[result->outcome], result->exit_code, (int)result->length,
               result->output);
    end(userdata, err);
}

static int probe(struct driver *driver, char **argv)
{
    _cleanup_error_ struct error err = {0};
    struct probe *handle;
    struct probe_options options = {.timeout_ms = (uint32_t)atoi(argv[3])};
    if (streq(argv[1], "shell"))
        options.shell = argv[2];
    else if (streq(argv[1], "http"))
        options.http_url = argv[2];
    else
        options.tcp_port = (uint16_t)atoi(argv[2]);
    int r =
        runtime_probe_start(driver->runtime, argv[0], &options, on_probed, driver, &handle, &err);
    return finish(driver, r, &err);
}

static void on_processes(void *userdata, const struct top_process *processes, size_t count,
                         const struct error *err)
{
    for (size_t i = 0; i < count; i++)
        printf("%s %u %s %s\n", processes[i].user, processes[i].pid, processes[i].tty,
               processes[i].command);
    end(userdata, err);
}

static int top(struct driver *driver, char **argv)
{
    _cleanup_error_ struct error err = {0};
    struct top *handle;
    int r = runtime_top_start(driver->runtime, argv[0], on_processes, driver, &handle, &err);
    return finish(driver, r, &err);
}

/* --- its life --------------------------------------------------------------------------------- */

static int pause_or_not(struct driver *driver, const char *instance, bool paused)
{
    _cleanup_error_ struct error err = {0};
    int r = runtime_vm_set_paused(driver->runtime, instance, paused, on_done, driver, &err);
    return finish(driver, r, &err);
}

static int say(struct driver *driver, int result, const struct error *err)
{
    driver->done = true;
    run(driver, &driver->failed, 100); /* it is on its way */
    return finish(driver, result, err);
}

static int wait_for_end(struct driver *driver, const char *instance)
{
    struct vm_status status = {.state = VM_RUNNING};
    uint64_t deadline = clock_monotonic_ms() + TIMEOUT_MS;
    while (status.state != VM_EXITED && clock_monotonic_ms() < deadline) {
        run(driver, &driver->failed, 50);
        if (runtime_vm_status(driver->runtime, instance, &status) < 0)
            return 1;
    }
    printf("%s %d %s\n", vm_exit_reason_name(status.reason), status.exit_code,
           status.oom_killed ? "oom" : "-");
    return status.state != VM_EXITED;
}

/* --- copies ----------------------------------------------------------------------------------- */

static void feed(struct driver *driver)
{
    char data[65536];
    size_t window = runtime_copy_in_window(driver->in);
    if (!window)
        return;
    ssize_t count = read(STDIN_FILENO, data, window < sizeof(data) ? window : sizeof(data));
    if (count > 0)
        runtime_copy_in_write(driver->in, data, (size_t)count);
    else
        runtime_copy_in_finish(driver->in);
}

static void on_room(void *userdata, size_t window)
{
    (void)window;
    feed(userdata);
}

static int copy_in(struct driver *driver, char **argv)
{
    static const struct copy_in_callbacks callbacks = {.on_writable = on_room, .on_end = on_done};
    _cleanup_error_ struct error err = {0};
    struct copy_in_options options = {.path = argv[1], .keep_owners = true, .no_overwrite = true};
    int r = runtime_copy_in_start(driver->runtime, argv[0], &options, &callbacks, driver,
                                  &driver->in, &err);
    if (r == 0)
        feed(driver);
    return finish(driver, r, &err);
}

static void on_stat(void *userdata, const struct copy_stat *stat)
{
    (void)userdata;
    fprintf(stderr, "%s %o %llu %s\n", stat->name, stat->mode, (unsigned long long)stat->size,
            stat->link_target);
}

static void on_data(void *userdata, const void *data, size_t length)
{
    struct driver *driver = userdata;
    if (fwrite(data, 1, length, stdout) != length)
        driver->failed = true;
    runtime_copy_out_consumed(driver->out, length);
}

static int copy_out(struct driver *driver, char **argv)
{
    static const struct copy_out_callbacks callbacks = {
        .on_stat = on_stat, .on_data = on_data, .on_end = on_done};
    _cleanup_error_ struct error err = {0};
    struct copy_out_options options = {.path = argv[1]};
    int r = runtime_copy_out_start(driver->runtime, argv[0], &options, &callbacks, driver,
                                   &driver->out, &err);
    return finish(driver, r, &err);
}

/* --- attach, exec ----------------------------------------------------------------------------- */

static void on_output(void *userdata, enum exec_stream stream, const void *data, size_t length)
{
    struct driver *driver = userdata;
    fwrite(data, 1, length, stream == EXEC_STDERR ? stderr : stdout);
    fflush(stdout);
    if (driver->attach)
        runtime_attach_consumed(driver->attach, length);
}

static void on_writable(void *userdata, size_t window)
{
    (void)userdata, (void)window;
}

static void on_exit_code(void *userdata, int exit_code, const struct error *err)
{
    struct driver *driver = userdata;
    driver->exit_code = exit_code;
    end(driver, err);
}

static const struct exec_callbacks exec_callbacks = {on_output, on_writable, on_exit_code};

static int attach(struct driver *driver, char **argv)
{
    _cleanup_error_ struct error err = {0};
    struct attach_options options = {.attach_stdin = *argv[1] != '\0', .replay = true};
    options.rows = 33;
    options.columns = 99;
    int r = runtime_attach_start(driver->runtime, argv[0], &options, &exec_callbacks, driver,
                                 &driver->attach, &err);
    if (r == 0)
        runtime_attach_write(driver->attach, argv[1], strlen(argv[1]));
    if (r == 0 && options.attach_stdin && !driver->last_event.tty)
        runtime_attach_close_stdin(driver->attach);
    r = finish(driver, r, &err);
    printf("exit code %d\n", driver->exit_code);
    return r;
}

static int detach(struct driver *driver, char **argv)
{
    _cleanup_error_ struct error err = {0};
    struct exec_options options = {.argv = (const char *const *)argv + 1, .detach = true};
    int r = runtime_exec_start(driver->runtime, argv[0], &options, &exec_callbacks, driver,
                               &driver->exec, &err);
    return finish(driver, r, &err) ? 1 : driver->exit_code;
}

/* --- logs ------------------------------------------------------------------------------------- */

static bool on_record(void *userdata, const struct log_record *record)
{
    (void)userdata;
    printf("%lld %.*s\n", (long long)record->time_ns, (int)record->length, record->text);
    return true;
}

static int logs(struct driver *driver, char **argv)
{
    _cleanup_error_ struct error err = {0};
    struct log_query query = {.tail = -1, .since_ns = atoll(argv[1]), .until_ns = atoll(argv[2])};
    struct log_reader *reader = NULL;
    int r = runtime_logs_open(driver->runtime, argv[0], &query, on_record, on_done, driver, &reader,
                              &err);
    r = finish(driver, r, &err);
    log_reader_free(reader);
    return r;
}

/* --- the outline ------------------------------------------------------------------------------ */

static int dispatch(struct driver *driver, const char *verb, char **argv)
{
    _cleanup_error_ struct error err = {0};
    if (streq(verb, "probe"))
        return probe(driver, argv);
    if (streq(verb, "top"))
        return top(driver, argv);
    if (streq(verb, "pause") || streq(verb, "unpause"))
        return pause_or_not(driver, argv[0], streq(verb, "pause"));
    if (streq(verb, "kill"))
        return say(driver, runtime_vm_kill(driver->runtime, argv[0], &err), &err);
    if (streq(verb, "signal"))
        return say(driver, runtime_vm_signal(driver->runtime, argv[0], atoi(argv[1]), &err), &err);
    if (streq(verb, "wait"))
        return wait_for_end(driver, argv[0]);
    if (streq(verb, "in"))
        return copy_in(driver, argv);
    if (streq(verb, "out"))
        return copy_out(driver, argv);
    if (streq(verb, "attach"))
        return attach(driver, argv);
    if (streq(verb, "detach"))
        return detach(driver, argv);
    return streq(verb, "logs") ? logs(driver, argv) : 2;
}

static int open_driver(struct driver *driver, struct error *err)
{
    uv_loop_init(&driver->loop);
    int r = paths_init(&driver->paths, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *database = xasprintf("%s/vmstead.db", driver->paths.state);
    r = store_open(database, &driver->store, err);
    if (r == 0)
        r = runtime_new(&driver->loop, &driver->paths, driver->store, on_event, driver,
                        &driver->runtime, err);
    if (r == 0)
        r = runtime_adopt(driver->runtime, err);
    if (r == 0)
        run(driver, &driver->failed, 200); /* QEMU says whether it is paused */
    return r;
}

int main(int argc, char **argv)
{
    static struct driver driver;
    _cleanup_error_ struct error err = {0};
    signal(SIGPIPE, SIG_IGN);
    log_set_level_from_environment();
    if (argc < 3)
        return 2;
    if (open_driver(&driver, &err) < 0) {
        fprintf(stderr, "%s\n", error_text(&err));
        return 2;
    }
    int code = dispatch(&driver, argv[1], argv + 2);
    fflush(stdout);
    bool never = false;
    runtime_free(driver.runtime);
    run(&driver, &never, 50);
    store_close(driver.store);
    paths_done(&driver.paths);
    return code;
}
