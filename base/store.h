/* The SQLite database: open with WAL and synchronous=FULL, migrate, statements. Each module owns
 * its tables and brings its own migrations; this file knows none of them.
 *
 * A transaction that will write begins with BEGIN IMMEDIATE: a read transaction that turns into a
 * write fails with BUSY_SNAPSHOT whatever the busy timeout says (sqlite.org/lang_transaction). */
#pragma once

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* A module's schema: scripts[i] takes it from version i to i + 1. Never edit a landed script. */
struct store_schema {
    const char *module; /* its row in the table schema_versions */
    const char *const *scripts;
    int version; /* how many scripts there are */
};

/* path ":memory:" for tests. Made 0600 where it does not exist. */
int store_open(const char *path, struct store **ret_store, struct error *err);
void store_close(struct store *store);
DEFINE_FREEP(struct store *, store_close)
/* Brings the tables of all these modules to their versions in one transaction. Before tables that
 * are there already change, the whole database is copied to PATH.before-vN, which is kept (N: the
 * sum of the modules' versions it is about to get; so the name is new with every new schema).
 * -EPROTO, with nothing changed, where the database is from a newer vmstead. */
int store_migrate_all(struct store *store, const struct store_schema *const *schemas, size_t count,
                      struct error *err);
/* For one module alone: where the program has migrated all, this has nothing left to do. */
int store_migrate(struct store *store, const struct store_schema *schema, struct error *err);

int store_begin(struct store *store, struct error *err);
int store_commit(struct store *store, struct error *err);
void store_rollback(struct store *store);

/* A prepared statement, cached by the address of its SQL text (a literal). It must run to the end
 * or be given back with store_reset before the same text is prepared again; _cleanup_statement_
 * does. NULL with err set where it cannot be prepared. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql, struct error *err);
void store_reset(sqlite3_stmt **statement);
#define _cleanup_statement_ _cleanup_(store_reset)

/* One step: 1 for a row, 0 at the end, -errno with err set. */
int store_step(struct store *store, sqlite3_stmt *statement, struct error *err);

/* Binds by a format, one letter per parameter, and runs to the end (for writes):
 *   s const char * (NULL: SQL NULL)   i int64_t   d double */
int store_execute(struct store *store, struct error *err, const char *sql, const char *types, ...);
/* The same binding for a query that the caller steps: NULL with err set on failure. */
sqlite3_stmt *store_query(struct store *store, struct error *err, const char *sql,
                          const char *types, ...);
/* Column text, "" for NULL; valid until the next step. */
const char *store_column_text(sqlite3_stmt *statement, int column);

/* The fault hook of the crash tests. Every write to the journal calls store_fault_point(); with
 * VMSTEAD_FAULT=journal:N in the environment the N-th call of the process (from 1) ends it with
 * SIGKILL. Without that variable it does nothing. */
void store_fault_point(void);
