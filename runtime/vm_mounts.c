/* See vm_mounts.h. */
#include "runtime/vm_mounts.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "runtime/share.h"
#include "runtime/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TMPFS_MODE 01777

static bool is_type(const cJSON *mount, const char *type)
{
    return streq(json_string(mount, "type", ""), type);
}

char **vm_mounts_volumes(const cJSON *spec)
{
    char **volumes = NULL;
    const cJSON *mount;
    cJSON_ArrayForEach(mount, json_array(spec, "mounts"))
    {
        const char *name = json_string(mount, "volume", "");
        if (is_type(mount, "volume") && !strv_contains(volumes, name))
            strv_add(&volumes, xstrdup(name));
    }
    return volumes;
}

void vm_mounts_done(struct vm_mounts *mounts)
{
    for (size_t i = 0; i < mounts->shares.count; i++)
        close(mounts->shares.items[i].source);
    vec_done(&mounts->shares);
    strv_free(mounts->disks);
    cJSON_Delete(mounts->guest);
    *mounts = (struct vm_mounts){0};
}

/* --- sources on the host ---------------------------------------------------------------------- */

/* Below the folder, whatever symlinks and ".." the path is made of. */
static int open_beneath(int folder, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));
}

static int explain_subpath(const char *source, const char *subpath, int error, struct error *err)
{
    if (error == EXDEV || error == ELOOP)
        return error_set(err, EXDEV, "the subpath '%s' leads out of '%s'", subpath, source);
    return error_set(err, error, "cannot open the subpath '%s' of '%s': %s", subpath, source,
                     strerror(error));
}

static int check_sharable(const char *source, int fd, bool *ret_is_folder, struct error *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set(err, errno, "cannot look at '%s': %s", source, strerror(errno));
    *ret_is_folder = S_ISDIR(status.st_mode);
    if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode))
        return 0;
    return error_set(err, EINVAL, "'%s' is %s: it works on this host only, a VM cannot mount it",
                     source,
                     S_ISSOCK(status.st_mode)   ? "a socket"
                     : S_ISFIFO(status.st_mode) ? "a pipe"
                                                : "a device");
}

static int open_source(const cJSON *mount, struct vm_share *ret_share, struct error *err)
{
    const char *source = json_string(mount, "source", "");
    const char *subpath = json_string(mount, "subpath", NULL);
    _cleanup_close_ int fd = open(source, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot open '%s': %s", source, strerror(errno));
    if (subpath && *subpath) {
        int below = open_beneath(fd, subpath);
        if (below < 0)
            return explain_subpath(source, subpath, errno, err);
        close(fd);
        fd = below;
    }
    bool is_folder;
    int r = check_sharable(source, fd, &is_folder, err);
    if (r == 0)
        *ret_share = (struct vm_share){.source = TAKE_FD(fd),
                                       .is_folder = is_folder,
                                       .read_only = json_bool(mount, "read_only", false)};
    return r;
}

/* --- check ------------------------------------------------------------------------------------ */

static int check_bind(const cJSON *mount, struct error *err)
{
    const char *source = json_string(mount, "source", "");
    struct stat status;
    if (*source != '/')
        return error_set(err, EINVAL, "the source '%s' of a bind mount is no absolute path",
                         source);
    if (stat(source, &status) < 0 && errno == ENOENT) {
        if (json_bool(mount, "create_host_path", false) && !json_string(mount, "subpath", NULL))
            return 0;
        return error_set(err, ENOENT,
                         "'%s' does not exist on the host: create it, or say create_host_path: "
                         "true for a folder",
                         source);
    }
    struct vm_share share;
    int r = open_source(mount, &share, err);
    if (r == 0)
        close(share.source);
    return r;
}

static int check_mount(const cJSON *mount, struct error *err)
{
    const char *target = json_string(mount, "target", "");
    int r = 0;
    if (*target != '/')
        r = error_set(err, EINVAL, "the target is no absolute path");
    else if (is_type(mount, "bind"))
        r = check_bind(mount, err);
    return r < 0 ? error_prefix(err, "cannot mount at '%s'", target) : 0;
}

static bool needs_device(const cJSON *mount)
{
    return is_type(mount, "volume") || is_type(mount, "bind");
}

int vm_mounts_check(const cJSON *spec, struct error *err)
{
    const cJSON *mount;
    int devices = cJSON_GetArraySize(json_array(spec, "endpoints"));
    cJSON_ArrayForEach(mount, json_array(spec, "mounts"))
    {
        int r = check_mount(mount, err);
        if (r == 0 && is_type(mount, "bind"))
            r = share_probe(err);
        if (r < 0)
            return r;
        devices += needs_device(mount);
    }
    if (devices > VM_DEVICES_MAX)
        return error_set(err, E2BIG,
                         "%d networks, volumes and bind mounts are too many: a VM has room for %d "
                         "(several bind mounts can be one of a common folder)",
                         devices, VM_DEVICES_MAX);
    return 0;
}

/* --- open ------------------------------------------------------------------------------------- */

static cJSON *describe(const cJSON *mount, const char *type, const char *device, const char *path)
{
    cJSON *guest = cJSON_CreateObject();
    json_set_string(guest, "type", type);
    json_set_string(guest, "device", device);
    json_set_string(guest, "path", path);
    json_set_string(guest, "target", json_string(mount, "target", ""));
    json_set_bool(guest, "read_only", json_bool(mount, "read_only", false));
    return guest;
}

static char *add_share(struct vm_mounts *mounts, const struct vm_share *share)
{
    vec_add(&mounts->shares, *share);
    return xasprintf("share%zu", mounts->shares.count - 1);
}

/* A disk is one device, however many places it is mounted at. */
static char *add_disk(struct vm_mounts *mounts, const char *path)
{
    size_t index = 0;
    while (mounts->disks && mounts->disks[index] && !streq(mounts->disks[index], path))
        index++;
    if (!mounts->disks || !mounts->disks[index])
        strv_add(&mounts->disks, xstrdup(path));
    return xasprintf("volume%zu", index);
}

static int refuse_open_disk(const struct vm *vm, const struct volume *volume, struct error *err)
{
    _cleanup_free_ char *users = volume_open_by(volume, vm);
    if (!users)
        return 0;
    return error_set(err, EBUSY,
                     "volume '%s' is a disk that %s has open; to share it between projects say "
                     "`x-vmstead: {shared: true}` in the volume's declaration",
                     volume->name, users);
}

static int open_volume(const struct vm *vm, const cJSON *mount, struct vm_mounts *mounts,
                       struct error *err)
{
    const char *name = json_string(mount, "volume", "");
    const struct volume *volume = volume_find(vm->runtime, name);
    if (!volume || volume->kind == VOLUME_NONE || volume->operation)
        return error_set(err, ENOENT, "volume '%s' is not there", name);
    _cleanup_free_ char *device = NULL, *path = NULL;
    bool is_disk = volume->kind == VOLUME_DISK;
    if (is_disk) {
        int r = refuse_open_disk(vm, volume, err);
        if (r < 0)
            return r;
        path = volume_disk_path(volume);
        device = add_disk(mounts, path);
    } else {
        path = volume_tree_path(volume);
        struct vm_share share = {.source = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC),
                                 .is_folder = true};
        if (share.source < 0)
            return error_set(err, errno, "cannot open volume '%s': %s", name, strerror(errno));
        device = add_share(mounts, &share);
    }
    cJSON *guest = describe(mount, is_disk ? "disk" : "share", device, "_data");
    json_set_string(guest, "subpath", json_string(mount, "subpath", NULL));
    json_set_bool(guest, "fill", vm->boot <= 1 && !json_bool(mount, "nocopy", false));
    cJSON_AddItemToArray(mounts->guest, guest);
    return 0;
}

static int open_bind(const cJSON *mount, struct vm_mounts *mounts, struct error *err)
{
    const char *source = json_string(mount, "source", "");
    int r = 0;
    if (json_bool(mount, "create_host_path", false) && !fs_exists(source))
        r = fs_make_directory(source, 0755, err);
    struct vm_share share = {0};
    if (r == 0)
        r = open_source(mount, &share, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *device = add_share(mounts, &share);
    cJSON *guest = describe(mount, "share", device, share.is_folder ? "" : SHARE_FILE);
    json_set_bool(guest, "file", !share.is_folder);
    cJSON_AddItemToArray(mounts->guest, guest);
    return 0;
}

static int open_tmpfs(const cJSON *mount, struct vm_mounts *mounts)
{
    cJSON *guest = describe(mount, "tmpfs", "", "");
    int64_t mode = json_int(mount, "mode", 0);
    json_set_int(guest, "size", json_int(mount, "size", 0));
    json_set_int(guest, "mode", mode ? mode : TMPFS_MODE);
    cJSON_AddItemToArray(mounts->guest, guest);
    return 0;
}

int vm_mounts_open(const struct vm *vm, const cJSON *spec, struct vm_mounts *ret_mounts,
                   struct error *err)
{
    struct vm_mounts mounts = {.guest = cJSON_CreateArray()};
    const cJSON *mount;
    int r = 0;
    cJSON_ArrayForEach(mount, json_array(spec, "mounts"))
    {
        if (is_type(mount, "volume"))
            r = open_volume(vm, mount, &mounts, err);
        else if (is_type(mount, "bind"))
            r = open_bind(mount, &mounts, err);
        else
            r = open_tmpfs(mount, &mounts);
        if (r < 0) {
            error_prefix(err, "'%s' cannot mount '%s'", vm->status.instance,
                         json_string(mount, "target", ""));
            vm_mounts_done(&mounts);
            return r;
        }
    }
    *ret_mounts = mounts;
    return 0;
}
