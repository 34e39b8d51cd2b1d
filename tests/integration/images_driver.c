/* Asks the image store for images, for images.sh: images_driver CACHE SPEC...; a SPEC is JSON or a
 * reference. Progress goes to stderr; for each image a line of its result (JSON) or "ERROR text" to
 * stdout. SIGINT cancels. The exit code is the number of images that failed. */
#include "runtime/image_store.h"

#include <signal.h>
#include <stdio.h>

enum { REQUEST_LIMIT = 16 };
static struct image_request *requests[REQUEST_LIMIT]; /* NULL: has ended */
static int running, failed;
static uv_signal_t interrupt;

static void on_progress(void *userdata, const char *text, int64_t current, int64_t total,
                        const char *unit)
{
    (void)userdata;
    fprintf(stderr, "%s %lld/%lld%s\n", text, (long long)current, (long long)total, unit);
}

static void on_done(void *userdata, cJSON *result, struct error *err)
{
    *(struct image_request **)userdata = NULL;
    char *text = result ? json_print(result) : NULL;
    printf("%s%s\n", text ? "" : "ERROR ", text ? text : error_text(err));
    free(text);
    failed += !result;
    cJSON_Delete(result);
    if (--running == 0)
        uv_close((uv_handle_t *)&interrupt, NULL);
}

static void on_interrupt(uv_signal_t *handle, int signal_number)
{
    (void)handle, (void)signal_number;
    for (int i = 0; i < REQUEST_LIMIT; i++)
        if (requests[i])
            image_request_cancel(requests[i]);
}

static cJSON *spec_of(const char *text)
{
    if (*text == '{')
        return cJSON_Parse(text);
    cJSON *spec = cJSON_CreateObject();
    json_set_string(spec, "image", text);
    return spec;
}

static void ask(struct image_store *store, const char *text, struct image_request **request)
{
    static const struct image_callbacks callbacks = {on_progress, on_done};
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *spec = spec_of(text);
    const char *name = json_string(spec, "image", "bootstrap:test");
    if (image_store_ensure(store, name, spec, &callbacks, request, request, &err) == 0) {
        running++;
        return;
    }
    printf("ERROR %s\n", error_text(&err));
    failed++;
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = {0};
    uv_loop_t *loop = uv_default_loop();
    struct image_store *store;
    if (argc < 3 || argc > REQUEST_LIMIT + 2)
        return 100;
    struct paths paths = {.cache = argv[1]};
    if (image_store_new(loop, &paths, &store, &err) < 0) {
        fprintf(stderr, "%s\n", error_text(&err));
        return 101;
    }
    uv_signal_init(loop, &interrupt);
    uv_signal_start(&interrupt, on_interrupt, SIGINT);
    for (int i = 2; i < argc; i++)
        ask(store, argv[i], &requests[i - 2]);
    if (running == 0)
        uv_close((uv_handle_t *)&interrupt, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    image_store_free(store);
    uv_loop_close(loop);
    return failed;
}
