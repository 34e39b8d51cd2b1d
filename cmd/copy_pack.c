/* Host -> tar; see copy_stream.h. */
#include "base/alloc.h"
#include "cmd/copy_stream.h"
#include "cmd/tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 131072
#define DEPTH_LIMIT 512 /* as many descriptors are open at once */

struct pack {
    const struct copy_sink *sink;
    struct strbuf out;
};

static int flush(struct pack *pack, struct error *err)
{
    int r = pack->out.length
                ? pack->sink->write(pack->sink->userdata, pack->out.data, pack->out.length, err)
                : 0;
    strbuf_clear(&pack->out);
    return r;
}

static char *read_link(int folder_fd, const char *file)
{
    char target[4096];
    ssize_t length = readlinkat(folder_fd, file, target, sizeof(target));
    return length < 0 ? NULL : xstrndup(target, (size_t)length);
}

static char entry_type(mode_t mode)
{
    if (S_ISDIR(mode))
        return TAR_DIRECTORY;
    return S_ISLNK(mode) ? TAR_SYMLINK : TAR_FILE;
}

static void add_header(struct pack *pack, const char *name, const struct stat *status, char *link)
{
    _cleanup_free_ char *folder_name = S_ISDIR(status->st_mode) ? xasprintf("%s/", name) : NULL;
    const struct tar_entry entry = {.name = folder_name ? folder_name : (char *)name,
                                    .link = link,
                                    .type = entry_type(status->st_mode),
                                    .mode = status->st_mode & 07777,
                                    .uid = status->st_uid,
                                    .gid = status->st_gid,
                                    .size =
                                        S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0,
                                    .mtime_s = status->st_mtim.tv_sec};
    tar_add_header(&pack->out, &entry);
}

/* As many bytes as the header says: a file that grows is cut, one that shrinks is an error. */
static int add_content(struct pack *pack, int fd, uint64_t size, const char *name,
                       struct error *err)
{
    for (uint64_t left = size; left > 0;) {
        char *room = strbuf_reserve(&pack->out, READ_SIZE);
        ssize_t count = read(fd, room, left < READ_SIZE ? (size_t)left : READ_SIZE);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return error_set(err, errno, "cannot read '%s': %s", name, strerror(errno));
        if (count == 0)
            return error_set(err, EIO, "'%s' became shorter while it was copied", name);
        pack->out.length += (size_t)count;
        left -= (uint64_t)count;
        int r = flush(pack, err);
        if (r < 0)
            return r;
    }
    tar_add_padding(&pack->out, size);
    return 0;
}

static int pack_file(struct pack *pack, int folder_fd, const char *file, const char *name,
                     bool follow, struct error *err)
{
    struct stat status;
    _cleanup_close_ int fd = openat(
        folder_fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set(err, errno, "cannot open '%s': %s", name, strerror(errno));
    add_header(pack, name, &status, NULL);
    return add_content(pack, fd, (uint64_t)status.st_size, name, err);
}

static int pack_path(struct pack *pack, int folder_fd, const char *file, const char *name,
                     bool follow, unsigned depth, struct error *err);

/* name NULL: the entries of the folder stand at the top. */
static int pack_folder(struct pack *pack, int fd, const char *name, unsigned depth,
                       struct error *err)
{
    DIR *folder = fdopendir(fd);
    if (!folder)
        return error_set(err, errno, "cannot read the folder '%s': %s", name ? name : ".",
                         strerror(errno));
    int r = 0;
    for (struct dirent *entry; r == 0 && (entry = readdir(folder));) {
        if (streq(entry->d_name, ".") || streq(entry->d_name, ".."))
            continue;
        _cleanup_free_ char *own =
            name ? xasprintf("%s/%s", name, entry->d_name) : xstrdup(entry->d_name);
        r = pack_path(pack, dirfd(folder), entry->d_name, own, false, depth + 1, err);
    }
    closedir(folder);
    return r;
}

static int open_folder(int folder_fd, const char *file, bool follow)
{
    return openat(folder_fd, file, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
}

static int pack_path(struct pack *pack, int folder_fd, const char *file, const char *name,
                     bool follow, unsigned depth, struct error *err)
{
    struct stat status;
    if (fstatat(folder_fd, file, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(err, errno, "cannot copy '%s': %s", file, strerror(errno));
    if (depth > DEPTH_LIMIT)
        return error_set(err, ELOOP, "'%s' is more than %d folders deep", name, DEPTH_LIMIT);
    if (S_ISREG(status.st_mode))
        return pack_file(pack, folder_fd, file, name, follow, err);
    if (S_ISLNK(status.st_mode)) {
        _cleanup_free_ char *link = read_link(folder_fd, file);
        if (!link)
            return error_set(err, errno, "cannot read the link '%s': %s", name, strerror(errno));
        add_header(pack, name, &status, link);
        return 0;
    }
    if (!S_ISDIR(status.st_mode))
        return 0; /* sockets, pipes and devices are of this host */
    int fd = open_folder(folder_fd, file, follow);
    if (fd < 0)
        return error_set(err, errno, "cannot open the folder '%s': %s", name, strerror(errno));
    add_header(pack, name, &status, NULL);
    return pack_folder(pack, fd, name, depth, err);
}

int copy_pack(const char *path, const char *name, bool follow, const struct copy_sink *sink,
              struct error *err)
{
    struct pack pack = {.sink = sink};
    int r = 0;
    if (name) {
        r = pack_path(&pack, AT_FDCWD, path, name, follow, 0, err);
    } else {
        int fd = open_folder(AT_FDCWD, path, true);
        r = fd < 0 ? error_set(err, errno, "cannot open the folder '%s': %s", path, strerror(errno))
                   : pack_folder(&pack, fd, NULL, 0, err);
    }
    tar_add_end(&pack.out);
    if (r == 0)
        r = flush(&pack, err);
    strbuf_done(&pack.out);
    return r;
}
