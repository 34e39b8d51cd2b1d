/* Name resolution for probes, see resolve.h. Packets: RFC 1035, 4.1. */
#include "runtime/guest/resolve.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DNS_PORT 53
#define DNS_HEADER_SIZE 12
#define DNS_TYPE_A 1

static bool parse_address(const char *text, struct sockaddr_storage *ret_address)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    *ret_address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
        memcpy(ret_address, &ipv4, sizeof(ipv4));
    else if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1)
        memcpy(ret_address, &ipv6, sizeof(ipv6));
    else
        return false;
    return true;
}

/* One line of /etc/hosts: the address first. */
static bool line_names(char *line, const char *host, struct sockaddr_storage *ret_address)
{
    char *rest = NULL;
    line[strcspn(line, "#\n")] = '\0';
    const char *address = strtok_r(line, " \t", &rest);
    for (const char *name; address && (name = strtok_r(NULL, " \t", &rest));)
        if (strcasecmp(name, host) == 0)
            return parse_address(address, ret_address);
    return false;
}

static bool find_in_hosts(const char *host, struct sockaddr_storage *ret_address)
{
    FILE *hosts = fopen("/etc/hosts", "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    bool found = false;
    while (hosts && !found && getline(&line, &size, hosts) >= 0)
        found = line_names(line, host, ret_address);
    if (hosts)
        fclose(hosts);
    return found;
}

bool resolve_locally(const char *host, struct sockaddr_storage *ret_address)
{
    if (strcasecmp(host, "localhost") == 0)
        host = "127.0.0.1";
    return parse_address(host, ret_address) || find_in_hosts(host, ret_address);
}

bool resolve_nameserver(struct sockaddr_storage *ret_address)
{
    FILE *file = fopen("/etc/resolv.conf", "re");
    char line[256], address[64];
    bool found = false;
    while (file && !found && fgets(line, sizeof(line), file))
        found =
            sscanf(line, "nameserver %63s", address) == 1 && parse_address(address, ret_address);
    if (file)
        fclose(file);
    if (found && ret_address->ss_family == AF_INET)
        ((struct sockaddr_in *)ret_address)->sin_port = htons(DNS_PORT);
    else if (found)
        ((struct sockaddr_in6 *)ret_address)->sin6_port = htons(DNS_PORT);
    return found;
}

size_t resolve_encode_query(const char *host, uint16_t id, uint8_t packet[RESOLVE_PACKET_MAX])
{
    const uint8_t header[DNS_HEADER_SIZE] = {(uint8_t)(id >> 8), (uint8_t)id, 1, 0, 0, 1};
    static const uint8_t question[] = {0, 0, DNS_TYPE_A, 0, 1};
    size_t length = sizeof(header);
    memcpy(packet, header, sizeof(header));
    if (!*host || strlen(host) > 253)
        return 0;
    while (*host) {
        size_t label = strcspn(host, ".");
        if (label == 0 || label > 63)
            return 0;
        packet[length++] = (uint8_t)label;
        memcpy(packet + length, host, label);
        length += label;
        host += label + (host[label] == '.');
    }
    memcpy(packet + length, question, sizeof(question));
    return length + sizeof(question);
}

/* Behind the name at `at`; more than length where it is cut short. */
static size_t skip_name(const uint8_t *packet, size_t length, size_t at)
{
    while (at < length && packet[at] && packet[at] < 0xc0)
        at += packet[at] + 1u;
    if (at >= length)
        return length + 1;
    return at + (packet[at] ? 2 : 1);
}

static uint16_t read_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

enum resolve_answer resolve_decode_answer(const uint8_t *packet, size_t length, uint16_t id,
                                          struct sockaddr_storage *ret_address)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET};
    if (length < DNS_HEADER_SIZE || read_u16(packet) != id || !(packet[2] & 0x80))
        return RESOLVE_NO_ANSWER;
    size_t at = DNS_HEADER_SIZE;
    for (unsigned i = read_u16(packet + 4); i > 0 && at <= length; i--)
        at = skip_name(packet, length, at) + 4;
    for (unsigned i = read_u16(packet + 6); i > 0 && at < length; i--) {
        at = skip_name(packet, length, at);
        if (at > length || length - at < 10)
            break;
        const uint8_t *record = packet + at;
        at += 10u + read_u16(record + 8);
        if (at > length)
            break;
        if (read_u16(record) != DNS_TYPE_A || read_u16(record + 8) != 4)
            continue;
        memcpy(&ipv4.sin_addr, record + 10, 4);
        *ret_address = (struct sockaddr_storage){0};
        memcpy(ret_address, &ipv4, sizeof(ipv4));
        return RESOLVE_FOUND;
    }
    return RESOLVE_NOT_FOUND;
}
