/* POST /networks/create, DELETE /networks/{id}, POST /networks/prune. A network made by hand
 * belongs to no job: it is one operation of the network provider, whose row is its journal. */
#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/api_internal.h"

#include <errno.h>

/* --- one operation ---------------------------------------------------------------------------- */

struct network_change {
    struct operation operation;
    void (*on_end)(struct network_change *change, const struct error *err);
    struct network *network;
    struct http_request *request; /* of one alone: NULL where it has left */
    struct prune *prune;
    char *name;
    cJSON *spec, *inputs;
};

static void change_free(struct network_change *change)
{
    cJSON_Delete(change->spec);
    cJSON_Delete(change->inputs);
    free(change->name);
    free(change);
}

static void change_end(struct network_change *change, const struct error *err)
{
    change->on_end(change, err);
    change_free(change);
}

static void on_change_done(struct operation *operation, cJSON *result, struct error *err)
{
    cJSON_Delete(result);
    change_end(operation->engine_data, err);
}

/* Takes spec. */
static struct network_change *change_new(enum operation_verb verb, const char *name, cJSON *spec)
{
    static const struct operation_listener listener = {.done = on_change_done};
    struct network_change *change = new0(struct network_change);
    change->name = xstrdup(name);
    change->spec = spec;
    change->inputs = cJSON_CreateObject();
    change->operation = (struct operation){.project = "",
                                           .kind = "network",
                                           .name = change->name,
                                           .verb = verb,
                                           .spec = change->spec,
                                           .inputs = change->inputs,
                                           .listener = &listener,
                                           .engine_data = change};
    return change;
}

/* It ends by on_end, maybe at once. */
static void change_start(struct network_change *change, struct network *network)
{
    size_t count;
    const struct provider *provider = network_providers(network, &count);
    change->network = network;
    struct operation *operations[] = {&change->operation};
    _cleanup_error_ struct error err = {0};
    int r = change->operation.verb == OPERATION_ENSURE
                ? provider->check(provider->self, operations, 1, &err)
                : 0;
    if (r == 0)
        r = provider->start(provider->self, &change->operation, &err);
    if (r < 0)
        change_end(change, &err);
}

/* --- of one request --------------------------------------------------------------------------- */

static void on_leave(void *userdata)
{
    ((struct network_change *)userdata)->request = NULL;
}

static void respond_end(struct network_change *change, const struct error *err)
{
    if (change->request && err->code != 0)
        api_respond_failure(change->request, err);
    else if (change->request)
        http_respond(change->request, 204, NULL, "");
}

static void run_change(const struct api_call *call, struct network_change *change)
{
    change->request = call->request;
    http_request_defer(call->request, on_leave, change);
    change_start(change, call->api->options.network);
}

/* --- create ----------------------------------------------------------------------------------- */

struct network_request {
    const char *name, *driver;
    bool internal, attachable, ipv4, ipv6, check_duplicate;
    const cJSON *ipam, *options, *labels;
};
static const struct api_option create_rows[] = {
    {"Name", API_STRING, offsetof(struct network_request, name), NULL},
    {"Driver", API_STRING, offsetof(struct network_request, driver), NULL},
    {"Internal", API_BOOL, offsetof(struct network_request, internal), NULL},
    {"Attachable", API_BOOL, offsetof(struct network_request, attachable), NULL},
    {"EnableIPv4", API_BOOL, offsetof(struct network_request, ipv4), NULL},
    {"EnableIPv6", API_BOOL, offsetof(struct network_request, ipv6), NULL},
    {"CheckDuplicate", API_BOOL, offsetof(struct network_request, check_duplicate), NULL},
    {"IPAM", API_OBJECT, offsetof(struct network_request, ipam), NULL},
    {"Options", API_OBJECT, offsetof(struct network_request, options), NULL},
    {"Labels", API_OBJECT, offsetof(struct network_request, labels), NULL},
};
static const struct api_option_table create_table = {create_rows, ARRAY_SIZE(create_rows), NULL};

/* Docker's rule: a letter or digit, then those and "_.-". */
static bool is_network_name(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return *name && !strchr("_.-", *name) && !name[strspn(name, letters)] && strlen(name) <= 128;
}

static void set_pool(cJSON *spec, const cJSON *config, bool six)
{
    static const char *const keys[2][3] = {{"subnet", "gateway", "ip_range"},
                                           {"subnet6", "gateway6", "ip_range6"}};
    json_set_string(spec, keys[six][0], json_string(config, "Subnet", NULL));
    json_set_string(spec, keys[six][1], json_string(config, "Gateway", NULL));
    json_set_string(spec, keys[six][2], json_string(config, "IPRange", NULL));
}

static int add_config(cJSON *spec, const cJSON *config, struct error *err)
{
    const char *subnet = json_string(config, "Subnet", "");
    bool six = strchr(*subnet ? subnet : json_string(config, "Gateway", ""), ':') != NULL;
    if (json_string(spec, six ? "subnet6" : "subnet", NULL))
        return error_set(err, EINVAL, "a network has one subnet of IPv%d: make two networks of it",
                         six ? 6 : 4);
    set_pool(spec, config, six);
    const cJSON *item;
    cJSON_ArrayForEach(item, json_object(config, "AuxiliaryAddresses"))
    {
        if (!json_object(spec, "aux_addresses"))
            cJSON_AddObjectToObject(spec, "aux_addresses");
        if (cJSON_IsString(item))
            json_set_string(json_object(spec, "aux_addresses"), item->string, item->valuestring);
    }
    return 0;
}

static void copy_filled(cJSON *spec, const char *key, const cJSON *object)
{
    if (object && object->child)
        json_set(spec, key, cJSON_Duplicate(object, true));
}

static int make_spec(const struct network_request *request, cJSON *spec, struct error *err)
{
    const cJSON *config;
    int r = 0;
    json_set_string(spec, "project", "");
    json_set_string(spec, "key", "");
    json_set_bool(spec, "internal", request->internal);
    json_set_bool(spec, "external", false);
    cJSON_ArrayForEach(config, json_array(request->ipam, "Config")) if (r == 0) r =
        add_config(spec, config, err);
    if (!request->ipv4)
        json_set_bool(spec, "ipv4", false);
    if (request->ipv6)
        json_set_bool(spec, "ipv6", true);
    if (request->attachable)
        json_set_bool(spec, "attachable", true);
    if (request->driver && !streq(request->driver, "bridge"))
        json_set_string(spec, "driver", request->driver);
    copy_filled(spec, "options", request->options);
    copy_filled(spec, "labels", request->labels);
    return r;
}

static int read_create(const struct api_call *call, const cJSON *body,
                       struct network_request *request, cJSON *spec, struct error *err)
{
    int r = api_options_read(&create_table, body, request, err);
    if (r < 0)
        return r;
    const char *ipam_driver = json_string(request->ipam, "Driver", "default");
    if (!request->name || !is_network_name(request->name))
        return error_set(err, EINVAL,
                         "invalid network name '%s': use letters, digits, '_', '.' and '-', and "
                         "begin with a letter or digit",
                         request->name ? request->name : "");
    if (*ipam_driver && !streq(ipam_driver, "default"))
        return error_set(err, EINVAL, "there is no IPAM driver '%s': only 'default'", ipam_driver);
    _cleanup_json_ cJSON *networks = network_describe_networks(call->api->options.network);
    const cJSON *network;
    cJSON_ArrayForEach(network, networks) if (
        streq(json_string(network, "name", ""),
              request->name)) return error_set(err, EEXIST,
                                               "a network with the name '%s' exists already",
                                               request->name);
    return make_spec(request, spec, err);
}

static void respond_created(struct network_change *change, const struct error *err)
{
    if (err->code != 0 || !change->request) {
        respond_end(change, err);
        return;
    }
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    _cleanup_json_ cJSON *networks = network_describe_networks(change->network);
    json_set_string(answer, "Id", json_string(api_find_network(networks, change->name), "id", ""));
    json_set_string(answer, "Warning", "");
    http_respond_json(change->request, 201, answer);
}

void api_network_create(const struct api_call *call)
{
    _cleanup_json_ cJSON *body = api_read_body(call->request), *spec = cJSON_CreateObject();
    struct network_request request = {.ipv4 = true};
    _cleanup_error_ struct error err = {0};
    if (!body)
        return;
    if (read_create(call, body, &request, spec, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    struct network_change *change = change_new(OPERATION_ENSURE, request.name, TAKE_PTR(spec));
    change->on_end = respond_created;
    run_change(call, change);
}

/* --- remove ----------------------------------------------------------------------------------- */

void api_network_remove(const struct api_call *call)
{
    _cleanup_json_ cJSON *networks = network_describe_networks(call->api->options.network);
    const cJSON *network = api_find_network(networks, call->name);
    if (!network && http_request_flag(call->request, "force")) {
        http_respond(call->request, 204, NULL, "");
        return;
    }
    if (!network) {
        http_respond_error(call->request, 404, ENOENT, "no such network: %s", call->name);
        return;
    }
    if (api_network_is_builtin(network)) {
        http_respond_error(call->request, 403, EPERM,
                           "the network 'bridge' cannot be removed: it goes with the last virtual "
                           "machine that is on it");
        return;
    }
    struct network_change *change =
        change_new(OPERATION_REMOVE, json_string(network, "name", ""), cJSON_CreateObject());
    change->on_end = respond_end;
    run_change(call, change);
}

/* --- prune ------------------------------------------------------------------------------------ */

/* Its changes end one by one; the answer names those that went. */
struct prune {
    struct http_request *request; /* NULL: it has left */
    cJSON *deleted;
    size_t left;
};
static void on_prune_leave(void *userdata)
{
    ((struct prune *)userdata)->request = NULL;
}

/* One step less to wait for. */
static void prune_advance(struct prune *prune)
{
    if (--prune->left > 0)
        return;
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    json_set(answer, "NetworksDeleted", prune->deleted);
    if (prune->request)
        http_respond_json(prune->request, 200, answer);
    free(prune);
}

static void on_pruned(struct network_change *change, const struct error *err)
{
    if (err->code == 0)
        cJSON_AddItemToArray(change->prune->deleted, cJSON_CreateString(change->name));
    prune_advance(change->prune);
}

static void prune_one(const struct api_call *call, struct prune *prune, const char *name)
{
    struct network_change *change = change_new(OPERATION_REMOVE, name, cJSON_CreateObject());
    change->on_end = on_pruned;
    change->prune = prune;
    prune->left++;
    change_start(change, call->api->options.network);
}

void api_networks_prune(const struct api_call *call)
{
    static const char *const known[] = {"label", NULL};
    _cleanup_json_ cJSON *filters = NULL;
    if (!api_read_filters(call->request, known, &filters))
        return;
    _cleanup_json_ cJSON *networks = network_describe_networks(call->api->options.network);
    struct prune *prune = new0(struct prune);
    prune->request = call->request;
    prune->deleted = cJSON_CreateArray();
    prune->left = 1; /* until all have begun */
    http_request_defer(call->request, on_prune_leave, prune);
    const cJSON *network;
    cJSON_ArrayForEach(network, networks) if (api_network_is_unused(network) &&
                                              !api_network_is_builtin(network) &&
                                              api_network_matches(network, filters))
        prune_one(call, prune, json_string(network, "name", ""));
    prune_advance(prune);
}
