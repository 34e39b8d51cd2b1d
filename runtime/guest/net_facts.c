/* See net_facts.h. */
#include "runtime/guest/net_facts.h"

#include "base/cleanup.h"
#include "runtime/guest/resolve.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct teller {
    void (*tell)(void *userdata, const struct net_fact *fact);
    void *userdata;
    unsigned listeners;
};

/* buffer has INET6_ADDRSTRLEN bytes; NULL where it is no address. */
static const char *format_address(const struct sockaddr *address, char *buffer)
{
    const void *socket = address;
    if (address->sa_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)socket)->sin_addr, buffer,
                         INET6_ADDRSTRLEN);
    if (address->sa_family == AF_INET6)
        return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)socket)->sin6_addr, buffer,
                         INET6_ADDRSTRLEN);
    return NULL;
}

/* --- NICs ----------------------------------------------------------------------------------- */

static uint32_t count_bits(const struct sockaddr *mask)
{
    const void *socket = mask;
    const uint8_t *bytes = (const uint8_t *)&((const struct sockaddr_in *)socket)->sin_addr;
    size_t length = 4;
    uint32_t bits = 0;
    if (!mask)
        return 0;
    if (mask->sa_family == AF_INET6) {
        bytes = ((const struct sockaddr_in6 *)socket)->sin6_addr.s6_addr;
        length = 16;
    }
    for (size_t i = 0; i < length; i++)
        bits += (uint32_t)__builtin_popcount(bytes[i]);
    return bits;
}

static void tell_interface(struct teller *teller, const struct ifaddrs *entry)
{
    const void *socket = entry->ifa_addr;
    const struct sockaddr_ll *link = socket;
    char mac[18];
    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", link->sll_addr[0],
             link->sll_addr[1], link->sll_addr[2], link->sll_addr[3], link->sll_addr[4],
             link->sll_addr[5]);
    teller->tell(teller->userdata, &(struct net_fact){.kind = FACT_INTERFACE,
                                                      .name = entry->ifa_name,
                                                      .mac = mac,
                                                      .up = (entry->ifa_flags & IFF_UP) != 0});
}

static void tell_interfaces(struct teller *teller)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0)
        return;
    for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
        char text[INET6_ADDRSTRLEN];
        if (!entry->ifa_addr || (entry->ifa_flags & IFF_LOOPBACK))
            continue;
        const char *address = format_address(entry->ifa_addr, text);
        if (entry->ifa_addr->sa_family == AF_PACKET)
            tell_interface(teller, entry);
        else if (address)
            teller->tell(teller->userdata,
                         &(struct net_fact){.kind = FACT_ADDRESS,
                                            .name = entry->ifa_name,
                                            .address = address,
                                            .prefix = count_bits(entry->ifa_netmask)});
    }
    freeifaddrs(list);
}

/* --- routes --------------------------------------------------------------------------------- */

static void tell_route(struct teller *teller, const char *name, int family, const void *gateway)
{
    char text[INET6_ADDRSTRLEN];
    teller->tell(teller->userdata,
                 &(struct net_fact){.kind = FACT_ROUTE,
                                    .name = name,
                                    .address = inet_ntop(family, gateway, text, sizeof(text))});
}

/* "eth0 00000000 0100590A 0003 ...": interface, destination, gateway, flags; then the mask. */
static void tell_routes_v4(struct teller *teller)
{
    FILE *file = fopen("/proc/net/route", "re");
    char line[512], name[64];
    unsigned destination, gateway, mask;
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%63s %x %x %*x %*d %*d %*d %x", name, &destination, &gateway, &mask) != 4)
            continue;
        struct in_addr address = {.s_addr = gateway};
        if (destination == 0 && mask == 0 && gateway != 0)
            tell_route(teller, name, AF_INET, &address);
    }
    if (file)
        fclose(file);
}

static bool parse_hex(const char *text, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
            return false;
    return true;
}

/* Destination, its length, source, its length, gateway, metric, two counters, flags, interface. */
static void tell_routes_v6(struct teller *teller)
{
    FILE *file = fopen("/proc/net/ipv6_route", "re");
    char line[512], name[64], gateway[33];
    unsigned length;
    while (file && fgets(line, sizeof(line), file)) {
        struct in6_addr address;
        if (sscanf(line, "%*32s %x %*32s %*x %32s %*x %*x %*x %*x %63s", &length, gateway, name) !=
                3 ||
            length != 0 || strspn(gateway, "0") == 32)
            continue;
        if (strlen(gateway) == 32 && parse_hex(gateway, address.s6_addr, 16))
            tell_route(teller, name, AF_INET6, &address);
    }
    if (file)
        fclose(file);
}

/* --- who listens ------------------------------------------------------------------------------ */

/* Addresses are words in the machine's order. */
static const char *format_words(const char *hex, char *buffer)
{
    uint32_t words[4] = {0};
    size_t count = strlen(hex) / 8;
    if (count != 1 && count != 4)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (sscanf(hex + 8 * i, "%8x", &words[i]) != 1)
            return NULL;
    return inet_ntop(count == 1 ? AF_INET : AF_INET6, words, buffer, INET6_ADDRSTRLEN);
}

/* "  0: 0100007F:1F90 00000000:0000 0A ...": 0A is LISTEN; 07 an UDP socket without a peer. */
static void tell_listeners(struct teller *teller, const char *path, bool udp)
{
    FILE *file = fopen(path, "re");
    char line[512], local[33], text[INET6_ADDRSTRLEN];
    unsigned port, state;
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", local, &port, &state) !=
                3 ||
            state != (udp ? 0x07 : 0x0a) || teller->listeners >= NET_FACTS_LISTENERS)
            continue;
        const char *address = format_words(local, text);
        if (!address)
            continue;
        teller->listeners++;
        teller->tell(teller->userdata,
                     &(struct net_fact){
                         .kind = FACT_LISTENER, .address = address, .port = port, .udp = udp});
    }
    if (file)
        fclose(file);
}

static void tell_nameserver(struct teller *teller)
{
    struct sockaddr_storage server;
    char text[INET6_ADDRSTRLEN];
    if (!resolve_nameserver(&server))
        return;
    const void *socket = &server;
    teller->tell(teller->userdata, &(struct net_fact){.kind = FACT_NAMESERVER,
                                                      .address = format_address(socket, text)});
}

void net_facts_each(void (*tell)(void *userdata, const struct net_fact *fact), void *userdata)
{
    struct teller teller = {.tell = tell, .userdata = userdata};
    tell_interfaces(&teller);
    tell_routes_v4(&teller);
    tell_routes_v6(&teller);
    tell_nameserver(&teller);
    tell_listeners(&teller, "/proc/net/tcp", false);
    tell_listeners(&teller, "/proc/net/tcp6", false);
    tell_listeners(&teller, "/proc/net/udp", true);
    tell_listeners(&teller, "/proc/net/udp6", true);
}
