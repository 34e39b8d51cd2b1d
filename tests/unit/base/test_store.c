#include "base/store.h"

#include "../unit.h"

#include "base/fs.h"
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

/* --- migrations of a file --------------------------------------------------------------------- */

static const char *const other_scripts[] = {
    "CREATE TABLE other (name TEXT PRIMARY KEY) STRICT",
    "INSERT INTO other VALUES ('moved')",
};

struct files {
    char folder[32];
    char path[64], copy[64], draft[64];
};

static struct files make_files(void)
{
    struct files files = {.folder = "store-XXXXXX"};
    assert_non_null(mkdtemp(files.folder));
    snprintf(files.path, sizeof(files.path), "%s/db", files.folder);
    snprintf(files.copy, sizeof(files.copy), "%s/db.before-v4", files.folder);
    snprintf(files.draft, sizeof(files.draft), "%s/db.before-v4.draft", files.folder);
    return files;
}

static void remove_files(const struct files *files)
{
    _cleanup_error_ struct error err = {0};
    assert_ok(fs_remove_tree(files->folder, &err), &err);
}

/* Both modules' tables at these versions, in one go. */
static int migrate_file(const char *path, int things, int others, struct error *err)
{
    struct store_schema first = {"things", scripts, things};
    struct store_schema second = {"others", other_scripts, others};
    const struct store_schema *const both[] = {&first, &second};
    _cleanup_(store_closep) struct store *store = NULL;
    int r = store_open(path, &store, err);
    return r < 0 ? r : store_migrate_all(store, both, 2, err);
}

static int64_t ask(const char *path, const char *sql)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_(store_closep) struct store *store = NULL;
    assert_ok(store_open(path, &store, &err), &err);
    _cleanup_statement_ sqlite3_stmt *query = store_query(store, &err, sql, "");
    if (!query)
        return -1; /* no such table */
    assert_int_equal(store_step(store, query, &err), 1);
    return sqlite3_column_int64(query, 0);
}

static void a_copy_is_kept_of_what_changes(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct files files = make_files();
    assert_ok(migrate_file(files.path, 1, 1, &err), &err);
    assert_false(fs_exists(files.copy)); /* there was nothing to keep */
    assert_ok(migrate_file(files.path, 2, 2, &err), &err);
    assert_int_equal(ask(files.path, "SELECT count(*) FROM other"), 1);
    struct stat status;
    assert_int_equal(stat(files.copy, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(ask(files.copy, "SELECT count(*) FROM other"), 0);
    assert_int_equal(ask(files.copy, "SELECT sum(version) FROM schema_versions"), 2);
    assert_false(fs_exists(files.draft));
    assert_ok(migrate_file(files.path, 2, 2, &err), &err);
    assert_int_equal(ask(files.path, "SELECT count(*) FROM other"), 1);
    remove_files(&files);
}

/* One module's tables are old, the other's newer than the program: neither is touched. */
static void a_database_newer_in_part_is_left_whole(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct files files = make_files();
    assert_ok(migrate_file(files.path, 1, 2, &err), &err);
    assert_int_equal(migrate_file(files.path, 2, 1, &err), -EPROTO);
    assert_non_null(strstr(err.message, "newer vmstead (others tables: version 2, this program "
                                        "knows 1)"));
    assert_non_null(strstr(err.message, files.path));
    assert_int_equal(ask(files.path, "SELECT sum(version) FROM schema_versions"), 3);
    assert_int_equal(ask(files.path, "SELECT count(note) FROM thing"), -1);
    assert_false(fs_exists(files.copy));
    remove_files(&files);
}

static void a_failed_change_leaves_both_modules(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct files files = make_files();
    assert_ok(migrate_file(files.path, 1, 2, &err), &err);
    static const char *const broken[] = {"", "", "CREATE TABLE other (name TEXT)"};
    struct store_schema first = {"things", scripts, 2}, second = {"others", broken, 3};
    const struct store_schema *const both[] = {&first, &second};
    struct store *store = NULL;
    assert_ok(store_open(files.path, &store, &err), &err);
    assert_true(store_migrate_all(store, both, 2, &err) < 0);
    store_close(store);
    assert_int_equal(ask(files.path, "SELECT sum(version) FROM schema_versions"), 3);
    assert_int_equal(ask(files.path, "SELECT count(note) FROM thing"), -1);
    remove_files(&files);
}

/* Without a copy nothing changes. */
static void no_copy_no_change(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct files files = make_files();
    assert_ok(migrate_file(files.path, 1, 1, &err), &err);
    assert_int_equal(mkdir(files.draft, 0700), 0);
    assert_int_equal(migrate_file(files.path, 2, 2, &err), -EISDIR);
    assert_non_null(strstr(err.message, "cannot copy the database"));
    assert_int_equal(ask(files.path, "SELECT sum(version) FROM schema_versions"), 2);
    remove_files(&files);
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
        cmocka_unit_test(a_copy_is_kept_of_what_changes),
        cmocka_unit_test(a_database_newer_in_part_is_left_whole),
        cmocka_unit_test(a_failed_change_leaves_both_modules),
        cmocka_unit_test(no_copy_no_change),
        cmocka_unit_test(the_fault_hook_kills_at_the_nth_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
