/* Requests to the image store up to where programs would run: $PATH leads nowhere in all of these,
 * so that whatever succeeds ran none. The whole way: tests/integration/images.sh. */
#include "runtime/image_store.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/str.h"
#include "runtime/image_cache.h"

#include <errno.h>
#include <stdio.h>

#define SOURCE "docker://docker.io/library/nginx:latest"

static char cache[] = "image-store-test-XXXXXX";
static uv_loop_t loop;
static struct image_store *store;

struct outcome {
    int calls;
    cJSON *result;
    struct error err;
    struct strbuf progress;
    struct image_request *cancel_when_waiting;
    int close_when_waiting;
};

static void on_progress(void *userdata, const char *text, int64_t current, int64_t total,
                        const char *unit)
{
    struct outcome *outcome = userdata;
    (void)current, (void)total, (void)unit;
    strbuf_addf(&outcome->progress, "%s\n", text);
    if (!strstr(text, "waiting"))
        return;
    if (outcome->cancel_when_waiting)
        image_request_cancel(outcome->cancel_when_waiting);
    closep(&outcome->close_when_waiting);
}

static void on_done(void *userdata, cJSON *result, struct error *err)
{
    struct outcome *outcome = userdata;
    outcome->calls++;
    outcome->result = result;
    error_copy(&outcome->err, err);
}

static const struct image_callbacks callbacks = {on_progress, on_done};

static void outcome_done(struct outcome *outcome)
{
    cJSON_Delete(outcome->result);
    error_done(&outcome->err);
    strbuf_done(&outcome->progress);
}

static int open_store(void **state)
{
    (void)state;
    snprintf(cache, sizeof(cache), "image-store-test-XXXXXX");
    struct paths paths = {.cache = mkdtemp(cache)};
    return !paths.cache || uv_loop_init(&loop) < 0 || image_store_new(&loop, &paths, &store, NULL);
}

static int close_store(void **state)
{
    (void)state;
    image_store_free(store);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) < 0 ? -1 : fs_remove_tree(cache, NULL);
}

static int start(const char *spec_text, struct outcome *outcome, struct image_request **request,
                 struct error *err)
{
    _cleanup_json_ cJSON *spec = cJSON_Parse(spec_text);
    assert_non_null(spec);
    return image_store_ensure(store, "nginx", spec, &callbacks, outcome, request, err);
}

static void run(const char *spec, struct outcome *outcome)
{
    _cleanup_error_ struct error err = {0};
    struct image_request *request;
    outcome->close_when_waiting = outcome->close_when_waiting ? outcome->close_when_waiting : -1;
    assert_ok(start(spec, outcome, &request, &err), &err);
    assert_int_equal(outcome->calls, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome->calls, 1);
}

static char *images_folder(void)
{
    return xasprintf("%s/images", cache);
}

/* What `nginx` would have been made into; returns the file's path. */
static char *put_into_cache(const char *content)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *images = images_folder(), *folder = NULL;
    _cleanup_json_ cJSON *image = cJSON_Parse("{\"architecture\":\"amd64\",\"config\":{}}");
    _cleanup_json_ cJSON *result = NULL;
    char key[HASH_HEX_SIZE];
    hash_sha256_hex(SOURCE, strlen(SOURCE), key);
    assert_ok(image_cache_make_folder(images, key, &folder, &err), &err);
    _cleanup_free_ char *rootfs = xasprintf("%s/rootfs.erofs", folder);
    assert_ok(fs_write_file_atomic(rootfs, content, strlen(content), 0600, &err), &err);
    assert_ok(image_cache_install(images, folder, image, &result, &err), &err);
    const char *id = json_string(result, "id", "");
    assert_ok(image_cache_write_ref(images, key, SOURCE, "sha256:x", id, &err), &err);
    fs_remove_tree(folder, NULL);
    return xstrdup(json_string(result, "rootfs", ""));
}

static void a_cached_image_needs_no_program(void **state)
{
    (void)state;
    static const char *const specs[] = {
        "{\"image\":\"nginx\"}", "{\"image\":\"docker.io/library/nginx:latest\"}",
        "{\"image\":\"nginx\",\"pull\":\"missing\"}", "{\"image\":\"nginx\",\"pull\":\"never\"}"};
    _cleanup_free_ char *rootfs = put_into_cache("image");
    for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
        _cleanup_(outcome_done) struct outcome outcome = {0};
        run(specs[i], &outcome);
        assert_int_equal(outcome.err.code, 0);
        assert_string_equal(json_string(outcome.result, "rootfs", ""), rootfs);
        assert_string_equal(json_string(outcome.result, "architecture", ""), "amd64");
        assert_int_equal(json_int(outcome.result, "size", 0), 5);
        assert_int_equal(outcome.progress.length, 0);
    }
}

static void what_is_not_cached_names_the_missing_programs(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {0}, always = {0}, bootstrap = {0};
    run("{\"image\":\"nginx\"}", &outcome);
    assert_int_equal(outcome.err.code, ENOENT);
    assert_non_null(strstr(outcome.err.message, "apt-get install skopeo umoci erofs-utils"));
    _cleanup_free_ char *rootfs = put_into_cache("image");
    run("{\"image\":\"nginx\",\"pull\":\"always\"}", &always);
    assert_int_equal(always.err.code, ENOENT);
    run("{\"bootstrap\":{\"suite\":\"bookworm\"}}", &bootstrap);
    assert_int_not_equal(bootstrap.err.code, 0);
    assert_null(bootstrap.result);
}

static void never_means_never(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {0}, damaged = {0};
    run("{\"image\":\"nginx\",\"pull\":\"never\"}", &outcome);
    assert_int_equal(outcome.err.code, ENOENT);
    assert_non_null(strstr(outcome.err.message, "vmstead pull"));
    _cleanup_free_ char *rootfs = put_into_cache("image");
    assert_int_equal(truncate(rootfs, 1), 0);
    run("{\"image\":\"nginx\",\"pull\":\"never\"}", &damaged);
    assert_int_equal(damaged.err.code, ENOENT);
    assert_non_null(strstr(damaged.err.message, "damaged"));
}

static void damage_that_cannot_be_mended_is_told(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {0};
    _cleanup_free_ char *rootfs = put_into_cache("image");
    assert_int_equal(truncate(rootfs, 1), 0);
    run("{\"image\":\"nginx\"}", &outcome);
    assert_non_null(strstr(strbuf_text(&outcome.progress), "damaged"));
    assert_non_null(strstr(outcome.err.message, "1 bytes instead of 5"));
    assert_non_null(strstr(outcome.err.message, "not installed"));
}

static void what_cannot_be_is_refused_at_once(void **state)
{
    (void)state;
    static const char *const specs[] = {"{}", "{\"image\":\"A B\"}", "{\"bootstrap\":{}}",
                                        "{\"image\":\"nginx\",\"pull\":\"sometimes\"}"};
    for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
        _cleanup_(outcome_done) struct outcome outcome = {0};
        _cleanup_error_ struct error err = {0};
        struct image_request *request;
        assert_int_equal(start(specs[i], &outcome, &request, &err), -EINVAL);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(outcome.calls, 0);
    }
}

static void a_cancelled_request_ends_as_cancelled(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(outcome_done) struct outcome outcome = {.close_when_waiting = -1};
    struct image_request *request;
    assert_ok(start("{\"image\":\"nginx\"}", &outcome, &request, &err), &err);
    image_request_cancel(request);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.err.code, ECANCELED);
}

static void a_closed_store_calls_nobody(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(outcome_done) struct outcome outcome = {.close_when_waiting = -1};
    struct image_request *request;
    assert_ok(start("{\"image\":\"nginx\"}", &outcome, &request, &err), &err);
    image_store_free(store);
    store = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 0);
}

static int hold_lock(void)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *images = images_folder();
    char key[HASH_HEX_SIZE];
    hash_sha256_hex(SOURCE, strlen(SOURCE), key);
    _cleanup_free_ char *path = image_cache_lock_path(images, key);
    int lock = -1;
    assert_ok(fs_lock_file(path, 0, &lock, &err), &err);
    return lock;
}

static void makers_of_one_image_take_turns(void **state)
{
    (void)state;
    _cleanup_(outcome_done) struct outcome outcome = {.close_when_waiting = hold_lock()};
    run("{\"image\":\"nginx\"}", &outcome);
    assert_string_equal(strbuf_text(&outcome.progress), "waiting for its turn\n");
    assert_int_equal(outcome.err.code, ENOENT); /* it came to where programs are needed */
}

static void a_waiting_one_can_be_cancelled(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(outcome_done) struct outcome outcome = {.close_when_waiting = -1};
    int lock = hold_lock();
    assert_ok(start("{\"image\":\"nginx\"}", &outcome, &outcome.cancel_when_waiting, &err), &err);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(outcome.calls, 1);
    assert_int_equal(outcome.err.code, ECANCELED);
    close(lock);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)
    const struct CMUnitTest tests[] = {
        TEST(a_cached_image_needs_no_program),
        TEST(what_is_not_cached_names_the_missing_programs),
        TEST(never_means_never),
        TEST(damage_that_cannot_be_mended_is_told),
        TEST(what_cannot_be_is_refused_at_once),
        TEST(a_cancelled_request_ends_as_cancelled),
        TEST(a_closed_store_calls_nobody),
        TEST(makers_of_one_image_take_turns),
        TEST(a_waiting_one_can_be_cancelled),
    };
    setenv("PATH", "/nonexistent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
