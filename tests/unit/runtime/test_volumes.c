/* Volumes without VMs: names, rows, what is refused; and what VMs' mounts and files are checked
 * for. */
#include "runtime/vm_files.h"
#include "runtime/vm_mounts.h"
#include "runtime/volume.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vault.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static char folder[] = "volumes-test-XXXXXX";

struct world {
    uv_loop_t loop;
    struct paths paths;
    struct store *store;
    struct runtime *runtime;
};

static void on_event(void *userdata, const struct vm_status *status)
{
    (void)userdata, (void)status;
}

static void open_runtime(struct world *world)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *database = xasprintf("%s/vmstead.db", world->paths.state);
    assert_ok(store_open(database, &world->store, &err), &err);
    assert_ok(runtime_new(&world->loop, &world->paths, world->store, on_event, world,
                          &world->runtime, &err),
              &err);
}

static void close_runtime(struct world *world)
{
    runtime_free(world->runtime);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    store_close(world->store);
}

static int set_up(void **state)
{
    struct world *world = new0(struct world);
    _cleanup_error_ struct error err = {0};
    snprintf(folder, sizeof(folder), "volumes-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    setenv("VMSTEAD_ROOT", folder, 1);
    uv_loop_init(&world->loop);
    assert_ok(paths_init(&world->paths, &err), &err);
    open_runtime(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    close_runtime(world);
    assert_int_equal(uv_loop_close(&world->loop), 0);
    paths_done(&world->paths);
    free(world);
    return fs_remove_tree(folder, NULL);
}

/* --- operations ------------------------------------------------------------------------------- */

struct outcome {
    bool done;
    cJSON *result;
    struct error err;
};

static void on_done(struct operation *operation, cJSON *result, struct error *err)
{
    struct outcome *outcome = operation->engine_data;
    outcome->done = true;
    outcome->result = result;
    error_move(&outcome->err, err);
}

static const struct operation_listener listener = {.done = on_done};

static cJSON *parse(const char *text)
{
    cJSON *value = NULL;
    _cleanup_error_ struct error err = {0};
    assert_ok(json_parse(text, strlen(text), &value, &err), &err);
    return value;
}

/* The kind that came out, or "" with the error. */
static const char *operate(struct world *world, enum operation_verb verb, const char *name,
                           const char *spec_text, struct error *err)
{
    static char kind[16];
    struct outcome outcome = {0};
    _cleanup_json_ cJSON *spec = parse(spec_text), *inputs = cJSON_CreateObject();
    struct operation operation = {.project = "p",
                                  .kind = "volume",
                                  .name = name,
                                  .verb = verb,
                                  .spec = spec,
                                  .inputs = inputs,
                                  .listener = &listener,
                                  .engine_data = &outcome};
    kind[0] = '\0';
    if (volume_start_operation(world->runtime, &operation, err) < 0)
        return kind;
    while (!outcome.done)
        uv_run(&world->loop, UV_RUN_ONCE);
    snprintf(kind, sizeof(kind), "%s", json_string(outcome.result, "kind", ""));
    cJSON_Delete(outcome.result);
    error_move(err, &outcome.err);
    return kind;
}

static void names(void **state)
{
    (void)state;
    static const char *const good[] = {"ab", "p_data", "0a.b-c_D"};
    static const char *const bad[] = {"", "a", ".ab", "-ab", "a/b", "a b", "..", "\303\244b"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(volume_check_name(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(volume_check_name(bad[i], NULL), -EINVAL);
    char longest[202];
    memset(longest, 'x', sizeof(longest));
    longest[201] = '\0';
    assert_int_equal(volume_check_name(longest, NULL), -EINVAL);
    assert_int_equal(volume_check_name(longest + 1, NULL), 0);
}

static void made_kept_and_removed(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    const char *spec = "{\"project\":\"p\",\"key\":\"data\",\"labels\":{\"a\":\"b\"}}";
    assert_string_equal(operate(world, OPERATION_ENSURE, "p_data", spec, &err), "disk");
    assert_string_equal(operate(world, OPERATION_ENSURE, "p_data", spec, &err), "disk");
    assert_string_equal(
        operate(world, OPERATION_ENSURE, "p_many", "{\"project\":\"p\",\"shared\":true}", &err),
        "folder");
    close_runtime(world);
    open_runtime(world);
    _cleanup_json_ cJSON *all = runtime_describe_volumes(world->runtime);
    assert_int_equal(cJSON_GetArraySize(all), 2);
    const cJSON *one = cJSON_GetArrayItem(all, 0);
    assert_string_equal(json_string(one, "name", ""), "p_data");
    assert_string_equal(json_string(one, "key", ""), "data");
    assert_string_equal(json_string(json_object(one, "labels"), "a", ""), "b");
    assert_true(json_int(one, "created_ms", 0) > 0);
    assert_true(json_int(one, "bytes", 0) > 0);
    assert_true(fs_exists(json_string(one, "path", "")));
    assert_string_equal(json_string(cJSON_GetArrayItem(all, 1), "kind", ""), "folder");
    operate(world, OPERATION_REMOVE, "p_data", "{}", &err);
    assert_int_equal(err.code, 0);
    assert_null(runtime_describe_volume(world->runtime, "p_data"));
    operate(world, OPERATION_REMOVE, "p_data", "{}", &err); /* again */
    assert_int_equal(err.code, 0);
}

static void an_external_one_is_left_alone(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *name = NULL;
    operate(world, OPERATION_ENSURE, "mine", "{\"external\":true}", &err);
    assert_int_equal(err.code, ENOENT);
    assert_non_null(strstr(error_text(&err), "vmstead volume create mine"));
    error_done(&err);
    assert_ok(runtime_volume_create(world->runtime, "mine", NULL, &name, &err), &err);
    assert_string_equal(name, "mine");
    assert_int_equal(runtime_volume_create(world->runtime, "mine", NULL, NULL, &err), -EEXIST);
    error_done(&err);
    assert_string_equal(operate(world, OPERATION_ENSURE, "mine", "{\"external\":true}", &err),
                        "disk");
    operate(world, OPERATION_REMOVE, "mine", "{\"external\":true}", &err);
    _cleanup_json_ cJSON *still = runtime_describe_volume(world->runtime, "mine");
    assert_non_null(still);
    assert_ok(runtime_volume_remove(world->runtime, "mine", &err), &err);
    assert_int_equal(runtime_volume_remove(world->runtime, "mine", &err), -ENOENT);
}

static void users_hold_a_volume(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    char *used[] = {(char[]){"p_data"}, NULL};
    operate(world, OPERATION_ENSURE, "p_data", "{}", &err);
    struct vm *vm = vm_new(world->runtime, "p-db-1", "00");
    assert_ok(vm_store_save(vm, &err), &err);
    assert_ok(volume_store_set_used(world->store, "p-db-1", used, &err), &err);
    close_runtime(world);
    open_runtime(world);
    assert_int_equal(runtime_volume_remove(world->runtime, "p_data", &err), -EBUSY);
    assert_non_null(strstr(error_text(&err), "p-db-1"));
    assert_ok(vm_store_delete(world->store, "p-db-1", &err), &err);
    vm_free(vm_find(world->runtime, "p-db-1"));
    assert_ok(runtime_volume_remove(world->runtime, "p_data", &err), &err);
}

/* A daemon that died in the middle of a conversion, or of a removal. */
static void leftovers_go(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    operate(world, OPERATION_ENSURE, "p_data", "{}", &err);
    _cleanup_free_ char *parent = xasprintf("%s/volumes", world->paths.state);
    _cleanup_free_ char *half = xasprintf("%s/p_data/tree/_data", parent);
    _cleanup_free_ char *tree = xasprintf("%s/p_data/tree", parent);
    _cleanup_free_ char *removed = xasprintf("%s/.removed-x/data", parent);
    _cleanup_free_ char *disk = xasprintf("%s/p_data/data.img", parent);
    assert_ok(fs_make_directory(half, 0700, &err), &err);
    assert_ok(fs_make_directory(removed, 0700, &err), &err);
    close_runtime(world);
    open_runtime(world);
    volume_adopt_all(world->runtime);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    assert_true(fs_exists(disk));
    assert_false(fs_exists(tree));
    assert_false(fs_exists(removed));
}

/* --- what a VM asks for ----------------------------------------------------------------------- */

static void mounts_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *mount, *message;
    } cases[] = {
        {"{\"type\":\"bind\",\"source\":\"/no/such\",\"target\":\"/x\"}", "does not exist"},
        {"{\"type\":\"bind\",\"source\":\"relative\",\"target\":\"/x\"}", "no absolute path"},
        {"{\"type\":\"bind\",\"source\":\"/dev/null\",\"target\":\"/x\"}", "is a device"},
        {"{\"type\":\"bind\",\"source\":\"/etc\",\"target\":\"x\"}", "no absolute path"},
        {"{\"type\":\"bind\",\"source\":\"/etc\",\"target\":\"/x\",\"subpath\":\"../usr\"}",
         "leads out of '/etc'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_error_ struct error err = {0};
        _cleanup_free_ char *text = xasprintf("{\"mounts\":[%s]}", cases[i].mount);
        _cleanup_json_ cJSON *spec = parse(text);
        assert_true(vm_mounts_check(spec, &err) < 0);
        assert_non_null(strstr(error_text(&err), cases[i].message));
    }
}

static void a_disk_is_one_device_and_a_folder_one_each(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    operate(world, OPERATION_ENSURE, "disk", "{}", &err);
    operate(world, OPERATION_ENSURE, "folder", "{\"shared\":true}", &err);
    struct vm *vm = vm_new(world->runtime, "one", "00");
    _cleanup_json_ cJSON *spec =
        parse("{\"mounts\":[{\"type\":\"volume\",\"volume\":\"disk\",\"target\":\"/a\"},"
              "{\"type\":\"volume\",\"volume\":\"disk\",\"target\":\"/b\",\"nocopy\":true},"
              "{\"type\":\"volume\",\"volume\":\"folder\",\"target\":\"/c\",\"read_only\":true},"
              "{\"type\":\"bind\",\"source\":\"/etc/passwd\",\"target\":\"/d\"},"
              "{\"type\":\"tmpfs\",\"target\":\"/e\",\"size\":4096,\"mode\":448}]}");
    struct vm_mounts mounts;
    assert_ok(vm_mounts_open(vm, spec, &mounts, &err), &err);
    assert_int_equal(strv_length(mounts.disks), 1);
    assert_int_equal(mounts.shares.count, 2);
    assert_false(mounts.shares.items[1].is_folder);
    _cleanup_free_ char *guest = json_print(mounts.guest);
    assert_non_null(strstr(guest, "\"device\":\"volume0\",\"path\":\"_data\",\"target\":\"/b\""));
    assert_non_null(strstr(guest, "\"device\":\"share0\",\"path\":\"_data\",\"target\":\"/c\""));
    assert_non_null(strstr(guest, "\"device\":\"share1\",\"path\":\"file\",\"target\":\"/d\""));
    vm_mounts_done(&mounts);
    _cleanup_strv_ char **volumes = vm_mounts_volumes(spec);
    assert_int_equal(strv_length(volumes), 2);
}

static void files_are_read_and_bounded(void **state)
{
    struct world *world = *state;
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *spec =
        parse("{\"project\":\"p\",\"files\":[{\"target\":\"/a\",\"file\":\"/etc/passwd\","
              "\"uid\":7,\"gid\":\"staff\",\"mode\":256},{\"target\":\"/b\",\"vault\":\"k\"}]}");
    struct vm_files files;
    assert_ok(vm_files_check(spec, &err), &err);
    vault_refuse_kernel(true);
    assert_int_equal(vm_files_read(spec, "test", &files, &err), -ENOENT);
    assert_non_null(strstr(error_text(&err), "vmstead up"));
    error_done(&err);
    assert_ok(vault_put("test", "p", "k", "se\0cret", 7, &err), &err);
    assert_ok(vm_files_read(spec, world->paths.root_id, &files, NULL) < 0 ? 0 : -1, &err);
    assert_ok(vm_files_read(spec, "test", &files, &err), &err);
    assert_string_equal(files.list.items[0].user, "7");
    assert_string_equal(files.list.items[0].group, "staff");
    assert_int_equal(files.list.items[0].mode, 0400);
    assert_int_equal(files.list.items[1].length, 7);
    assert_memory_equal(files.list.items[1].data, "se\0cret", 7);
    vm_files_done(&files);
    vault_forget_project("test", "p");
    _cleanup_free_ char *large = xasprintf("%s/large", folder);
    FILE *file = fopen(large, "we");
    assert_int_equal(ftruncate(fileno(file), (3 << 20) + 1), 0);
    fclose(file);
    cJSON *entry = cJSON_GetArrayItem(json_array(spec, "files"), 0);
    json_set_string(entry, "file", large);
    assert_int_equal(vm_files_check(spec, &err), -EFBIG);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(names),
        TEST(made_kept_and_removed),
        TEST(an_external_one_is_left_alone),
        TEST(users_hold_a_volume),
        TEST(leftovers_go),
        TEST(mounts_are_checked),
        TEST(a_disk_is_one_device_and_a_folder_one_each),
        TEST(files_are_read_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
