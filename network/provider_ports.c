/* The provider of kind "ports": rows in `published_ports`, a bound socket each (publish.c), an
 * element of a map each (firewall.c). See network.h for the shapes. */
#include "network/internal.h"

#include "base/str.h"

#include <errno.h>

struct port_list {
    struct port_row *items;
    size_t count, capacity;
};

static void port_list_done(struct port_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        port_row_done(&list->items[i]);
    vec_done(list);
}

static bool in_port_range(int64_t port, int64_t least)
{
    return port >= least && port <= 65535;
}

static int parse_port(const char *instance, const char *project, const cJSON *object,
                      struct port_row *ret_row, struct error *err)
{
    const char *host_ip = json_string(object, "host_ip", "");
    const char *protocol = json_string(object, "protocol", "tcp");
    int64_t published = json_int(object, "published", 0), target = json_int(object, "target", 0);
    int64_t last = json_int(object, "published_last", published);
    struct ip_address address = {0};
    if (*host_ip && ip_address_parse(host_ip, &address) < 0)
        return error_set(err, EINVAL,
                         "'%s': the host address '%s' of a published port is no IP address",
                         instance, host_ip);
    if (!streq(protocol, "tcp") && !streq(protocol, "udp"))
        return error_set(err, EINVAL, "'%s': a port's protocol is 'tcp' or 'udp', not '%s'",
                         instance, protocol);
    if (!in_port_range(published, 0) || !in_port_range(last, published) ||
        !in_port_range(target, 1))
        return error_set(err, EINVAL, "'%s': the port %lld:%lld is out of range", instance,
                         (long long)published, (long long)target);
    *ret_row = (struct port_row){
        .instance = xstrdup(instance),
        .project = xstrdup(project),
        .host_ip = address,
        .published = (uint16_t)published,
        .published_last = (uint16_t)last,
        .target = (uint16_t)target,
        .udp = streq(protocol, "udp"),
    };
    return 0;
}

static int parse_ports(const struct operation *operation, struct port_list *ret_list,
                       struct error *err)
{
    const char *instance = json_string(operation->spec, "instance", operation->name);
    const char *project = json_string(operation->spec, "project", operation->project);
    const cJSON *object;
    cJSON_ArrayForEach(object, json_array(operation->spec, "ports"))
    {
        struct port_row row;
        int r = parse_port(instance, project, object, &row, err);
        if (r < 0)
            return r;
        vec_add(ret_list, row);
    }
    return 0;
}

static int check_one(struct network *network, const struct operation *operation, struct error *err)
{
    _cleanup_(port_list_done) struct port_list list = {0};
    int r = parse_ports(operation, &list, err);
    for (size_t i = 0; r == 0 && i < list.count; i++)
        if (list.items[i].published != 0)
            r = publish_hold(network->publish, &list.items[i], err);
    return r;
}

static int check(void *self, struct operation *const *operations, size_t count, struct error *err)
{
    struct network *network = self;
    if (count > 0)
        publish_release_stale(network->publish, operations[0]->project);
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = check_one(network, operations[i], err);
    if (r < 0) /* nothing of this plan will come: the ports are free again */
        publish_release_stale(network->publish, operations[0]->project);
    return r;
}

/* --- ensure --------------------------------------------------------------------------------- */

static int write_ready(struct store *store, void *userdata, struct error *err)
{
    return tables_set_ports_state(store, userdata, "ready", err);
}

static int finish_ensure(struct change *change, cJSON **ret_result, struct error *err)
{
    const char *instance = change->operation->name;
    int r = tables_commit(change->network->store, write_ready, (void *)(uintptr_t)instance, err);
    if (r < 0)
        return r;
    *ret_result = cJSON_CreateObject();
    json_set(*ret_result, "ports", network_describe_ports(change->network, instance));
    return 0;
}

static int write_deletion(struct store *store, void *userdata, struct error *err)
{
    return tables_delete_ports(store, userdata, err);
}

static void undo_ensure(struct change *change)
{
    const char *instance = change->operation->name;
    tables_commit(change->network->store, write_deletion, (void *)(uintptr_t)instance, NULL);
    publish_release(change->network->publish, instance);
}

static const struct change_steps ensure_steps = {.finish = finish_ensure, .undo = undo_ensure};

struct intent {
    const char *instance;
    const struct port_list *list;
};

static int write_intent(struct store *store, void *userdata, struct error *err)
{
    const struct intent *intent = userdata;
    int r = tables_delete_ports(store, intent->instance, err);
    for (size_t i = 0; r == 0 && i < intent->list->count; i++)
        r = tables_write_port(store, &intent->list->items[i], err);
    return r;
}

static bool may_become(const struct port_row *wanted, const struct port_row *row)
{
    bool chosen = wanted->published == 0 ||
                  (row->published >= wanted->published && row->published <= wanted->published_last);
    return chosen && wanted->target == row->target && wanted->udp == row->udp &&
           ip_address_compare(&wanted->host_ip, &row->host_ip) == 0;
}

/* A chosen port stays what it was for as long as the row lives. */
static void reuse_chosen(const struct port_row *row, void *userdata)
{
    struct port_list *list = userdata;
    for (size_t i = 0; i < list->count; i++) {
        struct port_row *wanted = &list->items[i];
        if (may_become(wanted, row)) {
            wanted->published = wanted->published_last = row->published;
            return;
        }
    }
}

struct route_search {
    bool any, leads_out;
};

static void look_for_route(const struct endpoint_row *row, void *userdata)
{
    struct route_search *search = userdata;
    search->any = true;
    search->leads_out = search->leads_out || row->default_route;
}

static int check_route(struct network *network, const char *instance, struct error *err)
{
    struct route_search search = {0};
    tables_each_endpoint(network->store, instance, look_for_route, &search);
    if (search.leads_out)
        return 0;
    return error_set(err, ENETUNREACH,
                     search.any ? "'%s' publishes ports but is only on internal networks, which "
                                  "nothing outside reaches: put it on another network too, or "
                                  "take 'ports' away"
                                : "'%s' publishes ports but has no network",
                     instance);
}

static int start_ensure(struct network *network, struct operation *operation, struct error *err)
{
    const char *instance = operation->name;
    _cleanup_(port_list_done) struct port_list list = {0};
    int r = parse_ports(operation, &list, err);
    if (r == 0 && list.count > 0)
        r = check_route(network, instance, err);
    if (r < 0)
        return r;
    tables_each_port(network->store, instance, reuse_chosen, &list);
    for (size_t i = 0; r == 0 && i < list.count; i++)
        r = publish_hold(network->publish, &list.items[i], err);
    struct intent intent = {.instance = instance, .list = &list};
    if (r == 0)
        r = tables_commit(network->store, write_intent, &intent, err);
    if (r < 0) {
        publish_release_stale(network->publish, operation->project);
        return r;
    }
    struct change *change = change_new(network, operation, &ensure_steps);
    change->made = true;
    change_queue(change);
    return 0;
}

/* --- remove --------------------------------------------------------------------------------- */

static int write_removing(struct store *store, void *userdata, struct error *err)
{
    return tables_set_ports_state(store, userdata, "removing", err);
}

static int finish_remove(struct change *change, cJSON **ret_result, struct error *err)
{
    (void)ret_result;
    const char *instance = change->operation->name;
    int r = tables_commit(change->network->store, write_deletion, (void *)(uintptr_t)instance, err);
    if (r == 0)
        publish_release(change->network->publish, instance);
    return r;
}

static const struct change_steps remove_steps = {.finish = finish_remove};

static int start(void *self, struct operation *operation, struct error *err)
{
    struct network *network = self;
    switch (operation->verb) {
    case OPERATION_ENSURE:
        return start_ensure(network, operation, err);
    case OPERATION_REMOVE: {
        int r =
            tables_commit(network->store, write_removing, (void *)(uintptr_t)operation->name, err);
        if (r == 0)
            change_queue(change_new(network, operation, &remove_steps));
        return r;
    }
    case OPERATION_START:
    case OPERATION_STOP:
    case OPERATION_WAIT:
    case OPERATION_PAUSE:
    case OPERATION_UNPAUSE:
    case OPERATION_KILL:
    case OPERATION_VERB_COUNT:
        break;
    }
    return error_set(err, EOPNOTSUPP, "ports cannot be %sed", operation_verb_name(operation->verb));
}

struct provider ports_provider(struct network *network)
{
    return (struct provider){.kind = "ports", .check = check, .start = start, .self = network};
}
