/* See host_watch.h. */
#include "network/host_watch.h"

#include "base/str.h"
#include "network/link_internal.h"

#include <errno.h>
#include <linux/netconf.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/msg.h>

/* A burst that does not fit is itself news. */
#define RECEIVE_BUFFER (1024 * 1024)

struct source {
    struct host_watch *watch;
    struct nl_sock *socket;
    uv_poll_t poll;
};

struct host_watch {
    struct host_watch_callbacks callbacks; /* NULL once it is being freed */
    void *userdata;
    char root_id[8], table[32];
    struct source route, rules;
    unsigned handles_open;
};

static void tell_loss(struct host_watch *watch)
{
    if (watch->callbacks.on_loss)
        watch->callbacks.on_loss(watch->userdata);
}

static void tell_rules(struct host_watch *watch)
{
    if (watch->callbacks.on_rules)
        watch->callbacks.on_rules(watch->userdata);
}

/* --- links, addresses, forwarding ---------------------------------------------------------------
 */

/* A bridge with a name of the user's choice is known by its alias. */
static bool is_link_lost(const struct host_watch *watch, struct nlmsghdr *message)
{
    const struct ifinfomsg *info = nlmsg_data(message);
    const struct nlattr *name = nlmsg_find_attr(message, sizeof(*info), IFLA_IFNAME);
    const struct nlattr *alias = nlmsg_find_attr(message, sizeof(*info), IFLA_IFALIAS);
    _cleanup_link_ struct rtnl_link *link = rtnl_link_alloc();
    if (info->ifi_family != AF_UNSPEC || !name) /* AF_BRIDGE: the same again, as a port */
        return false;
    rtnl_link_set_name(link, nla_get_string(name));
    if (alias)
        rtnl_link_set_ifalias(link, nla_get_string(alias));
    if (!link_is_ours(link, watch->root_id))
        return false;
    bool is_bridge = link_is_bridge_name(nla_get_string(name), watch->root_id) || alias;
    return message->nlmsg_type == RTM_DELLINK || !(info->ifi_flags & IFF_UP) ||
           (!is_bridge && !nlmsg_find_attr(message, sizeof(*info), IFLA_MASTER));
}

static bool is_forwarding_off(struct nlmsghdr *message)
{
    const struct nlattr *ifindex =
        nlmsg_find_attr(message, sizeof(struct netconfmsg), NETCONFA_IFINDEX);
    const struct nlattr *forwarding =
        nlmsg_find_attr(message, sizeof(struct netconfmsg), NETCONFA_FORWARDING);
    return ifindex && forwarding && (int)nla_get_u32(ifindex) == NETCONFA_IFINDEX_ALL &&
           nla_get_u32(forwarding) == 0;
}

static int on_route_message(struct nl_msg *msg, void *userdata)
{
    struct host_watch *watch = userdata;
    struct nlmsghdr *message = nlmsg_hdr(msg);
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        if (is_link_lost(watch, message))
            tell_loss(watch);
        break;
    case RTM_DELADDR: /* whose it was is seen by a look */
        tell_loss(watch);
        break;
    case RTM_NEWNETCONF:
        if (is_forwarding_off(message))
            tell_loss(watch);
        break;
    }
    return NL_OK;
}

/* --- rules --------------------------------------------------------------------------------------
 */

/* In all messages about tables and what is in them the first attribute is the table's name. A new
 * chain of somebody else may drop our packets, and who makes one (Docker) often has iptables see
 * bridged frames as well. */
static int on_rules_message(struct nl_msg *msg, void *userdata)
{
    struct host_watch *watch = userdata;
    struct nlmsghdr *message = nlmsg_hdr(msg);
    int type = message->nlmsg_type & 0xff;
    if (message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES || type == NFT_MSG_NEWGEN)
        return NL_OK;
    const struct nlattr *table = nlmsg_find_attr(message, sizeof(struct nfgenmsg), NFTA_TABLE_NAME);
    if (table && streq(nla_get_string(table), watch->table))
        tell_rules(watch);
    else if (type == NFT_MSG_NEWCHAIN)
        tell_loss(watch);
    return NL_OK;
}

/* --- life ---------------------------------------------------------------------------------------
 */

static void read_all(struct source *source)
{
    int r;
    do {
        r = nl_recvmsgs_default(source->socket);
        if (r == -NLE_NOMEM) /* ENOBUFS: events were lost */
            tell_loss(source->watch);
    } while (r == 0);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    read_all(poll->data);
}

static void on_closed(uv_handle_t *handle)
{
    struct source *source = handle->data;
    struct host_watch *watch = source->watch;
    nl_socket_free(source->socket);
    if (--watch->handles_open == 0)
        free(watch);
}

static int open_source(uv_loop_t *loop, struct source *source, int protocol,
                       nl_recvmsg_msg_cb_t on_message)
{
    struct nl_sock *socket = nl_socket_alloc();
    int r = socket ? nl_connect(socket, protocol) : -NLE_NOMEM;
    if (r == 0)
        r = nl_socket_set_nonblocking(socket);
    if (r < 0) {
        nl_socket_free(socket);
        return r;
    }
    nl_socket_disable_seq_check(socket);
    nl_socket_set_buffer_size(socket, RECEIVE_BUFFER, 0);
    nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, on_message, source->watch);
    source->socket = socket;
    source->poll.data = source;
    uv_poll_init(loop, &source->poll, nl_socket_get_fd(socket));
    uv_poll_start(&source->poll, UV_READABLE, on_readable);
    source->watch->handles_open++;
    return 0;
}

static int open_sources(uv_loop_t *loop, struct host_watch *watch)
{
    int r = open_source(loop, &watch->route, NETLINK_ROUTE, on_route_message);
    if (r == 0)
        r = nl_socket_add_memberships(watch->route.socket, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR,
                                      RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_NETCONF,
                                      RTNLGRP_IPV6_NETCONF, 0);
    if (r == 0)
        r = open_source(loop, &watch->rules, NETLINK_NETFILTER, on_rules_message);
    return r < 0 ? r : nl_socket_add_memberships(watch->rules.socket, NFNLGRP_NFTABLES, 0);
}

int host_watch_new(uv_loop_t *loop, const char *root_id,
                   const struct host_watch_callbacks *callbacks, void *userdata,
                   struct host_watch **ret_watch, struct error *err)
{
    struct host_watch *watch = new0(struct host_watch);
    watch->callbacks = *callbacks;
    watch->userdata = userdata;
    watch->route.watch = watch->rules.watch = watch;
    snprintf(watch->root_id, sizeof(watch->root_id), "%s", root_id);
    snprintf(watch->table, sizeof(watch->table), "vmstead_%s", root_id);
    int r = open_sources(loop, watch);
    if (r < 0) {
        host_watch_free(watch);
        return link_error(err, r, "listen to", "netlink");
    }
    *ret_watch = watch;
    return 0;
}

void host_watch_catch_up(struct host_watch *watch)
{
    read_all(&watch->route);
    read_all(&watch->rules);
}

void host_watch_free(struct host_watch *watch)
{
    if (!watch)
        return;
    watch->callbacks = (struct host_watch_callbacks){0};
    if (watch->handles_open == 0) {
        free(watch);
        return;
    }
    if (watch->rules.socket)
        uv_close((uv_handle_t *)&watch->rules.poll, on_closed);
    if (watch->route.socket)
        uv_close((uv_handle_t *)&watch->route.poll, on_closed);
}
