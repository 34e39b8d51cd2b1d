/* The vault, in the kernel's keyring and without it. */
#include "base/vault.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[32]; /* of this process: tests run in parallel */

static int forget_all(void **state)
{
    (void)state;
    vault_refuse_kernel(false);
    vault_forget_project(root, "shop");
    vault_forget_project(root, "other");
    vault_refuse_kernel(true);
    vault_forget_project(root, "shop");
    vault_refuse_kernel(false);
    return 0;
}

static bool has_keyring(void)
{
    struct error err = {0};
    assert_ok(vault_put(root, "other", "probe", "x", 1, &err), &err);
    _cleanup_free_ char *keys = NULL, *name = xasprintf("vmstead:%s:other", root);
    bool has = fs_read_file("/proc/keys", 1 << 20, &keys, NULL, NULL) == 0 && strstr(keys, name);
    vault_forget_project(root, "other");
    return has;
}

static void assert_value(const char *project, const char *key, const void *want, size_t length)
{
    _cleanup_error_ struct error err = {0};
    void *data = NULL;
    size_t got = 0;
    assert_ok(vault_get(root, project, key, &data, &got, &err), &err);
    assert_int_equal(got, length);
    assert_memory_equal(data, want, length);
    assert_int_equal(((char *)data)[length], 0);
    vault_free(data, got);
}

static void assert_absent(const char *project, const char *key)
{
    _cleanup_error_ struct error err = {0};
    void *data = NULL;
    size_t length = 0;
    assert_int_equal(vault_get(root, project, key, &data, &length, &err), -ENOENT);
    assert_non_null(strstr(err.message, key));
}

static void put(const char *project, const char *key, const void *data, size_t length)
{
    _cleanup_error_ struct error err = {0};
    assert_ok(vault_put(root, project, key, data, length, &err), &err);
}

/* Shorter after longer, empty, with NULs, over several parts; per project. */
static void check_values(void)
{
    static char big[150001];
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7 + i / 251);
    assert_absent("shop", "password");
    put("shop", "password", big, sizeof(big));
    assert_value("shop", "password", big, sizeof(big));
    put("shop", "password", "s3\0cret", 7);
    assert_value("shop", "password", "s3\0cret", 7);
    put("shop", "empty", "", 0);
    assert_value("shop", "empty", "", 0);
    put("other", "password", "another", 7);
    assert_value("shop", "password", "s3\0cret", 7);
    vault_forget_project(root, "shop");
    assert_absent("shop", "password");
    assert_absent("shop", "empty");
    assert_value("other", "password", "another", 7);
    vault_forget_project(root, "other");
    vault_forget_project(root, "other");
    assert_absent("other", "password");
}

static void the_keyring_keeps_values(void **state)
{
    (void)state;
    if (!has_keyring())
        skip();
    check_values();
}

static void without_it_the_process_does(void **state)
{
    (void)state;
    vault_refuse_kernel(true);
    check_values();
    put("shop", "password", "mine", 4);
    vault_refuse_kernel(false); /* where a value lies is no matter of when it is asked for */
    assert_value("shop", "password", "mine", 4);
}

static void values_outlive_who_put_them(void **state)
{
    (void)state;
    if (!has_keyring())
        skip();
    pid_t pid = fork();
    if (pid == 0)
        _exit(vault_put(root, "shop", "password", "from a child", 12, NULL) == 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_value("shop", "password", "from a child", 12);
}

/* As QEMU does: our session keyring, another uid. */
static void another_user_reads_nothing(void **state)
{
    (void)state;
    if (!has_keyring() || getuid() != 0)
        skip();
    put("shop", "password", "s3cret", 6);
    pid_t pid = fork();
    if (pid == 0) {
        void *data = NULL;
        size_t length = 0;
        if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
            _exit(2);
        _cleanup_free_ char *keys = NULL, *name = xasprintf("vmstead:%s:shop", root);
        bool seen =
            fs_read_file("/proc/keys", 1 << 20, &keys, NULL, NULL) == 0 && strstr(keys, name);
        bool read = vault_get(root, "shop", "password", &data, &length, NULL) == 0;
        _exit(seen || read);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void bad_values_are_refused(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    assert_int_equal(vault_put(root, "", "password", "x", 1, &err), -EINVAL);
    assert_int_equal(vault_put(root, "shop", "", "x", 1, &err), -EINVAL);
    char *big = xcalloc(VAULT_VALUE_LIMIT + 1, 1);
    assert_int_equal(vault_put(root, "shop", "big", big, VAULT_VALUE_LIMIT + 1, &err), -EFBIG);
    free(big);
    assert_absent("shop", "big");
}

int main(void)
{
    snprintf(root, sizeof(root), "test%d", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_keyring_keeps_values, NULL, forget_all),
        cmocka_unit_test_setup_teardown(without_it_the_process_does, NULL, forget_all),
        cmocka_unit_test_setup_teardown(values_outlive_who_put_them, NULL, forget_all),
        cmocka_unit_test_setup_teardown(another_user_reads_nothing, NULL, forget_all),
        cmocka_unit_test_setup_teardown(bad_values_are_refused, NULL, forget_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
