/* See sysctl.h. */
#include "network/sysctl.h"

#include "base/fs.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#define FORWARD "ipv4/ip_forward"
#define FORWARD_V6 "ipv6/conf/all/forwarding"
#define BRIDGED "bridge/bridge-nf-call-iptables"
#define BRIDGED_V6 "bridge/bridge-nf-call-ip6tables"

static char *full_path(const char *path)
{
    return xasprintf("/proc/sys/net/%s", path);
}

char *sysctl_read(const char *path)
{
    _cleanup_free_ char *file = full_path(path);
    char *value = NULL;
    size_t length;
    if (fs_read_file(file, 4096, &value, &length, NULL) < 0)
        return NULL;
    while (length > 0 && value[length - 1] == '\n')
        value[--length] = '\0';
    return value;
}

static int write_setting(const char *path, const char *value, struct error *err)
{
    _cleanup_free_ char *file = full_path(path);
    _cleanup_free_ char *now = sysctl_read(path);
    if (now && streq(now, value))
        return 0;
    _cleanup_close_ int fd = open(file, O_WRONLY | O_CLOEXEC);
    int r = fd < 0 ? -errno : fs_write_all(fd, value, strlen(value));
    if (r < 0)
        return error_set(err, -r, "cannot write '%s' to '%s': %s%s", value, file, strerror(-r),
                         r == -EROFS ? " (in a container? it must be run privileged)" : "");
    return 0;
}

int sysctl_write_link(const char *family, const char *link, const char *key, const char *value,
                      struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/conf/%s/%s", family, link, key);
    return write_setting(path, value, err);
}

void sysctl_list_done(struct sysctl_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].path);
        free(list->items[i].value);
    }
    vec_done(list);
}

/* Takes path. */
static void collect_one(struct sysctl_list *list, char *path)
{
    char *value = sysctl_read(path);
    if (value)
        vec_add(list, (struct sysctl_value){.path = path, .value = value});
    else
        free(path);
}

/* FAMILY/conf/LINK/KEY of all links. */
static int collect_links(struct sysctl_list *list, const char *family, const char *key,
                         struct error *err)
{
    _cleanup_free_ char *path = xasprintf("/proc/sys/net/%s/conf", family);
    DIR *folder = opendir(path);
    if (!folder)
        return error_set(err, errno, "cannot read '%s': %s", path, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            collect_one(list, xasprintf("%s/conf/%s/%s", family, entry->d_name, key));
    closedir(folder);
    return 0;
}

/* Nothing of it will be changed. */
static bool is_on(const char *path)
{
    _cleanup_free_ char *value = sysctl_read(path);
    return value && streq(value, "1");
}

static bool has_ipv6(void)
{
    _cleanup_free_ char *value = sysctl_read(FORWARD_V6);
    return value != NULL;
}

int sysctl_collect(struct sysctl_list *ret_list, struct error *err)
{
    struct sysctl_list list = {0};
    int r = 0;
    collect_one(&list, xstrdup(BRIDGED));
    collect_one(&list, xstrdup(BRIDGED_V6));
    if (!is_on(FORWARD)) {
        collect_one(&list, xstrdup(FORWARD)); /* before those that restoring it overwrites */
        collect_one(&list, xstrdup("ipv4/conf/all/accept_redirects"));
        r = collect_links(&list, "ipv4", "forwarding", err);
    }
    if (r == 0 && has_ipv6() && !is_on(FORWARD_V6)) {
        collect_one(&list, xstrdup(FORWARD_V6));
        r = collect_links(&list, "ipv6", "forwarding", err);
        if (r == 0)
            r = collect_links(&list, "ipv6", "accept_ra", err);
    }
    if (r < 0) {
        sysctl_list_done(&list);
        return r;
    }
    *ret_list = list;
    return 0;
}

/* A link that takes its routes from routers' advertisements would lose them: a router takes them
 * only where accept_ra is 2 (Documentation/networking/ip-sysctl.rst). */
static int keep_listening(struct error *err)
{
    struct sysctl_list links = {0};
    int r = collect_links(&links, "ipv6", "accept_ra", err);
    for (size_t i = 0; r == 0 && i < links.count; i++)
        if (streq(links.items[i].value, "1"))
            r = write_setting(links.items[i].path, "2", err);
    sysctl_list_done(&links);
    return r;
}

/* Bridged frames are none of iptables' business any more. */
static bool free_bridges(void)
{
    static const char *const bridged[] = {BRIDGED, BRIDGED_V6};
    bool done = true;
    for (size_t i = 0; i < ARRAY_SIZE(bridged); i++) {
        _cleanup_free_ char *now = sysctl_read(bridged[i]); /* absent without br_netfilter */
        done = done && (!now || write_setting(bridged[i], "0", NULL) == 0);
    }
    return done;
}

/* A container's /proc/sys may be read-only, for root too. */
static bool can_write(const char *path)
{
    _cleanup_free_ char *file = full_path(path);
    return access(file, W_OK) == 0;
}

static bool can_route_localnet(void)
{
    return is_on("ipv4/conf/all/route_localnet") || is_on("ipv4/conf/default/route_localnet") ||
           can_write("ipv4/conf/default/route_localnet");
}

int sysctl_enable(bool ipv6, bool *ret_relay_own, struct error *err)
{
    int r = write_setting(FORWARD, "1", err);
    if (r == 0 && ipv6 && has_ipv6() && !is_on(FORWARD_V6)) {
        r = keep_listening(err);
        if (r == 0)
            r = write_setting(FORWARD_V6, "1", err);
    }
    *ret_relay_own = r == 0 && (!free_bridges() || !can_route_localnet());
    return r;
}

char *sysctl_find_fault(bool ipv6)
{
    static const char *const bridged[] = {BRIDGED, BRIDGED_V6};
    if (!is_on(FORWARD) || (ipv6 && has_ipv6() && !is_on(FORWARD_V6)))
        return xasprintf("forwarding ('net/%s') is off", is_on(FORWARD) ? FORWARD_V6 : FORWARD);
    for (size_t i = 0; i < ARRAY_SIZE(bridged); i++)
        if (is_on(bridged[i]) && can_write(bridged[i]))
            return xasprintf("'net/%s' is on", bridged[i]);
    return NULL;
}

int sysctl_restore(const struct sysctl_list *list, struct error *err)
{
    int r = 0;
    for (size_t i = 0; i < list->count; i++) {
        _cleanup_free_ char *now = sysctl_read(list->items[i].path);
        if (!now)
            continue;
        int one = write_setting(list->items[i].path, list->items[i].value, r == 0 ? err : NULL);
        r = r < 0 ? r : one;
    }
    return r;
}
