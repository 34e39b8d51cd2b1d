/* The cells of `ps`; see ps_row.h. */
#include "cmd/ps_row.h"

#include "base/alloc.h"
#include "cmd/duration.h"

#include <time.h>

#define COMMAND_WIDTH 20

static const char *const headings[] = {"NAME",    "IMAGE",  "COMMAND", "SERVICE",
                                       "CREATED", "STATUS", "IP",      "PORTS"};

struct table *ps_table_new(void)
{
    return table_new(sizeof(headings) / sizeof(headings[0]), headings);
}

static int64_t port_int(const cJSON *port, const char *key)
{
    return json_int(port, key, 0);
}

/* `b` goes on where the range from a that is `length` long ends. */
static bool continues(const cJSON *a, const cJSON *b, int64_t length)
{
    return port_int(b, "published") == port_int(a, "published") + length &&
           port_int(b, "target") == port_int(a, "target") + length &&
           streq(json_string(a, "host_ip", ""), json_string(b, "host_ip", "")) &&
           streq(json_string(a, "protocol", ""), json_string(b, "protocol", ""));
}

static void add_range(int64_t first, int64_t length, struct strbuf *out)
{
    strbuf_addf(out, "%lld", (long long)first);
    if (length > 1)
        strbuf_addf(out, "-%lld", (long long)(first + length - 1));
}

static const char *host_address(const cJSON *port)
{
    const char *address = json_string(port, "host_ip", "");
    return *address ? address : "0.0.0.0";
}

void ps_format_ports(const cJSON *ports, struct strbuf *out)
{
    const cJSON *port = ports ? ports->child : NULL;
    while (port) {
        int64_t length = 1;
        const cJSON *next = port->next;
        for (; next && continues(port, next, length); next = next->next)
            length++;
        const char *address = host_address(port);
        bool is_ipv6 = strchr(address, ':') != NULL;
        strbuf_addf(out, is_ipv6 ? "%s[%s]:" : "%s%s:", out->length ? ", " : "", address);
        add_range(port_int(port, "published"), length, out);
        strbuf_add_str(out, "->");
        add_range(port_int(port, "target"), length, out);
        strbuf_addf(out, "/%s", json_string(port, "protocol", "tcp"));
        port = next;
    }
}

void ps_format_address(const cJSON *port, struct strbuf *out)
{
    const char *address = host_address(port);
    strbuf_addf(out, strchr(address, ':') ? "[%s]:%lld" : "%s:%lld", address,
                (long long)port_int(port, "published"));
}

/* Behind "Up": " (Paused)", " (healthy)", " (health: starting)". */
static void add_condition(const cJSON *instance, struct strbuf *out)
{
    const char *health = json_string(instance, "Health", "");
    if (streq(json_string(instance, "State", ""), "paused"))
        strbuf_add_str(out, " (Paused)");
    else if (streq(health, "starting"))
        strbuf_add_str(out, " (health: starting)");
    else if (*health)
        strbuf_addf(out, " (%s)", health);
}

/* Behind "Exited": what was not the service's own doing. */
static void add_cause(const cJSON *instance, struct strbuf *out)
{
    static const struct {
        const char *reason, *text; /* vm_exit_reason_name() */
    } causes[] = {{"oom", "out of memory"}, {"killed", "VM died"}, {"boot", "did not start"}};
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++)
        if (streq(json_string(instance, "Reason", ""), causes[i].reason))
            strbuf_addf(out, " (%s)", causes[i].text);
}

void ps_format_status(const cJSON *instance, int64_t now_ms, struct strbuf *out)
{
    char span[DURATION_TEXT_SIZE];
    const char *state = json_string(instance, "State", "");
    if (streq(state, "running") || streq(state, "paused")) {
        duration_format(now_ms - json_int(instance, "StartedMs", now_ms), span);
        strbuf_addf(out, "Up %s", span);
        add_condition(instance, out);
    } else if (streq(state, "exited") || streq(state, "restarting")) {
        duration_format(now_ms - json_int(instance, "FinishedMs", now_ms), span);
        strbuf_addf(out, "%s (%lld) %s ago", streq(state, "exited") ? "Exited" : "Restarting",
                    (long long)json_int(instance, "ExitCode", 0), span);
        add_cause(instance, out);
    } else if (*state) {
        strbuf_addf(out, "%c%s", state[0] - 'a' + 'A', state + 1);
    }
}

static char *format_created(const cJSON *instance, int64_t now_ms)
{
    char span[DURATION_TEXT_SIZE];
    duration_format(now_ms - json_int(instance, "CreatedMs", now_ms), span);
    return xasprintf("%s ago", span);
}

/* In double quotes as Docker shows commands, with what would break the line written out. */
static char *quote_command(const char *command, bool truncate)
{
    _cleanup_free_ char *cut = output_truncate(command, truncate ? COMMAND_WIDTH : SIZE_MAX);
    struct strbuf quoted = {0};
    strbuf_add_char(&quoted, '"');
    for (const char *at = cut; *at; at++) {
        if (*at == '"' || *at == '\\')
            strbuf_addf(&quoted, "\\%c", *at);
        else if (*at == '\n')
            strbuf_add_str(&quoted, "\\n");
        else if ((unsigned char)*at < ' ' || *at == 0x7f)
            strbuf_addf(&quoted, "\\x%02x", (unsigned char)*at);
        else
            strbuf_add_char(&quoted, *at);
    }
    strbuf_add_char(&quoted, '"');
    return strbuf_take(&quoted);
}

static char *join_endpoints(const cJSON *instance, const char *key, const char *separator)
{
    struct strbuf joined = {0};
    const cJSON *endpoint;
    cJSON_ArrayForEach(endpoint, json_array(instance, "Endpoints"))
    {
        strbuf_addf(&joined, "%s%s", joined.length ? separator : "",
                    json_string(endpoint, key, ""));
    }
    return strbuf_take(&joined);
}

void ps_table_add(struct table *table, const cJSON *instance, bool truncate, int64_t now_ms)
{
    _cleanup_free_ char *command = quote_command(json_string(instance, "Command", ""), truncate);
    _cleanup_free_ char *created = format_created(instance, now_ms);
    _cleanup_free_ char *addresses = join_endpoints(instance, "address", ", ");
    _cleanup_strbuf_ struct strbuf status = {0}, ports = {0};
    ps_format_status(instance, now_ms, &status);
    ps_format_ports(json_array(instance, "Ports"), &ports);
    const char *const cells[] = {json_string(instance, "Name", ""),
                                 json_string(instance, "Image", ""),
                                 command,
                                 json_string(instance, "Service", ""),
                                 created,
                                 strbuf_text(&status),
                                 addresses,
                                 strbuf_text(&ports)};
    table_add_row(table, cells);
}

static cJSON *publishers(const cJSON *ports)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *port;
    cJSON_ArrayForEach(port, ports)
    {
        cJSON *publisher = cJSON_CreateObject();
        json_set_string(publisher, "URL", host_address(port));
        json_set_int(publisher, "TargetPort", port_int(port, "target"));
        json_set_int(publisher, "PublishedPort", port_int(port, "published"));
        json_set_string(publisher, "Protocol", json_string(port, "protocol", "tcp"));
        cJSON_AddItemToArray(list, publisher);
    }
    return list;
}

static void set_created_at(cJSON *row, const cJSON *instance)
{
    time_t created = (time_t)(json_int(instance, "CreatedMs", 0) / 1000);
    struct tm parts;
    char text[40];
    localtime_r(&created, &parts);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z %Z", &parts);
    json_set_string(row, "CreatedAt", text);
}

cJSON *ps_row_json(const cJSON *instance, int64_t now_ms)
{
    _cleanup_free_ char *command = quote_command(json_string(instance, "Command", ""), true);
    _cleanup_free_ char *created = format_created(instance, now_ms);
    _cleanup_free_ char *addresses = join_endpoints(instance, "address", ",");
    _cleanup_free_ char *networks = join_endpoints(instance, "network", ",");
    _cleanup_strbuf_ struct strbuf status = {0}, ports = {0};
    ps_format_status(instance, now_ms, &status);
    ps_format_ports(json_array(instance, "Ports"), &ports);
    const char *id = json_string(instance, "Id", "");
    _cleanup_free_ char *short_id = xstrndup(id, strlen(id) < 12 ? strlen(id) : 12);
    cJSON *row = cJSON_CreateObject();
    json_set_string(row, "Command", command);
    set_created_at(row, instance);
    json_set_int(row, "ExitCode", json_int(instance, "ExitCode", 0));
    json_set_string(row, "Health", json_string(instance, "Health", ""));
    json_set_string(row, "ID", short_id);
    json_set_string(row, "IP", addresses);
    json_set_string(row, "Image", json_string(instance, "Image", ""));
    json_set_string(row, "Name", json_string(instance, "Name", ""));
    json_set_string(row, "Names", json_string(instance, "Name", ""));
    json_set_string(row, "Networks", networks);
    json_set_string(row, "Ports", strbuf_text(&ports));
    json_set_string(row, "Project", json_string(instance, "Project", ""));
    json_set(row, "Publishers", publishers(json_array(instance, "Ports")));
    json_set_string(row, "RunningFor", created);
    json_set_string(row, "Service", json_string(instance, "Service", ""));
    json_set_string(row, "State", json_string(instance, "State", ""));
    json_set_string(row, "Status", strbuf_text(&status));
    return row;
}
