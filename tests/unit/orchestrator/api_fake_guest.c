/* What the runtime does in guests, beside exec and logs: the fakes of attach, top and copy of
 * api_fakes.h. */
#include "api_fakes.h"
#include "api_fakes_internal.h"

#include "base/alloc.h"
#include "base/str.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { IN_FLIGHT = 256 << 10, ROOM = 48 << 10, BLOCK = 32 << 10 };

int runtime_vm_status(struct runtime *runtime, const char *instance, struct vm_status *ret_status)
{
    (void)runtime;
    *ret_status = (struct vm_status){.state = VM_RUNNING, .tty = streq(instance, "shop-cache-1")};
    return 0;
}

/* --- images ---------------------------------------------------------------------------------- */

cJSON *runtime_describe_images(struct runtime *runtime)
{
    (void)runtime;
    return cJSON_Parse(
        "[{\"id\":\"sha256:abc\",\"references\":[\"nginx:1.25\",\"registry:5000/a/nginx:1\"],"
        "\"size\":1000,\"created_ms\":5000,\"architecture\":\"amd64\",\"built\":false,"
        "\"config\":{\"Cmd\":[\"nginx\"],\"Labels\":{\"k\":\"v\"}}},"
        "{\"id\":\"sha256:def0\",\"references\":[],\"size\":7,\"created_ms\":4000,"
        "\"built\":true}]");
}

int runtime_image_remove(struct runtime *runtime, const char *name, const cJSON *used,
                         cJSON **ret_removed, struct error *err)
{
    (void)runtime;
    if (streq(name, "nginx:1.25"))
        return error_set(err, EBUSY, "image is used by %s", json_string(used, "sha256:abc", "?"));
    if (!streq(name, "registry:5000/a/nginx:1"))
        return error_set(err, ENOENT, "no such image: %s", name);
    *ret_removed = cJSON_Parse("[{\"Untagged\":\"registry:5000/a/nginx:1\"}]");
    return 0;
}

int runtime_images_prune(struct runtime *runtime, const cJSON *used, cJSON **ret_removed,
                         struct error *err)
{
    (void)runtime, (void)err;
    *ret_removed = cJSON_Parse(
        json_string(used, "sha256:abc", NULL) ? "[{\"Deleted\":\"sha256:def0\"}]" : "[]");
    return 0;
}

/* --- volumes --------------------------------------------------------------------------------- */

cJSON *runtime_describe_volumes(const struct runtime *runtime)
{
    (void)runtime;
    return cJSON_Parse(
        "[{\"name\":\"anon\",\"kind\":\"disk\",\"path\":\"/v/"
        "anon\",\"project\":\"shop\",\"key\":\"\","
        "\"anonymous\":true,\"labels\":{},\"created_ms\":1000,\"bytes\":100,\"users\":[]},"
        "{\"name\":\"shop_data\",\"kind\":\"folder\",\"path\":\"/v/data\",\"project\":\"shop\","
        "\"key\":\"data\",\"anonymous\":false,\"labels\":{\"k\":\"v\"},\"created_ms\":1000,"
        "\"bytes\":50,\"users\":[\"shop-web-1\",\"shop-db-1\"]},"
        "{\"name\":\"spare\",\"kind\":\"\",\"path\":\"\",\"project\":\"\",\"key\":\"\","
        "\"anonymous\":false,\"labels\":{},\"created_ms\":1000,\"bytes\":7,\"users\":[]}]");
}

cJSON *runtime_describe_volume(const struct runtime *runtime, const char *name)
{
    _cleanup_json_ cJSON *list = runtime_describe_volumes(runtime);
    cJSON *volume;
    cJSON_ArrayForEach(volume, list) if (streq(json_string(volume, "name", ""),
                                               name)) return cJSON_DetachItemViaPointer(list,
                                                                                        volume);
    return NULL;
}

int runtime_volume_create(struct runtime *runtime, const char *name, const cJSON *labels,
                          char **ret_name, struct error *err)
{
    (void)runtime;
    if (name && streq(name, "shop_data"))
        return error_set(err, EEXIST, "there is a volume 'shop_data'");
    if (name && !streq(name, "spare"))
        return error_set(err, EINVAL, "'%s' is no name for a volume", name);
    fakes.volume_labels = cJSON_GetArraySize(labels);
    *ret_name = xstrdup(name ? name : "anon");
    return 0;
}

int runtime_volume_remove(struct runtime *runtime, const char *name, struct error *err)
{
    _cleanup_json_ cJSON *volume = runtime_describe_volume(runtime, name);
    if (!volume)
        return error_set(err, ENOENT, "no such volume: %s", name);
    if (streq(name, "shop_data"))
        return error_set(err, EBUSY, "volume is in use - [shop-web-1, shop-db-1]");
    fakes.volumes_removed++;
    return 0;
}

/* --- attach ---------------------------------------------------------------------------------- */

struct attach {
    uv_idle_t idle;
    const struct exec_callbacks *callbacks;
    void *userdata;
    struct strbuf input;
    bool says_hello, exiting;
};

static void attach_close(struct attach *attach)
{
    fakes.attaches_open--;
    strbuf_done(&attach->input);
    uv_close((uv_handle_t *)&attach->idle, fake_free_on_close);
}

static void on_attach_idle(uv_idle_t *idle)
{
    struct attach *attach = (struct attach *)idle;
    const struct exec_callbacks *callbacks = attach->callbacks;
    if (attach->says_hello) {
        callbacks->on_output(attach->userdata, EXEC_STDOUT, "out\n", 4);
        callbacks->on_output(attach->userdata, EXEC_STDERR, "err\n", 4);
        attach->says_hello = false;
    }
    if (attach->input.length > 0) {
        callbacks->on_output(attach->userdata, EXEC_STDOUT, attach->input.data,
                             attach->input.length);
        strbuf_clear(&attach->input);
        callbacks->on_writable(attach->userdata, ROOM);
    }
    uv_idle_stop(idle);
    if (!attach->exiting)
        return;
    callbacks->on_exit(attach->userdata, 0, NULL);
    attach_close(attach);
}

int runtime_attach_start(struct runtime *runtime, const char *instance,
                         const struct attach_options *options,
                         const struct exec_callbacks *callbacks, void *userdata,
                         struct attach **ret_attach, struct error *err)
{
    (void)runtime;
    bool has_ended = streq(instance, "shop-job-1");
    if (has_ended && !options->replay)
        return error_set(err, ENOTCONN, "'%s' does not run", instance);
    if (options->attach_stdin && !streq(instance, "shop-cache-1"))
        return error_set(err, EINVAL, "'%s' reads no stdin", instance);
    struct attach *attach = new0(struct attach);
    attach->callbacks = callbacks;
    attach->userdata = userdata;
    attach->says_hello = !streq(instance, "shop-cache-1");
    attach->exiting = has_ended;
    uv_idle_init(fake_loop, &attach->idle);
    attach->idle.data = attach;
    uv_idle_start(&attach->idle, on_attach_idle);
    fakes.attaches_open++;
    *ret_attach = attach;
    return 0;
}

size_t runtime_attach_window(struct attach *attach)
{
    return ROOM - attach->input.length;
}

void runtime_attach_write(struct attach *attach, const void *data, size_t length)
{
    assert_true(length <= runtime_attach_window(attach));
    strbuf_add(&attach->input, data, length);
    uv_idle_start(&attach->idle, on_attach_idle);
}

void runtime_attach_close_stdin(struct attach *attach)
{
    fakes.stdin_closed++;
    attach->exiting = true;
    uv_idle_start(&attach->idle, on_attach_idle);
}

void runtime_attach_consumed(struct attach *attach, size_t length)
{
    (void)attach;
    (void)length;
}

void runtime_attach_resize(struct attach *attach, uint16_t rows, uint16_t columns)
{
    (void)attach;
    (void)columns;
    fakes.resized_rows = rows;
}

void runtime_attach_abandon(struct attach *attach)
{
    attach_close(attach);
}

/* --- top ------------------------------------------------------------------------------------- */

struct top {
    uv_timer_t timer;
    void (*on_done)(void *userdata, const struct top_process *processes, size_t count,
                    const struct error *err);
    void *userdata;
};

static void top_close(struct top *top)
{
    fakes.tops_open--;
    uv_close((uv_handle_t *)&top->timer, fake_free_on_close);
}

static void on_top_timer(uv_timer_t *timer)
{
    static char user[] = "root", tty[] = "?", command[] = "nginx: master process";
    struct top *top = (struct top *)timer;
    const struct top_process process = {.user = user,
                                        .pid = 41,
                                        .ppid = 1,
                                        .cpu_percent = 3,
                                        .started_at_ms = 1000,
                                        .tty = tty,
                                        .cpu_ms = 3725000,
                                        .command = command};
    top->on_done(top->userdata, &process, 1, NULL);
    top_close(top);
}

int runtime_top_start(struct runtime *runtime, const char *instance,
                      void (*on_done)(void *userdata, const struct top_process *processes,
                                      size_t count, const struct error *err),
                      void *userdata, struct top **ret_top, struct error *err)
{
    (void)runtime;
    (void)err;
    struct top *top = new0(struct top);
    top->on_done = on_done;
    top->userdata = userdata;
    uv_timer_init(fake_loop, &top->timer);
    top->timer.data = top;
    /* The other one never answers. */
    if (streq(instance, "shop-web-1"))
        uv_timer_start(&top->timer, on_top_timer, 5, 0);
    fakes.tops_open++;
    *ret_top = top;
    return 0;
}

void runtime_top_abandon(struct top *top)
{
    top_close(top);
}

/* --- copy out -------------------------------------------------------------------------------- */

struct copy_out {
    uv_idle_t idle;
    const struct copy_out_callbacks *callbacks;
    void *userdata;
    bool missing, only_stat, told;
    size_t left, in_flight;
    int ends_with;
};

static void copy_out_close(struct copy_out *copy)
{
    fakes.copies_open--;
    uv_close((uv_handle_t *)&copy->idle, fake_free_on_close);
}

static void copy_out_end(struct copy_out *copy)
{
    _cleanup_error_ struct error err = {0};
    if (copy->missing)
        error_set(&err, ENOENT, "no such file or directory");
    else if (copy->ends_with)
        error_set(&err, copy->ends_with, "the VM is gone");
    copy->callbacks->on_end(copy->userdata, &err);
    copy_out_close(copy);
}

static void on_copy_out_idle(uv_idle_t *idle)
{
    static const char zeros[BLOCK];
    static const struct copy_stat stat = {.name = "file",
                                          .size = FAKE_FILE_SIZE,
                                          .mode = S_IFREG | 0644,
                                          .mtime_ns = 1000000000,
                                          .link_target = ""};
    struct copy_out *copy = (struct copy_out *)idle;
    if (!copy->missing && !copy->told)
        copy->callbacks->on_stat(copy->userdata, &stat);
    copy->told = true;
    if (copy->missing || copy->only_stat || copy->left == 0) {
        copy_out_end(copy);
        return;
    }
    if (copy->in_flight + BLOCK > IN_FLIGHT) {
        uv_idle_stop(idle);
        return;
    }
    copy->left -= BLOCK;
    copy->in_flight += BLOCK;
    if (copy->in_flight > fakes.copy_max_in_flight)
        fakes.copy_max_in_flight = copy->in_flight;
    copy->callbacks->on_data(copy->userdata, zeros, BLOCK);
}

int runtime_copy_out_start(struct runtime *runtime, const char *instance,
                           const struct copy_out_options *options,
                           const struct copy_out_callbacks *callbacks, void *userdata,
                           struct copy_out **ret_copy, struct error *err)
{
    (void)runtime;
    (void)instance;
    (void)err;
    struct copy_out *copy = new0(struct copy_out);
    copy->callbacks = callbacks;
    copy->userdata = userdata;
    copy->missing = streq(options->path, "/missing");
    copy->only_stat = options->only_stat;
    copy->left = FAKE_FILE_SIZE;
    if (streq(options->path, "/broken")) {
        copy->left = 10 * BLOCK;
        copy->ends_with = ECONNRESET;
    }
    uv_idle_init(fake_loop, &copy->idle);
    copy->idle.data = copy;
    uv_idle_start(&copy->idle, on_copy_out_idle);
    fakes.copies_open++;
    *ret_copy = copy;
    return 0;
}

void runtime_copy_out_consumed(struct copy_out *copy, size_t length)
{
    assert_true(length <= copy->in_flight);
    copy->in_flight -= length;
    uv_idle_start(&copy->idle, on_copy_out_idle);
}

void runtime_copy_out_abandon(struct copy_out *copy)
{
    copy_out_close(copy);
}

/* --- copy in --------------------------------------------------------------------------------- */

struct copy_in {
    uv_idle_t idle;
    const struct copy_in_callbacks *callbacks;
    void *userdata;
    size_t waiting, taken, fails_at;
    int fails_with;
    bool finished;
};

static void copy_in_close(struct copy_in *copy)
{
    fakes.copies_open--;
    uv_close((uv_handle_t *)&copy->idle, fake_free_on_close);
}

static void on_copy_in_idle(uv_idle_t *idle)
{
    struct copy_in *copy = (struct copy_in *)idle;
    copy->taken += copy->waiting;
    fakes.copied_in += copy->waiting;
    copy->waiting = 0;
    bool failed = copy->fails_with && copy->taken >= copy->fails_at;
    if (failed || copy->finished) {
        _cleanup_error_ struct error err = {0};
        if (failed)
            error_set(&err, copy->fails_with, "it cannot be copied");
        copy->callbacks->on_end(copy->userdata, &err);
        copy_in_close(copy);
        return;
    }
    uv_idle_stop(idle);
    copy->callbacks->on_writable(copy->userdata, ROOM);
}

int runtime_copy_in_start(struct runtime *runtime, const char *instance,
                          const struct copy_in_options *options,
                          const struct copy_in_callbacks *callbacks, void *userdata,
                          struct copy_in **ret_copy, struct error *err)
{
    (void)runtime;
    (void)instance;
    (void)err;
    struct copy_in *copy = new0(struct copy_in);
    copy->callbacks = callbacks;
    copy->userdata = userdata;
    if (streq(options->path, "/missing"))
        copy->fails_with = ENOENT;
    if (streq(options->path, "/full")) {
        copy->fails_with = ENOSPC;
        copy->fails_at = 1 << 20;
    }
    uv_idle_init(fake_loop, &copy->idle);
    copy->idle.data = copy;
    uv_idle_start(&copy->idle, on_copy_in_idle);
    fakes.copies_open++;
    *ret_copy = copy;
    return 0;
}

size_t runtime_copy_in_window(struct copy_in *copy)
{
    return ROOM - copy->waiting;
}

void runtime_copy_in_write(struct copy_in *copy, const void *data, size_t length)
{
    (void)data;
    assert_true(length <= runtime_copy_in_window(copy) && !copy->finished);
    copy->waiting += length;
    uv_idle_start(&copy->idle, on_copy_in_idle);
}

void runtime_copy_in_finish(struct copy_in *copy)
{
    copy->finished = true;
    uv_idle_start(&copy->idle, on_copy_in_idle);
}

void runtime_copy_in_abandon(struct copy_in *copy)
{
    copy_in_close(copy);
}
