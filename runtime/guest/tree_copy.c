/* See tree_copy.h. */
#include "runtime/guest/tree_copy.h"

#include "base/alloc.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define UNFINISHED ".vmstead-copy" /* a file's name until it is complete */
#define BLOCK (1u << 20)
#define LINK_BUCKETS 4096u

/* A file with several names, copied already: where. */
struct link_entry {
    struct link_entry *next;
    dev_t device;
    ino_t inode;
    char *path; /* below the target's root */
};

struct copy {
    int target_root;
    char *block;
    struct link_entry *links[LINK_BUCKETS];
    struct strbuf path; /* where we are, for messages and links */
};

static int fail(const struct copy *copy, const char *what, struct error *err)
{
    int error = errno;
    return error_set(err, error, "cannot %s \"%s\": %s", what,
                     copy->path.length ? strbuf_text(&copy->path) : ".", strerror(error));
}

/* --- attributes ------------------------------------------------------------------------------- */

/* "trusted." belongs to the kernel's own users, and not every file system takes it from us. */
static bool may_be_lost(const char *name)
{
    return (errno == EOPNOTSUPP || errno == EPERM) && str_after_prefix(name, "trusted.");
}

static int copy_attribute(int source, int target, const char *name)
{
    ssize_t size = fgetxattr(source, name, NULL, 0);
    if (size < 0)
        return -1;
    _cleanup_free_ char *value = xmalloc((size_t)size + 1);
    size = fgetxattr(source, name, value, (size_t)size);
    if (size < 0 || (fsetxattr(target, name, value, (size_t)size, 0) < 0 && !may_be_lost(name)))
        return -1;
    return 0;
}

static int copy_attributes(const struct copy *copy, int source, int target, struct error *err)
{
    ssize_t size = flistxattr(source, NULL, 0);
    if (size <= 0) /* none, or the file system has no such thing */
        return size == 0 || errno == EOPNOTSUPP ? 0 : fail(copy, "list the attributes of", err);
    _cleanup_free_ char *names = xmalloc((size_t)size);
    size = flistxattr(source, names, (size_t)size);
    for (const char *name = names; size > 0 && name < names + size; name += strlen(name) + 1)
        if (copy_attribute(source, target, name) < 0)
            return fail(copy, "copy an attribute of", err);
    return 0;
}

/* In this order: a change of owner takes privileges (mode bits, capabilities) away. */
static int copy_metadata(const struct copy *copy, int source, int target, const struct stat *status,
                         struct error *err)
{
    struct timespec times[] = {status->st_atim, status->st_mtim};
    if (fchown(target, status->st_uid, status->st_gid) < 0)
        return fail(copy, "set the owner of", err);
    int result = copy_attributes(copy, source, target, err);
    if (result == 0 && fchmod(target, status->st_mode & 07777) < 0)
        result = fail(copy, "set the mode of", err);
    if (result == 0 && futimens(target, times) < 0)
        result = fail(copy, "set the time of", err);
    return result;
}

/* --- hard links ------------------------------------------------------------------------------- */

static struct link_entry **find_bucket(struct copy *copy, const struct stat *status)
{
    return &copy->links[(status->st_ino ^ status->st_dev) % LINK_BUCKETS];
}

static const struct link_entry *find_link(struct copy *copy, const struct stat *status)
{
    const struct link_entry *entry = *find_bucket(copy, status);
    while (entry && (entry->device != status->st_dev || entry->inode != status->st_ino))
        entry = entry->next;
    return entry;
}

static void remember_link(struct copy *copy, const struct stat *status)
{
    struct link_entry **bucket = find_bucket(copy, status);
    struct link_entry *entry = new0(struct link_entry);
    *entry = (struct link_entry){.next = *bucket,
                                 .device = status->st_dev,
                                 .inode = status->st_ino,
                                 .path = xstrdup(strbuf_text(&copy->path))};
    *bucket = entry;
}

static void forget_links(struct copy *copy)
{
    for (size_t i = 0; i < LINK_BUCKETS; i++)
        while (copy->links[i]) {
            struct link_entry *entry = copy->links[i];
            copy->links[i] = entry->next;
            free(entry->path);
            free(entry);
        }
}

/* --- files ------------------------------------------------------------------------------------ */

static int copy_range(const struct copy *copy, int source, int target, off_t from, off_t to)
{
    while (from < to) {
        size_t wanted = to - from < (off_t)BLOCK ? (size_t)(to - from) : BLOCK;
        ssize_t length = pread(source, copy->block, wanted, from);
        if (length <= 0)
            return (int)length;
        for (ssize_t done = 0; done < length;) {
            ssize_t written =
                pwrite(target, copy->block + done, (size_t)(length - done), from + done);
            if (written < 0)
                return -1;
            done += written;
        }
        from += length;
    }
    return 0;
}

/* Holes stay holes. */
static int copy_content(const struct copy *copy, int source, int target, off_t size)
{
    off_t data = 0;
    while (data < size) {
        off_t start = lseek(source, data, SEEK_DATA);
        if (start < 0 && errno == ENXIO)
            break; /* a hole up to the end */
        if (start < 0)
            start = data; /* no such thing here */
        off_t end = lseek(source, start, SEEK_HOLE);
        if (end < 0)
            end = size;
        if (copy_range(copy, source, target, start, end) < 0)
            return -1;
        data = end;
    }
    return ftruncate(target, size);
}

static int copy_file(const struct copy *copy, int from, int to, const char *name,
                     const struct stat *status, struct error *err)
{
    _cleanup_close_ int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0)
        return fail(copy, "open", err);
    unlinkat(to, UNFINISHED, 0);
    _cleanup_close_ int target =
        openat(to, UNFINISHED, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (target < 0 || copy_content(copy, source, target, status->st_size) < 0)
        return fail(copy, "copy", err);
    int result = copy_metadata(copy, source, target, status, err);
    if (result == 0 && renameat(to, UNFINISHED, to, name) < 0)
        result = fail(copy, "rename", err);
    return result;
}

static int copy_symlink(const struct copy *copy, int from, int to, const char *name,
                        const struct stat *status, struct error *err)
{
    struct timespec times[] = {status->st_atim, status->st_mtim};
    size_t room = (size_t)status->st_size + 4096;
    _cleanup_free_ char *value = xmalloc(room);
    ssize_t length = readlinkat(from, name, value, room - 1);
    if (length < 0)
        return fail(copy, "read the symlink", err);
    value[length] = '\0';
    if (symlinkat(value, to, name) < 0 ||
        fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(copy, "make the symlink", err);
    return 0;
}

static int copy_node(const struct copy *copy, int to, const char *name, const struct stat *status,
                     struct error *err)
{
    struct timespec times[] = {status->st_atim, status->st_mtim};
    if (mknodat(to, name, status->st_mode, status->st_rdev) < 0 ||
        fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(to, name, status->st_mode & 07777, 0) < 0 ||
        utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(copy, "make the special file", err);
    return 0;
}

/* --- folders ---------------------------------------------------------------------------------- */

static int copy_folder(struct copy *copy, int source, int target, struct error *err);

static int copy_subfolder(struct copy *copy, int from, int to, const char *name, struct error *err)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_close_ int source = openat(from, name, flags);
    if (source < 0)
        return fail(copy, "open", err);
    if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
        return fail(copy, "make the folder", err);
    _cleanup_close_ int target = openat(to, name, flags);
    if (target < 0)
        return fail(copy, "open", err);
    return copy_folder(copy, source, target, err);
}

static int copy_new(struct copy *copy, int from, int to, const char *name,
                    const struct stat *status, struct error *err)
{
    const struct link_entry *link = status->st_nlink > 1 ? find_link(copy, status) : NULL;
    if (link && linkat(copy->target_root, link->path, to, name, 0) == 0)
        return 0;
    int result = S_ISREG(status->st_mode)   ? copy_file(copy, from, to, name, status, err)
                 : S_ISLNK(status->st_mode) ? copy_symlink(copy, from, to, name, status, err)
                                            : copy_node(copy, to, name, status, err);
    return result;
}

static int copy_entry(struct copy *copy, int from, int to, const char *name, struct error *err)
{
    struct stat status, there;
    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(copy, "look at", err);
    if (S_ISDIR(status.st_mode))
        return copy_subfolder(copy, from, to, name, err);
    int result = 0;
    if (fstatat(to, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
        result = copy_new(copy, from, to, name, &status, err);
    if (result == 0 && status.st_nlink > 1 && !find_link(copy, &status))
        remember_link(copy, &status);
    return result;
}

static bool is_entry(const struct dirent *entry)
{
    return !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
}

static int copy_entries(struct copy *copy, DIR *entries, int source, int target, struct error *err)
{
    const struct dirent *entry;
    int result = 0;
    while (result == 0 && (errno = 0, entry = readdir(entries))) {
        if (!is_entry(entry))
            continue;
        size_t length = copy->path.length;
        strbuf_addf(&copy->path, "%s%s", length ? "/" : "", entry->d_name);
        result = copy_entry(copy, source, target, entry->d_name, err);
        copy->path.length = length;
        copy->path.data[length] = '\0';
    }
    return result == 0 && errno ? fail(copy, "read", err) : result;
}

/* The folder's own times last: entries change them. */
static int copy_folder(struct copy *copy, int source, int target, struct error *err)
{
    struct stat status;
    int listing = openat(source, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = listing < 0 ? NULL : fdopendir(listing);
    if (!entries || fstat(source, &status) < 0) {
        int result = fail(copy, "read", err);
        if (entries)
            closedir(entries);
        else if (listing >= 0)
            close(listing);
        return result;
    }
    int result = copy_entries(copy, entries, source, target, err);
    closedir(entries);
    if (result == 0)
        result = copy_metadata(copy, source, target, &status, err);
    return result;
}

int tree_copy(int source, int target, struct error *err)
{
    struct copy *copy = new0(struct copy);
    copy->target_root = target;
    copy->block = xmalloc(BLOCK);
    strbuf_add_str(&copy->path, "");
    int result = copy_folder(copy, source, target, err);
    unlinkat(target, UNFINISHED, 0);
    forget_links(copy);
    strbuf_done(&copy->path);
    free(copy->block);
    free(copy);
    return result;
}

bool tree_is_empty(int folder)
{
    int listing = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = listing < 0 ? NULL : fdopendir(listing);
    const struct dirent *entry = NULL;
    while (entries && (entry = readdir(entries)) && !is_entry(entry))
        ;
    bool empty = !entry;
    if (entries)
        closedir(entries);
    return empty;
}
