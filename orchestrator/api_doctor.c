/* GET /vmstead/instances/{id}/doctor: walks the way to an instance hop by hop, up to the first that
 * is broken. One walk is three looks, each of which ends in walk_advance():
 *
 *   the host's side (thread pool) -> inside the guest (agent) -> published ports (thread pool) */
#include "base/alloc.h"
#include "base/check.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"
#include "orchestrator/path_judge.h"

#include <errno.h>

enum walk_phase { WALK_HOST, WALK_GUEST, WALK_PORTS, WALK_DONE };

struct walk {
    struct api *api;
    struct http_request *request; /* NULL: the client has left */
    enum walk_phase phase;
    uv_work_t work;
    struct inspection *inspection;
    char *instance, *service; /* service: what people call it */
    char *name;               /* what DNS calls it */
    bool unhealthy, broken;
    cJSON *path;     /* network_path_of() */
    cJSON *findings; /* array */
    VEC(struct path_target) targets;
};

static void walk_advance(struct walk *walk);

static void walk_free(struct walk *walk)
{
    free(walk->instance);
    free(walk->service);
    free(walk->name);
    cJSON_Delete(walk->path);
    cJSON_Delete(walk->findings);
    vec_done(&walk->targets);
    free(walk);
}

/* --- the looks -------------------------------------------------------------------------------- */

static void on_worked(uv_work_t *work, int status)
{
    (void)status;
    struct walk *walk = work->data;
    if (walk->request)
        walk_advance(walk);
    else
        walk_free(walk);
}

static void look_at_host(uv_work_t *work)
{
    struct walk *walk = work->data;
    walk->broken = !network_path_look(walk->path, walk->findings);
}

static bool is_meant(const struct path_target *target, const cJSON *port)
{
    return json_int(port, "target", 0) == target->port &&
           streq(json_string(port, "protocol", "tcp"), target->udp ? "udp" : "tcp");
}

/* A port that is not published is reached at the guest's own address, as its neighbours do. */
static bool look_at_target(const struct walk *walk, const struct path_target *target)
{
    bool published = false;
    const cJSON *port, *endpoint = json_array(walk->path, "endpoints")->child;
    cJSON_ArrayForEach(port, json_array(walk->path, "ports"))
    {
        if (!is_meant(target, port))
            continue;
        published = true;
        if (!network_path_look_at_port(walk->path, port, walk->findings))
            return false;
    }
    const char *address = json_string(endpoint, "address", json_string(endpoint, "address6", NULL));
    return published || !address ||
           network_path_connect(address, target->port, target->udp, walk->findings);
}

static void look_at_ports(uv_work_t *work)
{
    struct walk *walk = work->data;
    for (size_t i = 0; !walk->broken && i < walk->targets.count; i++)
        walk->broken = !look_at_target(walk, &walk->targets.items[i]);
}

static void on_guest_seen(void *userdata, const struct guest_fact *facts, size_t count,
                          const struct error *err)
{
    struct walk *walk = userdata;
    const struct path_judgement judgement = {.service = walk->service,
                                             .name = walk->name,
                                             .unhealthy = walk->unhealthy,
                                             .targets = walk->targets.items,
                                             .target_count = walk->targets.count};
    _cleanup_finding_ struct finding agent = {0};
    walk->inspection = NULL;
    if (err)
        finding_set(&agent, CHECK_ERROR, xasprintf("vmstead restart %s", walk->service), "%s",
                    error_text(err));
    else
        finding_set(&agent, CHECK_OK, NULL, "the agent in the VM answers");
    walk->broken = !finding_add(walk->findings, "agent", &agent) ||
                   !path_judge(walk->path, &judgement, facts, count, walk->findings);
    walk_advance(walk);
}

static void look_into_guest(struct walk *walk)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_strv_ char **gateways = NULL;
    const char *const names[] = {walk->name, NULL};
    const cJSON *endpoint;
    cJSON_ArrayForEach(endpoint, json_array(walk->path, "endpoints"))
    {
        const char *const both[] = {json_string(endpoint, "gateway", NULL),
                                    json_string(endpoint, "gateway6", NULL)};
        for (size_t i = 0; i < ARRAY_SIZE(both); i++)
            if (both[i] && !strv_contains(gateways, both[i]))
                strv_add(&gateways, xstrdup(both[i]));
    }
    const struct inspect_options options = {.pings = (const char *const *)gateways,
                                            .names = gateways ? names : NULL};
    if (runtime_inspect_start(walk->api->options.runtime, walk->instance, &options, on_guest_seen,
                              walk, &walk->inspection, &err) < 0)
        on_guest_seen(walk, NULL, 0, &err);
}

/* --- the walk --------------------------------------------------------------------------------- */

static void walk_finish(struct walk *walk)
{
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    const cJSON *last = cJSON_GetArrayItem(walk->findings, cJSON_GetArraySize(walk->findings) - 1);
    json_set_string(answer, "instance", walk->instance);
    json_set_bool(answer, "healthy", !walk->broken);
    json_set(answer, "broken",
             walk->broken ? cJSON_CreateString(json_string(last, "check", ""))
                          : cJSON_CreateNull());
    json_set(answer, "hops", TAKE_PTR(walk->findings));
    http_respond_json(walk->request, 200, answer);
    walk_free(walk);
}

/* Begins the phase that is next; a broken hop ends the walk. */
static void walk_advance(struct walk *walk)
{
    uv_loop_t *loop = walk->api->options.loop;
    if (walk->broken)
        walk->phase = WALK_DONE;
    switch (walk->phase++) {
    case WALK_HOST:
        uv_queue_work(loop, &walk->work, look_at_host, on_worked);
        break;
    case WALK_GUEST:
        look_into_guest(walk);
        break;
    case WALK_PORTS:
        uv_queue_work(loop, &walk->work, look_at_ports, on_worked);
        break;
    case WALK_DONE:
        walk_finish(walk);
        break;
    }
}

/* The thread pool ends what it is at. */
static void on_leave(void *userdata)
{
    struct walk *walk = userdata;
    walk->request = NULL;
    if (!walk->inspection)
        return;
    runtime_inspect_abandon(walk->inspection);
    walk_free(walk);
}

/* --- its beginning ---------------------------------------------------------------------------- */

static bool look_at_instance(struct walk *walk, const cJSON *instance)
{
    const char *state = json_string(instance, "State", "");
    _cleanup_finding_ struct finding finding = {0};
    if (streq(state, "paused"))
        finding_set(&finding, CHECK_ERROR, xasprintf("vmstead unpause %s", walk->service),
                    "'%s' is paused", walk->instance);
    else if (!streq(state, "running"))
        finding_set(&finding, CHECK_ERROR,
                    xasprintf("vmstead up -d %s; why it ended: vmstead logs %s", walk->service,
                              walk->service),
                    "'%s' does not run: it is %s (exit code %d)", walk->instance, state,
                    (int)json_int(instance, "ExitCode", 0));
    else
        finding_set(&finding, walk->unhealthy ? CHECK_WARNING : CHECK_OK, NULL,
                    "'%s' runs%s (pid %d)", walk->instance,
                    walk->unhealthy ? ", but is unhealthy" : "", (int)json_int(instance, "Pid", 0));
    return finding_add(walk->findings, "instance", &finding);
}

static void add_target(struct walk *walk, const struct path_target *target)
{
    for (size_t i = 0; i < walk->targets.count; i++)
        if (walk->targets.items[i].port == target->port &&
            walk->targets.items[i].udp == target->udp)
            return;
    vec_add(&walk->targets, *target);
}

/* The port asked for, in the guest; one that only the host knows means what it leads to. Without
 * any, all that are published. */
static void choose_targets(struct walk *walk, uint16_t wanted, bool udp)
{
    struct path_target target = {.port = wanted, .udp = udp};
    const cJSON *port;
    bool is_target = false;
    cJSON_ArrayForEach(port, json_array(walk->path, "ports"))
    {
        is_target = is_target || is_meant(&target, port);
    }
    cJSON_ArrayForEach(port, json_array(walk->path, "ports"))
    {
        struct path_target its = {.port = (uint16_t)json_int(port, "target", 0),
                                  .udp = streq(json_string(port, "protocol", "tcp"), "udp")};
        bool leads = json_int(port, "published", 0) == wanted && its.udp == udp;
        if (!wanted || (!is_target && leads))
            add_target(walk, &its);
    }
    if (wanted && !walk->targets.count)
        add_target(walk, &target);
}

static struct walk *walk_new(const struct api_call *call, const cJSON *instance)
{
    struct walk *walk = new0(struct walk);
    bool oneoff = json_bool(instance, "OneOff", false);
    walk->api = call->api;
    walk->request = call->request;
    walk->work.data = walk;
    walk->instance = xstrdup(json_string(instance, "Name", ""));
    walk->service = xstrdup(json_string(instance, oneoff ? "Name" : "Service", ""));
    walk->name = xstrdup(walk->service);
    walk->unhealthy = streq(json_string(instance, "Health", ""), "unhealthy");
    walk->findings = cJSON_CreateArray();
    walk->path = network_path_of(call->api->options.network, walk->instance);
    json_set_string(walk->path, "service", walk->service);
    return walk;
}

void api_instance_doctor(const struct api_call *call)
{
    const char *protocol = http_request_query(call->request, "protocol");
    bool udp = protocol && streq(protocol, "udp");
    if (protocol && !udp && !streq(protocol, "tcp")) {
        http_respond_error(call->request, 400, EINVAL, "protocol '%s' is neither tcp nor udp",
                           protocol);
        return;
    }
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    if (!instance)
        return;
    struct walk *walk = walk_new(call, instance);
    choose_targets(walk, api_query_u16(call->request, "port"), udp);
    walk->broken = !look_at_instance(walk, instance);
    http_request_defer(call->request, on_leave, walk);
    walk_advance(walk);
}
