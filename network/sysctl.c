/* See sysctl.h. */
#include "network/sysctl.h"

#include "base/fs.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#define FORWARD "ipv4/ip_forward"
#define BRIDGED "bridge/bridge-nf-call-iptables"

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

int sysctl_collect(struct sysctl_list *ret_list, struct error *err)
{
    struct sysctl_list list = {0};
    collect_one(&list, xstrdup(BRIDGED));
    _cleanup_free_ char *forward = sysctl_read(FORWARD);
    if (forward && streq(forward, "1")) { /* nothing of it will be changed */
        *ret_list = list;
        return 0;
    }
    collect_one(&list, xstrdup(FORWARD)); /* before those that restoring it overwrites */
    collect_one(&list, xstrdup("ipv4/conf/all/accept_redirects"));
    DIR *folder = opendir("/proc/sys/net/ipv4/conf");
    if (!folder) {
        int code = errno;
        sysctl_list_done(&list);
        return error_set(err, code, "cannot read '/proc/sys/net/ipv4/conf': %s", strerror(code));
    }
    for (struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.')
            collect_one(&list, xasprintf("ipv4/conf/%s/forwarding", entry->d_name));
    closedir(folder);
    *ret_list = list;
    return 0;
}

int sysctl_enable(struct error *err)
{
    int r = write_setting(FORWARD, "1", err);
    if (r < 0)
        return r;
    _cleanup_free_ char *bridged = sysctl_read(BRIDGED); /* absent without br_netfilter */
    return bridged ? write_setting(BRIDGED, "0", err) : 0;
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
