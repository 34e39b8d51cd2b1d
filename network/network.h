/* network/: everything between a guest's NIC and the world. Bridges, taps and addresses (libnl-3),
 * one nftables table (libnftables), IPAM and published ports (own tables in the store), DNS servers
 * on the gateways (libldns). Never starts a process, never sees an image or a VM.
 *
 * The orchestrator drives it through three providers (base/provider.h) and tells it which instances
 * run. Specs and results are JSON:
 *
 * kind "network", name = the network's full name ("shop_frontend"; "bridge" is the host-wide
 * default)
 *   spec:   {"project":S, "key":S (in the file), "internal":B, "external":B, and where it is asked
 *            for: "driver":S, "ipv4":false, "ipv6":true, "subnet":"10.1.2.0/24", "gateway":S,
 *            "ip_range":S, the same three with a 6 behind for IPv6, "aux_addresses":{NAME:ADDRESS},
 *            "options":{...} (driver_opts), "isolated":true, "multicast":S, "attachable":true,
 *            "labels":{...}}       settings.h says what each does
 *   result: {"bridge":"vs1a2b3c-br0", "subnet":S, "gateway":S, "subnet6":S, "gateway6":S}; what it
 *            has not is absent
 *   external: it must exist already; REMOVE leaves it alone. A network with endpoints is not
 *   removed (-EBUSY, naming them).
 *
 * kind "endpoint", name = "INSTANCE/NETWORK": one NIC. Its addresses are reserved from ENSURE to
 * REMOVE, stop and start in between, and remembered afterwards; its tap lives as long as a
 * descriptor of it is open.
 *   spec:   {"instance":S, "service":S, "project":S, "network":full name, "interface":"eth0",
 *            "aliases":[S...], "tap":B, and where it is asked for: "position":N (among the
 *            instance's NICs; else the number in "interface"), "ipv4_address":S, "ipv6_address":S,
 *            "mac_address":S, "gw_priority":N, "link_local_ips":[S...], "dns":[S...],
 *            "links":[{"alias":S,"target":S}...],
 *            "host_gateway":true (the host's services are open to it)}
 *   result: {"network":S, "interface":"eth0", "mac":"02:...", "address":"10.89.0.5", "prefix":24,
 *            "gateway":S (absent: no default route by this NIC), the same three with a 6 behind for
 *            IPv6, "link_local":[S...], "dns":S (the network's gateway), "mtu":1500,
 *            "tap":"vs1a2b3c-t0", "fds":[N]}    tap and fds only where spec says "tap": true;
 *            the descriptor is open with IFF_VNET_HDR (offsets: Linux tuntap.rst).
 *
 * kind "ports", name = INSTANCE: its published ports; depends on its endpoints.
 *   spec:   {"instance":S, "service":S, "project":S,
 *            "ports":[{"host_ip":S ("": all addresses of both families; "0.0.0.0", "::": of one),
 *                      "published":N (0: one that is free in both families is chosen, and kept),
 *                      "published_last":N (optional: the first free one up to here), "target":N,
 *                      "protocol":"tcp"|"udp"}]}
 *   result: {"ports":[as network_describe_ports() has them]}
 *   Held by bound sockets from check() on; the kernel forwards (nftables), also with no daemon.
 * What it cannot forward goes by the daemon's relay (network/relay.h).
 */
#pragma once

#include "base/check.h"
#include "base/paths.h"
#include "base/provider.h"
#include "base/store.h"
#include "network/presence.h"

#include <uv.h>

struct network;

/* Its tables, for who brings those of all modules up to date at once. */
const struct store_schema *network_schema(void);
/* Opens what it needs and brings its tables up to date; touches nothing on the host. */
int network_new(uv_loop_t *loop, const struct paths *paths, struct store *store,
                struct network **ret_network, struct error *err);
/* After a restart of the daemon: what the store knows is compared with the host; missing pieces of
 * networks in use are rebuilt, the ports' sockets are bound again, DNS answers again, leftovers
 * without a row are removed. */
int network_adopt(struct network *network, struct error *err);
/* Closes sockets and DNS; everything on the host stays as it is. */
void network_free(struct network *network);

/* The three providers; *ret_count of them, owned by network. */
const struct provider *network_providers(struct network *network, size_t *ret_count);

/* Who is named by the DNS servers (network/dns.h). Unknown instances are ignored. */
void network_set_presence(struct network *network, const char *instance,
                          enum instance_presence presence);

/* What is known of an instance's NICs, from the store: [{"network","interface","mac","address",
 * "prefix","gateway","address6","prefix6","gateway6"}...]; an empty array where there are none.
 * Owned by the caller. */
cJSON *network_describe_endpoints(struct network *network, const char *instance);
/* [{"host_ip","published","target","protocol", "way","loopback_way","guest_way"}...], IPv4 first:
 * what is published on all addresses is there as "0.0.0.0" and as "::". The ways are "nftables"
 * (the kernel translates) or "relay" (the daemon carries): of clients outside and at the host's own
 * addresses, of 127.0.0.1 or ::1, and of guests; absent where these do not come to it. */
cJSON *network_describe_ports(struct network *network, const char *instance);
/* What the host calls those that run, per address (network/dns.h):
 * [{"project","service","instance","address","names":["shop-web-1.vm",...]}]. */
cJSON *network_describe_names(struct network *network);
/* All networks:
 * [{"name","project","key","bridge","subnet","gateway","subnet6","gateway6","internal",
 * "endpoints":[...]}], and of the spec "driver","ip_range","ip_range6","aux_addresses","options",
 * "labels","attachable","isolated","multicast". */
cJSON *network_describe_networks(struct network *network);

/* What `vmstead doctor` looks at here, without a daemon: rights, the kernel's features by making
 * one of each in a namespace that nobody sees, firewalls, forwarding, subnets, resolvers. */
const struct check *network_host_checks(size_t *ret_count);

/* --- the way to an instance, for `vmstead doctor SERVICE` ------------------------------------- */

/* What the looks below need of the store, so that they can do without it:
 * {"root_id", "endpoints":[as network_describe_endpoints(), with "bridge", "tap" and
 * "default_route"], "ports":[as network_describe_ports(), with "held"]}. Owned by the caller, who
 * may add "service", what remedies call it. */
cJSON *network_path_of(struct network *network, const char *instance);
/* Looks at the host as it is now, hop by hop from the taps to the host: appends a finding each
 * (base/check.h) until one is an error; false then. Blocking (milliseconds), any thread. */
bool network_path_look(const cJSON *path, cJSON *findings);
/* The host's end of one of its published ports: held, mapped, and whether a connection comes
 * about (2 s at most). */
bool network_path_look_at_port(const cJSON *path, const cJSON *port, cJSON *findings);
/* The same connection to a guest's own address, for a port that is not published. */
bool network_path_connect(const char *address, uint16_t port, bool udp, cJSON *findings);
