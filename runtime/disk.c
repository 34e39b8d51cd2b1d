/* See disk.h. Made under a temporary name and renamed: half a file system is never taken for one.
 */
#include "runtime/disk.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "base/str.h"
#include "runtime/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define MAKE_TIMEOUT_MS 30000
#define BYTES_PER_INODE 16384
#define INODES_AT_MOST 262144
#define INODES_OF_LARGE_AT_MOST 4194304
#define MEDIUM_BYTES (256ULL << 20)
#define LARGE_BYTES (16ULL << 30)

struct disk_request {
    char *path, *temporary;
    struct spawn *spawn;
    struct deadline *there; /* the disk existed: on_done in the loop's next round */
    void (*on_done)(void *userdata, const struct error *err);
    void *userdata;
};

static void finish(struct disk_request *request, const struct error *err)
{
    if (request->on_done)
        request->on_done(request->userdata, err);
    deadline_free(request->there);
    free(request->path);
    free(request->temporary);
    free(request);
}

static void on_there(void *userdata)
{
    finish(userdata, NULL);
}

static void on_made(void *userdata, const struct spawn_result *result)
{
    struct disk_request *request = userdata;
    _cleanup_error_ struct error err = {0};
    int r = spawn_check("mke2fs", result, &err);
    if (r == 0 && rename(request->temporary, request->path) < 0)
        r = error_set(&err, errno, "cannot make the disk '%s': %s", request->path, strerror(errno));
    if (r < 0) {
        error_prefix(&err, "cannot make the disk '%s'", request->path);
        unlink(request->temporary);
    }
    finish(request, r < 0 ? &err : NULL);
}

static int make_sparse_file(const char *path, uint64_t bytes, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
        return error_set(err, errno, "cannot make the disk '%s' of %llu MiB: %s", path,
                         (unsigned long long)(bytes >> 20), strerror(errno));
    return 0;
}

/* facts: no room to grow and few groups keep the file at 200 KB; assume_storage_prezeroed saves
 * writing the inode tables and the journal, now and in the guest. Without a journal a killed
 * guest's layer cannot be mounted again (checked: "Bad message"). A small disk gets a small one:
 * all of it is written to sooner or later. */
static int start_mke2fs(uv_loop_t *loop, struct disk_request *request, uint64_t bytes,
                        struct error *err)
{
    uint64_t inodes = bytes / BYTES_PER_INODE;
    bool large = bytes >= LARGE_BYTES;
    uint64_t most = large ? INODES_OF_LARGE_AT_MOST : INODES_AT_MOST;
    const char *journal = large ? "size=64" : bytes >= MEDIUM_BYTES ? "size=8" : "size=4";
    _cleanup_free_ char *inode_count =
        xasprintf("%llu", (unsigned long long)(inodes < most ? inodes : most));
    const char *argv[] = {"mke2fs",
                          "-q",
                          "-F",
                          "-t",
                          "ext4",
                          "-E",
                          "assume_storage_prezeroed=1",
                          "-O",
                          "^resize_inode",
                          "-J",
                          journal,
                          "-m",
                          "0",
                          "-G",
                          "32",
                          "-N",
                          inode_count,
                          request->temporary,
                          NULL};
    return spawn_start(
        loop,
        &(struct spawn_options){
            .argv = argv, .timeout_ms = MAKE_TIMEOUT_MS, .on_done = on_made, .userdata = request},
        &request->spawn, err);
}

int disk_ensure(uv_loop_t *loop, const char *path, uint64_t bytes,
                void (*on_done)(void *userdata, const struct error *err), void *userdata,
                struct disk_request **ret_request, struct error *err)
{
    if (bytes < MACHINE_DISK_LEAST_BYTES)
        return error_set(err, EINVAL, "a disk of %llu bytes is too small: use at least %llu MiB",
                         (unsigned long long)bytes, MACHINE_DISK_LEAST_BYTES >> 20);
    struct disk_request *request = new0(struct disk_request);
    request->path = xstrdup(path);
    request->temporary = xasprintf("%s.new", path);
    request->on_done = on_done;
    request->userdata = userdata;
    int r = 0;
    if (fs_exists(path)) {
        request->there = deadline_new(loop, on_there, request);
        deadline_set(request->there, 0);
    } else {
        r = make_sparse_file(request->temporary, bytes, err);
        if (r == 0 && (r = start_mke2fs(loop, request, bytes, err)) < 0)
            unlink(request->temporary);
    }
    if (r < 0) {
        free(request->path);
        free(request->temporary);
        free(request);
        return r;
    }
    *ret_request = request;
    return 0;
}

void disk_request_cancel(struct disk_request *request)
{
    if (request->spawn)
        spawn_cancel(request->spawn);
}

void disk_request_abandon(struct disk_request *request)
{
    request->on_done = NULL;
    disk_request_cancel(request);
}
