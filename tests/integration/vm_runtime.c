/* The runtime on its own, without an orchestrator and without networks: its two providers are
 * driven as the engine drives them, against a real image and real VMs. Each test goes on where the
 * one before it ended. vm_runtime.sh prepares the image (VM_RUNTIME_IMAGE) and the root
 * (VMSTEAD_ROOT). */
#include "runtime/runtime.h"

#include "../unit/unit.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/process.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define INSTANCE "test-counter-1"
#define OPERATION_TIMEOUT_MS 150000

static const char id[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

struct world {
    uv_loop_t loop;
    struct paths paths;
    struct store *store;
    struct runtime *runtime;
    cJSON *image; /* result of its ENSURE */
    int tap;
    struct vm_status last_event;
    int events;
    pid_t pid;
};

/* --- driving the loop ------------------------------------------------------------------------ */

static void on_wake(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until *flag or the deadline; true where the flag came. */
static bool run_until(struct world *world, const bool *flag, uint64_t timeout_ms)
{
    uv_timer_t wake;
    uv_timer_init(&world->loop, &wake);
    uv_timer_start(&wake, on_wake, 20, 20);
    uint64_t deadline = clock_monotonic_ms() + timeout_ms;
    while (!*flag && clock_monotonic_ms() < deadline)
        uv_run(&world->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&wake, NULL);
    uv_run(&world->loop, UV_RUN_NOWAIT);
    return *flag;
}

static void run_for(struct world *world, uint64_t ms)
{
    bool never = false;
    run_until(world, &never, ms);
}

static bool run_until_state(struct world *world, enum vm_state state, uint64_t timeout_ms)
{
    uint64_t deadline = clock_monotonic_ms() + timeout_ms;
    while (world->last_event.state != state && clock_monotonic_ms() < deadline)
        run_for(world, 20);
    return world->last_event.state == state;
}

static void on_event(void *userdata, const struct vm_status *status)
{
    struct world *world = userdata;
    world->last_event = *status;
    world->events++;
}

/* --- operations ------------------------------------------------------------------------------ */

struct outcome {
    struct operation operation;
    bool done;
    cJSON *result;
    struct error err;
};

static void on_done(struct operation *operation, cJSON *result, struct error *err)
{
    struct outcome *outcome = operation->engine_data;
    assert_false(outcome->done);
    outcome->done = true;
    outcome->result = result;
    error_move(&outcome->err, err);
}

static void on_progress(struct operation *operation, const char *text, int64_t current,
                        int64_t total, const char *unit)
{
    (void)current, (void)total, (void)unit;
    print_message("    %s: %s\n", operation->name, text);
}

static const struct operation_listener listener = {.done = on_done, .progress = on_progress};

static const struct provider *provider(struct world *world, const char *kind)
{
    size_t count;
    const struct provider *providers = runtime_providers(world->runtime, &count);
    for (size_t i = 0; i < count; i++)
        if (streq(providers[i].kind, kind))
            return &providers[i];
    fail_msg("no provider for '%s'", kind);
    return NULL;
}

/* Runs one operation to its end; spec and inputs are taken. *ret_result may be NULL. */
static int operate(struct world *world, const char *kind, const char *name,
                   enum operation_verb verb, cJSON *spec, cJSON *inputs, cJSON **ret_result,
                   struct error *err)
{
    struct outcome outcome = {.operation = {.project = "test",
                                            .kind = kind,
                                            .name = name,
                                            .verb = verb,
                                            .spec = spec,
                                            .inputs = inputs,
                                            .listener = &listener}};
    outcome.operation.engine_data = &outcome;
    uint64_t start = clock_monotonic_ms();
    const struct provider *with = provider(world, kind);
    struct operation *all[] = {&outcome.operation};
    int r = with->check ? with->check(with->self, all, 1, err) : 0;
    if (r == 0)
        r = with->start(with->self, &outcome.operation, err);
    if (r == 0) {
        assert_true(run_until(world, &outcome.done, OPERATION_TIMEOUT_MS));
        r = outcome.err.code ? error_move(err, &outcome.err) : 0;
    }
    print_message("    %s %s: %s, %d ms\n", operation_verb_name(verb), name,
                  r < 0 ? error_text(err) : "done", (int)(clock_monotonic_ms() - start));
    cJSON_Delete(spec);
    cJSON_Delete(inputs);
    if (ret_result)
        *ret_result = outcome.result;
    else
        cJSON_Delete(outcome.result);
    return r;
}

/* --- what is asked for ----------------------------------------------------------------------- */

static cJSON *parse(const char *text)
{
    cJSON *value = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(json_parse(text, strlen(text), &value, &err), &err);
    return value;
}

static cJSON *vm_spec(const char *script)
{
    cJSON *spec = parse("{\"instance\":\"" INSTANCE "\",\"project\":\"test\","
                        "\"service\":\"counter\",\"hostname\":\"counter\",\"image\":\"image\","
                        "\"endpoints\":[\"" INSTANCE "/net\"],\"environment\":{\"WHO\":\"me\"},"
                        "\"memory_bytes\":268435456,\"stop_signal\":\"SIGTERM\","
                        "\"stop_timeout_ms\":5000}");
    json_set_string(spec, "id", id);
    cJSON *command = parse("[\"sh\",\"-c\",\"\"]");
    cJSON_ReplaceItemInArray(command, 2, cJSON_CreateString(script));
    json_set(spec, "command", command);
    return spec;
}

static cJSON *vm_inputs(const struct world *world)
{
    cJSON *inputs = parse("{\"endpoint/" INSTANCE "/net\":{\"interface\":\"eth0\","
                          "\"mac\":\"02:00:00:00:00:07\",\"address\":\"10.9.8.7\",\"prefix\":24,"
                          "\"gateway\":\"10.9.8.1\",\"dns\":\"10.9.8.1\",\"mtu\":1400,"
                          "\"tap\":\"vs-test\"}}");
    cJSON *endpoint = json_object(inputs, "endpoint/" INSTANCE "/net"), *fds = cJSON_CreateArray();
    cJSON_AddItemToArray(fds, cJSON_CreateNumber(world->tap));
    json_set(endpoint, "fds", fds);
    json_set(inputs, "image/image", cJSON_Duplicate(world->image, true));
    return inputs;
}

static cJSON *stop_spec(bool kill_at_once)
{
    cJSON *spec = parse("{\"instance\":\"" INSTANCE "\",\"stop_timeout_ms\":5000}");
    json_set_bool(spec, "kill", kill_at_once);
    return spec;
}

/* Says a numbered line every 20 ms, forever, and leaves a mark on the disk. */
static const char counter[] = "echo start-$WHO >> /mark; trap 'echo bye; exit 7' TERM; i=0; "
                              "while :; do i=$((i+1)); echo line $i; usleep 20000; done";

static int start_vm(struct world *world, const char *script, struct error *err)
{
    _cleanup_json_ cJSON *result = NULL;
    int r = operate(world, "vm", INSTANCE, OPERATION_START, vm_spec(script), vm_inputs(world),
                    &result, err);
    world->pid = (pid_t)json_int(result, "pid", 0);
    return r;
}

static int end_vm(struct world *world, enum operation_verb verb, bool kill_at_once)
{
    _cleanup_error_ struct error err = {0};
    int r = operate(world, "vm", INSTANCE, verb, stop_spec(kill_at_once), cJSON_CreateObject(),
                    NULL, &err);
    assert_ok(r, &err);
    return r;
}

/* --- exec and logs --------------------------------------------------------------------------- */

struct run {
    struct exec *exec;
    struct strbuf output;
    bool done;
    int exit_code;
};

static void on_output(void *userdata, enum exec_stream stream, const void *data, size_t length)
{
    (void)stream;
    struct run *run = userdata;
    strbuf_add(&run->output, data, length);
    runtime_exec_consumed(run->exec, length);
}

static void on_writable(void *userdata, size_t window)
{
    (void)userdata, (void)window;
}

static void on_exit_code(void *userdata, int exit_code, const struct error *err)
{
    struct run *run = userdata;
    run->exit_code = err ? -1 : exit_code;
    run->done = true;
}

/* What `sh -c script` prints in the guest; the caller's. */
static char *run_in_guest(struct world *world, const char *script, int *ret_exit_code)
{
    static const struct exec_callbacks callbacks = {on_output, on_writable, on_exit_code};
    const char *argv[] = {"sh", "-c", script, NULL};
    struct run run = {0};
    _cleanup_error_ struct error err = {0};
    assert_ok(runtime_exec_start(world->runtime, INSTANCE, &(struct exec_options){.argv = argv},
                                 &callbacks, &run, &run.exec, &err),
              &err);
    assert_true(run_until(world, &run.done, 20000));
    *ret_exit_code = run.exit_code;
    return strbuf_take(&run.output);
}

struct lines {
    struct strbuf text; /* one line each */
    bool ended;
};

static bool on_record(void *userdata, const struct log_record *record)
{
    struct lines *lines = userdata;
    strbuf_add(&lines->text, record->text, record->length);
    strbuf_add_char(&lines->text, '\n');
    return true;
}

static void on_log_end(void *userdata, const struct error *err)
{
    struct lines *lines = userdata;
    lines->ended = true;
    assert_null(err);
}

static char *read_logs(struct world *world, int64_t tail)
{
    struct lines lines = {0};
    struct log_reader *reader;
    _cleanup_error_ struct error err = {0};
    struct log_query query = {.tail = tail};
    assert_ok(runtime_logs_open(world->runtime, INSTANCE, &query, on_record, on_log_end, &lines,
                                &reader, &err),
              &err);
    assert_true(run_until(world, &lines.ended, 10000));
    log_reader_free(reader);
    return strbuf_take(&lines.text);
}

/* The counter's numbers follow each other without a gap or a repetition, anew after each "line 1".
 */
static int count_lines(const char *text)
{
    int expected = 1, total = 0;
    for (const char *line = text; (line = strstr(line, "line ")); line++) {
        int number = atoi(line + 5);
        if (number == 1)
            expected = 1;
        assert_int_equal(number, expected);
        expected++;
        total++;
    }
    return total;
}

/* --- the tests -------------------------------------------------------------------------------- */

static int open_tap(void)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "vs-test");
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0)
        return -1;
    return fd;
}

static void open_runtime(struct world *world)
{
    _cleanup_error_ struct error err = {0};
    assert_ok(runtime_new(&world->loop, &world->paths, world->store, on_event, world,
                          &world->runtime, &err),
              &err);
    assert_ok(runtime_adopt(world->runtime, &err), &err);
}

static int set_up(void **state)
{
    struct world *world = new0(struct world);
    *state = world;
    _cleanup_error_ struct error err = {0};
    log_set_level_from_environment();
    uv_loop_init(&world->loop);
    assert_ok(paths_init(&world->paths, &err), &err);
    _cleanup_free_ char *database = xasprintf("%s/vmstead.db", world->paths.state);
    assert_ok(store_open(database, &world->store, &err), &err);
    world->tap = open_tap();
    assert_true(world->tap >= 0);
    open_runtime(world);
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    runtime_free(world->runtime);
    run_for(world, 100);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    store_close(world->store);
    paths_done(&world->paths);
    cJSON_Delete(world->image);
    close(world->tap);
    free(world);
    return 0;
}

static void an_image_is_made_once(void **state)
{
    struct world *world = *state;
    for (int i = 0; i < 2; i++) {
        _cleanup_error_ struct error err = {0};
        cJSON *spec = cJSON_CreateObject(), *result = NULL;
        json_set_string(spec, "image", getenv("VM_RUNTIME_IMAGE"));
        uint64_t start = clock_monotonic_ms();
        assert_ok(operate(world, "image", "image", OPERATION_ENSURE, spec, cJSON_CreateObject(),
                          &result, &err),
                  &err);
        assert_true(i == 0 || clock_monotonic_ms() - start < 1000);
        cJSON_Delete(world->image);
        world->image = result;
    }
    assert_true(fs_exists(json_string(world->image, "rootfs", "")));
}

static void a_vm_is_made_and_started(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    assert_int_equal(start_vm(world, counter, &err), -ENOENT); /* not made yet */
    assert_ok(operate(world, "vm", INSTANCE, OPERATION_ENSURE, vm_spec(counter),
                      cJSON_CreateObject(), NULL, &err),
              &err);
    assert_ok(start_vm(world, counter, &err), &err);
    assert_int_equal(world->last_event.state, VM_RUNNING);
    assert_true(world->pid > 0);
    assert_int_equal(world->last_event.pid, world->pid);
    /* No KVM, no TCG by wish: there is something to tell. */
    print_message("    note: %s\n", runtime_acceleration_note(world->runtime)
                                        ? runtime_acceleration_note(world->runtime)
                                        : "(none)");
}

static void qemu_has_no_power(void **state)
{
    struct world *world = *state;
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", world->pid);
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_read_file(path, 65536, &text, NULL, &err), &err);
    assert_non_null(strstr(text, "CapEff:\t0000000000000000"));
    assert_non_null(strstr(text, "CapPrm:\t0000000000000000"));
    assert_non_null(strstr(text, "Seccomp:\t2"));
    assert_non_null(strstr(text, "Uid:\t1879052578")); /* 0x70000000 + 0x001122 */
    assert_non_null(strstr(text, "Groups:\t \n"));
}

static void the_guest_is_who_it_was_told(void **state)
{
    struct world *world = *state;
    int exit_code;
    _cleanup_free_ char *output = run_in_guest(
        world,
        "hostname; echo $WHO; cat /mark /sys/class/net/eth0/address /sys/class/net/eth0/mtu; "
        "grep counter /etc/hosts; exit 3",
        &exit_code);
    assert_int_equal(exit_code, 3);
    assert_string_equal(output, "counter\nme\nstart-me\n02:00:00:00:00:07\n1400\n"
                                "10.9.8.7 counter " INSTANCE "\n");
}

static void logs_have_every_line(void **state)
{
    struct world *world = *state;
    run_for(world, 1000);
    _cleanup_free_ char *all = read_logs(world, -1), *tail = read_logs(world, 3);
    assert_true(count_lines(all) > 10);
    int newlines = 0;
    for (const char *p = tail; (p = strchr(p, '\n')); p++)
        newlines++;
    assert_int_equal(newlines, 3);
}

static void another_runtime_takes_it_over(void **state)
{
    struct world *world = *state;
    pid_t pid = world->last_event.pid;
    _cleanup_free_ char *before = read_logs(world, -1);
    runtime_free(world->runtime);
    run_for(world, 2000); /* nobody listens; the guest goes on counting */
    world->last_event = (struct vm_status){0};
    open_runtime(world);
    assert_int_equal(world->last_event.state, VM_RUNNING);
    assert_int_equal(world->last_event.pid, pid);
    run_for(world, 2000);
    _cleanup_free_ char *after = read_logs(world, -1);
    print_message("    %d lines before, %d after\n", count_lines(before), count_lines(after));
    assert_true(count_lines(after) > count_lines(before) + 40);
    int exit_code;
    _cleanup_free_ char *output = run_in_guest(world, "echo still here", &exit_code);
    assert_string_equal(output, "still here\n");
}

static void stop_ends_service_and_guest(void **state)
{
    struct world *world = *state;
    end_vm(world, OPERATION_STOP, false);
    assert_int_equal(world->last_event.state, VM_EXITED);
    assert_int_equal(world->last_event.reason, VM_EXIT_SERVICE);
    assert_int_equal(world->last_event.exit_code, 7);
    assert_true(world->pid > 0 && kill(world->pid, 0) < 0);
    _cleanup_free_ char *tail = read_logs(world, 1);
    assert_string_equal(tail, "bye\n");
    end_vm(world, OPERATION_STOP, false); /* once more is no error */
    struct exec *exec;
    const char *argv[] = {"true", NULL};
    static const struct exec_callbacks callbacks = {on_output, on_writable, on_exit_code};
    assert_int_equal(runtime_exec_start(world->runtime, INSTANCE,
                                        &(struct exec_options){.argv = argv}, &callbacks, NULL,
                                        &exec, NULL),
                     -ENOTCONN);
}

static void started_again_it_finds_its_disk(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    assert_ok(start_vm(world, counter, &err), &err);
    int exit_code;
    run_for(world, 500);
    _cleanup_free_ char *mark = run_in_guest(world, "cat /mark", &exit_code);
    assert_string_equal(mark, "start-me\nstart-me\n");
    _cleanup_free_ char *all = read_logs(world, -1); /* both boots, each from 1 */
    assert_true(count_lines(all) > 20);
}

static void a_killed_qemu_is_noticed_at_once(void **state)
{
    struct world *world = *state;
    assert_true(world->pid > 0);
    kill(world->pid, SIGKILL);
    uint64_t start = clock_monotonic_ms();
    assert_true(run_until_state(world, VM_EXITED, 1000));
    print_message("    noticed after %d ms\n", (int)(clock_monotonic_ms() - start));
    assert_int_equal(world->last_event.reason, VM_EXIT_KILLED);
    assert_int_equal(world->last_event.exit_code, 137);
}

/* The row of an unfinished START has no pid: the process is found by its command line. */
static void a_start_that_was_cut_off_is_ended(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {.operation = {.project = "test",
                                            .kind = "vm",
                                            .name = INSTANCE,
                                            .verb = OPERATION_START,
                                            .spec = vm_spec(counter),
                                            .inputs = vm_inputs(world),
                                            .listener = &listener}};
    outcome.operation.engine_data = &outcome;
    _cleanup_error_ struct error err = {0};
    const struct provider *with = provider(world, "vm");
    assert_ok(with->start(with->self, &outcome.operation, &err), &err);
    assert_true(run_until_state(world, VM_STARTING, 5000));
    run_for(world, 300);
    struct vm_status status;
    assert_int_equal(runtime_vm_status(world->runtime, INSTANCE, &status), 0);
    assert_true(status.pid > 0);
    runtime_free(world->runtime);
    run_for(world, 100);
    assert_ok(store_execute(world->store, &err, "UPDATE vms SET pid = 0, process_start = 0", ""),
              &err);
    open_runtime(world);
    assert_true(run_until_state(world, VM_EXITED, 5000));
    run_for(world, 100);
    assert_true(kill(status.pid, 0) < 0);
    assert_false(outcome.done);
    cJSON_Delete((cJSON *)outcome.operation.spec);
    cJSON_Delete((cJSON *)outcome.operation.inputs);
}

static void what_ends_by_itself_is_exited(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    assert_ok(start_vm(world, "echo done; exit 42", &err), &err);
    assert_true(run_until_state(world, VM_EXITED, 20000));
    assert_int_equal(world->last_event.reason, VM_EXIT_SERVICE);
    assert_int_equal(world->last_event.exit_code, 42);
    _cleanup_free_ char *tail = read_logs(world, 1);
    assert_string_equal(tail, "done\n");
}

static void a_service_that_cannot_start_is_named(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    cJSON *spec = vm_spec("");
    json_set(spec, "command", parse("[\"/no/such/program\"]"));
    assert_true(
        operate(world, "vm", INSTANCE, OPERATION_START, spec, vm_inputs(world), NULL, &err) < 0);
    assert_non_null(strstr(error_text(&err), "/no/such/program"));
    assert_int_equal(world->last_event.state, VM_EXITED);
    assert_int_equal(world->last_event.exit_code, 127);
}

/* QEMU refuses the root: what it says is in the error. */
static void a_boot_that_fails_says_why(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    cJSON *inputs = vm_inputs(world);
    json_set_string(json_object(inputs, "image/image"), "rootfs", "/dev/null");
    assert_true(
        operate(world, "vm", INSTANCE, OPERATION_START, vm_spec(counter), inputs, NULL, &err) < 0);
    assert_int_equal(world->last_event.state, VM_EXITED);
    assert_int_equal(world->last_event.reason, VM_EXIT_BOOT);
    assert_non_null(strstr(error_text(&err), "QEMU said: "));
}

static void a_cancelled_start_leaves_nothing_running(void **state)
{
    struct world *world = *state;
    struct outcome outcome = {.operation = {.project = "test",
                                            .kind = "vm",
                                            .name = INSTANCE,
                                            .verb = OPERATION_START,
                                            .spec = vm_spec(counter),
                                            .inputs = vm_inputs(world),
                                            .listener = &listener}};
    outcome.operation.engine_data = &outcome;
    _cleanup_error_ struct error err = {0};
    const struct provider *with = provider(world, "vm");
    assert_ok(with->start(with->self, &outcome.operation, &err), &err);
    run_for(world, 500);
    with->cancel(with->self, &outcome.operation);
    assert_true(run_until(world, &outcome.done, 5000));
    assert_int_equal(outcome.err.code, ECANCELED);
    struct vm_status status;
    assert_int_equal(runtime_vm_status(world->runtime, INSTANCE, &status), 0);
    assert_int_equal(status.pid, 0);
    error_done(&outcome.err);
    cJSON_Delete((cJSON *)outcome.operation.spec);
    cJSON_Delete((cJSON *)outcome.operation.inputs);
}

static void removed_it_leaves_nothing(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    assert_ok(start_vm(world, counter, &err), &err);
    end_vm(world, OPERATION_REMOVE, false);
    end_vm(world, OPERATION_REMOVE, false);
    struct vm_status status;
    assert_int_equal(runtime_vm_status(world->runtime, INSTANCE, &status), -ENOENT);
    _cleanup_free_ char *instances = xasprintf("%s/instances", world->paths.state);
    _cleanup_free_ char *run = xasprintf("%s/vm", world->paths.run);
    _cleanup_free_ char *probe = xasprintf("%s/probe", world->paths.run);
    assert_false(fs_exists(instances));
    assert_false(fs_exists(run));
    assert_false(fs_exists(probe));
    assert_true(world->pid > 0 && kill(world->pid, 0) < 0);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_made_once),
        cmocka_unit_test(a_vm_is_made_and_started),
        cmocka_unit_test(qemu_has_no_power),
        cmocka_unit_test(the_guest_is_who_it_was_told),
        cmocka_unit_test(logs_have_every_line),
        cmocka_unit_test(another_runtime_takes_it_over),
        cmocka_unit_test(stop_ends_service_and_guest),
        cmocka_unit_test(started_again_it_finds_its_disk),
        cmocka_unit_test(a_killed_qemu_is_noticed_at_once),
        cmocka_unit_test(a_start_that_was_cut_off_is_ended),
        cmocka_unit_test(what_ends_by_itself_is_exited),
        cmocka_unit_test(a_service_that_cannot_start_is_named),
        cmocka_unit_test(a_boot_that_fails_says_why),
        cmocka_unit_test(a_cancelled_start_leaves_nothing_running),
        cmocka_unit_test(removed_it_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
