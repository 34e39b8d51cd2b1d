/* See sysctl.h. */
#include "runtime/guest/sysctl.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* "net.ipv4.ip_forward" and "net/ipv4/ip_forward" -> a path below /proc/sys. The first separator
 * decides which of the two it is, as in sysctl.d(5). Owned by the caller. */
static char *path_of(const char *key)
{
    bool dotted = key[strcspn(key, "./")] != '/';
    char *path = xasprintf("/proc/sys/%s", key);
    for (char *c = path + strlen("/proc/sys/"); *c; c++)
        if (dotted)
            *c = *c == '.' ? '/' : *c == '/' ? '.' : *c;
    return path;
}

static int apply(const char *key, const char *value, struct error *err)
{
    _cleanup_free_ char *path = path_of(key);
    if (strstr(path, "/.."))
        return error_set(err, EINVAL, "the sysctl \"%s\" is no kernel parameter", key);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot set the sysctl \"%s\": %s", key,
                         errno == ENOENT ? "the guest's kernel has no such parameter"
                                         : strerror(errno));
    if (write(fd, value, strlen(value)) < 0)
        return error_set(err, errno, "cannot set the sysctl \"%s\" to \"%s\": %s", key, value,
                         strerror(errno));
    return 0;
}

int sysctl_apply(char *const *pairs, struct error *err)
{
    int r = 0;
    for (; r == 0 && pairs && *pairs; pairs++) {
        const char *equals = strchr(*pairs, '=');
        if (!equals)
            continue;
        _cleanup_free_ char *key = xstrndup(*pairs, (size_t)(equals - *pairs));
        r = apply(key, equals + 1, err);
    }
    return r;
}
