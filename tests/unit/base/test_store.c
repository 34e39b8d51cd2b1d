#include "base/store.h"

#include "../unit.h"

#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *const scripts[] = {
    "CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER) STRICT",
    "ALTER TABLE thing ADD COLUMN note TEXT",
};

static struct store *open_memory(void)
{
    struct error err = {0};
    struct store *store = NULL;
    assert_ok(store_open(":memory:", &store, &err), &err);
    return store;
}

static void migrations_run_once_and_in_order(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(store_closep) struct store *store = open_memory();
    struct store_schema schema = {"things", scripts, 1};
    assert_ok(store_migrate(store, &schema, &err), &err);
    assert_ok(store_execute(store, &err, "INSERT INTO thing VALUES (?, ?)", "si", "a", (int64_t)1),
              &err);
    schema.version = 2;
    assert_ok(store_migrate(store, &schema, &err), &err);
    assert_ok(store_migrate(store, &schema, &err), &err);
    _cleanup_statement_ sqlite3_stmt *query =
        store_query(store, &err, "SELECT size, note FROM thing WHERE name = ?", "s", "a");
    assert_int_equal(store_step(store, query, &err), 1);
    assert_int_equal(sqlite3_column_int(query, 0), 1);
    assert_string_equal(store_column_text(query, 1), "");
    assert_int_equal(store_step(store, query, &err), 0);
}

static void a_newer_database_is_refused(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(store_closep) struct store *store = open_memory();
    assert_ok(store_migrate(store, &(struct store_schema){"things", scripts, 2}, &err), &err);
    assert_int_equal(store_migrate(store, &(struct store_schema){"things", scripts, 1}, &err),
                     -EPROTO);
    assert_non_null(strstr(err.message, "newer vmstead"));
}

static void a_failed_migration_changes_nothing(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(store_closep) struct store *store = open_memory();
    static const char *const broken[] = {"CREATE TABLE one (a INTEGER)", "CREATE TABLE one (b)"};
    assert_true(store_migrate(store, &(struct store_schema){"b", broken, 2}, &err) < 0);
    assert_ok(store_execute(store, &err, "CREATE TABLE one (c INTEGER)", ""), &err);
}

static void constraints_are_told_apart(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(store_closep) struct store *store = open_memory();
    assert_ok(store_migrate(store, &(struct store_schema){"things", scripts, 1}, &err), &err);
    for (int i = 0; i < 2; i++) {
        int r = store_execute(store, &err, "INSERT INTO thing VALUES (?, NULL)", "s", "a");
        assert_int_equal(r, i ? -EEXIST : 0);
    }
}

static void the_file_is_private(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    char folder[] = "store-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    snprintf(path, sizeof(path), "%s/db", folder);
    struct store *store = NULL;
    assert_ok(store_open(path, &store, &err), &err);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    store_close(store);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

static void a_damaged_file_is_called_that(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct store *store = NULL;
    const char *path = "test_store_damaged.db";
    FILE *file = fopen(path, "we");
    for (int i = 0; i < 2000; i++)
        fputs("nonsense", file);
    fclose(file);
    assert_int_equal(store_open(path, &store, &err), -EUCLEAN);
    assert_non_null(strstr(err.message, "test_store_damaged.db' is damaged"));
    unlink(path);
}

static void the_fault_hook_kills_at_the_nth_write(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        setenv("VMSTEAD_FAULT", "journal:3", 1);
        store_fault_point();
        store_fault_point();
        if (getenv("VMSTEAD_FAULT"))
            store_fault_point();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(migrations_run_once_and_in_order),
        cmocka_unit_test(a_newer_database_is_refused),
        cmocka_unit_test(a_failed_migration_changes_nothing),
        cmocka_unit_test(constraints_are_told_apart),
        cmocka_unit_test(the_file_is_private),
        cmocka_unit_test(a_damaged_file_is_called_that),
        cmocka_unit_test(the_fault_hook_kills_at_the_nth_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
