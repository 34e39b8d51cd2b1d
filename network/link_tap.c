/* The half of link.h that is about taps: opened for a VM, plugged into its bridge, and put back
 * there when somebody took them out. */
#include "network/link_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_tun.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* A killed VM lets go of its tap a moment after it is gone: waits at most half a second. */
static int attach(int fd, const char *tap)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", tap);
    for (int attempt = 0; ioctl(fd, TUNSETIFF, &request) < 0; attempt++) {
        if (errno != EBUSY || attempt == 25)
            return -errno;
        usleep(20000);
    }
    return 0;
}

static int set_up(struct nl_sock *socket, const struct desired_tap *tap, int ifindex,
                  struct error *err)
{
    return link_send_request(socket, link_request(RTM_NEWLINK, AF_UNSPEC, ifindex, IFF_UP, IFF_UP),
                             "set up", tap->name, err);
}

static int enslave(struct nl_sock *socket, const struct desired_tap *tap, int ifindex,
                   struct error *err)
{
    unsigned master = if_nametoindex(tap->bridge);
    if (master == 0)
        return error_set(err, ENODEV, "there is no bridge '%s' for the tap '%s'", tap->bridge,
                         tap->name);
    /* One that may not be heard by its neighbours must not be heard before the flag is set. */
    unsigned change = tap->isolated ? IFF_UP : 0;
    struct nl_msg *request = link_request(RTM_NEWLINK, AF_UNSPEC, ifindex, 0, change);
    nla_put_u32(request, IFLA_MTU, tap->mtu);
    nla_put_u32(request, IFLA_MASTER, master);
    return link_send_request(socket, request, "plug in", tap->name, err);
}

/* Frames of one isolated port never leave by another (bridge(8), "isolated"). */
static int isolate(struct nl_sock *socket, const struct desired_tap *tap, int ifindex,
                   struct error *err)
{
    struct nl_msg *request = link_request(RTM_SETLINK, AF_BRIDGE, ifindex, 0, 0);
    struct nlattr *port = nla_nest_start(request, IFLA_PROTINFO | NLA_F_NESTED);
    nla_put_u8(request, IFLA_BRPORT_ISOLATED, 1);
    nla_nest_end(request, port);
    return link_send_request(socket, request, "isolate", tap->name, err);
}

static int plug(struct nl_sock *socket, const struct desired_tap *tap, struct error *err)
{
    int ifindex = (int)if_nametoindex(tap->name);
    if (ifindex == 0)
        return error_set(err, ENODEV, "the tap '%s' has vanished", tap->name);
    int r = enslave(socket, tap, ifindex, err);
    if (r == 0 && tap->isolated)
        r = isolate(socket, tap, ifindex, err);
    return r < 0 ? r : set_up(socket, tap, ifindex, err);
}

int link_open_tap(const struct desired_tap *tap, int *ret_fd, struct error *err)
{
    _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot open '/dev/net/tun': %s", strerror(errno));
    int r = attach(fd, tap->name);
    if (r == -EBUSY)
        return error_set(err, EBUSY, "the tap '%s' is still in use by a running VM", tap->name);
    if (r < 0)
        return error_set(err, -r, "cannot make the tap '%s': %s", tap->name, strerror(-r));
    _cleanup_socket_ struct nl_sock *socket = NULL;
    if ((r = link_open_netlink(&socket, err)) < 0 || (r = link_silence_ipv6(tap->name, err)) < 0 ||
        (r = plug(socket, tap, err)) < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

bool link_is_plugged(struct rtnl_link *link, const struct desired_tap *tap)
{
    return rtnl_link_get_flags(link) & IFF_UP &&
           rtnl_link_get_master(link) == (int)if_nametoindex(tap->bridge);
}

int link_replug_taps(struct nl_sock *socket, struct nl_cache *links, const struct desired *desired,
                     struct error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < desired->endpoints.count; i++) {
        const struct desired_tap *tap = &desired->endpoints.items[i].tap;
        _cleanup_link_ struct rtnl_link *link = rtnl_link_get_by_name(links, tap->name);
        if (!link || !*tap->bridge || link_is_plugged(link, tap))
            continue;
        struct error problem = {0};
        r = plug(socket, tap, &problem);
        if (r == -ENODEV) /* its VM has ended meanwhile, and the tap with it */
            r = 0;
        else if (r < 0)
            error_move(err, &problem);
        error_done(&problem);
    }
    return r;
}
