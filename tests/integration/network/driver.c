/* Drives network/ as the engine does, without VMs: reads operations, carries them out, and plays
 * each guest's NIC by a process that carries frames between the endpoint's tap and a tap in another
 * network namespace.
 *
 *     network_driver ROOT [--no-check] [--stay] [--describe] < OPERATIONS
 *
 * OPERATIONS is a JSON array of {"verb":"ensure"|"remove", "kind", "name", "spec", "guest": name of
 * an `ip netns` (endpoints with a tap)}. All are checked first, then started kind by kind, those of
 * one kind at once. One line a result: "KIND NAME JSON" or "KIND NAME error: TEXT"; exit status 1
 * where anything failed. --stay: goes on holding the ports until it is killed. */
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "network/network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

struct driver {
    uv_loop_t *loop;
    struct network *network;
    cJSON *operations;
    size_t waiting;
    bool failed;
};

struct task {
    struct operation operation;
    struct driver *driver;
    const char *guest;
};

/* --- the guest's end of a tap ---------------------------------------------------------------- */

static int open_guest_tap(const char *namespace, const char *interface)
{
    _cleanup_free_ char *path = xasprintf("/run/netns/%s", namespace);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        return -1;
    close(fd);
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    return fd >= 0 && ioctl(fd, TUNSETIFF, &request) == 0 ? fd : -1;
}

/* Frames keep their virtio headers: both taps have them. */
static void carry_frames(int host, int guest)
{
    struct pollfd ends[] = {{.fd = host, .events = POLLIN}, {.fd = guest, .events = POLLIN}};
    char frame[70000];
    while (poll(ends, 2, -1) >= 0 && !((ends[0].revents | ends[1].revents) & (POLLERR | POLLNVAL)))
        for (int i = 0; i < 2; i++) {
            ssize_t length = ends[i].revents & POLLIN ? read(ends[i].fd, frame, sizeof(frame)) : 0;
            if (length < 0 ||
                (length > 0 && write(ends[1 - i].fd, frame, (size_t)length) < 0 && errno == EBADFD))
                _exit(0);
        }
}

static void start_guest(const char *namespace, const char *interface, int tap)
{
    int ready[2];
    if (pipe(ready) < 0)
        abort();
    if (fork() == 0) {
        setsid();
        int guest = open_guest_tap(namespace, interface);
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        int host = dup(tap);
        char byte = guest >= 0 ? '1' : '0';
        if (write(ready[1], &byte, 1) == 1 && guest >= 0) {
            if (host != 3)
                dup2(host, 3);
            if (guest != 4)
                dup2(guest, 4);
            close_range(5, ~0u, 0);
            carry_frames(3, 4);
        }
        _exit(0);
    }
    char byte = '0';
    if (read(ready[0], &byte, 1) != 1 || byte != '1') {
        fprintf(stderr, "cannot play a guest in namespace '%s'\n", namespace);
        abort();
    }
    close(ready[0]);
    close(ready[1]);
}

/* --- operations ------------------------------------------------------------------------------ */

static void on_done(struct operation *operation, cJSON *result, struct error *err)
{
    struct task *task = (struct task *)operation;
    task->driver->waiting--;
    if (err->code != 0) {
        printf("%s %s error: %s\n", operation->kind, operation->name, error_text(err));
        task->driver->failed = true;
        error_done(err);
    } else {
        _cleanup_free_ char *text = result ? json_print(result) : xstrdup("{}");
        printf("%s %s %s\n", operation->kind, operation->name, text);
    }
    const cJSON *fd = cJSON_GetArrayItem(json_array(result, "fds"), 0);
    if (fd && task->guest)
        start_guest(task->guest, json_string(result, "interface", "eth0"), fd->valueint);
    if (fd)
        close(fd->valueint);
    cJSON_Delete(result);
    free(task);
}

static const struct operation_listener listener = {.done = on_done};

static struct task *task_new(struct driver *driver, const cJSON *item)
{
    static const cJSON nothing = {.type = cJSON_Object};
    struct task *task = new0(struct task);
    const cJSON *spec = json_object(item, "spec");
    task->driver = driver;
    task->guest = json_string(item, "guest", NULL);
    task->operation = (struct operation){
        .project = json_string(spec, "project", ""),
        .kind = json_string(item, "kind", ""),
        .name = json_string(item, "name", ""),
        .verb = streq(json_string(item, "verb", "ensure"), "remove") ? OPERATION_REMOVE
                                                                     : OPERATION_ENSURE,
        .spec = spec ? spec : &nothing,
        .inputs = &nothing,
        .listener = &listener,
    };
    return task;
}

static const struct provider *find_provider(struct driver *driver, const char *kind)
{
    size_t count;
    const struct provider *providers = network_providers(driver->network, &count);
    for (size_t i = 0; i < count; i++)
        if (streq(providers[i].kind, kind))
            return &providers[i];
    abort();
}

static bool check_kind(struct driver *driver, const char *kind)
{
    VEC(struct operation *) operations = {0};
    const cJSON *item;
    cJSON_ArrayForEach(item,
                       driver->operations) if (streq(json_string(item, "kind", ""), kind) &&
                                               !streq(json_string(item, "verb", ""), "remove"))
        vec_add(&operations, &task_new(driver, item)->operation);
    const struct provider *provider = find_provider(driver, kind);
    struct error err = {0};
    int r = operations.count
                ? provider->check(provider->self, operations.items, operations.count, &err)
                : 0;
    if (r < 0)
        printf("check %s error: %s\n", kind, error_text(&err));
    error_done(&err);
    for (size_t i = 0; i < operations.count; i++)
        free(operations.items[i]);
    vec_done(&operations);
    return r == 0;
}

static void run_kind(struct driver *driver, const char *kind, enum operation_verb verb)
{
    const struct provider *provider = find_provider(driver, kind);
    const cJSON *item;
    cJSON_ArrayForEach(item, driver->operations)
    {
        struct task *task = task_new(driver, item);
        if (!streq(task->operation.kind, kind) || task->operation.verb != verb) {
            free(task);
            continue;
        }
        struct error err = {0};
        driver->waiting++;
        if (provider->start(provider->self, &task->operation, &err) < 0)
            on_done(&task->operation, NULL, &err);
    }
    while (driver->waiting > 0)
        uv_run(driver->loop, UV_RUN_ONCE);
}

static void run_all(struct driver *driver, bool check)
{
    static const char *const kinds[] = {"network", "endpoint", "ports"};
    for (size_t i = 0; check && i < ARRAY_SIZE(kinds); i++)
        if (!check_kind(driver, kinds[i])) {
            driver->failed = true;
            return;
        }
    for (size_t i = ARRAY_SIZE(kinds); i-- > 0;)
        run_kind(driver, kinds[i], OPERATION_REMOVE);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        run_kind(driver, kinds[i], OPERATION_ENSURE);
}

static void describe(struct driver *driver)
{
    _cleanup_json_ cJSON *networks = network_describe_networks(driver->network);
    _cleanup_free_ char *text = json_print(networks);
    printf("%s\n", text);
}

/* --- main ------------------------------------------------------------------------------------ */

static cJSON *read_operations(void)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    ssize_t length;
    while ((length = read(STDIN_FILENO, strbuf_reserve(&text, 65536), 65536)) > 0)
        text.length += (size_t)length;
    cJSON *operations = NULL;
    struct error err = {0};
    if (text.length > 0 && json_parse(text.data, text.length, &operations, &err) < 0) {
        fprintf(stderr, "the operations: %s\n", error_text(&err));
        exit(2);
    }
    return operations;
}

static bool has_option(char **argv, const char *option)
{
    for (size_t i = 2; argv[i]; i++)
        if (streq(argv[i], option))
            return true;
    return false;
}

static void must(int r, const struct error *err)
{
    if (r == 0)
        return;
    fprintf(stderr, "%s\n", error_text(err));
    exit(2);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_set_level_from_environment();
    setenv("VMSTEAD_ROOT", argv[1], 1);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    struct paths paths;
    struct store *store = NULL;
    struct error err = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct driver driver = {.loop = &loop, .operations = read_operations()};
    must(paths_init(&paths, &err), &err);
    _cleanup_free_ char *database = xasprintf("%s/network.db", paths.state);
    must(store_open(database, &store, &err), &err);
    must(network_new(&loop, &paths, store, &driver.network, &err), &err);
    must(network_adopt(driver.network, &err), &err);
    run_all(&driver, !has_option(argv, "--no-check"));
    if (has_option(argv, "--describe"))
        describe(&driver);
    if (has_option(argv, "--stay")) {
        puts("ready");
        uv_run(&loop, UV_RUN_DEFAULT);
        pause();
    }
    network_free(driver.network);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    store_close(store);
    paths_done(&paths);
    cJSON_Delete(driver.operations);
    return driver.failed ? 1 : 0;
}
