/* See image_tree.h. */
#include "runtime/image_tree.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

static int cannot_read(const char *path, int code, struct error *err)
{
    return error_set(err, code, "cannot read '%s': %s", path, strerror(code));
}

/* The names in a folder, sorted: a walk meets them in the same order everywhere. */
static int list_folder(const char *path, char ***ret_names, struct error *err)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        return cannot_read(path, errno, err);
    char **names = NULL;
    for (int i = 0; i < count; i++) {
        if (!streq(entries[i]->d_name, ".") && !streq(entries[i]->d_name, ".."))
            strv_add(&names, xstrdup(entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    *ret_names = names;
    return 0;
}

/* --- hashing -------------------------------------------------------------------------------- */

struct walk {
    const struct image_ignore *ignore;
    bool stamp;          /* identities in place of contents */
    int64_t newest_ms;   /* stamp only */
    struct strbuf lines; /* one for each file and folder */
};

static int add_link_target(struct walk *walk, const char *path, struct error *err)
{
    char target[4096];
    ssize_t length = readlink(path, target, sizeof(target));
    if (length < 0)
        return cannot_read(path, errno, err);
    strbuf_add(&walk->lines, target, (size_t)length);
    return 0;
}

static void add_identity(struct walk *walk, const struct stat *status)
{
    int64_t changed_ms = status->st_ctim.tv_sec * 1000 + status->st_ctim.tv_nsec / 1000000;
    if (changed_ms > walk->newest_ms)
        walk->newest_ms = changed_ms;
    strbuf_addf(&walk->lines, "%ju:%ju:%jd:%jd.%09ld:%jd.%09ld", (uintmax_t)status->st_dev,
                (uintmax_t)status->st_ino, (intmax_t)status->st_size,
                (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec,
                (intmax_t)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
}

static int add_content(struct walk *walk, const char *path, const struct stat *status,
                       struct error *err)
{
    char hex[HASH_HEX_SIZE];
    int r = 0;
    if (S_ISLNK(status->st_mode))
        r = add_link_target(walk, path, err);
    else if (walk->stamp)
        add_identity(walk, status);
    else if (S_ISREG(status->st_mode) && (r = hash_sha256_file(path, hex, err)) == 0)
        strbuf_add_str(&walk->lines, hex);
    return r;
}

static int walk_entry(struct walk *walk, const char *path, const char *relative, struct error *err);

static int walk_folder(struct walk *walk, const char *path, const char *relative, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = list_folder(path, &names, err);
    for (size_t i = 0; names && names[i] && r == 0; i++) {
        _cleanup_free_ char *child = xasprintf("%s/%s", path, names[i]);
        _cleanup_free_ char *below =
            *relative ? xasprintf("%s/%s", relative, names[i]) : xstrdup(names[i]);
        r = walk_entry(walk, child, below, err);
    }
    return r;
}

/* relative: "" for the source itself. */
static int walk_entry(struct walk *walk, const char *path, const char *relative, struct error *err)
{
    struct stat status;
    if ((*relative ? lstat(path, &status) : stat(path, &status)) < 0)
        return cannot_read(path, errno, err);
    bool excluded = *relative && image_ignore_excludes(walk->ignore, relative);
    int r = 0;
    if (!excluded) {
        /* The name's length keeps names with newlines apart from further lines. */
        strbuf_addf(&walk->lines, "%o %zu %s ", status.st_mode, strlen(relative), relative);
        r = add_content(walk, path, &status, err);
        strbuf_add_char(&walk->lines, '\n');
    }
    if (r == 0 && S_ISDIR(status.st_mode) &&
        (!excluded || image_ignore_has_exceptions(walk->ignore)))
        r = walk_folder(walk, path, relative, err);
    return r;
}

static int walk_source(struct walk *walk, const char *source, char hex[HASH_HEX_SIZE],
                       struct error *err)
{
    int r = walk_entry(walk, source, "", err);
    if (r == 0)
        hash_sha256_hex(walk->lines.data, walk->lines.length, hex);
    strbuf_done(&walk->lines);
    return r;
}

int image_tree_hash(const char *source, const struct image_ignore *ignore, char hex[HASH_HEX_SIZE],
                    struct error *err)
{
    struct walk walk = {.ignore = ignore};
    return walk_source(&walk, source, hex, err);
}

int image_tree_stamp(const char *source, const struct image_ignore *ignore, char hex[HASH_HEX_SIZE],
                     int64_t *ret_newest_ms, struct error *err)
{
    struct walk walk = {.ignore = ignore, .stamp = true};
    int r = walk_source(&walk, source, hex, err);
    if (r == 0)
        *ret_newest_ms = walk.newest_ms;
    return r;
}

/* --- copying -------------------------------------------------------------------------------- */

static int cannot_write(const char *target, int code, struct error *err)
{
    return error_set(err, code, "cannot write '%s' in the new root: %s", target, strerror(code));
}

static int copy_bytes(int from, int to)
{
    for (;;) {
        ssize_t count = sendfile(to, from, NULL, 1 << 30);
        if (count == 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return -errno;
    }
}

static int copy_file(const char *source, const struct stat *status, int folder, const char *name)
{
    _cleanup_close_ int from = open(source, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (from < 0 || (unlinkat(folder, name, 0) < 0 && errno != ENOENT))
        return -errno;
    _cleanup_close_ int to =
        openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r = to < 0 ? -errno : copy_bytes(from, to);
    const struct timespec times[] = {status->st_atim, status->st_mtim};
    if (r == 0 && (fchmod(to, status->st_mode & 07777) < 0 || futimens(to, times) < 0))
        r = -errno;
    return r;
}

static int copy_link(const char *source, int folder, const char *name)
{
    char target[4096];
    ssize_t length = readlink(source, target, sizeof(target) - 1);
    if (length < 0)
        return -errno;
    target[length] = '\0';
    if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        return -errno;
    return symlinkat(target, folder, name) < 0 ? -errno : 0;
}

static int copy_entry(const char *source, int root, const char *target, struct error *err);

/* A folder that is there keeps its permissions: /etc stays what it was. target: "" for the root. */
static int make_folder(int root, const char *target, mode_t mode)
{
    if (!*target)
        return 0;
    _cleanup_close_ int parent = -1, folder = -1;
    const char *name = strrchr(target, '/') + 1;
    int r = image_file_open_parent(root, target, &parent);
    if (r < 0)
        return r;
    if (mkdirat(parent, name, 0700) == 0)
        return fchmodat(parent, name, mode & 07777, 0) < 0 ? -errno : 0;
    folder = errno == EEXIST ? image_file_open_folder(root, target) : -errno;
    return folder < 0 ? folder : 0;
}

static int copy_folder(const char *source, int root, const char *target, struct error *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = list_folder(source, &names, err);
    for (size_t i = 0; names && names[i] && r == 0; i++) {
        _cleanup_free_ char *from = xasprintf("%s/%s", source, names[i]);
        _cleanup_free_ char *to = xasprintf("%s/%s", target, names[i]);
        r = copy_entry(from, root, to, err);
    }
    return r;
}

static int copy_single(const char *source, const struct stat *status, int root, const char *target,
                       struct error *err)
{
    _cleanup_close_ int folder = -1;
    int r = image_file_open_parent(root, target, &folder);
    const char *name = strrchr(target, '/') + 1;
    if (r == 0)
        r = S_ISREG(status->st_mode) ? copy_file(source, status, folder, name)
                                     : copy_link(source, folder, name);
    return r < 0 ? cannot_write(target, -r, err) : 0;
}

static int copy_entry(const char *source, int root, const char *target, struct error *err)
{
    struct stat status;
    if (lstat(source, &status) < 0)
        return cannot_read(source, errno, err);
    if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode))
        return copy_single(source, &status, root, target, err);
    if (!S_ISDIR(status.st_mode))
        return error_set(err, EINVAL, "'%s' is neither a file, a folder nor a symlink", source);
    int r = make_folder(root, target, status.st_mode);
    return r < 0 ? cannot_write(target, -r, err) : copy_folder(source, root, target, err);
}

static char *without_slashes_at_end(const char *path)
{
    size_t length = strlen(path);
    while (length && path[length - 1] == '/')
        length--;
    return xstrndup(path, length);
}

int image_tree_copy(const char *source, const char *rootfs, const char *target, struct error *err)
{
    _cleanup_close_ int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC), inside = -1;
    _cleanup_free_ char *place = without_slashes_at_end(target), *real = realpath(source, NULL);
    struct stat status;
    if (root < 0)
        return cannot_read(rootfs, errno, err);
    if (!real || stat(real, &status) < 0)
        return cannot_read(source, errno, err);
    if (!S_ISDIR(status.st_mode)) {
        inside = image_file_open_folder(root, target);
        if (inside >= 0 || str_ends_with(target, "/")) {
            char *file = xasprintf("%s/%s", place, strrchr(source, '/') + 1);
            free(place);
            place = file;
        }
    }
    return copy_entry(real, root, place, err);
}
