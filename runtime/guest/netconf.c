/* rtnetlink requests, see netconf.h. */
#include "runtime/guest/netconf.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
    struct nlmsghdr header;
    uint8_t body[512];
};

static void *request_begin(struct request *request, uint16_t type, uint16_t flags, size_t size)
{
    *request = (struct request){.header = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
                                           .nlmsg_type = type,
                                           .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags}};
    return NLMSG_DATA(&request->header);
}

static void request_add(struct request *request, uint16_t type, const void *data, size_t length)
{
    size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
    if (at + RTA_SPACE(length) > sizeof(*request))
        return;
    struct rtattr *attribute = (void *)((uint8_t *)request + at);
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(length);
    memcpy(RTA_DATA(attribute), data, length);
    request->header.nlmsg_len = (uint32_t)(at + RTA_ALIGN(attribute->rta_len));
}

/* Sends it and reads the kernel's verdict: 0 or -errno. */
static int request_run(int fd, struct request *request)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr verdict;
        uint8_t rest[1024];
    } answer;
    if (send(fd, request, request->header.nlmsg_len, 0) < 0)
        return -errno;
    ssize_t length = recv(fd, &answer, sizeof(answer), 0);
    if (length < 0)
        return -errno;
    if ((size_t)length < sizeof(answer.header) + sizeof(int) ||
        answer.header.nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    return answer.verdict.error;
}

/* Changes a link: any of name, mtu, state. */
static int link_change(int fd, unsigned index, const char *name, uint32_t mtu, bool up)
{
    struct request request;
    struct ifinfomsg *info = request_begin(&request, RTM_NEWLINK, 0, sizeof(*info));
    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)index;
    if (up)
        info->ifi_flags = info->ifi_change = IFF_UP;
    if (name)
        request_add(&request, IFLA_IFNAME, name, strlen(name) + 1);
    if (mtu)
        request_add(&request, IFLA_MTU, &mtu, sizeof(mtu));
    return request_run(fd, &request);
}

/* Bytes of an address, by its family; 0: it is none. */
static size_t parse_address(const char *text, uint8_t bytes[16], uint8_t *ret_family)
{
    bool six = strchr(text, ':') != NULL;
    *ret_family = six ? AF_INET6 : AF_INET;
    if (inet_pton(*ret_family, text, bytes) != 1)
        return 0;
    return six ? 16 : 4;
}

static int add_address(int fd, unsigned index, const struct interface_address *address)
{
    struct request request;
    uint8_t bytes[16], family;
    size_t length = address->address ? parse_address(address->address, bytes, &family) : 0;
    if (!length)
        return -EINVAL;
    struct ifaddrmsg *message =
        request_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*message));
    message->ifa_family = family;
    message->ifa_prefixlen = (uint8_t)address->prefix;
    message->ifa_index = index;
    /* The host chose it for us alone: no waiting for duplicate address detection. */
    message->ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0;
    request_add(&request, IFA_LOCAL, bytes, length);
    request_add(&request, IFA_ADDRESS, bytes, length);
    if (family == AF_INET && address->prefix < 31) {
        uint32_t broadcast;
        memcpy(&broadcast, bytes, sizeof(broadcast));
        broadcast |= htonl(0xffffffffu >> address->prefix);
        request_add(&request, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    }
    return request_run(fd, &request);
}

static int add_default_route(int fd, unsigned index, const char *gateway)
{
    struct request request;
    uint8_t bytes[16], family;
    size_t length = parse_address(gateway, bytes, &family);
    if (!length)
        return -EINVAL;
    struct rtmsg *message = request_begin(&request, RTM_NEWROUTE, NLM_F_CREATE, sizeof(*message));
    message->rtm_family = family;
    message->rtm_table = RT_TABLE_MAIN;
    message->rtm_protocol = RTPROT_BOOT;
    message->rtm_scope = RT_SCOPE_UNIVERSE;
    message->rtm_type = RTN_UNICAST;
    request_add(&request, RTA_GATEWAY, bytes, length);
    request_add(&request, RTA_OIF, &index, sizeof(index));
    return request_run(fd, &request);
}

static bool has_mac(int fd, const char *name, const struct ether_addr *mac)
{
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return ioctl(fd, SIOCGIFHWADDR, &request) == 0 &&
           memcmp(request.ifr_hwaddr.sa_data, mac, sizeof(*mac)) == 0;
}

/* The index of the NIC with this MAC address, 0 where there is none. It is asked first whether the
 * wanted name is right already. */
static unsigned find_nic(int fd, const struct interface *interface)
{
    struct ether_addr mac;
    if (!ether_aton_r(interface->mac, &mac))
        return 0;
    if (has_mac(fd, interface->name, &mac))
        return if_nametoindex(interface->name);
    struct if_nameindex *list = if_nameindex();
    unsigned found = 0;
    for (struct if_nameindex *entry = list; entry && entry->if_index && !found; entry++)
        if (has_mac(fd, entry->if_name, &mac))
            found = entry->if_index;
    if_freenameindex(list);
    return found;
}

/* Finds each interface's NIC. *ret_named: all have their names already, as mostly: the kernel
 * counts the NICs in the order in which we were given them. A rename costs milliseconds under TCG,
 * all the sysctls of the interface are made again. */
static int find_all(int fd, const struct identity *identity, unsigned *indexes, bool *ret_named,
                    struct error *err)
{
    *ret_named = true;
    for (size_t i = 0; i < identity->interfaces.count; i++) {
        const struct interface *interface = &identity->interfaces.items[i];
        indexes[i] = find_nic(fd, interface);
        if (!indexes[i])
            return error_set(err, ENODEV, "interface \"%s\": the virtual machine has no NIC \"%s\"",
                             interface->name, interface->mac);
        *ret_named = *ret_named && if_nametoindex(interface->name) == indexes[i];
    }
    return 0;
}

/* Names may be somebody else's still: everybody steps aside first. */
static int rename_all(int fd, const struct identity *identity, const unsigned *indexes,
                      struct error *err)
{
    for (size_t i = 0; i < identity->interfaces.count; i++) {
        char aside[IFNAMSIZ];
        snprintf(aside, sizeof(aside), "aside%u", (unsigned)i);
        link_change(fd, indexes[i], aside, 0, false);
    }
    for (size_t i = 0; i < identity->interfaces.count; i++) {
        const struct interface *interface = &identity->interfaces.items[i];
        int result = link_change(fd, indexes[i], interface->name, 0, false);
        if (result < 0)
            return error_set(err, -result, "interface \"%s\": cannot set its name: %s",
                             interface->name, strerror(-result));
    }
    return 0;
}

static void write_ipv6(const struct interface *interface, const char *key, const char *value)
{
    char path[96];
    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%.32s/%s", interface->name, key);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, value, strlen(value)) < 0)
        errno = 0; /* it has one address more than it needs */
}

/* As Docker does: without an IPv6 address of ours no IPv6 at all, so no link-local address either,
 * and no router solicited; with one its routes are those we were told.
 * (Documentation/networking/ip-sysctl.rst, disable_ipv6, accept_ra) */
static void choose_families(const struct interface *interface)
{
    bool six = false;
    for (size_t i = 0; i < interface->addresses.count; i++)
        six = six || (interface->addresses.items[i].address &&
                      strchr(interface->addresses.items[i].address, ':'));
    if (six)
        write_ipv6(interface, "accept_ra", "0");
    else
        write_ipv6(interface, "disable_ipv6", "1");
}

static int bring_up(int fd, const struct interface *interface, unsigned index, struct error *err)
{
    int result = 0;
    choose_families(interface);
    for (size_t i = 0; result == 0 && i < interface->addresses.count; i++)
        result = add_address(fd, index, &interface->addresses.items[i]);
    if (result == 0)
        result = link_change(fd, index, NULL, interface->mtu, true);
    if (result < 0)
        return error_set(err, -result, "interface \"%s\": cannot set its address and MTU: %s",
                         interface->name, strerror(-result));
    for (char **gateway = interface->gateways; gateway && *gateway; gateway++) {
        result = add_default_route(fd, index, *gateway);
        if (result < 0 && result != -EEXIST)
            return error_set(err, -result, "interface \"%s\": cannot set the gateway \"%s\": %s",
                             interface->name, *gateway, strerror(-result));
    }
    return 0;
}

static int open_netlink(struct error *err)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    return fd >= 0
               ? fd
               : error_set(err, errno, "cannot talk to the kernel's network: %s", strerror(errno));
}

int netconf_bring_up_loopback(struct error *err)
{
    _cleanup_close_ int fd = open_netlink(err);
    if (fd < 0)
        return fd;
    int result = link_change(fd, if_nametoindex("lo"), NULL, 0, true);
    return result < 0 ? error_set(err, -result, "cannot bring loopback up: %s", strerror(-result))
                      : 0;
}

int netconf_apply(const struct identity *identity, struct error *err)
{
    _cleanup_free_ unsigned *indexes = xcalloc(identity->interfaces.count + 1, sizeof(unsigned));
    _cleanup_close_ int fd = open_netlink(err);
    bool named;
    if (fd < 0)
        return fd;
    int result = find_all(fd, identity, indexes, &named, err);
    if (result == 0 && !named)
        result = rename_all(fd, identity, indexes, err);
    for (size_t i = 0; result == 0 && i < identity->interfaces.count; i++)
        result = bring_up(fd, &identity->interfaces.items[i], indexes[i], err);
    return result;
}
