/* The kernel's settings that network/ changes below /proc/sys/net, and their way back. Settings of
 * our own links vanish with them; those of the whole namespace are saved in the store before the
 * first network and restored after the last. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdbool.h>

/* /proc/sys/net/FAMILY/conf/LINK/KEY; -ENOENT where the kernel has no such setting. */
int sysctl_write_link(const char *family, const char *link, const char *key, const char *value,
                      struct error *err);

/* Below /proc/sys/net ("ipv4/ip_forward"), without the newline; NULL where it cannot be read: no
 * such setting. Owned by the caller. */
char *sysctl_read(const char *path);

struct sysctl_value {
    char *path;  /* below /proc/sys/net: "ipv4/ip_forward" */
    char *value; /* as it was, without the newline */
};
struct sysctl_list {
    struct sysctl_value *items;
    size_t count, capacity;
};
void sysctl_list_done(struct sysctl_list *list);

/* What stands in the settings that sysctl_enable() is going to change, and in those the kernel
 * changes along with them: ip_forward resets forwarding of every link and
 * conf/all/accept_redirects (kernel, Documentation/networking/ip-sysctl.rst). */
int sysctl_collect(struct sysctl_list *ret_list, struct error *err);
/* Forwarding on, of IPv6 too where it is wanted (links that listen to routers go on doing so, which
 * forwarding would end: accept_ra 2); iptables' view of bridged frames off, because with it a
 * published port cannot be reached from its own network and a foreign FORWARD policy cuts VMs of
 * one network off each other. ret_relay_own: that, or route_localnet of our bridges, cannot be set
 * (a container's /proc/sys may be read-only), so that published ports need the relay (relay.h) for
 * the guests' own requests and for 127.0.0.1. */
int sysctl_enable(bool ipv6, bool *ret_relay_own, struct error *err);
/* The first of them that is not so, in words; NULL: all are. Owned by the caller. */
char *sysctl_find_fault(bool ipv6);
/* Writes back what differs; settings that are gone (a link's) are left out. */
int sysctl_restore(const struct sysctl_list *list, struct error *err);
