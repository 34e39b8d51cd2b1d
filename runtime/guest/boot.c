/* Early user space, see boot.h. */
#include "runtime/guest/boot.h"

#include "runtime/guest/console.h"
#include "runtime/guest/protocol.h"

#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MODULE_LIST "/modules.load"
#define MODULES_FOR_LATER "/modules.later"
#define DEVICE_WAIT_MS 20000
#define DEVICE_POLL_MS 2

static int mount_at(const char *type, const char *path, unsigned long flags, const char *options,
                    struct error *err)
{
    mkdir(path, 0755);
    if (mount(type, path, type, flags, options) < 0 && errno != EBUSY)
        return error_set(err, errno, "cannot mount %s at \"%s\": %s", type, path, strerror(errno));
    return 0;
}

int boot_mount(struct error *err)
{
    int result = mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
    if (result == 0)
        result = mount_at("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, err);
    if (result == 0)
        result = mount_at("devtmpfs", "/dev", MS_NOSUID, "mode=0755", err);
    return result;
}

static void load_module(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
        console_write("cannot load the module %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    unlink(path); /* the initramfs is memory */
}

void boot_load_modules(void)
{
    FILE *list = fopen(MODULE_LIST, "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (list && getline(&line, &size, list) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (*line)
            load_module(line);
    }
    if (list)
        fclose(list);
}

/* "/modules/fuse.ko" is the module "fuse". */
static bool is_module(const char *path, const char *name)
{
    const char *file = strrchr(path, '/');
    size_t length = strlen(name);
    return file && strncmp(file + 1, name, length) == 0 && file[1 + length] == '.';
}

void boot_load_module(const char *name)
{
    FILE *list = fopen(MODULES_FOR_LATER, "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    while (list && getline(&line, &size, list) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (is_module(line, name) && access(line, F_OK) == 0)
            load_module(line);
    }
    if (list)
        fclose(list);
}

/* True where directory/entry/file holds the text. */
static bool attribute_is(const char *directory, const char *entry, const char *file,
                         const char *wanted)
{
    char path[512], value[128];
    snprintf(path, sizeof(path), "%s/%s/%s", directory, entry, file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, value, sizeof(value) - 1);
    close(fd);
    if (length < 0)
        return false;
    value[length] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return streq(value, wanted);
}

/* The entry of a sysfs class whose attribute has this value, as a path in /dev. */
static bool find_device(const char *directory, const char *file, const char *wanted, char path[64])
{
    DIR *entries = opendir(directory);
    struct dirent *entry;
    bool found = false;
    while (entries && !found && (entry = readdir(entries))) {
        found = entry->d_name[0] != '.' && attribute_is(directory, entry->d_name, file, wanted);
        if (found)
            snprintf(path, 64, "/dev/%.50s", entry->d_name);
    }
    if (entries)
        closedir(entries);
    return found && access(path, F_OK) == 0;
}

static int wait_for_device(const char *directory, const char *file, const char *wanted,
                           char path[64], struct error *err)
{
    struct timespec pause = {.tv_nsec = DEVICE_POLL_MS * 1000000L};
    for (int waited = 0; waited < DEVICE_WAIT_MS; waited += DEVICE_POLL_MS) {
        if (find_device(directory, file, wanted, path))
            return 0;
        nanosleep(&pause, NULL);
    }
    return error_set(err, ENODEV, "the virtual machine has no device \"%s\" in \"%s\"", wanted,
                     directory);
}

int boot_find_disk(const char *serial, char path[64], struct error *err)
{
    return wait_for_device("/sys/block", "serial", serial, path, err);
}

int boot_open_port(int *ret_fd, struct error *err)
{
    char path[64];
    int result = wait_for_device("/sys/class/virtio-ports", "name", PROTOCOL_PORT_NAME, path, err);
    if (result < 0)
        return result;
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, "cannot open \"%s\": %s", path, strerror(errno));
    *ret_fd = fd;
    return 0;
}
