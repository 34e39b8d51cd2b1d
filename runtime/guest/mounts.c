/* See mounts.h. */
#include "runtime/guest/mounts.h"

#include "runtime/guest/account.h"
#include "runtime/guest/boot.h"
#include "runtime/guest/console.h"
#include "runtime/guest/mount_point.h"
#include "runtime/guest/protocol.h"
#include "runtime/guest/tree_copy.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOUNTS "/mounts" /* in the initramfs */
#define FILES "files"
/* Beside a volume's content: it is being filled. Found at a start, the filling goes on. */
#define FILLING_MARK ".filling"
#define UNMOUNT_ATTEMPTS 50
#define NO_PROGRAMS (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int mounts_folder = -1; /* MOUNTS, from wherever we are */
static char **placed;          /* targets, in their order */

/* --- devices ---------------------------------------------------------------------------------- */

static int mount_device(const struct identity_mount *wanted, const char *path, struct error *err)
{
    char device[64];
    mkdir(path, 0700);
    if (wanted->type == MOUNT_TYPE_SHARE) {
        boot_load_module("fuse");
        boot_load_module("virtiofs");
        if (mount(wanted->device, path, "virtiofs", 0, NULL) < 0)
            return error_set(err, errno, "cannot mount the share \"%s\": %s", wanted->device,
                             strerror(errno));
        return 0;
    }
    int result = boot_find_disk(wanted->device, device, err);
    if (result < 0)
        return result;
    if (mount(device, path, "ext4", 0, "discard") < 0)
        return error_set(err, errno, "cannot mount the disk \"%s\": %s", wanted->device,
                         strerror(errno));
    return 0;
}

/* The number of the first mount with this device: a disk may be mounted at several places. */
static size_t device_number(const struct identity *identity, size_t index)
{
    size_t first = 0;
    while (!streq(identity->mounts.items[first].device, identity->mounts.items[index].device))
        first++;
    return first;
}

static bool has_device(const struct identity_mount *mount)
{
    return mount->type != MOUNT_TYPE_TMPFS;
}

int mounts_prepare(const struct identity *identity, struct error *err)
{
    mkdir(MOUNTS, 0700);
    mounts_folder = open(MOUNTS, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mounts_folder < 0)
        return error_set(err, errno, "cannot open \"" MOUNTS "\": %s", strerror(errno));
    int result = 0;
    for (size_t i = 0; i < identity->mounts.count && result == 0; i++) {
        const struct identity_mount *mount = &identity->mounts.items[i];
        char path[64], content[512];
        if (!has_device(mount) || device_number(identity, i) != i)
            continue;
        snprintf(path, sizeof(path), MOUNTS "/%zu", i);
        result = mount_device(mount, path, err);
        snprintf(content, sizeof(content), "%s/%s", path, mount->path);
        if (result == 0 && mount->type == MOUNT_TYPE_DISK && mkdir(content, 0755) < 0 &&
            errno != EEXIST)
            result = error_set(err, errno, "cannot use the disk \"%s\": %s", mount->device,
                               strerror(errno));
    }
    return result;
}

static int open_device(const struct identity *identity, size_t index)
{
    char number[32];
    snprintf(number, sizeof(number), "%zu", device_number(identity, index));
    return openat(mounts_folder, number, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* What is mounted through a clone stays; the device as a whole goes out of reach. Also where it was
 * mounted at one place only: so that the last unmount is the file system's. */
static void detach_devices(const struct identity *identity)
{
    char number[32];
    if (fchdir(mounts_folder) < 0)
        return;
    for (size_t i = 0; i < identity->mounts.count; i++) {
        snprintf(number, sizeof(number), "%zu", i);
        if (has_device(&identity->mounts.items[i]) && device_number(identity, i) == i)
            umount2(number, MNT_DETACH);
    }
    umount2(FILES, MNT_DETACH);
    if (chdir("/") < 0)
        console_write("cannot return to the root: %s\n", strerror(errno));
}

/* --- filling ---------------------------------------------------------------------------------- */

static int fill(int device, int content, int source, struct error *err)
{
    bool resumed = faccessat(device, FILLING_MARK, F_OK, 0) == 0;
    if (!resumed && !tree_is_empty(content))
        return 0;
    _cleanup_close_ int mark = openat(device, FILLING_MARK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (mark < 0 || fsync(mark) < 0)
        return error_set(err, errno, "cannot write to the volume: %s", strerror(errno));
    int result = tree_copy(source, content, err);
    if (result == 0 && (syncfs(content) < 0 || unlinkat(device, FILLING_MARK, 0) < 0))
        result = error_set(err, errno, "cannot write to the volume: %s", strerror(errno));
    return result;
}

/* From the image as it is, before anything is mounted over it. */
static int fill_from_image(const struct identity *identity, size_t index, int root,
                           struct error *err)
{
    const struct identity_mount *mount = &identity->mounts.items[index];
    if (!(mount->flags & MOUNT_FILL) || *mount->subpath)
        return 0;
    _cleanup_close_ int source = mount_point_read(root, mount->target);
    if (source < 0)
        return 0; /* the image has nothing there */
    _cleanup_close_ int device = open_device(identity, index);
    _cleanup_close_ int content =
        openat(device, mount->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (content < 0)
        return error_set(err, errno, "cannot open the volume for \"%s\": %s", mount->target,
                         strerror(errno));
    int result = fill(device, content, source, err);
    if (result < 0)
        error_prefix(err, "cannot fill the volume for \"%s\" from the image", mount->target);
    return result;
}

/* --- placing ---------------------------------------------------------------------------------- */

static int make_tmpfs(uint64_t size, uint32_t mode, unsigned attributes)
{
    char number[32];
    _cleanup_close_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
    snprintf(number, sizeof(number), "%llu", (unsigned long long)size);
    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "source", "tmpfs", 0) < 0 ||
        (size && fsconfig(context, FSCONFIG_SET_STRING, "size", number, 0) < 0))
        return -1;
    snprintf(number, sizeof(number), "%o", mode);
    if (fsconfig(context, FSCONFIG_SET_STRING, "mode", number, 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -1;
    return fsmount(context, FSMOUNT_CLOEXEC, attributes);
}

static int make_read_only(int tree)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    return mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes));
}

/* tree: a mount that is nowhere yet. */
static int place(int root, int tree, const char *target, bool is_file, struct error *err)
{
    _cleanup_close_ int point = -1;
    int result = mount_point_open(root, target, is_file, &point, err);
    if (result < 0)
        return result;
    if (move_mount(tree, "", point, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return error_set(err, errno, "cannot mount at \"%s\": %s", target,
                         errno == ENOTDIR ? "one is a file, the other a folder" : strerror(errno));
    strv_add(&placed, xstrdup(target));
    return 0;
}

static int place_clone(int root, int source, const char *target, bool is_file, bool read_only,
                       struct error *err)
{
    _cleanup_close_ int tree =
        open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0 || (read_only && make_read_only(tree) < 0))
        return error_set(err, errno, "cannot mount at \"%s\": %s", target, strerror(errno));
    return place(root, tree, target, is_file, err);
}

static int place_device(const struct identity *identity, size_t index, int root, struct error *err)
{
    const struct identity_mount *mount = &identity->mounts.items[index];
    _cleanup_close_ int device = open_device(identity, index);
    _cleanup_close_ int content = -1, source = -1;
    int result = mount_source_open(device, mount->path, &content, err);
    if (result == 0)
        result = mount_source_open(content, mount->subpath, &source, err);
    if (result < 0)
        return error_prefix(err, "cannot mount at \"%s\"", mount->target);
    struct stat status;
    bool is_file = fstat(source, &status) == 0 && !S_ISDIR(status.st_mode);
    return place_clone(root, source, mount->target, is_file, mount->flags & MOUNT_READ_ONLY, err);
}

static int place_tmpfs(const struct identity_mount *mount, int root, struct error *err)
{
    unsigned read_only = mount->flags & MOUNT_READ_ONLY ? MOUNT_ATTR_RDONLY : 0;
    _cleanup_close_ int tree = make_tmpfs(mount->size, mount->mode, NO_PROGRAMS | read_only);
    if (tree < 0)
        return error_set(err, errno, "cannot make the tmpfs for \"%s\": %s", mount->target,
                         strerror(errno));
    return place(root, tree, mount->target, false, err);
}

/* --- configs and secrets ---------------------------------------------------------------------- */

/* A user's or a group's number by the image's own files; "": root. */
static int find_owner(const struct identity_file *file, struct account *account, struct error *err)
{
    _cleanup_free_ char *text = xasprintf("%s:%s", file->user, *file->group ? file->group : "0");
    int result = account_resolve(text, account, err);
    return result < 0 ? error_prefix(err, "cannot make \"%s\"", file->target) : 0;
}

static int write_file(int folder, const char *name, const struct identity_file *file,
                      struct error *err)
{
    struct account account;
    int result = find_owner(file, &account, err);
    if (result < 0)
        return result;
    _cleanup_close_ int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    size_t done = 0;
    while (fd >= 0 && done < file->length) {
        ssize_t written = write(fd, file->data + done, file->length - done);
        if (written < 0)
            break;
        done += (size_t)written;
    }
    if (fd < 0 || done < file->length || fchown(fd, account.uid, account.gid) < 0 ||
        fchmod(fd, file->mode & 07777) < 0)
        result = error_set(err, errno, "cannot make \"%s\": %s", file->target, strerror(errno));
    account_done(&account);
    return result;
}

/* One tmpfs for all, in the initramfs; each file is shown at its target alone, read-only. */
static int place_files(const struct identity *identity, int root, struct error *err)
{
    if (identity->files.count == 0)
        return 0;
    _cleanup_close_ int tree = make_tmpfs(0, 0700, NO_PROGRAMS);
    mkdirat(mounts_folder, FILES, 0700);
    if (tree < 0 || move_mount(tree, "", mounts_folder, FILES, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return error_set(err, errno, "cannot make the memory for secrets: %s", strerror(errno));
    int result = 0;
    for (size_t i = 0; i < identity->files.count && result == 0; i++) {
        const struct identity_file *file = &identity->files.items[i];
        char name[32];
        snprintf(name, sizeof(name), "%zu", i);
        result = write_file(tree, name, file, err);
        if (result < 0)
            break;
        _cleanup_close_ int source = openat(tree, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        result = place_clone(root, source, file->target, true, true, err);
    }
    return result;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int place_all(const struct identity *identity, int root, struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < identity->mounts.count && result == 0; i++)
        result = fill_from_image(identity, i, root, err);
    for (size_t i = 0; i < identity->mounts.count && result == 0; i++) {
        const struct identity_mount *mount = &identity->mounts.items[i];
        result = has_device(mount) ? place_device(identity, i, root, err)
                                   : place_tmpfs(mount, root, err);
    }
    if (result == 0)
        result = place_files(identity, root, err);
    return result;
}

/* The working directory is made first: later nobody can. */
static int make_root_read_only(const struct identity *identity, int root, struct error *err)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    _cleanup_close_ int working_dir = -1;
    int result = mount_point_open(root, identity->working_dir, false, &working_dir, err);
    if (result == 0 && mount_setattr(root, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) < 0)
        result = error_set(err, errno, "cannot make the root read-only: %s", strerror(errno));
    return result;
}

int mounts_place(struct identity *identity, struct error *err)
{
    mode_t mask = umask(0);
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = place_all(identity, root, err);
    detach_devices(identity);
    identity_forget_files(identity);
    if (result == 0 && identity->read_only_root)
        result = make_root_read_only(identity, root, err);
    umask(mask);
    return result;
}

/* Processes that were just killed may still hold files for a moment. */
static void unmount(const char *path)
{
    struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    for (int i = 0; i < UNMOUNT_ATTEMPTS; i++) {
        if (umount2(path, 0) == 0 || errno != EBUSY)
            return;
        nanosleep(&pause, NULL);
    }
    umount2(path, MNT_DETACH);
}

void mounts_leave(void)
{
    sync();
    for (size_t i = strv_length(placed); i > 0; i--)
        unmount(placed[i - 1]);
}

/* --- conversion of a volume ------------------------------------------------------------------- */

static int copy_devices(const struct identity *identity, struct error *err)
{
    _cleanup_close_ int from = -1, to = -1, device = open_device(identity, 1);
    if (mkdirat(device, identity->mounts.items[1].path, 0755) < 0 && errno != EEXIST)
        return error_set(err, errno, "cannot write to the new volume: %s", strerror(errno));
    from = openat(mounts_folder, "0/" VOLUME_CONTENT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    to = openat(mounts_folder, "1/" VOLUME_CONTENT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (from < 0 || to < 0)
        return error_set(err, errno, "cannot open the volume: %s", strerror(errno));
    int result = tree_copy(from, to, err);
    if (result == 0 && syncfs(to) < 0)
        result = error_set(err, errno, "cannot write to the new volume: %s", strerror(errno));
    return result;
}

int mounts_convert(const struct identity *identity, struct error *err)
{
    if (identity->mounts.count != 2)
        return error_set(err, EPROTO, "a conversion is from one device to another");
    mode_t mask = umask(0);
    int result = mounts_prepare(identity, err);
    if (result == 0)
        result = copy_devices(identity, err);
    umask(mask);
    if (result == 0 && (umount2(MOUNTS "/1", 0) < 0 || umount2(MOUNTS "/0", 0) < 0))
        result = error_set(err, errno, "cannot unmount the volume: %s", strerror(errno));
    sync();
    return result;
}
