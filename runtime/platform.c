/* See platform.h. The kit is made in the thread pool on a copy of the paths (struct kit_work),
 * which may outlive the platform. */
#include "runtime/platform.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "runtime/acceleration.h"

struct kit_work {
    uv_work_t request;
    struct platform *platform; /* NULL: freed meanwhile */
    struct paths paths;
    struct guest_kit kit;
    struct error err;
};

struct platform {
    uv_loop_t *loop;
    const struct paths *paths;
    enum platform_state state;
    struct guest_kit kit;
    struct error failure;
    struct kit_work *work;
    struct acceleration *acceleration;
    void (*on_change)(void *userdata);
    void *userdata;
};

static void make_kit(uv_work_t *request)
{
    struct kit_work *work = request->data;
    guest_kit_ensure(&work->paths, &work->kit, &work->err);
}

static void on_accelerated(void *userdata)
{
    struct platform *platform = userdata;
    platform->state = PLATFORM_READY;
    platform->on_change(platform->userdata);
}

static void take_kit(struct platform *platform, struct kit_work *work)
{
    platform->work = NULL;
    if (work->err.code) {
        platform->state = PLATFORM_FAILED;
        error_copy(&platform->failure, &work->err);
        platform->on_change(platform->userdata);
        return;
    }
    guest_kit_done(&platform->kit);
    platform->kit = work->kit;
    work->kit = (struct guest_kit){0};
    acceleration_find(platform->acceleration, &platform->kit);
    if (acceleration_verdict(platform->acceleration) != ACCELERATION_UNKNOWN)
        on_accelerated(platform); /* known from before */
}

static void on_kit_made(uv_work_t *request, int status)
{
    (void)status;
    struct kit_work *work = request->data;
    if (work->platform)
        take_kit(work->platform, work);
    guest_kit_done(&work->kit);
    error_done(&work->err);
    paths_done(&work->paths);
    free(work);
}

struct platform *platform_new(uv_loop_t *loop, const struct paths *paths,
                              void (*on_change)(void *userdata), void *userdata)
{
    struct platform *platform = new0(struct platform);
    platform->loop = loop;
    platform->paths = paths;
    platform->on_change = on_change;
    platform->userdata = userdata;
    platform->acceleration = acceleration_new(loop, paths, on_accelerated, platform);
    return platform;
}

void platform_free(struct platform *platform)
{
    if (!platform)
        return;
    if (platform->work)
        platform->work->platform = NULL;
    acceleration_free(platform->acceleration);
    guest_kit_done(&platform->kit);
    error_done(&platform->failure);
    free(platform);
}

static bool is_usable(const struct platform *platform)
{
    return platform->state == PLATFORM_READY && fs_exists(platform->kit.kernel) &&
           fs_exists(platform->kit.initramfs);
}

enum platform_state platform_prepare(struct platform *platform)
{
    if (platform->state == PLATFORM_PREPARING || is_usable(platform))
        return platform->state;
    struct kit_work *work = new0(struct kit_work);
    work->request.data = work;
    work->platform = platform;
    work->paths.state = xstrdup(platform->paths->state);
    work->paths.run = xstrdup(platform->paths->run);
    work->paths.cache = xstrdup(platform->paths->cache);
    uv_queue_work(platform->loop, &work->request, make_kit, on_kit_made);
    platform->work = work;
    platform->state = PLATFORM_PREPARING;
    error_done(&platform->failure);
    return platform->state;
}

enum platform_state platform_state(const struct platform *platform, struct error *err)
{
    if (platform->state == PLATFORM_FAILED)
        error_copy(err, &platform->failure);
    return platform->state;
}

const struct guest_kit *platform_kit(const struct platform *platform)
{
    return &platform->kit;
}

bool platform_has_kvm(const struct platform *platform)
{
    return acceleration_verdict(platform->acceleration) == ACCELERATION_KVM;
}

const char *platform_note(const struct platform *platform)
{
    return acceleration_note(platform->acceleration);
}
