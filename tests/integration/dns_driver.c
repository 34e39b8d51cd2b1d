/* Runs the DNS server alone, for dns.sh: dns_driver RESOLV_CONF. Two networks on addresses that the
 * script has put on the loopback; ends when stdin does. */
#include "network/dns.h"

#include <stdio.h>

static void on_input(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    char byte;
    if (read(0, &byte, 1) <= 0)
        uv_stop(poll->loop);
}

static void add(struct dns *dns, const char *network, const char *instance, const char *address,
                const char *service)
{
    const char *names[] = {service, instance, NULL};
    struct dns_endpoint endpoint = {
        .network = network, .instance = instance, .address = address, .names = names};
    dns_set_endpoint(dns, &endpoint);
    dns_set_running(dns, instance, true);
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error err = {0};
    uv_loop_t *loop = uv_default_loop();
    struct dns *dns;
    if (argc != 2 || dns_new(loop, argv[1], &dns, &err) < 0 ||
        dns_add_network(dns, "front", "10.77.1.1", "10.77.1.0/24", &err) < 0 ||
        dns_add_network(dns, "back", "10.77.2.1", "10.77.2.0/24", &err) < 0) {
        fprintf(stderr, "%s\n", error_text(&err));
        return 1;
    }
    dns_set_forwarding(dns, "back", false);
    add(dns, "front", "shop-web-1", "10.77.1.2", "web");
    add(dns, "back", "shop-cache-1", "10.77.2.2", "cache");
    for (int i = 0; i < 100; i++) { /* more than a datagram takes */
        char instance[32], address[32];
        snprintf(instance, sizeof(instance), "many-%d", i);
        snprintf(address, sizeof(address), "10.77.1.%d", 100 + i);
        add(dns, "front", instance, address, "many");
    }
    uv_poll_t input;
    uv_poll_init(loop, &input, 0);
    uv_poll_start(&input, UV_READABLE, on_input);
    puts("ready");
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&input, NULL);
    dns_free(dns);
    uv_run(loop, UV_RUN_DEFAULT);
    return uv_loop_close(loop) == 0 ? 0 : 1;
}
