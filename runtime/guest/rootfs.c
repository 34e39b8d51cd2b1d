/* Root file system, see rootfs.h. */
#include "runtime/guest/rootfs.h"

#include "runtime/guest/boot.h"
#include "runtime/guest/mounts.h"

#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the initramfs: below the final root, and out of reach of what runs in it. */
#define IMAGE "/image"
#define LAYER "/layer"
#define ROOT "/root"

struct filesystem {
    const char *type, *path;
    unsigned long flags;
    const char *options;
    mode_t mode; /* of the folder, where the image lacks it */
    bool needed; /* its absence fails the start */
};

/* As Docker mounts them, but that /dev and /sys are the machine's own. */
static const struct filesystem filesystems[] = {
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0555, true},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0555, true},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=0755", 0755, true},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5", 0755,
     true},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777", 01777, true},
    {"mqueue", "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0755, false},
    {"cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0755, false},
};

static const struct {
    const char *target, *path;
} links[] = {
    {"/proc/self/fd", "/dev/fd"},       {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
    {"pts/ptmx", "/dev/ptmx"},
};

/* Bytes at the image's beginning, where its inodes and folders are (image_steps.c). */
#define IMAGE_METADATA (512 * 1024)

/* Read one by one they cost a service's start twenty waits for the host. */
static void read_ahead(const char *device)
{
    int fd = open(device, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    posix_fadvise(fd, 0, IMAGE_METADATA, POSIX_FADV_WILLNEED);
    close(fd);
}

static int mount_image(struct error *err)
{
    char device[64];
    int result = boot_find_disk("rootfs", device, err);
    if (result < 0)
        return result;
    read_ahead(device);
    mkdir(IMAGE, 0755);
    if (mount(device, IMAGE, "erofs", MS_RDONLY, NULL) < 0)
        return error_set(err, errno, "cannot mount the image: %s", strerror(errno));
    return 0;
}

static int mount_disk(const char *serial, const char *type, const char *path, unsigned long flags,
                      const char *options, struct error *err)
{
    char device[64];
    int result = boot_find_disk(serial, device, err);
    if (result < 0)
        return result;
    mkdir(path, 0755);
    if (mount(device, path, type, flags, options) < 0)
        return error_set(err, errno, "cannot mount the disk \"%s\" (%s): %s", serial, type,
                         strerror(errno));
    return 0;
}

static int mount_overlay(struct error *err)
{
    mkdir(LAYER "/upper", 0755);
    mkdir(LAYER "/work", 0755);
    mkdir(ROOT, 0755);
    if (mount("overlay", ROOT, "overlay", 0,
              "lowerdir=" IMAGE ",upperdir=" LAYER "/upper,workdir=" LAYER "/work") < 0)
        return error_set(err, errno, "cannot lay the writable layer over the image: %s",
                         strerror(errno));
    return 0;
}

/* switch_root's way: the initramfs cannot be unmounted, it is covered. */
static int switch_root(struct error *err)
{
    if (chdir(ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
        chdir("/") < 0)
        return error_set(err, errno, "cannot change to the image's root: %s", strerror(errno));
    return 0;
}

static int mount_inside(struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++) {
        const struct filesystem *entry = &filesystems[i];
        mkdir(entry->path, entry->mode);
        if (mount(entry->type, entry->path, entry->type, entry->flags, entry->options) < 0 &&
            entry->needed)
            return error_set(err, errno, "cannot mount %s at \"%s\": %s", entry->type, entry->path,
                             strerror(errno));
    }
    return 0;
}

static int link_devices(struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        unlink(links[i].path);
        if (symlink(links[i].target, links[i].path) < 0)
            return error_set(err, errno, "cannot create \"%s\": %s", links[i].path,
                             strerror(errno));
    }
    return 0;
}

int rootfs_enter(const struct identity *identity, struct error *err)
{
    umask(0);
    int result = mount_image(err);
    if (result == 0)
        /* Without these two a kernel thread reads and writes in the background while the service
         * starts, for the sake of a disk that will be filled. */
        result = mount_disk("data", "ext4", LAYER, MS_NOATIME,
                            "noinit_itable,no_prefetch_block_bitmaps", err);
    if (result == 0)
        result = mount_overlay(err);
    if (result == 0)
        result = mounts_prepare(identity, err);
    if (result == 0)
        result = switch_root(err);
    if (result == 0)
        result = mount_inside(err);
    if (result == 0)
        result = link_devices(err);
    umask(022);
    return result;
}

void rootfs_leave(void)
{
    mounts_leave();
    mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    sync();
}
