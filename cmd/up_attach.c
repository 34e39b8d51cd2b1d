/* Whose logs an `up` shows; see up.h. */
#include "cmd/up_internal.h"

#include "base/clock.h"
#include "base/str.h"
#include "cmd/instances.h"
#include "cmd/output.h"

static void add_once(char ***services, const char *service)
{
    if (!strv_contains(*services, service))
        strv_add(services, xstrdup(service));
}

static void add_dependencies(const struct model *model, const struct model_service *service,
                             char ***services)
{
    for (size_t i = 0; i < service->dependency_count; i++) {
        const struct model_service *other = &model->services[service->dependencies[i].service];
        if (strv_contains(*services, other->name))
            continue;
        add_once(services, other->name);
        add_dependencies(model, other, services);
    }
}

void up_choose_services(struct up *up)
{
    const struct up_values *values = up->values;
    const struct invocation *invocation = up->invocation;
    for (size_t i = 0; i < invocation->operand_count; i++)
        add_once(&up->wanted, invocation->operands[i]);
    for (size_t i = 0; values->attach_dependencies && i < invocation->operand_count; i++)
        add_dependencies(up->model, model_find_service(up->model, invocation->operands[i]),
                         &up->wanted);
    for (size_t i = 0; invocation->operand_count == 0 && i < up->model->service_count; i++)
        add_once(&up->wanted, up->model->services[i].name);
    for (size_t i = 0; up->wanted && up->wanted[i]; i++) {
        const struct model_service *service = model_find_service(up->model, up->wanted[i]);
        bool chosen =
            values->attach ? strv_contains(values->attach, service->name) : service->attach;
        if (chosen && !strv_contains(values->no_attach, service->name))
            add_once(&up->shown, service->name);
    }
}

static const cJSON *find_before(const struct up *up, const cJSON *instance)
{
    const cJSON *before;
    cJSON_ArrayForEach(before, up->before)
    {
        if (streq(json_string(before, "Id", ""), json_string(instance, "Id", "-")))
            return before;
    }
    return NULL;
}

/* Of an instance that ran before and still does only what comes now is shown; of one that was
 * started again, what it has written since its last end; of a new one, all. */
static int show_logs(struct up *up, struct watched *watched, const cJSON *instances,
                     const cJSON *instance, struct error *err)
{
    const cJSON *before = find_before(up, instance);
    watched->only_new =
        before && json_int(before, "StartedMs", 0) == json_int(instance, "StartedMs", 0);
    char after[CLOCK_TEXT_SIZE] = "";
    if (before && !watched->only_new)
        clock_format_ns(json_int(before, "FinishedMs", 0) * 1000000, after);
    struct log_feed_source source = {.instance = watched->instance,
                                     .label = watched->label,
                                     .color_index = instance_color_index(instances, instance),
                                     .tail = watched->only_new ? 0 : -1,
                                     .follow = true,
                                     .after = *after ? after : NULL};
    return log_feed_add(up->feed, &source, &watched->source, err);
}

static bool is_watched(const struct up *up, const char *instance)
{
    for (size_t i = 0; i < up->watched.count; i++)
        if (streq(up->watched.items[i]->instance, instance))
            return true;
    return false;
}

static int watch(struct up *up, const cJSON *instances, const cJSON *instance, struct error *err)
{
    const char *service = json_string(instance, "Service", "");
    const char *state = json_string(instance, "State", "");
    if (!strv_contains(up->wanted, service) || json_bool(instance, "OneOff", false) ||
        is_watched(up, json_string(instance, "Name", "")) || streq(state, "created"))
        return 0;
    struct watched *watched = new0(struct watched);
    watched->up = up;
    watched->instance = xstrdup(json_string(instance, "Name", ""));
    watched->service = xstrdup(service);
    watched->label = xstrdup(instance_label(instance));
    watched->shown = strv_contains(up->shown, service);
    vec_add(&up->watched, watched);
    int r = watched->shown ? show_logs(up, watched, instances, instance, err) : 0;
    if (r == 0 && streq(state, "exited"))
        up_mark_died(watched, json_int(instance, "ExitCode", 0));
    return r;
}

int up_attach_new(struct up *up, struct error *err)
{
    _cleanup_json_ cJSON *instances = NULL;
    int r = instances_get(up->client, up->project, true, &instances, err);
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (r == 0)
            r = watch(up, instances, instance, err);
    }
    return r;
}

static void announce(const struct up *up)
{
    _cleanup_strbuf_ struct strbuf names = {0};
    for (size_t i = 0; i < up->watched.count; i++)
        if (up->watched.items[i]->shown)
            strbuf_addf(&names, "%s%s", names.length ? ", " : "", up->watched.items[i]->label);
    if (names.length == 0)
        return;
    _cleanup_free_ char *text = xasprintf("Attaching to %s", strbuf_text(&names));
    output_note(text);
}

static void on_before_write(void *userdata)
{
    struct up *up = userdata;
    if (up->progress)
        progress_clear(up->progress);
}

int up_attach_all(struct up *up, struct error *err)
{
    static const struct log_feed_callbacks callbacks = {.on_before_write = on_before_write};
    struct log_view_options options = {.prefix = !up->values->no_log_prefix,
                                       .color =
                                           !up->values->no_color && output_has_color(STDOUT_FILENO),
                                       .timestamps = up->values->timestamps};
    up->feed = log_feed_new(up->client, &options, &callbacks, up);
    int r = up_attach_new(up, err);
    if (r == 0)
        announce(up);
    return r;
}

void up_detach_all(struct up *up)
{
    if (up->feed)
        log_feed_flush(up->feed);
    log_feed_free(up->feed);
    for (size_t i = 0; i < up->watched.count; i++) {
        struct watched *watched = up->watched.items[i];
        client_request_cancel(watched->tail);
        strbuf_done(&watched->tail_data);
        free(watched->instance);
        free(watched->service);
        free(watched->label);
        free(watched->last_time);
        free(watched);
    }
    vec_done(&up->watched);
    strv_free(up->wanted);
    strv_free(up->shown);
}
