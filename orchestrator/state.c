/* See state.h. */
#include "orchestrator/state.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>

/* specs, hashes and depends_on are JSON text, hex and a JSON array: of {"service","condition",
 * "required","restart"}, and of names alone in rows of the first version. files is a JSON array of
 * paths, image_result the JSON text of its operation's ("" in rows of the first version), desired
 * 'running' or 'stopped', health '', 'starting', 'healthy' or 'unhealthy'. */
static const char *const scripts[] = {
    "CREATE TABLE projects (name TEXT PRIMARY KEY, created_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE services (project TEXT NOT NULL REFERENCES projects ON DELETE CASCADE,"
    "  name TEXT NOT NULL, depends_on TEXT NOT NULL, PRIMARY KEY (project, name)) STRICT;"
    "CREATE TABLE resources (made INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL,"
    "  kind TEXT NOT NULL, name TEXT NOT NULL, spec TEXT NOT NULL, hash TEXT NOT NULL,"
    "  UNIQUE (project, kind, name)) STRICT;"
    "CREATE TABLE instances (made INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    "  id TEXT NOT NULL, project TEXT NOT NULL, service TEXT NOT NULL, number INTEGER NOT NULL,"
    "  image TEXT NOT NULL, image_id TEXT NOT NULL, command TEXT NOT NULL,"
    "  created_ms INTEGER NOT NULL, state TEXT NOT NULL) STRICT;"
    "CREATE TABLE journal (entry INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL,"
    "  kind TEXT NOT NULL, name TEXT NOT NULL, verb TEXT NOT NULL, spec TEXT NOT NULL,"
    "  begun_ms INTEGER NOT NULL) STRICT;"
    "CREATE TABLE events (event INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL,"
    "  project TEXT NOT NULL, service TEXT NOT NULL, instance TEXT NOT NULL, id TEXT NOT NULL,"
    "  action TEXT NOT NULL, exit_code INTEGER NOT NULL) STRICT;",
    /* 2: who looks after an instance needs to know what is wanted of it and how it fares; a start
     * without a file needs what its image was. */
    "ALTER TABLE projects ADD COLUMN standalone INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE projects ADD COLUMN directory TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE projects ADD COLUMN files TEXT NOT NULL DEFAULT '[]';"
    "ALTER TABLE projects ADD COLUMN salt TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE instances ADD COLUMN oneoff INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE instances ADD COLUMN desired TEXT NOT NULL DEFAULT 'running';"
    "ALTER TABLE instances ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE instances ADD COLUMN health TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE instances ADD COLUMN oom INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE instances ADD COLUMN image_result TEXT NOT NULL DEFAULT '';"
    "UPDATE instances SET desired = 'stopped' WHERE state IN ('exited', 'created');"
    "CREATE INDEX instances_by_project ON instances (project);"
    "CREATE INDEX journal_by_project ON journal (project);",
    /* 3: events as Docker tells them; the host's boot, see host_boot.h. */
    "ALTER TABLE events RENAME COLUMN time_ms TO time_ns;"
    "UPDATE events SET time_ns = time_ns * 1000000;"
    "ALTER TABLE events DROP COLUMN exit_code;"
    "ALTER TABLE events ADD COLUMN image TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE events ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';"
    "CREATE TABLE host (one INTEGER PRIMARY KEY CHECK (one = 1), boot_id TEXT NOT NULL) STRICT;",
};

const struct store_schema *state_schema(void)
{
    static const struct store_schema schema = {"orchestrator", scripts, ARRAY_SIZE(scripts)};
    return &schema;
}

static int end_transaction(struct store *store, int result, struct error *err)
{
    int r = result < 0 ? result : store_commit(store, err);
    if (r < 0)
        store_rollback(store);
    return r;
}

static int record_services(struct store *store, const struct specs *specs, struct error *err)
{
    int r = store_execute(store, err,
                          "DELETE FROM services WHERE project = ?1 AND name NOT IN"
                          " (SELECT service FROM instances WHERE project = ?1)",
                          "s", specs->project);
    for (size_t i = 0; r >= 0 && i < specs->service_count; i++) {
        _cleanup_json_ cJSON *depends_on = spec_dependencies(specs, i);
        _cleanup_free_ char *text = json_print(depends_on);
        r = store_execute(store, err,
                          "INSERT INTO services (project, name, depends_on) VALUES (?, ?, ?)"
                          " ON CONFLICT DO UPDATE SET depends_on = excluded.depends_on"
                          " WHERE depends_on <> excluded.depends_on",
                          "sss", specs->project, specs->services[i].name, text);
    }
    return r;
}

static int record_project(struct store *store, const struct specs *specs,
                          const struct state_project *about, struct error *err)
{
    _cleanup_json_ cJSON *files = json_from_strv(about->files ? about->files : specs->model->files);
    _cleanup_free_ char *text = json_print(files);
    int r = store_execute(store, err,
                          "INSERT INTO projects (name, created_ms, standalone, directory, files,"
                          " salt) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
                          " directory = excluded.directory, files = excluded.files,"
                          " salt = excluded.salt WHERE directory <> excluded.directory"
                          " OR files <> excluded.files OR salt <> excluded.salt",
                          "siisss", specs->project, clock_realtime_ms(), (int64_t)about->standalone,
                          specs->model->directory, text, specs->salt);
    return r < 0 ? r : record_services(store, specs, err);
}

int state_record_project(struct store *store, const struct specs *specs,
                         const struct state_project *about, struct error *err)
{
    int r = store_begin(store, err);
    if (r < 0)
        return r;
    return end_transaction(store, record_project(store, specs, about, err), err);
}

int state_forget_project(struct store *store, const char *project, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *forget =
        store_query(store, err,
                    "DELETE FROM projects WHERE name = ?1"
                    " AND NOT EXISTS (SELECT 1 FROM resources WHERE project = ?1"
                    "  AND kind <> 'volume')"
                    " AND NOT EXISTS (SELECT 1 FROM journal WHERE project = ?1) RETURNING 1",
                    "s", project);
    if (!forget)
        return -err->code;
    int forgotten = store_step(store, forget, err);
    if (forgotten <= 0)
        return forgotten;
    int r = store_step(store, forget, err);
    return r < 0 ? r : 1;
}

int state_list_instances(struct store *store, const char *project,
                         struct state_instances *ret_instances, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows = store_query(
        store, err,
        "SELECT name, id, project, service, image, image_id, command, number, created_ms,"
        " oneoff, desired, restarts, health, oom, image_result"
        " FROM instances WHERE ?1 IS NULL OR project = ?1 ORDER BY created_ms, made",
        "s", project);
    if (!rows)
        return -err->code;
    struct state_instances instances = {0};
    int r;
    while ((r = store_step(store, rows, err)) > 0)
        vec_add(&instances.list, (struct state_instance){
                                     .name = xstrdup(store_column_text(rows, 0)),
                                     .id = xstrdup(store_column_text(rows, 1)),
                                     .project = xstrdup(store_column_text(rows, 2)),
                                     .service = xstrdup(store_column_text(rows, 3)),
                                     .image = xstrdup(store_column_text(rows, 4)),
                                     .image_id = xstrdup(store_column_text(rows, 5)),
                                     .command = xstrdup(store_column_text(rows, 6)),
                                     .number = sqlite3_column_int64(rows, 7),
                                     .created_ms = sqlite3_column_int64(rows, 8),
                                     .oneoff = sqlite3_column_int(rows, 9),
                                     .is_wanted = streq(store_column_text(rows, 10), "running"),
                                     .restarts = sqlite3_column_int64(rows, 11),
                                     .health = xstrdup(store_column_text(rows, 12)),
                                     .oom = sqlite3_column_int(rows, 13),
                                     .image_result = xstrdup(store_column_text(rows, 14)),
                                 });
    if (r < 0) {
        state_instances_done(&instances);
        return r;
    }
    *ret_instances = instances;
    return 0;
}

void state_instances_done(struct state_instances *instances)
{
    for (size_t i = 0; i < instances->list.count; i++) {
        struct state_instance *instance = &instances->list.items[i];
        free(instance->name);
        free(instance->id);
        free(instance->project);
        free(instance->service);
        free(instance->image);
        free(instance->image_id);
        free(instance->command);
        free(instance->health);
        free(instance->image_result);
    }
    vec_done(&instances->list);
}

int state_find_project(struct store *store, const char *instance, char **ret_project,
                       struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows =
        store_query(store, err, "SELECT project FROM instances WHERE name = ?", "s", instance);
    if (!rows)
        return -err->code;
    int r = store_step(store, rows, err);
    if (r == 0)
        return error_set(err, ENOENT, "no such container: %s", instance);
    if (r > 0)
        *ret_project = xstrdup(store_column_text(rows, 0));
    return r < 0 ? r : 0;
}

int state_list_projects(struct store *store, struct state_projects *ret_projects, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows = store_query(
        store, err,
        "SELECT name, directory, files FROM projects WHERE NOT standalone ORDER BY name", "");
    if (!rows)
        return -err->code;
    struct state_projects projects = {0};
    int r;
    while ((r = store_step(store, rows, err)) > 0) {
        cJSON *files = NULL;
        const char *text = store_column_text(rows, 2);
        r = json_parse(text, strlen(text), &files, err);
        if (r < 0)
            break;
        vec_add(&projects.list,
                (struct state_project_row){.name = xstrdup(store_column_text(rows, 0)),
                                           .directory = xstrdup(store_column_text(rows, 1)),
                                           .files = files});
    }
    if (r < 0)
        state_projects_done(&projects);
    else
        *ret_projects = projects;
    return r;
}

void state_projects_done(struct state_projects *projects)
{
    for (size_t i = 0; i < projects->list.count; i++) {
        free(projects->list.items[i].name);
        free(projects->list.items[i].directory);
        cJSON_Delete(projects->list.items[i].files);
    }
    vec_done(&projects->list);
}

int state_read_spec(struct store *store, const char *project, const char *kind, const char *name,
                    cJSON **ret_spec, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows = store_query(
        store, err, "SELECT spec FROM resources WHERE project = ? AND kind = ? AND name = ?", "sss",
        project, kind, name);
    if (!rows)
        return -err->code;
    int r = store_step(store, rows, err);
    const char *text = r > 0 ? store_column_text(rows, 0) : "";
    return r > 0 ? json_parse(text, strlen(text), ret_spec, err) : r;
}

int state_set_instance_state(struct store *store, const char *instance, const char *state,
                             struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *update = store_query(
        store, err, "UPDATE instances SET state = ?1 WHERE name = ?2 AND state <> ?1 RETURNING 1",
        "ss", state, instance);
    if (!update)
        return -err->code;
    int changed = store_step(store, update, err);
    if (changed <= 0)
        return changed;
    int r = store_step(store, update, err);
    return r < 0 ? r : 1;
}

int state_set_wanted(struct store *store, const char *instance, bool wanted, struct error *err)
{
    return store_execute(store, err, "UPDATE instances SET desired = ? WHERE name = ?", "ss",
                         wanted ? "running" : "stopped", instance);
}
