/* `vmstead port`: where a port of a service is published. */
#include "base/alloc.h"
#include "cmd/output.h"
#include "cmd/ps_row.h"
#include "cmd/target.h"

#include <errno.h>

struct port_values {
    int64_t index;
    const char *protocol, *format;
    bool verbose;
};

static const struct option_row rows[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct port_values, format), "text|json", "text", 0, 0,
     "Output format; json is all that is known, one object a line"},
    {"index", 0, OPTION_NUMBER, offsetof(struct port_values, index), "N", NULL, 0, 10000,
     "Which virtual machine of the service"},
    {"protocol", 0, OPTION_CHOICE, offsetof(struct port_values, protocol), "tcp|udp", "tcp", 0, 0,
     "Of the port"},
    {"verbose", 0, OPTION_FLAG, offsetof(struct port_values, verbose), NULL, NULL, 0, 0,
     "All addresses, and which way clients come: by the kernel's nftables or the daemon's relay"},
};

/* "80", or "80/udp", which beats --protocol. */
static int read_port(const char *text, const char **protocol, uint16_t *ret_port, struct error *err)
{
    _cleanup_free_ char *number = xstrndup(text, strcspn(text, "/"));
    const char *slash = strchr(text, '/');
    if (slash)
        *protocol = streq(slash, "/udp") ? "udp" : "tcp";
    bool known = !slash || streq(slash, "/udp") || streq(slash, "/tcp");
    if (!known || str_to_u16(number, ret_port) < 0 || *ret_port == 0)
        return error_set(err, EINVAL, "'%s' is no port: a number up to 65535 is needed", text);
    return 0;
}

static int refuse(const cJSON *instance, uint16_t port, const char *protocol, struct error *err)
{
    _cleanup_strbuf_ struct strbuf ports = {0};
    ps_format_ports(json_array(instance, "Ports"), &ports);
    return error_set(err, ENOENT, "no port %u/%s for virtual machine %s: published %s%s", port,
                     protocol, json_string(instance, "Name", ""), ports.length ? "are " : "is none",
                     strbuf_text(&ports));
}

static bool is_wanted(const cJSON *port, uint16_t number, const char *protocol)
{
    return json_int(port, "target", 0) == number &&
           streq(json_string(port, "protocol", "tcp"), protocol);
}

/* "[::]:8080 relay, ::1 by relay" */
static void add_ways(const cJSON *port, struct strbuf *out)
{
    const char *loopback = json_string(port, "loopback_way", NULL);
    const char *way = json_string(port, "way", loopback);
    const char *guests = json_string(port, "guest_way", way);
    if (way)
        strbuf_addf(out, " %s", way);
    if (way && loopback && !streq(way, loopback))
        strbuf_addf(out, ", %s by %s",
                    strchr(json_string(port, "host_ip", ""), ':') ? "::1" : "127.0.0.1", loopback);
    if (way && !streq(way, guests))
        strbuf_addf(out, ", guests by %s", guests);
}

/* Like the reference's, one address of a port: the first. */
static void print_ports(const struct port_values *values, const cJSON *ports, uint16_t number,
                        const char *protocol, struct strbuf *out)
{
    bool is_json = streq(values->format, "json");
    const cJSON *port;
    cJSON_ArrayForEach(port, ports)
    {
        if (!is_wanted(port, number, protocol) || (out->length > 0 && !is_json && !values->verbose))
            continue;
        _cleanup_free_ char *text = is_json ? json_print(port) : NULL;
        if (text)
            strbuf_add_str(out, text);
        else
            ps_format_address(port, out);
        if (values->verbose && !text)
            add_ways(port, out);
        strbuf_add_char(out, '\n');
    }
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct port_values *values = invocation->values;
    const char *protocol = values->protocol;
    uint16_t number;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *instance = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = read_port(invocation->operands[1], &protocol, &number, err);
    if (r == 0)
        r = target_find_one(invocation, invocation->operands[0], values->index, &client, &instance,
                            err);
    if (r < 0)
        return r;
    print_ports(values, json_array(instance, "Ports"), number, protocol, &out);
    return out.length > 0 ? output_write(strbuf_text(&out), out.length, err)
                          : refuse(instance, number, protocol, err);
}

const struct command command_port = {
    .name = "port",
    .arguments = "SERVICE PORT",
    .summary = "Show where a port of a service is published",
    .details =
        "Prints the address and port of the host that lead to PORT in the virtual machine.\n"
        "Ports that the file leaves open are chosen at up: this tells which. Most ports are\n"
        "forwarded by the kernel (nftables), with the client's own address and also without\n"
        "a daemon. The daemon carries what the kernel cannot forward (relay): clients of\n"
        "::1, and clients of an address family that the virtual machine has not.",
    .examples = "  vmstead port web 80\n"
                "  vmstead port --protocol udp dns 53\n"
                "  vmstead port --verbose web 80",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct port_values),
    .operand_minimum = 2,
    .operand_maximum = 2,
    .run = run,
};
