/* See job_host.h. */
#include "job_host.h"

#include "../unit.h"

#include "base/str.h"
#include "stack.h"

static void on_pump(uv_idle_t *pump)
{
    struct host *host = pump->data;
    fake_world_tick(&host->world);
}

void host_init(struct host *host, enum fake_answer answer, const char *store_path,
               const char *world_path)
{
    _cleanup_error_ struct error err = {0};
    *host = (struct host){0};
    assert_int_equal(uv_loop_init(&host->loop), 0);
    uv_idle_init(&host->loop, &host->pump);
    host->pump.data = host;
    uv_idle_start(&host->pump, on_pump);
    fake_world_init(&host->world, answer, world_path);
    assert_ok(store_open(store_path ? store_path : ":memory:", &host->store, &err), &err);
    struct orchestrator_world world = fake_world_for_orchestrator(&host->world);
    const struct provider *providers[FAKE_KINDS];
    memcpy(providers, world.providers, sizeof(providers));
    world.providers = providers;
    assert_ok(orchestrator_new(&host->loop, NULL, host->store, &world, &host->orchestrator, &err),
              &err);
    memset(providers, 0, sizeof(providers)); /* it has a copy */
    host->world.on_vm_event = orchestrator_vm_event;
    host->world.vm_event_userdata = host->orchestrator;
    assert_ok(orchestrator_adopt(host->orchestrator, &err), &err);
}

void host_done(struct host *host)
{
    host->world.on_vm_event = NULL;
    orchestrator_free(host->orchestrator);
    while (fake_world_tick(&host->world))
        ;
    uv_close((uv_handle_t *)&host->pump, NULL);
    uv_run(&host->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&host->loop), 0);
    store_close(host->store);
    fake_world_done(&host->world);
}

void end_done(struct end *end)
{
    error_done(&end->err);
    strbuf_done(&end->plan);
    free(TAKE_PTR(end->instance));
    free(TAKE_PTR(end->id));
}

static void on_event(void *userdata, const cJSON *event)
{
    struct end *end = userdata;
    const char *type = json_string(event, "type", "?");
    end->events++;
    end->warnings += streq(type, "warning");
    end->messages += streq(type, "message");
    end->questions += streq(type, "question");
    end->changes += streq(type, "step") && !streq(json_string(event, "kind", ""), "image") &&
                    !streq(json_string(event, "text", ""), "Running");
    if (streq(type, "plan"))
        strbuf_addf(&end->plan, "%s %s %s\n", json_string(event, "action", "?"),
                    json_string(event, "kind", "?"), json_string(event, "name", "?"));
    if (streq(type, "instance")) {
        end->instance = xstrdup(json_string(event, "name", "?"));
        end->id = xstrdup(json_string(event, "id", "?"));
    }
    if (end->events == end->cancel_after)
        job_cancel(end->job);
}

static void on_end(void *userdata, const struct error *err)
{
    struct end *end = userdata;
    assert_false(end->came);
    end->came = true;
    error_copy(&end->err, err);
}

const struct job_callbacks end_callbacks = {on_event, on_end};

void end_wait(struct end *end)
{
    for (size_t turns = 0; !end->came; turns++) {
        assert_true(turns < 20000);
        uv_run(&end->host->loop, UV_RUN_NOWAIT);
    }
}

int end_code(struct end *end)
{
    end_wait(end);
    int code = end->err.code;
    end_done(end);
    return code;
}

int host_up(struct host *host, const char *file, const struct up_options *options, struct end *end)
{
    static const struct up_options all = {.timeout_ms = -1};
    struct end own = {0};
    struct end *used = end ? end : &own;
    _cleanup_error_ struct error err = {0};
    used->host = host;
    int r = orchestrator_up(host->orchestrator, stack_load(file), options ? options : &all,
                            &end_callbacks, used, &used->job, &err);
    assert_ok(r, &err);
    end_wait(used);
    int code = used->err.code;
    if (!end)
        end_done(&own);
    return code;
}

int host_act(struct host *host, const char *project, enum act_verb verb,
             const struct act_options *options)
{
    static const struct act_options all = {.timeout_ms = -1};
    struct end end = {.host = host};
    int r = orchestrator_act(host->orchestrator, project, verb, options ? options : &all,
                             &end_callbacks, &end, &end.job, NULL);
    assert_int_equal(r, 0);
    return end_code(&end);
}

int host_down(struct host *host, const char *project, const struct down_options *options)
{
    static const struct down_options all = {.timeout_ms = -1};
    struct end end = {.host = host};
    int r = orchestrator_down(host->orchestrator, project, options ? options : &all, &end_callbacks,
                              &end, &end.job, NULL);
    assert_int_equal(r, 0);
    return end_code(&end);
}

char *host_id_of(struct host *host, const char *name)
{
    _cleanup_json_ cJSON *instances = orchestrator_instances(host->orchestrator, NULL, true);
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (streq(json_string(instance, "Name", ""), name))
            return xstrdup(json_string(instance, "Id", ""));
    }
    return NULL;
}

void host_assert_before(const struct host *host, const char *one, const char *two)
{
    size_t first = fake_world_find_log(&host->world, one);
    size_t second = fake_world_find_log(&host->world, two);
    assert_int_not_equal(first, SIZE_MAX);
    assert_int_not_equal(second, SIZE_MAX);
    assert_true(first < second);
}

void host_assert_nothing_left(struct host *host)
{
    if (fake_world_count(&host->world) != 0) {
        _cleanup_free_ char *text = json_print(host->world.things);
        fail_msg("left: %s", text);
    }
    _cleanup_json_ cJSON *instances = orchestrator_instances(host->orchestrator, NULL, true);
    _cleanup_json_ cJSON *projects = orchestrator_projects(host->orchestrator);
    assert_int_equal(cJSON_GetArraySize(instances), 0);
    assert_int_equal(cJSON_GetArraySize(projects), 0);
    assert_true(orchestrator_is_idle(host->orchestrator));
}
