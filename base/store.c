/* See store.h. */
#include "base/store.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct cached_statement {
    const char *sql; /* the literal's address is the key */
    sqlite3_stmt *statement;
};

struct store {
    sqlite3 *database;
    VEC(struct cached_statement) statements;
};

static int database_error(struct store *store, int code, const char *doing, struct error *err)
{
    int primary = code & 0xff;
    int errno_value = primary == SQLITE_BUSY         ? EBUSY
                      : primary == SQLITE_FULL       ? ENOSPC
                      : primary == SQLITE_CONSTRAINT ? EEXIST
                      : primary == SQLITE_READONLY   ? EROFS
                                                     : EIO;
    const char *path = sqlite3_db_filename(store->database, "main");
    if (primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT)
        return error_set(err, EUCLEAN,
                         "the database '%s' is damaged (%s): put a backup in its place, or move it "
                         "away to start anew (its virtual machines are then ended)",
                         path && *path ? path : "memory", sqlite3_errmsg(store->database));
    return error_set(err, errno_value, "the database '%s': %s: %s", path && *path ? path : "memory",
                     doing, sqlite3_errmsg(store->database));
}

static int run_script(struct store *store, const char *sql, struct error *err)
{
    int code = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : database_error(store, code, sql, err);
}

int store_open(const char *path, struct store **ret_store, struct error *err)
{
    if (!streq(path, ":memory:")) { /* SQLite makes files with the umask's rights; ours are 0600 */
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return error_set(err, errno, "cannot open the database '%s': %s", path,
                             strerror(errno));
        close(fd);
    }
    _cleanup_(store_closep) struct store *store = new0(struct store);
    int code = sqlite3_open_v2(path, &store->database, SQLITE_OPEN_READWRITE, NULL);
    if (code != SQLITE_OK)
        return error_set(err, EIO, "cannot open the database '%s': %s", path, sqlite3_errstr(code));
    sqlite3_busy_timeout(store->database, 5000);
    int r = run_script(store,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                       "PRAGMA foreign_keys = ON; PRAGMA cache_size = -512;"
                       "CREATE TABLE IF NOT EXISTS schema_versions ("
                       "  module TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT",
                       err);
    if (r < 0)
        return r;
    *ret_store = TAKE_PTR(store);
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->statements.count; i++)
        sqlite3_finalize(store->statements.items[i].statement);
    vec_done(&store->statements);
    sqlite3_close(store->database);
    free(store);
}

static int read_version(struct store *store, const char *module, int *ret_version,
                        struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *query = store_query(
        store, err, "SELECT version FROM schema_versions WHERE module = ?", "s", module);
    if (!query)
        return -err->code;
    int r = store_step(store, query, err);
    if (r >= 0)
        *ret_version = r > 0 ? sqlite3_column_int(query, 0) : 0;
    return r < 0 ? r : 0;
}

/* --- migrations ------------------------------------------------------------------------------- */

struct migration {
    const struct store_schema *const *schemas;
    size_t count;
    bool needed;   /* some module's tables are behind */
    bool existing; /* and of those, some are there already */
    int target;    /* sum of the wanted versions */
};

static int look_at_versions(struct store *store, struct migration *migration, struct error *err)
{
    migration->target = 0;
    for (size_t i = 0; i < migration->count; i++) {
        const struct store_schema *schema = migration->schemas[i];
        int version = 0;
        int r = read_version(store, schema->module, &version, err);
        if (r < 0)
            return r;
        if (version > schema->version)
            return error_set(err, EPROTO,
                             "the database '%s' was written by a newer vmstead (%s tables: version "
                             "%d, this program knows %d) and stays as it is: use that version or "
                             "a newer one",
                             sqlite3_db_filename(store->database, "main"), schema->module, version,
                             schema->version);
        migration->target += schema->version;
        migration->needed |= version < schema->version;
        migration->existing |= version > 0 && version < schema->version;
    }
    return 0;
}

/* 0600 from the start, and whole under its name: VACUUM INTO writes into an empty file. */
static int copy_database(struct store *store, int target, struct error *err)
{
    const char *path = sqlite3_db_filename(store->database, "main");
    if (!path || !*path)
        return 0; /* in memory */
    _cleanup_free_ char *copy = xasprintf("%s.before-v%d", path, target);
    _cleanup_free_ char *draft = xasprintf("%s.draft", copy);
    _cleanup_close_ int fd = open(draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "cannot copy the database to '%s': %s", copy, strerror(errno));
    int r = store_execute(store, err, "VACUUM INTO ?", "s", draft);
    if (r == 0 && (fsync(fd) < 0 || rename(draft, copy) < 0))
        r = error_set(err, errno, "%s", strerror(errno));
    if (r < 0) {
        unlink(draft);
        return error_prefix(err, "cannot copy the database to '%s' before its tables change", copy);
    }
    log_info("the database's tables change with this version; as they were: '%s'", copy);
    return 0;
}

static int run_scripts(struct store *store, const struct store_schema *schema, struct error *err)
{
    int version = 0;
    int r = read_version(store, schema->module, &version, err);
    if (r < 0 || version == schema->version)
        return r;
    for (; r == 0 && version < schema->version; version++)
        r = run_script(store, schema->scripts[version], err);
    if (r < 0)
        return r;
    return store_execute(store, err,
                         "INSERT INTO schema_versions (module, version) VALUES (?1, ?2) "
                         "ON CONFLICT (module) DO UPDATE SET version = ?2",
                         "si", schema->module, (int64_t)schema->version);
}

/* The versions are looked at once more, now that nobody else can write. */
static int migrate_inside(struct store *store, struct migration *migration, struct error *err)
{
    int r = look_at_versions(store, migration, err);
    for (size_t i = 0; r == 0 && i < migration->count; i++)
        r = run_scripts(store, migration->schemas[i], err);
    return r;
}

int store_migrate_all(struct store *store, const struct store_schema *const *schemas, size_t count,
                      struct error *err)
{
    _cleanup_error_ struct error local = {0};
    struct migration migration = {.schemas = schemas, .count = count};
    int r = look_at_versions(store, &migration, &local);
    if (r == 0 && !migration.needed)
        return 0;
    if (r == 0 && migration.existing)
        r = copy_database(store, migration.target, &local);
    if (r == 0)
        r = store_begin(store, &local);
    if (r == 0) {
        r = migrate_inside(store, &migration, &local);
        if (r == 0)
            r = store_commit(store, &local);
        else
            store_rollback(store);
    }
    return r < 0 ? error_move(err, &local) : 0;
}

int store_migrate(struct store *store, const struct store_schema *schema, struct error *err)
{
    return store_migrate_all(store, &schema, 1, err);
}

int store_begin(struct store *store, struct error *err)
{
    return store_execute(store, err, "BEGIN IMMEDIATE", "");
}

int store_commit(struct store *store, struct error *err)
{
    int r = store_execute(store, err, "COMMIT", "");
    if (r < 0)
        store_rollback(store);
    return r;
}

void store_rollback(struct store *store)
{
    store_execute(store, NULL, "ROLLBACK", "");
}

sqlite3_stmt *store_prepare(struct store *store, const char *sql, struct error *err)
{
    for (size_t i = 0; i < store->statements.count; i++)
        if (store->statements.items[i].sql == sql)
            return store->statements.items[i].statement;
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v3(store->database, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (code != SQLITE_OK) {
        database_error(store, code, sql, err);
        return NULL;
    }
    vec_add(&store->statements, (struct cached_statement){sql, statement});
    return statement;
}

void store_reset(sqlite3_stmt **statement)
{
    if (!*statement)
        return;
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
}

int store_step(struct store *store, sqlite3_stmt *statement, struct error *err)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE)
        return 0;
    return database_error(store, code, sqlite3_sql(statement), err);
}

static void bind_all(sqlite3_stmt *statement, const char *types, va_list args)
{
    for (int i = 1; *types; i++, types++)
        switch (*types) {
        case 's':
            sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
            break;
        case 'i':
            sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
            break;
        case 'd':
            sqlite3_bind_double(statement, i, va_arg(args, double));
            break;
        default:
            abort();
        }
}

int store_execute(struct store *store, struct error *err, const char *sql, const char *types, ...)
{
    _cleanup_error_ struct error local = {0};
    _cleanup_statement_ sqlite3_stmt *statement = store_prepare(store, sql, &local);
    if (statement) {
        va_list args;
        va_start(args, types);
        bind_all(statement, types, args);
        va_end(args);
        int r;
        while ((r = store_step(store, statement, &local)) > 0)
            ;
        if (r == 0)
            return 0;
    }
    return error_move(err, &local);
}

sqlite3_stmt *store_query(struct store *store, struct error *err, const char *sql,
                          const char *types, ...)
{
    sqlite3_stmt *statement = store_prepare(store, sql, err);
    if (!statement)
        return NULL;
    va_list args;
    va_start(args, types);
    bind_all(statement, types, args);
    va_end(args);
    return statement;
}

const char *store_column_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);
    return text ? (const char *)text : "";
}

void store_fault_point(void)
{
    static uint32_t count;
    const char *fault = getenv("VMSTEAD_FAULT");
    const char *number = fault ? str_after_prefix(fault, "journal:") : NULL;
    uint32_t wanted;
    if (number && str_to_u32(number, &wanted) == 0 && ++count == wanted)
        raise(SIGKILL);
}
