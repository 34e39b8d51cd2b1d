/* Tar -> host; see copy_stream.h. */
#include "base/alloc.h"
#include "base/fs.h"
#include "cmd/copy_stream.h"
#include "cmd/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct copy_unpack {
    struct tar_reader *reader;
    char *name;
    bool owners;
    int root_fd;
    int file_fd; /* of the entry that is being written; -1: none */
    char *path;  /* its path below the root */
    int64_t mtime_s;
};

/* The entry's path below our folder: its first component is ours to name. NULL where nothing of it
 * is left, or where it would leave the folder. */
static char *map_path(const struct copy_unpack *unpack, const char *name)
{
    while (*name == '/' || (name[0] == '.' && name[1] == '/'))
        name++;
    const char *rest = name + strcspn(name, "/");
    rest += strspn(rest, "/");
    struct strbuf path = {0};
    if (unpack->name)
        strbuf_add_str(&path, unpack->name);
    while (*rest) {
        size_t length = strcspn(rest, "/");
        if (length == 2 && strncmp(rest, "..", 2) == 0) {
            strbuf_done(&path);
            return NULL;
        }
        if (!(length == 1 && *rest == '.'))
            strbuf_addf(&path, "%s%.*s", path.length ? "/" : "", (int)length, rest);
        rest += length;
        rest += strspn(rest, "/");
    }
    if (path.length == 0) {
        strbuf_done(&path);
        return NULL;
    }
    return strbuf_take(&path);
}

/* openat2(2) has no wrapper here. No component may be a symlink. */
static int open_below(int root_fd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC,
                           .mode = mode,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
}

/* The folder of a path, made where it is missing; *ret_base points into path. */
static int open_parent(const struct copy_unpack *unpack, const char *path, const char **ret_base)
{
    const char *slash = strrchr(path, '/');
    *ret_base = slash ? slash + 1 : path;
    if (!slash)
        return fcntl(unpack->root_fd, F_DUPFD_CLOEXEC, 0);
    _cleanup_free_ char *parent = xstrndup(path, (size_t)(slash - path));
    return open_below(unpack->root_fd, parent, O_PATH | O_DIRECTORY, 0);
}

static int make_folder(const struct copy_unpack *unpack, int parent_fd, const char *base,
                       const struct tar_entry *entry)
{
    struct stat status;
    if (mkdirat(parent_fd, base, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (fstatat(parent_fd, base, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(status.st_mode))
        return -ENOTDIR;
    if (unpack->owners &&
        fchownat(parent_fd, base, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return fchmodat(parent_fd, base, entry->mode, 0) < 0 ? -errno : 0;
}

/* A file that is there is replaced, not written into: it may have other names. */
static int make_file(struct copy_unpack *unpack, int parent_fd, const char *base,
                     const struct tar_entry *entry)
{
    struct stat status;
    bool is_there = fstatat(parent_fd, base, &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && S_ISDIR(status.st_mode))
        return -EISDIR;
    if (is_there && unlinkat(parent_fd, base, 0) < 0)
        return -errno;
    int fd = open_below(parent_fd, base, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return -errno;
    unpack->file_fd = fd;
    unpack->mtime_s = entry->mtime_s;
    if (unpack->owners && fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) < 0)
        return -errno;
    return fchmod(fd, entry->mode) < 0 ? -errno : 0;
}

static int make_symlink(const struct copy_unpack *unpack, int parent_fd, const char *base,
                        const struct tar_entry *entry)
{
    if (unlinkat(parent_fd, base, 0) < 0 && errno != ENOENT)
        return -errno;
    if (symlinkat(entry->link, parent_fd, base) < 0)
        return -errno;
    if (unpack->owners &&
        fchownat(parent_fd, base, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

/* To another entry of the archive. */
static int make_hard_link(const struct copy_unpack *unpack, int parent_fd, const char *base,
                          const struct tar_entry *entry)
{
    const char *target_base;
    _cleanup_free_ char *target = map_path(unpack, entry->link);
    if (!target)
        return -EXDEV;
    _cleanup_close_ int target_fd = open_parent(unpack, target, &target_base);
    if (target_fd < 0)
        return -errno;
    if (unlinkat(parent_fd, base, 0) < 0 && errno != ENOENT)
        return -errno;
    return linkat(target_fd, target_base, parent_fd, base, 0) < 0 ? -errno : 0;
}

static int make_entry(struct copy_unpack *unpack, const struct tar_entry *entry)
{
    const char *base;
    _cleanup_close_ int parent_fd = open_parent(unpack, unpack->path, &base);
    if (parent_fd < 0)
        return -errno;
    switch (entry->type) {
    case TAR_FILE:
        return make_file(unpack, parent_fd, base, entry);
    case TAR_DIRECTORY:
        return make_folder(unpack, parent_fd, base, entry);
    case TAR_SYMLINK:
        return make_symlink(unpack, parent_fd, base, entry);
    case TAR_HARD_LINK:
        return make_hard_link(unpack, parent_fd, base, entry);
    default:
        return 0; /* devices and pipes are of that guest */
    }
}

static bool leaves_folder(const char *name)
{
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || !at[2]))
            return true;
    }
    return false;
}

static int on_entry(void *userdata, const struct tar_entry *entry, struct error *err)
{
    struct copy_unpack *unpack = userdata;
    free(unpack->path);
    unpack->path = map_path(unpack, entry->name);
    if (!unpack->path && leaves_folder(entry->name))
        return error_set(err, EXDEV, "the archive has a path that leaves its folder: '%s'",
                         entry->name);
    if (!unpack->path) /* the folder itself, of which only the content goes on */
        return 0;
    int r = make_entry(unpack, entry);
    return r < 0 ? error_set(err, -r, "cannot write '%s': %s", unpack->path, strerror(-r)) : 0;
}

static int on_data(void *userdata, const char *data, size_t length, struct error *err)
{
    const struct copy_unpack *unpack = userdata;
    int r = unpack->file_fd >= 0 ? fs_write_all(unpack->file_fd, data, length) : 0;
    return r < 0 ? error_set(err, -r, "cannot write '%s': %s", unpack->path, strerror(-r)) : 0;
}

static int on_entry_end(void *userdata, struct error *err)
{
    struct copy_unpack *unpack = userdata;
    if (unpack->file_fd < 0)
        return 0;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = unpack->mtime_s}};
    (void)futimens(unpack->file_fd, times);
    int r = close(unpack->file_fd);
    unpack->file_fd = -1;
    return r < 0 ? error_set(err, errno, "cannot write '%s': %s", unpack->path, strerror(errno))
                 : 0;
}

int copy_unpack_new(const char *folder, const char *name, bool owners,
                    struct copy_unpack **ret_unpack, struct error *err)
{
    static const struct tar_handlers handlers = {on_entry, on_data, on_entry_end};
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot open the folder '%s': %s", folder, strerror(errno));
    struct copy_unpack *unpack = new0(struct copy_unpack);
    unpack->reader = tar_reader_new(&handlers, unpack);
    unpack->name = xstrdup(name);
    unpack->owners = owners;
    unpack->root_fd = fd;
    unpack->file_fd = -1;
    *ret_unpack = unpack;
    return 0;
}

int copy_unpack_feed(struct copy_unpack *unpack, const char *data, size_t length, struct error *err)
{
    return tar_reader_feed(unpack->reader, data, length, err);
}

int copy_unpack_finish(struct copy_unpack *unpack, struct error *err)
{
    return tar_reader_finish(unpack->reader, err);
}

void copy_unpack_free(struct copy_unpack *unpack)
{
    if (!unpack)
        return;
    tar_reader_free(unpack->reader);
    if (unpack->file_fd >= 0)
        close(unpack->file_fd);
    close(unpack->root_fd);
    free(unpack->name);
    free(unpack->path);
    free(unpack);
}
