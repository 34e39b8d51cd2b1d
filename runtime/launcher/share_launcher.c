/* See share.h: what stands between the daemon and a virtiofsd. A program of its own, because a
 * mount namespace cannot be made between uv_spawn's fork and exec; kept inside the daemon
 * (share_blob.S) and run from there, so that there is nothing to be installed or found.
 *
 *   share_launcher FOLDER folder|file rw|ro PROGRAM ARGUMENT...
 *   descriptor 3: virtiofsd's listening socket, left alone; 4: the source, O_PATH */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> cannot be had together in Debian 12. */
extern int mount(const char *source, const char *target, const char *type, unsigned long flags,
                 const void *data);
#define MOUNT_NOSUID 2ul
#define MOUNT_NODEV 4ul
#define MOUNT_NOEXEC 8ul
#define MOUNT_READ_ONLY 1ul
#define MOUNT_REMOUNT 32ul
#define MOUNT_BIND 4096ul
#define MOUNT_RECURSIVE 16384ul
#define MOUNT_SLAVE (1ul << 19)

#define SOURCE_FD 4
#define FILE_NAME "file"

static int fail(const char *what)
{
    fprintf(stderr, "share_launcher: cannot %s: %s\n", what, strerror(errno));
    return 1;
}

/* The source and what is mounted below it, detached: to be had only in its own namespace. */
static int clone_source(int read_only)
{
    struct mount_attr attributes = {.attr_set = read_only ? MOUNT_ATTR_RDONLY : 0,
                                    .propagation = MOUNT_SLAVE};
    int tree = (int)syscall(SYS_open_tree, SOURCE_FD, "",
                            AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                            sizeof(attributes)) < 0)
        return -1;
    return tree;
}

static int attach(int tree, int folder, const char *path)
{
    return (int)syscall(SYS_move_mount, tree, "", folder, path, MOVE_MOUNT_F_EMPTY_PATH);
}

/* An empty folder that nobody can put anything into but the one file. */
static int attach_file(int tree, const char *folder)
{
    unsigned long flags = MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC;
    if (mount("tmpfs", folder, "tmpfs", flags, "size=64k,mode=0755") < 0)
        return -1;
    int parent = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int file = openat(parent, FILE_NAME, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || attach(tree, parent, FILE_NAME) < 0)
        return -1;
    close(file);
    close(parent);
    return mount(NULL, folder, NULL, MOUNT_REMOUNT | MOUNT_BIND | MOUNT_READ_ONLY | flags, NULL);
}

/* virtiofsd keeps a descriptor for every inode that the guest knows. */
static void raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

int main(int argc, char **argv)
{
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const environment[] = {path, NULL};
    if (argc < 5)
        return 2;
    const char *folder = argv[1];
    int is_file = strcmp(argv[2], "file") == 0;
    int tree = clone_source(strcmp(argv[3], "ro") == 0);
    if (tree < 0)
        return fail("take the source");
    /* What is unmounted on the host goes here too: a medium must not be held by us. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MOUNT_RECURSIVE | MOUNT_SLAVE, NULL) < 0)
        return fail("make a mount namespace");
    if ((is_file ? attach_file(tree, folder) : attach(tree, AT_FDCWD, folder)) < 0)
        return fail("mount the source");
    close(tree);
    close(SOURCE_FD);
    raise_file_limit();
    execve(argv[4], argv + 4, environment);
    return fail("run virtiofsd");
}
