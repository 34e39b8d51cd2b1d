/* Who holds a port of the host, for the message of a conflict; see publish_find_owner(). The
 * kernel's tables (proc_net(5)) name a socket by inode, /proc/PID/fd says whose that is. */
#include "network/publish.h"

#include "base/fs.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>

#define TABLE_LIMIT (16u << 20)

struct wanted {
    const struct ip_address *host_ip; /* may be all of a family */
    uint16_t port;
};

static int parse_address(const char *hex, struct ip_address *ret_address)
{
    size_t length = strlen(hex);
    if (length != 8 && length != 32)
        return -1;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    for (size_t i = 0; i < length / 8; i++) {
        char word[9] = {0};
        memcpy(word, hex + 8 * i, 8);
        four.sin_addr.s_addr = (uint32_t)strtoul(word, NULL, 16);
        memcpy(six.sin6_addr.s6_addr + 4 * i, &four.sin_addr, 4);
    }
    *ret_address =
        ip_address_from_socket(length == 8 ? (struct sockaddr *)&four : (struct sockaddr *)&six);
    return 0;
}

/* Who holds all addresses of IPv6 may hold those of IPv4 as well; which is not to be seen here. */
static bool are_in_conflict(const struct ip_address *held, const struct ip_address *wanted)
{
    if (held->size != wanted->size)
        return held->size == 16 && ip_address_is_any(held);
    return ip_address_is_any(held) || ip_address_is_any(wanted) ||
           ip_address_compare(held, wanted) == 0;
}

/* One row: "  0: 0100007F:1F90 00000000:0000 0A ... uid timeout inode". Addresses are words in the
 * machine's byte order; IPv6 ones have four. 0 where it is not the port. */
static uint64_t inode_of_row(const char *row, const struct wanted *wanted)
{
    char address[40];
    unsigned port;
    unsigned long long inode;
    if (sscanf(row, " %*u: %39[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %*s %*s %llu", address, &port,
               &inode) != 3 ||
        port != wanted->port)
        return 0;
    struct ip_address held = {0};
    bool fits = parse_address(address, &held) == 0 && are_in_conflict(&held, wanted->host_ip);
    return fits ? inode : 0;
}

static uint64_t find_inode(const char *path, const struct wanted *wanted)
{
    _cleanup_free_ char *table = NULL;
    if (fs_read_file(path, TABLE_LIMIT, &table, NULL, NULL) < 0)
        return 0;
    char *position = NULL;
    for (char *row = strtok_r(table, "\n", &position); row; row = strtok_r(NULL, "\n", &position)) {
        uint64_t inode = inode_of_row(row, wanted);
        if (inode != 0)
            return inode;
    }
    return 0;
}

static bool process_has_socket(const char *pid, const char *target)
{
    _cleanup_free_ char *folder = xasprintf("/proc/%s/fd", pid);
    DIR *descriptors = opendir(folder);
    bool found = false;
    for (struct dirent *entry; !found && descriptors && (entry = readdir(descriptors));) {
        char link[64];
        ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, link, sizeof(link) - 1);
        if (length > 0) {
            link[length] = '\0';
            found = streq(link, target);
        }
    }
    if (descriptors)
        closedir(descriptors);
    return found;
}

static char *describe_process(const char *pid)
{
    _cleanup_free_ char *path = xasprintf("/proc/%s/comm", pid), *program = NULL;
    if (fs_read_file(path, 64, &program, NULL, NULL) < 0)
        return xasprintf("pid %s", pid);
    program[strcspn(program, "\n")] = '\0';
    return xasprintf("the program '%s' (pid %s)", program, pid);
}

char *publish_find_owner(const struct ip_address *host_ip, uint16_t port, bool udp)
{
    const struct wanted wanted = {.host_ip = host_ip, .port = port};
    uint64_t inode = 0;
    if (ip_family_of(host_ip) == IP_V4)
        inode = find_inode(udp ? "/proc/net/udp" : "/proc/net/tcp", &wanted);
    if (inode == 0)
        inode = find_inode(udp ? "/proc/net/udp6" : "/proc/net/tcp6", &wanted);
    if (inode == 0)
        return NULL;
    char target[64];
    snprintf(target, sizeof(target), "socket:[%llu]", (unsigned long long)inode);
    char *owner = NULL;
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; !owner && processes && (entry = readdir(processes));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            process_has_socket(entry->d_name, target))
            owner = describe_process(entry->d_name);
    if (processes)
        closedir(processes);
    return owner;
}
