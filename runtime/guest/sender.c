/* Copies out, see sender.h. The tree may change while it is read: what has gone is left out, a file
 * that became shorter is filled up, so that the archive stays one. */
#include "runtime/guest/sender.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/vec.h"
#include "runtime/guest/agent.h"
#include "runtime/guest/wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Attributes that belong to a file wherever it goes. */
static const char *const xattrs[] = {"security.capability"};
#define XATTR_MAX 1024

struct folder {
    DIR *entries;
    size_t name_length; /* of sender->name, without what is added for a child */
    dev_t device;
};

/* A file with several names that was sent. */
struct known {
    dev_t device;
    ino_t inode;
    char *name;
};

struct sender {
    struct job job; /* first */
    bool follow, only_stat;
    char *path;
    size_t credit;
    VEC(struct folder) folders; /* from the root of the copy down */
    VEC(struct known) known;
    struct strbuf name;  /* of the entry, relative to the root of the copy */
    struct strbuf entry; /* encoded, waits for credit */
    int file;            /* whose data is being sent; -1: none */
    uint64_t left;
};

static void sender_free(struct sender *sender)
{
    job_close(&sender->job);
    for (size_t i = 0; i < sender->folders.count; i++)
        closedir(sender->folders.items[i].entries);
    vec_done(&sender->folders);
    for (size_t i = 0; i < sender->known.count; i++)
        free(sender->known.items[i].name);
    vec_done(&sender->known);
    if (sender->file >= 0)
        close(sender->file);
    strbuf_done(&sender->name);
    strbuf_done(&sender->entry);
    free(sender->path);
    free(sender);
}

/* Sends the last message. */
static void sender_finish(struct sender *sender, const struct error *err)
{
    _cleanup_strbuf_ struct strbuf payload = {0};
    wire_put_u32(&payload, err ? (uint32_t)err->code : 0);
    if (err)
        strbuf_addf(&payload, "%.4000s", error_text(err));
    job_send(&sender->job, MESSAGE_COPY_DONE, payload.data, payload.length);
    sender_free(sender);
}

static int sender_error(const struct sender *sender, struct error *err, const char *what)
{
    const char *name = strbuf_text(&sender->name);
    return error_set(err, errno, "cannot %s \"%s%s%s\": %s", what, sender->path, *name ? "/" : "",
                     name, strerror(errno));
}

/* --- encoding ------------------------------------------------------------------------------- */

static void put_status(struct strbuf *entry, const struct stat *status)
{
    wire_put_field_u32(entry, ENTRY_MODE, status->st_mode);
    wire_put_field_u64(entry, ENTRY_SIZE, (uint64_t)status->st_size);
    wire_put_field_u32(entry, ENTRY_UID, status->st_uid);
    wire_put_field_u32(entry, ENTRY_GID, status->st_gid);
    wire_put_field_u64(entry, ENTRY_MTIME_NS,
                       (uint64_t)status->st_mtim.tv_sec * 1000000000u +
                           (uint64_t)status->st_mtim.tv_nsec);
    if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode))
        wire_put_field_u64(entry, ENTRY_DEVICE,
                           (uint64_t)major(status->st_rdev) | (uint64_t)minor(status->st_rdev)
                                                                  << 32);
}

static void put_link(struct strbuf *entry, int folder, const char *leaf)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(folder, leaf, target, sizeof(target));
    if (length > 0)
        wire_put_field(entry, ENTRY_LINK, target, (size_t)length);
}

static void put_xattrs(struct strbuf *entry, int fd)
{
    char value[XATTR_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(xattrs); i++) {
        _cleanup_strbuf_ struct strbuf field = {0};
        ssize_t length = fgetxattr(fd, xattrs[i], value, sizeof(value));
        if (length <= 0)
            continue;
        strbuf_add(&field, xattrs[i], strlen(xattrs[i]) + 1);
        strbuf_add(&field, value, (size_t)length);
        wire_put_field(entry, ENTRY_XATTR, field.data, field.length);
    }
}

/* True where the file has been sent under another name, which is then put into the entry. */
static bool put_hard_link(struct sender *sender, const struct stat *status)
{
    if (!S_ISREG(status->st_mode) || status->st_nlink < 2)
        return false;
    for (size_t i = 0; i < sender->known.count; i++) {
        const struct known *known = &sender->known.items[i];
        if (known->device != status->st_dev || known->inode != status->st_ino)
            continue;
        wire_put_text(&sender->entry, ENTRY_HARD_LINK, known->name);
        return true;
    }
    vec_add(&sender->known, (struct known){.device = status->st_dev,
                                           .inode = status->st_ino,
                                           .name = xstrdup(strbuf_text(&sender->name))});
    return false;
}

/* --- walking -------------------------------------------------------------------------------- */

/* What the kernel makes up has no place in an archive. */
static bool is_made_up(int fd)
{
    struct statfs status;
    return fstatfs(fd, &status) == 0 &&
           (status.f_type == PROC_SUPER_MAGIC || status.f_type == SYSFS_MAGIC ||
            status.f_type == CGROUP2_SUPER_MAGIC);
}

/* Takes fd. */
static int sender_enter(struct sender *sender, int fd, const struct stat *status, struct error *err)
{
    size_t count = sender->folders.count;
    bool other = count > 0 && sender->folders.items[count - 1].device != status->st_dev;
    DIR *entries = other && is_made_up(fd) ? NULL : fdopendir(fd);
    if (!entries) {
        close(fd);
        return other ? 0 : sender_error(sender, err, "read");
    }
    vec_add(&sender->folders, (struct folder){.entries = entries,
                                              .name_length = sender->name.length,
                                              .device = status->st_dev});
    return 0;
}

/* Encodes the entry, and gets ready for what it holds. flags: O_NOFOLLOW but for the root of a copy
 * that follows. */
static int sender_take(struct sender *sender, int folder, const char *leaf, int flags,
                       struct error *err)
{
    struct stat status;
    struct strbuf *entry = &sender->entry;
    if (fstatat(folder, leaf, &status, flags ? AT_SYMLINK_NOFOLLOW : 0) < 0)
        return errno == ENOENT && sender->folders.count ? 0 : sender_error(sender, err, "read");
    if (S_ISSOCK(status.st_mode))
        return 0;
    int fd = -1;
    if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
        fd = openat(folder, leaf, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
        if (fd < 0 || fstat(fd, &status) < 0)
            return errno == ENOENT && sender->folders.count ? 0 : sender_error(sender, err, "open");
        put_xattrs(entry, fd);
    }
    wire_put_text(entry, ENTRY_NAME, sender->name.length ? strbuf_text(&sender->name) : ".");
    put_status(entry, &status);
    if (S_ISLNK(status.st_mode))
        put_link(entry, folder, leaf);
    if (S_ISDIR(status.st_mode))
        return sender_enter(sender, fd, &status, err);
    if (S_ISREG(status.st_mode) && !put_hard_link(sender, &status)) {
        sender->file = fd;
        sender->left = (uint64_t)status.st_size;
    } else if (fd >= 0) {
        close(fd);
    }
    return 0;
}

/* The next entry of the innermost folder, or out of it. */
static int sender_walk(struct sender *sender, struct error *err)
{
    struct folder *folder = &sender->folders.items[sender->folders.count - 1];
    struct dirent *entry = readdir(folder->entries);
    if (!entry) {
        closedir(folder->entries);
        sender->folders.count--;
        return 0;
    }
    const char *leaf = entry->d_name;
    if (streq(leaf, ".") || streq(leaf, ".."))
        return 0;
    sender->name.length = folder->name_length;
    if (sender->name.length)
        strbuf_add_char(&sender->name, '/');
    strbuf_add_str(&sender->name, leaf);
    if (sender->name.length >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return sender_error(sender, err, "send");
    }
    return sender_take(sender, dirfd(folder->entries), leaf, O_NOFOLLOW, err);
}

/* --- sending -------------------------------------------------------------------------------- */

static int sender_send_data(struct sender *sender, struct error *err)
{
    struct link *link = &sender->job.agent->link;
    uint8_t *data = link_reserve(link);
    size_t length = FRAME_PAYLOAD_MAX;
    if (length > sender->credit)
        length = sender->credit;
    if (length > sender->left)
        length = (size_t)sender->left;
    ssize_t count = read(sender->file, data, length);
    if (count < 0)
        return sender_error(sender, err, "read");
    if (count == 0) { /* it has become shorter */
        memset(data, 0, length);
        count = (ssize_t)length;
    }
    link_commit(link, MESSAGE_COPY_DATA, sender->job.stream, (size_t)count);
    sender->credit -= (size_t)count;
    sender->left -= (uint64_t)count;
    return 0;
}

static void sender_send_entry(struct sender *sender)
{
    job_send(&sender->job, MESSAGE_COPY_ENTRY, sender->entry.data, sender->entry.length);
    sender->credit -= sender->entry.length;
    strbuf_clear(&sender->entry);
}

static void sender_pump(struct sender *sender)
{
    _cleanup_error_ struct error err = {0};
    int result = 0;
    while (result == 0 && sender->credit) {
        if (sender->entry.length > sender->credit)
            return;
        if (sender->entry.length) {
            sender_send_entry(sender);
        } else if (sender->file >= 0 && sender->left) {
            result = sender_send_data(sender, &err);
        } else if (sender->file >= 0) {
            close(sender->file);
            sender->file = -1;
        } else if (sender->folders.count) {
            result = sender_walk(sender, &err);
        } else {
            return sender_finish(sender, NULL);
        }
    }
    if (result < 0)
        sender_finish(sender, &err);
}

static void sender_take_message(struct job *job, const struct message *message)
{
    struct sender *sender = (struct sender *)job;
    struct wire_reader reader = wire_read(message->data, message->length);
    if (message->type != MESSAGE_CREDIT)
        return;
    sender->credit += wire_get_u32(&reader);
    sender_pump(sender);
}

static void sender_end(struct job *job, bool kill)
{
    (void)kill;
    sender_free((struct sender *)job);
}

/* --- start ---------------------------------------------------------------------------------- */

/* Where a link leads, as a path from the root; as it is written, where it leads nowhere. */
static void put_link_target(struct strbuf *entry, const char *path)
{
    char resolved[PATH_MAX];
    if (realpath(path, resolved))
        wire_put_text(entry, ENTRY_LINK, resolved);
    else
        put_link(entry, AT_FDCWD, path);
}

static int sender_send_stat(struct sender *sender, struct error *err)
{
    struct stat status;
    _cleanup_strbuf_ struct strbuf entry = {0};
    if (fstatat(AT_FDCWD, sender->path, &status, sender->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return sender_error(sender, err, "find");
    put_status(&entry, &status);
    if (S_ISLNK(status.st_mode))
        put_link_target(&entry, sender->path);
    job_send(&sender->job, MESSAGE_COPY_STAT, entry.data, entry.length);
    return 0;
}

static void sender_decode(struct sender *sender, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    char *text;
    while (wire_get_field(&reader, &tag, &field)) {
        if (tag == COPY_PATH && !sender->path && (text = wire_get_text(&field)))
            sender->path = text;
        sender->follow = sender->follow || tag == COPY_FOLLOW;
        sender->only_stat = sender->only_stat || tag == COPY_ONLY_STAT;
    }
    if (!sender->path)
        sender->path = xstrdup("/");
}

static int sender_begin(struct sender *sender, struct error *err)
{
    if (sender->job.agent->phase != AGENT_RUNNING)
        return error_set(err, ESRCH, "the service is not running");
    int result = sender_send_stat(sender, err);
    if (result == 0 && !sender->only_stat)
        result = sender_take(sender, AT_FDCWD, sender->path, sender->follow ? 0 : O_NOFOLLOW, err);
    return result;
}

void sender_start(struct agent *agent, const struct message *message)
{
    static const struct job_type type = {.take = sender_take_message, .end = sender_end};
    _cleanup_error_ struct error err = {0};
    struct sender *sender = new0(struct sender);
    sender->file = -1;
    sender->credit = COPY_WINDOW;
    job_open(&sender->job, agent, &type, message->stream);
    sender_decode(sender, message);
    if (sender_begin(sender, &err) < 0)
        sender_finish(sender, &err);
    else
        sender_pump(sender);
}
