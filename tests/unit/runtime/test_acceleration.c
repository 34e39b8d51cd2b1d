#include "runtime/acceleration.h"

#include "../unit.h"

#include "base/fs.h"
#include "base/str.h"

#include <stdio.h>

static char path[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "acceleration-test-%d.json", getpid());
    unlink(path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

static void a_verdict_is_remembered_for_its_kit_and_boot(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    assert_int_equal(acceleration_read_verdict(path, "kit", "boot", NULL), ACCELERATION_UNKNOWN);
    assert_ok(
        acceleration_write_verdict(path, "kit", "boot", ACCELERATION_TCG, "no guest boots", &err),
        &err);
    _cleanup_free_ char *reason = NULL;
    assert_int_equal(acceleration_read_verdict(path, "kit", "boot", &reason), ACCELERATION_TCG);
    assert_string_equal(reason, "no guest boots");
    assert_int_equal(acceleration_read_verdict(path, "other", "boot", NULL), ACCELERATION_UNKNOWN);
    assert_int_equal(acceleration_read_verdict(path, "kit", "later", NULL), ACCELERATION_UNKNOWN);
    assert_ok(acceleration_write_verdict(path, "kit", "boot", ACCELERATION_KVM, "", &err), &err);
    assert_int_equal(acceleration_read_verdict(path, "kit", "boot", NULL), ACCELERATION_KVM);
}

static void a_damaged_file_is_no_verdict(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"boot_id\":1,\"kit\":\"kit\",\"verdict\":\"kvm\"}",
        "{\"boot_id\":\"boot\",\"kit\":\"kit\",\"verdict\":\"maybe\"}",
        "{\"boot_id\":\"boot\",\"kit\":\"kit\"}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        _cleanup_error_ struct error err = {0};
        assert_ok(fs_write_file_atomic(path, texts[i], strlen(texts[i]), 0600, &err), &err);
        assert_int_equal(acceleration_read_verdict(path, "kit", "boot", NULL),
                         ACCELERATION_UNKNOWN);
    }
}

/* --- deciding without a probe ---------------------------------------------------------------- */

static void on_known(void *userdata)
{
    ++*(int *)userdata;
}

static void the_environment_decides(void **state)
{
    (void)state;
    static const struct {
        const char *wanted;
        enum acceleration_verdict verdict;
    } cases[] = {{"kvm", ACCELERATION_KVM}, {"tcg", ACCELERATION_TCG}};
    for (size_t i = 0; i < 2; i++) {
        uv_loop_t loop;
        uv_loop_init(&loop);
        int calls = 0;
        char folder[] = ".", key[] = "kit";
        struct paths paths = {.cache = folder, .run = folder};
        struct guest_kit kit = {.key = key};
        setenv("VMSTEAD_ACCEL", cases[i].wanted, 1);
        struct acceleration *acceleration = acceleration_new(&loop, &paths, on_known, &calls);
        acceleration_find(acceleration, &kit);
        assert_int_equal(calls, 0);
        assert_int_equal(acceleration_verdict(acceleration), ACCELERATION_UNKNOWN);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(calls, 1);
        assert_int_equal(acceleration_verdict(acceleration), cases[i].verdict);
        assert_null(acceleration_note(acceleration)); /* it was asked for */
        acceleration_free(acceleration);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
    }
    unsetenv("VMSTEAD_ACCEL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_verdict_is_remembered_for_its_kit_and_boot, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_no_verdict, set_up, tear_down),
        cmocka_unit_test(the_environment_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
