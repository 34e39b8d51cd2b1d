/* Runs the DNS server alone, for dns.sh and tests/bench/dns.sh: dns_driver RESOLV_CONF. Networks on
 * addresses that the script has put on the loopback; does what stdin says, a line each, and ends
 * with it. */
#include "network/dns.h"

#include "base/str.h"

#include <stdio.h>

struct driver {
    struct dns *dns;
    uv_poll_t input;
    char line[256];
    size_t length;
};

static void add(struct dns *dns, const char *network, const char *instance, const char *service,
                const char *address, const char *address6)
{
    const struct dns_endpoint endpoint = {.network = network,
                                          .instance = instance,
                                          .service = service,
                                          .project = "shop",
                                          .address = address,
                                          .address6 = address6};
    dns_set_endpoint(dns, &endpoint);
    dns_set_presence(dns, instance, INSTANCE_SERVING);
}

/* "gone NAME", "starting NAME", "serving NAME", "remove NETWORK" */
static void obey(struct driver *driver, char *line)
{
    const char *name = strchr(line, ' ') + 1;
    if (str_after_prefix(line, "remove "))
        dns_remove_network(driver->dns, name);
    else
        dns_set_presence(driver->dns, name,
                         str_after_prefix(line, "serving ")    ? INSTANCE_SERVING
                         : str_after_prefix(line, "starting ") ? INSTANCE_STARTING
                                                               : INSTANCE_GONE);
    puts("done");
    fflush(stdout);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    struct driver *driver = poll->data;
    char byte;
    if (read(0, &byte, 1) <= 0) {
        uv_stop(poll->loop);
    } else if (byte != '\n' && driver->length + 1 < sizeof(driver->line)) {
        driver->line[driver->length++] = byte;
    } else {
        driver->line[driver->length] = '\0';
        driver->length = 0;
        obey(driver, driver->line);
    }
}

static int add_networks(struct dns *dns, struct error *err)
{
    const struct dns_network front = {
        .name = "front",
        .project = "shop",
        .link = "front0", /* resolved.sh has it */
        .gateways = (const char *const[]){"10.77.1.1", "fd77:1::1", NULL},
        .subnets = (const char *const[]){"10.77.1.0/24", "fd77:1::/64", NULL}};
    const struct dns_network back = {.name = "back",
                                     .project = "shop",
                                     .link = "back0",
                                     .gateways = (const char *const[]){"10.77.2.1", NULL},
                                     .subnets = (const char *const[]){"10.77.2.0/24", NULL},
                                     .isolated = true};
    int r = dns_add_network(dns, &front, err);
    return r < 0 ? r : dns_add_network(dns, &back, err);
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = {0};
    uv_loop_t *loop = uv_default_loop();
    struct driver driver = {0};
    if (argc != 2 || dns_new(loop, argv[1], &driver.dns, &err) < 0 ||
        add_networks(driver.dns, &err) < 0) {
        fprintf(stderr, "%s\n", error_text(&err));
        return 1;
    }
    add(driver.dns, "front", "shop-web-1", "web", "10.77.1.2", "fd77:1::2");
    add(driver.dns, "back", "shop-cache-1", "cache", "10.77.2.2", NULL);
    for (int i = 0; i < 100; i++) { /* more than a datagram takes */
        char instance[32], address[32];
        snprintf(instance, sizeof(instance), "shop-many-%d", i + 1);
        snprintf(address, sizeof(address), "10.77.1.%d", 100 + i);
        add(driver.dns, "front", instance, "many", address, NULL);
    }
    uv_poll_init(loop, &driver.input, 0);
    driver.input.data = &driver;
    uv_poll_start(&driver.input, UV_READABLE, on_input);
    puts("ready");
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&driver.input, NULL);
    dns_free(driver.dns);
    uv_run(loop, UV_RUN_DEFAULT);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
