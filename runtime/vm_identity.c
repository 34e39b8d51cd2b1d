/* See vm.h: what a guest is told about itself; pure. */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* What a process finds in PATH when neither image nor service says (Docker's default). */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void append_all(cJSON *to, const cJSON *from)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, from) if (cJSON_IsString(item))
        cJSON_AddItemToArray(to, cJSON_CreateString(item->valuestring));
}

cJSON *vm_identity_argv(const cJSON *spec, const cJSON *image_config)
{
    const cJSON *entrypoint = json_array(spec, "entrypoint");
    const cJSON *command = json_array(spec, "command");
    cJSON *argv = cJSON_CreateArray();
    append_all(argv, entrypoint ? entrypoint : json_array(image_config, "Entrypoint"));
    if (command)
        append_all(argv, command);
    else if (!entrypoint)
        append_all(argv, json_array(image_config, "Cmd"));
    return argv;
}

/* PATH and HOSTNAME as every container has them, over them the image's, over those the service's.
 */
static cJSON *build_environment(const cJSON *spec, const cJSON *image_config)
{
    cJSON *environment = cJSON_CreateObject();
    json_set_string(environment, "PATH", DEFAULT_PATH);
    json_set_string(environment, "HOSTNAME", json_string(spec, "hostname", ""));
    const cJSON *item;
    cJSON_ArrayForEach(item, json_array(image_config, "Env"))
    {
        const char *text = cJSON_GetStringValue(item);
        const char *equals = text ? strchr(text, '=') : NULL;
        if (!equals)
            continue;
        _cleanup_free_ char *key = xstrndup(text, (size_t)(equals - text));
        json_set_string(environment, key, equals + 1);
    }
    cJSON_ArrayForEach(item, json_object(spec, "environment")) if (cJSON_IsString(item))
        json_set_string(environment, item->string, item->valuestring);
    return environment;
}

static const cJSON *find_input(const cJSON *inputs, const char *kind, const char *name,
                               struct error *err)
{
    _cleanup_free_ char *key = xasprintf("%s/%s", kind, name);
    const cJSON *input = json_object(inputs, key);
    if (!input)
        error_set(err, EINVAL, "the plan gave no %s '%s'", kind, name);
    return input;
}

static void copy_member(cJSON *to, const cJSON *from, const char *key)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(from, key);
    if (member)
        json_set(to, key, cJSON_Duplicate(member, true));
}

static cJSON *build_interface(const cJSON *endpoint)
{
    cJSON *interface = cJSON_CreateObject();
    json_set_string(interface, "name", json_string(endpoint, "interface", NULL));
    static const char *const members[] = {"mac",      "address", "prefix",   "gateway",
                                          "address6", "prefix6", "gateway6", "link_local",
                                          "dns",      "mtu"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        copy_member(interface, endpoint, members[i]);
    return interface;
}

static void add_line(cJSON *hosts, const char *address, cJSON *names)
{
    cJSON *host = cJSON_CreateObject();
    json_set_string(host, "address", address);
    json_set(host, "names", names);
    cJSON_AddItemToArray(hosts, host);
}

/* Its own names with the first address, as /etc/hosts has them in a container (facts: a hostname
 * that does not resolve costs seconds). Further NICs' addresses are in DNS. */
static void add_own_names(cJSON *hosts, const cJSON *spec, const char *address)
{
    cJSON *names = cJSON_CreateArray();
    const char *hostname = json_string(spec, "hostname", NULL);
    const char *domain = json_string(spec, "domainname", NULL);
    const char *instance = json_string(spec, "instance", "");
    if (hostname && domain) {
        _cleanup_free_ char *full = xasprintf("%s.%s", hostname, domain);
        cJSON_AddItemToArray(names, cJSON_CreateString(full));
    }
    if (hostname)
        cJSON_AddItemToArray(names, cJSON_CreateString(hostname));
    if (!streq_null(hostname, instance))
        cJSON_AddItemToArray(names, cJSON_CreateString(instance));
    add_line(hosts, address, names);
}

static void add_own_address(cJSON *hosts, const cJSON *spec, const char *address)
{
    if (address)
        add_own_names(hosts, spec, address);
}

/* gateway: of its first network, for "host-gateway"; NULL: it has none. */
static int add_extra_hosts(cJSON *hosts, const cJSON *spec, const char *gateway, struct error *err)
{
    const cJSON *host;
    cJSON_ArrayForEach(host, json_array(spec, "extra_hosts"))
    {
        const char *name = json_string(host, "name", ""),
                   *address = json_string(host, "address", "");
        if (streq(address, "host-gateway") && !gateway)
            return error_set(err, EADDRNOTAVAIL,
                             "'%s' is to know the host as '%s', but it has no network with a "
                             "gateway",
                             json_string(spec, "instance", ""), name);
        cJSON *names = cJSON_CreateArray();
        cJSON_AddItemToArray(names, cJSON_CreateString(name));
        add_line(hosts, streq(address, "host-gateway") ? gateway : address, names);
    }
    return 0;
}

static cJSON *copy_array(const cJSON *spec, const char *key)
{
    const cJSON *array = json_array(spec, key);
    return array ? cJSON_Duplicate(array, true) : cJSON_CreateArray();
}

/* One nameserver: some resolvers ask all they know in parallel and take the first answer, also when
 * it is "no such name" (facts). */
static int add_networks(cJSON *identity, const cJSON *spec, const cJSON *inputs, struct error *err)
{
    cJSON *interfaces = cJSON_CreateArray(), *hosts = cJSON_CreateArray();
    cJSON *dns = cJSON_CreateArray();
    json_set(identity, "interfaces", interfaces);
    json_set(identity, "hosts", hosts);
    json_set(identity, "dns", dns);
    json_set(identity, "search", copy_array(spec, "dns_search"));
    copy_member(identity, spec, "dns_options");
    copy_member(identity, spec, "domainname");
    copy_member(identity, spec, "sysctls");
    const char *gateway = NULL;
    const cJSON *name;
    cJSON_ArrayForEach(name, json_array(spec, "endpoints"))
    {
        const cJSON *endpoint =
            find_input(inputs, "endpoint", name->valuestring ? name->valuestring : "", err);
        if (!endpoint)
            return -EINVAL;
        cJSON_AddItemToArray(interfaces, build_interface(endpoint));
        const char *server = json_string(endpoint, "dns", NULL);
        if (cJSON_GetArraySize(interfaces) == 1) {
            add_own_address(hosts, spec, json_string(endpoint, "address", NULL));
            add_own_address(hosts, spec, json_string(endpoint, "address6", NULL));
        }
        if (server && *server && !gateway) {
            gateway = server;
            cJSON_AddItemToArray(dns, cJSON_CreateString(server));
        }
    }
    if (cJSON_GetArraySize(hosts) == 0)
        add_own_names(hosts, spec, "127.0.1.1"); /* as Debian does for hosts without an address */
    return add_extra_hosts(hosts, spec, gateway, err);
}

const char *vm_stop_signal(const cJSON *spec, const cJSON *inputs)
{
    const cJSON *image = find_input(inputs, "image", json_string(spec, "image", ""), NULL);
    const char *images = json_string(json_object(image, "config"), "StopSignal", "");
    return json_string(spec, "stop_signal", *images ? images : "SIGTERM");
}

int vm_identity_build(const cJSON *spec, const cJSON *inputs, int64_t time_ns, cJSON **ret_identity,
                      struct error *err)
{
    const char *instance = json_string(spec, "instance", "");
    const cJSON *image = find_input(inputs, "image", json_string(spec, "image", ""), err);
    if (!image)
        return -EINVAL;
    const cJSON *config = json_object(image, "config");
    _cleanup_json_ cJSON *identity = cJSON_CreateObject();
    json_set_string(identity, "instance", instance);
    json_set_string(identity, "hostname", json_string(spec, "hostname", instance));
    cJSON *argv = vm_identity_argv(spec, config);
    json_set(identity, "argv", argv);
    if (cJSON_GetArraySize(argv) == 0)
        return error_set(err, EINVAL,
                         "'%s' has nothing to run: its image '%s' names no command; add `command:` "
                         "to service '%s'",
                         instance, json_string(spec, "image", ""),
                         json_string(spec, "service", instance));
    json_set(identity, "environment", build_environment(spec, config));
    json_set_string(identity, "user", json_string(spec, "user", json_string(config, "User", "")));
    json_set_string(identity, "working_dir",
                    json_string(spec, "working_dir", json_string(config, "WorkingDir", "")));
    json_set_string(identity, "stop_signal", vm_stop_signal(spec, inputs));
    if (json_bool(spec, "tty", false))
        json_set_bool(identity, "tty", true);
    if (json_bool(spec, "stdin_open", false))
        json_set_bool(identity, "stdin_open", true);
    json_set_int(identity, "time_ns", time_ns);
    if (json_bool(spec, "read_only", false))
        json_set_bool(identity, "read_only_root", true);
    int r = add_networks(identity, spec, inputs, err);
    if (r == 0)
        *ret_identity = TAKE_PTR(identity);
    return r;
}

int vm_signal_number(const char *text)
{
    uint32_t number;
    if (str_to_u32(text, &number) == 0)
        return number >= 1 && number <= 64 ? (int)number : 0;
    const char *name = str_after_prefix(text, "SIG");
    if (!name)
        name = text;
    for (int i = 1; i < NSIG; i++) {
        const char *known = sigabbrev_np(i);
        if (known && strcasecmp(known, name) == 0)
            return i;
    }
    return 0;
}
