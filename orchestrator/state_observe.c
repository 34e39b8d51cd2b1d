/* See state.h: a project as the store has it, read into what plans are made from. */
#include "orchestrator/state.h"

#include "base/str.h"

static int parse_column(sqlite3_stmt *rows, int column, cJSON **ret_value, struct error *err)
{
    const char *text = store_column_text(rows, column);
    return json_parse(text, strlen(text), ret_value, err);
}

static int read_project(struct store *store, struct observed *observed, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows = store_query(
        store, err, "SELECT standalone, salt FROM projects WHERE name = ?", "s", observed->project);
    if (!rows)
        return -err->code;
    int r;
    while ((r = store_step(store, rows, err)) > 0) {
        observed->standalone = sqlite3_column_int(rows, 0);
        free(observed->salt);
        observed->salt = xstrdup(store_column_text(rows, 1));
    }
    return r;
}

static int read_resources(struct store *store, struct observed *observed, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows = store_query(
        store, err, "SELECT kind, name, hash, spec FROM resources WHERE project = ? ORDER BY made",
        "s", observed->project);
    if (!rows)
        return -err->code;
    int r;
    while ((r = store_step(store, rows, err)) > 0) {
        cJSON *spec = NULL;
        r = parse_column(rows, 3, &spec, err);
        if (r < 0)
            return error_prefix(err, "the store's spec of %s '%s'", store_column_text(rows, 0),
                                store_column_text(rows, 1));
        observed_add_resource(observed, store_column_text(rows, 0), store_column_text(rows, 1),
                              store_column_text(rows, 2), spec);
    }
    return r;
}

/* The first schema had names only. */
static struct observed_dependency read_dependency(const cJSON *item)
{
    const char *name = cJSON_IsString(item) ? item->valuestring : json_string(item, "service", "");
    return (struct observed_dependency){
        .service = xstrdup(name),
        .condition = spec_condition_parse(json_string(item, "condition", "")),
        .required = json_bool(item, "required", true),
        .restart = json_bool(item, "restart", false),
    };
}

static int read_services(struct store *store, struct observed *observed, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows = store_query(
        store, err, "SELECT name, depends_on FROM services WHERE project = ? ORDER BY name", "s",
        observed->project);
    if (!rows)
        return -err->code;
    int r;
    while ((r = store_step(store, rows, err)) > 0) {
        _cleanup_json_ cJSON *depends_on = NULL;
        r = parse_column(rows, 1, &depends_on, err);
        if (r < 0)
            return error_prefix(err, "the store's dependencies of service '%s'",
                                store_column_text(rows, 0));
        struct observed_service service = {.name = xstrdup(store_column_text(rows, 0))};
        const cJSON *item;
        cJSON_ArrayForEach(item, depends_on) vec_add(&service.depends_on, read_dependency(item));
        observed_add_service(observed, service);
    }
    return r;
}

static int read_instances(struct store *store, struct observed *observed, struct error *err)
{
    struct state_instances instances = {0};
    int r = state_list_instances(store, observed->project, &instances, err);
    for (size_t i = 0; r >= 0 && i < instances.list.count; i++) {
        struct state_instance *instance = &instances.list.items[i];
        cJSON *image_result = NULL;
        if (*instance->image_result)
            r = json_parse(instance->image_result, strlen(instance->image_result), &image_result,
                           err);
        if (r < 0)
            r = error_prefix(err, "the store's image of '%s'", instance->name);
        else
            observed_add_instance(observed, (struct observed_instance){
                                                .name = TAKE_PTR(instance->name),
                                                .id = TAKE_PTR(instance->id),
                                                .service = TAKE_PTR(instance->service),
                                                .image = TAKE_PTR(instance->image),
                                                .image_id = TAKE_PTR(instance->image_id),
                                                .image_result = image_result,
                                                .number = instance->number,
                                                .oneoff = instance->oneoff,
                                                .missing = true,
                                            });
    }
    state_instances_done(&instances);
    return r;
}

static int read_foreign_volumes(struct store *store, struct observed *observed, struct error *err)
{
    _cleanup_statement_ sqlite3_stmt *rows =
        store_query(store, err,
                    "SELECT DISTINCT json_extract(mount.value, '$.volume') AS volume"
                    " FROM resources, json_each(resources.spec, '$.mounts') AS mount"
                    " WHERE kind = 'vm' AND project <> ? AND volume IS NOT NULL",
                    "s", observed->project);
    if (!rows)
        return -err->code;
    int r;
    while ((r = store_step(store, rows, err)) > 0)
        strv_add(&observed->foreign_volumes, xstrdup(store_column_text(rows, 0)));
    return r;
}

int state_observe(struct store *store, const char *project, struct observed **ret_observed,
                  struct error *err)
{
    _cleanup_(observed_freep) struct observed *observed = observed_new(project);
    int r = read_project(store, observed, err);
    if (r >= 0)
        r = read_resources(store, observed, err);
    if (r >= 0)
        r = read_services(store, observed, err);
    if (r >= 0)
        r = read_instances(store, observed, err);
    if (r >= 0)
        r = read_foreign_volumes(store, observed, err);
    if (r < 0)
        return r;
    *ret_observed = TAKE_PTR(observed);
    return 0;
}
