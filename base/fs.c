/* See fs.h. */
#include "base/fs.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

int fs_read_file(const char *path, size_t limit, char **ret_data, size_t *ret_length,
                 struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
    _cleanup_strbuf_ struct strbuf content = {0};
    for (;;) {
        char *end = strbuf_reserve(&content, 65536);
        ssize_t count = read(fd, end, 65536);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_set(err, errno, "cannot read '%s': %s", path, strerror(errno));
        if (count == 0)
            break;
        content.length += (size_t)count;
        if (content.length > limit)
            return error_set(err, EFBIG, "'%s' is larger than %zu bytes", path, limit);
    }
    if (ret_length)
        *ret_length = content.length;
    size_t size = content.length + 1;
    *ret_data = xreallocarray(strbuf_take(&content), size, 1); /* many are kept */
    return 0;
}

int fs_write_all(int fd, const void *data, size_t length)
{
    const char *position = data;
    while (length) {
        ssize_t written = write(fd, position, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        position += written;
        length -= (size_t)written;
    }
    return 0;
}

/* like: whose owner and mode the new file gets; NULL: ours, and `mode`. */
static int replace_file(const char *path, const void *data, size_t length, mode_t mode,
                        const struct stat *like, struct error *err)
{
    _cleanup_free_ char *temporary = xasprintf("%s.XXXXXX", path);
    _cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot create a file beside '%s': %s", path, strerror(errno));
    int r = fs_write_all(fd, data, length);
    if (r == 0 && like && fchown(fd, like->st_uid, like->st_gid) < 0)
        r = -errno;
    if (r == 0 && (fchmod(fd, like ? like->st_mode & 07777 : mode) < 0 || fsync(fd) < 0 ||
                   rename(temporary, path) < 0))
        r = -errno;
    if (r < 0) {
        unlink(temporary);
        return error_set(err, -r, "cannot write '%s': %s", path, strerror(-r));
    }
    return 0;
}

int fs_write_file_atomic(const char *path, const void *data, size_t length, mode_t mode,
                         struct error *err)
{
    return replace_file(path, data, length, mode, NULL, err);
}

int fs_replace_file(const char *path, const void *data, size_t length, mode_t mode,
                    struct error *err)
{
    struct stat status;
    _cleanup_free_ char *resolved = realpath(path, NULL);
    if (!resolved)
        return errno == ENOENT
                   ? fs_write_file_atomic(path, data, length, mode, err)
                   : error_set(err, errno, "cannot find '%s': %s", path, strerror(errno));
    if (stat(resolved, &status) < 0)
        return error_set(err, errno, "cannot look at '%s': %s", resolved, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(err, EINVAL, "'%s' is no regular file", resolved);
    return replace_file(resolved, data, length, 0, &status, err);
}

int fs_make_directory(const char *path, mode_t mode, struct error *err)
{
    _cleanup_free_ char *partial = xstrdup(path);
    for (char *slash = partial + 1; *partial; slash++) {
        bool last = *slash == '\0';
        if (!last && *slash != '/')
            continue;
        *slash = '\0';
        if (mkdir(partial, mode) < 0 && errno != EEXIST)
            return error_set(err, errno, "cannot create the folder '%s': %s", partial,
                             strerror(errno));
        if (last)
            break;
        *slash = '/';
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path) < 0 && errno != ENOENT ? -1 : 0;
}

int fs_remove_tree(const char *path, struct error *err)
{
    if (nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 && errno != ENOENT)
        return error_set(err, errno, "cannot remove '%s': %s", path, strerror(errno));
    return 0;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int fs_lock_file(const char *path, uint64_t timeout_ms, int *ret_fd, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "cannot open the lock file '%s': %s", path, strerror(errno));
    uint64_t deadline = clock_monotonic_ms() + timeout_ms;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_set(err, errno, "cannot lock '%s': %s", path, strerror(errno));
        if (clock_monotonic_ms() >= deadline)
            return error_set(err, EWOULDBLOCK, "'%s' is locked by another process", path);
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000L}, NULL);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int fs_lock_file_shared(const char *path, int *ret_fd, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, "cannot open the lock file '%s': %s", path, strerror(errno));
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return error_set(err, errno, "'%s' is locked by another process", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

char *fs_find_program(const char *name)
{
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? xstrdup(name) : NULL;
    const char *path = getenv("PATH");
    _cleanup_free_ char *folders = xstrdup(path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
    char *rest = folders;
    for (char *folder; (folder = strsep(&rest, ":"));) {
        _cleanup_free_ char *candidate = xasprintf("%s/%s", *folder ? folder : ".", name);
        if (access(candidate, X_OK) == 0)
            return TAKE_PTR(candidate);
    }
    return NULL;
}
