/* Copies in, see receiver.h. */
#include "runtime/guest/receiver.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/vec.h"
#include "runtime/guest/agent.h"
#include "runtime/guest/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct entry {
    char *name, *link, *hard_link;
    uint32_t mode, uid, gid;
    uint64_t size, mtime_ns, device;
    VEC(struct wire_reader) xattrs; /* point into the message */
};

/* A folder's time is set last: what is made in it changes it. */
struct folder {
    char *name;
    uint64_t mtime_ns;
};

struct receiver {
    struct job job; /* first */
    bool no_overwrite, keep_owners;
    char *path;
    int root;         /* the folder; -1: not open */
    uint64_t resolve; /* for openat2 */
    int file;         /* the regular file whose data comes; -1: none */
    uint64_t left, mtime_ns;
    char *file_name;
    VEC(struct folder) folders;
};

static void receiver_free(struct receiver *receiver)
{
    job_close(&receiver->job);
    for (size_t i = 0; i < receiver->folders.count; i++)
        free(receiver->folders.items[i].name);
    vec_done(&receiver->folders);
    if (receiver->file >= 0)
        close(receiver->file);
    if (receiver->root >= 0)
        close(receiver->root);
    free(receiver->file_name);
    free(receiver->path);
    free(receiver);
}

static void receiver_finish(struct receiver *receiver, const struct error *err)
{
    _cleanup_strbuf_ struct strbuf payload = {0};
    wire_put_u32(&payload, err ? (uint32_t)err->code : 0);
    if (err)
        strbuf_addf(&payload, "%.4000s", error_text(err));
    job_send(&receiver->job, MESSAGE_COPY_DONE, payload.data, payload.length);
    receiver_free(receiver);
}

static int receiver_error(const struct receiver *receiver, const char *name, const char *what,
                          struct error *err)
{
    bool escapes = errno == EXDEV;
    return error_set(err, errno, "cannot %s \"%s/%s\": %s", what, receiver->path, name,
                     escapes ? "it leads out of that folder" : strerror(errno));
}

/* --- entries -------------------------------------------------------------------------------- */

static void entry_done(struct entry *entry)
{
    free(entry->name);
    free(entry->link);
    free(entry->hard_link);
    vec_done(&entry->xattrs);
}

static void set_text(char **member, struct wire_reader *field)
{
    free(*member);
    *member = wire_get_text(field);
}

static void entry_take_field(struct entry *entry, uint16_t tag, struct wire_reader *field)
{
    switch ((enum entry_tag)tag) {
    case ENTRY_NAME:
        set_text(&entry->name, field);
        break;
    case ENTRY_MODE:
        entry->mode = wire_get_u32(field);
        break;
    case ENTRY_SIZE:
        entry->size = wire_get_u64(field);
        break;
    case ENTRY_UID:
        entry->uid = wire_get_u32(field);
        break;
    case ENTRY_GID:
        entry->gid = wire_get_u32(field);
        break;
    case ENTRY_MTIME_NS:
        entry->mtime_ns = wire_get_u64(field);
        break;
    case ENTRY_LINK:
        set_text(&entry->link, field);
        break;
    case ENTRY_HARD_LINK:
        set_text(&entry->hard_link, field);
        break;
    case ENTRY_DEVICE:
        entry->device = wire_get_u64(field);
        break;
    case ENTRY_XATTR:
        vec_add(&entry->xattrs, *field);
        break;
    }
}

/* Relative, without "." and "..": what protocol.h promises is not relied on. */
static bool name_is_sound(const char *name)
{
    if (!name || !*name || *name == '/' || strlen(name) >= PATH_MAX)
        return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        size_t length = strcspn(part, "/");
        if (length == 0 || length > NAME_MAX || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.'))
            return false;
    }
    return true;
}

/* --- beneath the folder --------------------------------------------------------------------- */

static int open_beneath(const struct receiver *receiver, const char *name, int flags)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                           .resolve = receiver->resolve | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, receiver->root, name, &how, sizeof(how));
}

/* mkdir -p: archives need not name the folders of what they hold. */
static int make_folders(const struct receiver *receiver, char *folder)
{
    for (char *slash = folder; slash;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        char *leaf = strrchr(folder, '/');
        if (leaf)
            *leaf = '\0';
        int parent = open_beneath(receiver, leaf ? folder : ".", O_PATH | O_DIRECTORY);
        if (leaf)
            *leaf = '/';
        int result = parent < 0 ? -1 : mkdirat(parent, leaf ? leaf + 1 : folder, 0755);
        int code = errno;
        if (parent >= 0)
            close(parent);
        errno = code;
        if (result < 0 && code != EEXIST)
            return -1;
        if (slash)
            *slash = '/';
    }
    return 0;
}

/* The folder that the entry is to be in. */
static int open_parent(const struct receiver *receiver, const char *name, const char **ret_leaf)
{
    const char *slash = name ? strrchr(name, '/') : NULL;
    *ret_leaf = slash ? slash + 1 : name;
    if (!slash)
        return open_beneath(receiver, ".", O_PATH | O_DIRECTORY);
    _cleanup_free_ char *folder = xstrndup(name, (size_t)(slash - name));
    int fd = open_beneath(receiver, folder, O_PATH | O_DIRECTORY);
    if (fd >= 0 || errno != ENOENT || make_folders(receiver, folder) < 0)
        return fd;
    return open_beneath(receiver, folder, O_PATH | O_DIRECTORY);
}

/* Docker's noOverwriteDirNonDir; then what is in the way goes. *ret_there: a folder that stays. */
static int make_way(const struct receiver *receiver, const struct entry *entry, int parent,
                    const char *leaf, bool *ret_there, struct error *err)
{
    struct stat status;
    *ret_there = false;
    if (fstatat(parent, leaf, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    bool is = S_ISDIR(status.st_mode), becomes = S_ISDIR(entry->mode);
    *ret_there = is && becomes;
    if (is && becomes)
        return 0;
    if (receiver->no_overwrite && is != becomes)
        return error_set(err, EEXIST, "cannot overwrite %s \"%s/%s\" with %s",
                         is ? "directory" : "non-directory", receiver->path, entry->name,
                         becomes ? "a directory" : "a non-directory");
    if (unlinkat(parent, leaf, is ? AT_REMOVEDIR : 0) < 0)
        return receiver_error(receiver, entry->name, "replace", err);
    return 0;
}

/* --- making --------------------------------------------------------------------------------- */

static int make_hard_link(const struct receiver *receiver, const struct entry *entry, int parent,
                          const char *leaf)
{
    int original = open_beneath(receiver, entry->hard_link, O_PATH | O_NOFOLLOW);
    if (original < 0)
        return -1;
    int result = linkat(original, "", parent, leaf, AT_EMPTY_PATH);
    int code = errno;
    close(original);
    errno = code;
    return result;
}

static int make_node(const struct receiver *receiver, const struct entry *entry, int parent,
                     const char *leaf, bool there)
{
    mode_t type = entry->mode & S_IFMT;
    dev_t device = makedev((unsigned)entry->device, (unsigned)(entry->device >> 32));
    if (entry->hard_link)
        return make_hard_link(receiver, entry, parent, leaf);
    if (type == S_IFDIR)
        return there ? 0 : mkdirat(parent, leaf, 0700);
    if (type == S_IFLNK)
        return symlinkat(entry->link ? entry->link : "", parent, leaf);
    if (type == S_IFREG || type == S_IFIFO || type == S_IFCHR || type == S_IFBLK)
        return mknodat(parent, leaf, type | 0600, type == S_IFCHR || type == S_IFBLK ? device : 0);
    errno = EINVAL;
    return -1;
}

static struct timespec time_of(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
                             .tv_nsec = (long)(ns % 1000000000u)};
}

static void set_time(int parent, const char *leaf, uint64_t mtime_ns)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time_of(mtime_ns)};
    utimensat(parent, leaf, times, AT_SYMLINK_NOFOLLOW);
}

static void set_xattrs(int parent, const char *leaf, struct entry *entry)
{
    if (!S_ISREG(entry->mode) || !entry->xattrs.count)
        return;
    int fd = openat(parent, leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < entry->xattrs.count; i++) {
        const struct wire_reader *field = &entry->xattrs.items[i];
        const uint8_t *end = memchr(field->data, 0, field->left);
        if (end)
            fsetxattr(fd, (const char *)field->data, end + 1,
                      field->left - (size_t)(end + 1 - field->data), 0);
    }
    if (fd >= 0)
        close(fd);
}

/* Owner first: a change of it clears what follows. */
static int set_attributes(const struct receiver *receiver, struct entry *entry, int parent,
                          const char *leaf)
{
    uid_t uid = receiver->keep_owners ? entry->uid : 0;
    gid_t gid = receiver->keep_owners ? entry->gid : 0;
    if (geteuid() == 0 && fchownat(parent, leaf, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (!S_ISLNK(entry->mode) && fchmodat(parent, leaf, entry->mode & 07777, 0) < 0)
        return -1;
    set_xattrs(parent, leaf, entry);
    set_time(parent, leaf, entry->mtime_ns);
    return 0;
}

/* A regular file's data comes next. */
static int expect_data(struct receiver *receiver, struct entry *entry, int parent, const char *leaf)
{
    receiver->left = entry->size;
    receiver->mtime_ns = entry->mtime_ns;
    free(receiver->file_name);
    receiver->file_name = TAKE_PTR(entry->name);
    receiver->file = openat(parent, leaf, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    return receiver->file < 0 ? -1 : 0;
}

static int receiver_make(struct receiver *receiver, struct entry *entry, struct error *err)
{
    const char *leaf;
    bool there;
    _cleanup_close_ int parent = open_parent(receiver, entry->name, &leaf);
    if (parent < 0)
        return receiver_error(receiver, entry->name, "create", err);
    int result = make_way(receiver, entry, parent, leaf, &there, err);
    if (result < 0)
        return result;
    if (make_node(receiver, entry, parent, leaf, there) < 0)
        return receiver_error(receiver, entry->name, "create", err);
    if (entry->hard_link)
        return 0;
    if (set_attributes(receiver, entry, parent, leaf) < 0)
        return receiver_error(receiver, entry->name, "set owner and mode of", err);
    if (S_ISDIR(entry->mode))
        vec_add(&receiver->folders,
                (struct folder){xstrndup(entry->name, PATH_MAX), entry->mtime_ns});
    if (S_ISREG(entry->mode) && entry->size && expect_data(receiver, entry, parent, leaf) < 0)
        return receiver_error(receiver, receiver->file_name, "write", err);
    return 0;
}

/* --- messages ------------------------------------------------------------------------------- */

static int receiver_take_entry(struct receiver *receiver, const struct message *message,
                               struct error *err)
{
    struct entry entry = {0};
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    int result = 0;
    while (wire_get_field(&reader, &tag, &field))
        entry_take_field(&entry, tag, &field);
    if (receiver->file >= 0 || !name_is_sound(entry.name) ||
        (entry.hard_link && !name_is_sound(entry.hard_link)))
        result = error_set(err, EPROTO, "\"%s\" is no name for a file in an archive",
                           entry.name ? entry.name : "");
    else
        result = receiver_make(receiver, &entry, err);
    entry_done(&entry);
    return result;
}

static int receiver_take_data(struct receiver *receiver, const struct message *message,
                              struct error *err)
{
    const uint8_t *data = message->data;
    size_t left = message->length;
    if (receiver->file < 0 || left > receiver->left)
        return error_set(err, EPROTO, "the archive has data that belongs to no file");
    while (left) {
        ssize_t written = write(receiver->file, data, left);
        if (written < 0)
            return receiver_error(receiver, receiver->file_name, "write", err);
        data += written;
        left -= (size_t)written;
    }
    receiver->left -= message->length;
    if (receiver->left)
        return 0;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, time_of(receiver->mtime_ns)};
    futimens(receiver->file, times);
    close(receiver->file);
    receiver->file = -1;
    return 0;
}

static int receiver_complete(struct receiver *receiver, struct error *err)
{
    if (receiver->file >= 0)
        return error_set(err, EPROTO, "the archive ends within \"%s\"", receiver->file_name);
    for (size_t i = receiver->folders.count; i-- > 0;) {
        const char *leaf;
        const struct folder *folder = &receiver->folders.items[i];
        _cleanup_close_ int parent = open_parent(receiver, folder->name, &leaf);
        if (parent >= 0)
            set_time(parent, leaf, folder->mtime_ns);
    }
    return 0;
}

static void receiver_take(struct job *job, const struct message *message)
{
    struct receiver *receiver = (struct receiver *)job;
    _cleanup_error_ struct error err = {0};
    int result = 0;
    if (message->type == MESSAGE_COPY_ENTRY)
        result = receiver_take_entry(receiver, message, &err);
    else if (message->type == MESSAGE_COPY_DATA)
        result = receiver_take_data(receiver, message, &err);
    else if (message->type == MESSAGE_COPY_END)
        result = receiver_complete(receiver, &err);
    if (result < 0)
        receiver_finish(receiver, &err);
    else if (message->type == MESSAGE_COPY_END)
        receiver_finish(receiver, NULL);
    else
        job_give_credit(job, message->length, false);
}

static void receiver_end(struct job *job, bool kill)
{
    (void)kill;
    receiver_free((struct receiver *)job);
}

/* --- start ---------------------------------------------------------------------------------- */

static void receiver_decode(struct receiver *receiver, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    char *text;
    while (wire_get_field(&reader, &tag, &field)) {
        if (tag == COPY_PATH && !receiver->path && (text = wire_get_text(&field)))
            receiver->path = text;
        receiver->no_overwrite = receiver->no_overwrite || tag == COPY_NO_OVERWRITE;
        receiver->keep_owners = receiver->keep_owners || tag == COPY_KEEP_OWNERS;
    }
    if (!receiver->path)
        receiver->path = xstrdup("/");
}

/* Below the root itself, absolute links are the guest's own and lead to where they lead for it. */
static int receiver_begin(struct receiver *receiver, struct error *err)
{
    if (receiver->job.agent->phase != AGENT_RUNNING)
        return error_set(err, ESRCH, "the service is not running");
    receiver->root = open(receiver->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (receiver->root < 0)
        return error_set(err, errno, "cannot copy to \"%s\": %s", receiver->path, strerror(errno));
    struct stat root, folder;
    bool is_root = stat("/", &root) == 0 && fstat(receiver->root, &folder) == 0 &&
                   root.st_dev == folder.st_dev && root.st_ino == folder.st_ino;
    receiver->resolve = is_root ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
    return 0;
}

void receiver_start(struct agent *agent, const struct message *message)
{
    static const struct job_type type = {.take = receiver_take, .end = receiver_end};
    _cleanup_error_ struct error err = {0};
    struct receiver *receiver = new0(struct receiver);
    receiver->root = receiver->file = -1;
    job_open(&receiver->job, agent, &type, message->stream);
    receiver_decode(receiver, message);
    if (receiver_begin(receiver, &err) < 0)
        receiver_finish(receiver, &err);
}
