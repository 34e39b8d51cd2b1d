/* The host's end of a published port: see network.h. A connection is the proof: it takes the very
 * way that a program of this host would take. */
#include "network/path.h"

#include "base/str.h"
#include "network/firewall.h"
#include "network/publish.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#define CONNECT_TIMEOUT_MS 2000
#define REFUSAL_TIMEOUT_MS 400 /* for an ICMP message to come back */

static const char *protocol_of(const cJSON *port)
{
    return json_string(port, "protocol", "tcp");
}

static bool is_any(const char *host_ip)
{
    return streq(host_ip, "") || streq(host_ip, "0.0.0.0") || streq(host_ip, "::");
}

/* --- held ---------------------------------------------------------------------------------------
 */

static bool look_at_hold(const cJSON *port, cJSON *findings)
{
    const char *host_ip = json_string(port, "host_ip", ""), *protocol = protocol_of(port);
    uint16_t number = (uint16_t)json_int(port, "published", 0);
    struct ip_address address = {0};
    _cleanup_finding_ struct finding finding = {0};
    (void)ip_address_parse(*host_ip ? host_ip : "0.0.0.0", &address);
    _cleanup_free_ char *owner = json_bool(port, "held", false)
                                     ? NULL
                                     : publish_find_owner(&address, number, streq(protocol, "udp"));
    if (json_bool(port, "held", false))
        finding_set(&finding, CHECK_OK, NULL, "the daemon holds %s:%u/%s", host_ip, number,
                    protocol);
    else
        finding_set(&finding, CHECK_ERROR,
                    owner ? xstrdup("stop it, then: " PATH_REBUILD_REMEDY)
                          : xstrdup(PATH_REBUILD_REMEDY),
                    "%s:%u/%s is held by %s, not by the daemon", host_ip, number, protocol,
                    owner ? owner : "nobody");
    return finding_add(findings, "held", &finding);
}

/* --- mapped -------------------------------------------------------------------------------------
 */

static char *find_mapping(const char *root_id, const cJSON *port)
{
    const char *host_ip = json_string(port, "host_ip", "");
    bool everywhere = is_any(host_ip), six = strchr(host_ip, ':') != NULL;
    _cleanup_free_ char *key =
        xasprintf("%s%s%s . %d", everywhere ? "" : host_ip, everywhere ? "" : " . ",
                  protocol_of(port), (int)json_int(port, "published", 0));
    _cleanup_free_ char *map = xasprintf("publish%s%s", six ? "6" : "", everywhere ? "" : "_at");
    return firewall_get_element(root_id, "inet", map, key);
}

/* Its text says ": ADDRESS . PORT" of one of the instance's addresses. */
static bool leads_to_instance(const char *mapping, const cJSON *path, const cJSON *port)
{
    const cJSON *endpoint;
    int number = (int)json_int(port, "target", 0);
    cJSON_ArrayForEach(endpoint, json_array(path, "endpoints"))
    {
        _cleanup_free_ char *four =
            xasprintf(": %s . %d ", json_string(endpoint, "address", ""), number);
        _cleanup_free_ char *six =
            xasprintf(": %s . %d ", json_string(endpoint, "address6", ""), number);
        if (strstr(mapping, four) || strstr(mapping, six))
            return true;
    }
    return false;
}

/* The ways are network_describe_ports()'s. */
static bool goes_by_relay(const cJSON *port)
{
    return streq(json_string(port, "way", json_string(port, "loopback_way", "")), "relay");
}

static bool look_at_mapping(const cJSON *path, const cJSON *port, cJSON *findings)
{
    _cleanup_finding_ struct finding finding = {0};
    if (goes_by_relay(port)) {
        finding_set(&finding, CHECK_OK, NULL, "the daemon's relay carries %s port %d to the VM",
                    protocol_of(port), (int)json_int(port, "published", 0));
        return finding_add(findings, "mapped", &finding);
    }
    _cleanup_free_ char *mapping = find_mapping(json_string(path, "root_id", ""), port);
    int published = (int)json_int(port, "published", 0), target = (int)json_int(port, "target", 0);
    if (!mapping)
        finding_set(&finding, CHECK_ERROR, xstrdup(PATH_REBUILD_REMEDY),
                    "our nftables map has no element for %s port %d", protocol_of(port), published);
    else if (!leads_to_instance(mapping, path, port))
        finding_set(&finding, CHECK_ERROR, xstrdup(PATH_REBUILD_REMEDY),
                    "our nftables map sends %s port %d somewhere else than to port %d of the VM",
                    protocol_of(port), published, target);
    else
        finding_set(&finding, CHECK_OK, NULL, "nftables sends %s port %d to port %d of the VM",
                    protocol_of(port), published, target);
    return finding_add(findings, "mapped", &finding);
}

/* --- connected ----------------------------------------------------------------------------------
 */

static socklen_t fill_address(const char *text, uint16_t port, struct sockaddr_storage *ret_address)
{
    struct sockaddr_in *four = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
    *ret_address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        return sizeof(*four);
    }
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    return inet_pton(AF_INET6, text, &six->sin6_addr) == 1 ? sizeof(*six) : 0;
}

/* 0, or the errno of the connection that did not come about. */
static int connect_tcp(int fd, const struct sockaddr *address, socklen_t size)
{
    struct pollfd state = {.fd = fd, .events = POLLOUT};
    int code = 0;
    socklen_t length = sizeof(code);
    if (connect(fd, address, size) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return errno;
    if (poll(&state, 1, CONNECT_TIMEOUT_MS) <= 0)
        return ETIMEDOUT;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0 ? errno : code;
}

/* An empty datagram: all that can be known is that nobody refuses it. */
static int send_udp(int fd, const struct sockaddr *address, socklen_t size)
{
    struct pollfd state = {.fd = fd};
    int code = 0;
    socklen_t length = sizeof(code);
    if (connect(fd, address, size) < 0 || send(fd, "", 0, MSG_NOSIGNAL) < 0)
        return errno;
    if (poll(&state, 1, REFUSAL_TIMEOUT_MS) <= 0)
        return 0;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) < 0 ? errno : code;
}

static int try_to_connect(const char *address, uint16_t port, bool udp)
{
    struct sockaddr_storage peer;
    socklen_t size = fill_address(address, port, &peer);
    int type = (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
    _cleanup_close_ int fd = socket(peer.ss_family, type, 0);
    const void *generic = &peer;
    if (size == 0 || fd < 0)
        return size == 0 ? EINVAL : errno;
    return udp ? send_udp(fd, generic, size) : connect_tcp(fd, generic, size);
}

bool network_path_connect(const char *address, uint16_t port, bool udp, cJSON *findings)
{
    _cleanup_finding_ struct finding finding = {0};
    int code = try_to_connect(address, port, udp);
    if (code)
        finding_set(&finding, CHECK_ERROR,
                    xstrdup("vmstead exec SERVICE nft list ruleset   # a firewall inside the VM?"),
                    "from this host %s:%u/%s: %s", address, port, udp ? "udp" : "tcp",
                    strerror(code));
    else if (udp)
        finding_set(&finding, CHECK_OK, NULL,
                    "from this host %s:%u/udp: a datagram was sent and nobody refused it (UDP does "
                    "not tell more)",
                    address, port);
    else
        finding_set(&finding, CHECK_OK, NULL, "from this host %s:%u/tcp takes connections", address,
                    port);
    return finding_add(findings, "connection", &finding);
}

bool network_path_look_at_port(const cJSON *path, const cJSON *port, cJSON *findings)
{
    const char *host_ip = json_string(port, "host_ip", "");
    if (!look_at_hold(port, findings) || !look_at_mapping(path, port, findings))
        return false;
    const char *loopback = strchr(host_ip, ':') ? "::1" : "127.0.0.1";
    return network_path_connect(is_any(host_ip) ? loopback : host_ip,
                                (uint16_t)json_int(port, "published", 0),
                                streq(protocol_of(port), "udp"), findings);
}
