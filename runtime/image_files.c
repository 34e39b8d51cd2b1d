/* See image_files.h. */
#include "runtime/image_files.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

bool image_file_path_is_valid(const char *path)
{
    if (*path != '/')
        return false;
    for (const char *part = path; *part;) {
        part++;
        size_t length = strcspn(part, "/");
        if (length == 0 || length > 255 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += length;
    }
    return true;
}

/* --- content -------------------------------------------------------------------------------- */

static int open_source(const struct image_file *file, int *ret_fd, struct error *err)
{
    _cleanup_close_ int fd = open(file->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set(err, errno, "cannot read its source '%s': %s", file->source,
                         strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(err, EINVAL, "its source '%s' is not a regular file", file->source);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int image_file_hash(const struct image_file *file, char hex[HASH_HEX_SIZE], struct error *err)
{
    if (file->content) {
        hash_sha256_hex(file->content, strlen(file->content), hex);
        return 0;
    }
    _cleanup_close_ int fd = -1; /* only to refuse what is no file before reading it */
    int r = open_source(file, &fd, err);
    return r < 0 ? r : hash_sha256_file(file->source, hex, err);
}

static int copy_source(const struct image_file *file, int to, struct error *err)
{
    _cleanup_close_ int from = -1;
    int r = open_source(file, &from, err);
    char buffer[65536];
    while (r == 0) {
        ssize_t count = read(from, buffer, sizeof(buffer));
        if (count == 0)
            break;
        r = count < 0 ? -errno : fs_write_all(to, buffer, (size_t)count);
        if (r < 0 && r != -EINTR)
            return error_set(err, -r, "cannot copy '%s': %s", file->source, strerror(-r));
        r = 0;
    }
    return r;
}

/* --- writing -------------------------------------------------------------------------------- */

int image_file_open_folder(int root, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

int image_file_open_parent(int root, const char *path, int *ret_fd)
{
    _cleanup_close_ int folder = image_file_open_folder(root, "/");
    for (const char *end = strchr(path + 1, '/'); end && folder >= 0; end = strchr(end + 1, '/')) {
        _cleanup_free_ char *prefix = xstrndup(path, (size_t)(end - path));
        const char *name = strrchr(prefix, '/') + 1;
        int next = image_file_open_folder(root, prefix);
        if (next == -ENOENT) {
            if (mkdirat(folder, name, 0755) < 0 || fchmodat(folder, name, 0755, 0) < 0)
                return -errno;
            next = image_file_open_folder(root, prefix);
        }
        close(folder);
        folder = next;
    }
    if (folder < 0) {
        int r = folder;
        folder = -1;
        return r;
    }
    *ret_fd = TAKE_FD(folder);
    return 0;
}

int image_file_write(const struct image_file *file, const char *rootfs, struct error *err)
{
    _cleanup_close_ int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC), folder = -1, fd = -1;
    int r = root < 0 ? -errno : image_file_open_parent(root, file->path, &folder);
    const char *name = strrchr(file->path, '/') + 1;
    if (r == 0 && unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        r = -errno;
    if (r == 0) {
        fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        r = fd < 0 ? -errno : 0;
    }
    if (r == 0 && file->content)
        r = fs_write_all(fd, file->content, strlen(file->content));
    if (r < 0)
        return error_set(err, -r, "cannot write the file '%s': %s", file->path, strerror(-r));
    if (file->source) {
        r = copy_source(file, fd, err);
        if (r < 0)
            return error_prefix(err, "file '%s'", file->path);
    }
    if (fchmod(fd, file->mode) < 0)
        return error_set(err, errno, "cannot write the file '%s': %s", file->path, strerror(errno));
    return 0;
}

void image_file_done(struct image_file *file)
{
    free(file->path);
    free(file->content);
    free(file->source);
    *file = (struct image_file){0};
}
