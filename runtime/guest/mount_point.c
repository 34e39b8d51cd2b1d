/* See mount_point.h. */
#include "runtime/guest/mount_point.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_how(int folder, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
                           .resolve = resolve | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

static int open_in_root(int root, const char *path, int flags)
{
    return open_how(root, path, flags, RESOLVE_IN_ROOT);
}

/* One component below a folder that is there. */
static int make(int parent, const char *name, bool is_file)
{
    if (!is_file)
        return mkdirat(parent, name, 0755) < 0 ? -errno : 0;
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

/* `path` is the beginning of the target that ends with `name`; parent is what is before. */
static int open_or_make(int root, int parent, const char *path, const char *name, bool is_file)
{
    int flags = is_file ? O_PATH : O_PATH | O_DIRECTORY;
    int fd = open_in_root(root, path, flags);
    if (fd != -ENOENT)
        return fd;
    int result = make(parent, name, is_file);
    return result < 0 ? result : open_in_root(root, path, flags);
}

int mount_point_open(int root, const char *target, bool is_file, int *ret_fd, struct error *err)
{
    _cleanup_free_ char *path = xstrdup(target);
    int folder = fcntl(root, F_DUPFD_CLOEXEC, 3);
    char *rest = path + strspn(path, "/");
    while (folder >= 0 && *rest) {
        char *name = rest;
        rest += strcspn(rest, "/");
        char *end = rest;
        rest += strspn(rest, "/");
        char kept = *end;
        *end = '\0';
        int next = open_or_make(root, folder, path, name, is_file && !*rest);
        *end = kept;
        close(folder);
        folder = next;
    }
    if (folder < 0)
        return error_set(err, -folder, "cannot make the mount point \"%s\": %s", target,
                         strerror(-folder));
    *ret_fd = folder;
    return 0;
}

int mount_source_open(int folder, const char *path, int *ret_fd, struct error *err)
{
    int fd = *path ? open_how(folder, path, O_PATH, RESOLVE_BENEATH)
                   : fcntl(folder, F_DUPFD_CLOEXEC, 3); /* which may be a file */
    if (fd == -1)
        fd = -errno;
    if (fd == -EXDEV || fd == -ELOOP)
        return error_set(err, EXDEV, "the subpath \"%s\" leads out of the volume", path);
    if (fd < 0)
        return error_set(err, -fd, "cannot open \"%s\" in the volume: %s", path, strerror(-fd));
    *ret_fd = fd;
    return 0;
}

int mount_point_read(int root, const char *target)
{
    return open_in_root(root, target, O_RDONLY | O_DIRECTORY);
}
