/* See exec_detached.h. */
#include "orchestrator/exec_detached.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>

enum {
    OUTPUT_MAX = 4 << 10, /* the reason is one line */
    NOT_EXECUTABLE = 126, /* as shells have it */
    NOT_FOUND = 127,
};

struct exec_detached {
    struct exec *handle;
    struct strbuf output; /* why it could not be started */
    void (*on_done)(void *userdata, const struct error *err);
    void *userdata;
};

static void detached_free(struct exec_detached *detached)
{
    strbuf_done(&detached->output);
    free(detached);
}

static void on_output(void *userdata, enum exec_stream stream, const void *data, size_t length)
{
    (void)stream;
    struct exec_detached *detached = userdata;
    size_t room = OUTPUT_MAX - detached->output.length;
    strbuf_add(&detached->output, data, length < room ? length : room);
    runtime_exec_consumed(detached->handle, length);
}

static void on_writable(void *userdata, size_t window)
{
    (void)userdata;
    (void)window;
}

static void describe_failure(const struct strbuf *output, int exit_code, struct error *err)
{
    const char *text = strbuf_text(output);
    int length = (int)strcspn(text, "\n");
    int code = exit_code == NOT_FOUND ? ENOENT : exit_code == NOT_EXECUTABLE ? EACCES : EINVAL;
    if (length > 0)
        error_set(err, code, "%.*s", length, text);
    else
        error_set(err, code, "the command cannot be started (exit code %d)", exit_code);
}

static void on_exit_code(void *userdata, int exit_code, const struct error *err)
{
    struct exec_detached *detached = userdata;
    _cleanup_error_ struct error problem = {0};
    if (err && err->code)
        error_copy(&problem, err);
    else if (exit_code)
        describe_failure(&detached->output, exit_code, &problem);
    detached->on_done(detached->userdata, &problem);
    detached_free(detached);
}

int exec_detached_start(struct runtime *runtime, const char *instance,
                        const struct exec_options *options,
                        void (*on_done)(void *userdata, const struct error *err), void *userdata,
                        struct exec_detached **ret_detached, struct error *err)
{
    static const struct exec_callbacks callbacks = {
        .on_output = on_output, .on_writable = on_writable, .on_exit = on_exit_code};
    struct exec_options detached_options = *options;
    detached_options.detach = true;
    detached_options.attach_stdin = false;
    struct exec_detached *detached = new0(struct exec_detached);
    detached->on_done = on_done;
    detached->userdata = userdata;
    int code = runtime_exec_start(runtime, instance, &detached_options, &callbacks, detached,
                                  &detached->handle, err);
    if (code < 0) {
        detached_free(detached);
        return code;
    }
    *ret_detached = detached;
    return 0;
}

void exec_detached_abandon(struct exec_detached *detached)
{
    runtime_exec_abandon(detached->handle);
    detached_free(detached);
}
