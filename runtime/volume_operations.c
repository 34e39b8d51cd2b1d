/* See volume.h: the provider "volume". */
#include "runtime/volume.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "runtime/share.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void succeed(struct volume *volume)
{
    struct operation *operation = TAKE_PTR(volume->operation);
    struct error none = {0};
    cJSON *result = cJSON_CreateObject();
    _cleanup_free_ char *path =
        volume->kind == VOLUME_DISK ? volume_disk_path(volume) : volume_tree_path(volume);
    json_set_string(result, "name", volume->name);
    json_set_string(result, "kind", volume_kind_name(volume->kind));
    json_set_string(result, "path", path);
    operation->provider_data = NULL;
    operation_done(operation, result, &none);
}

/* The content is there as `kind`: from now on it is that, and the other form goes. */
static int become(struct volume *volume, enum volume_kind kind, struct error *err)
{
    enum volume_kind before = volume->kind;
    volume->kind = kind;
    int r = volume_store_save(volume, err);
    if (r < 0) {
        volume->kind = before;
        return r;
    }
    volume_remove_other_form(volume);
    return 0;
}

/* What an ENSURE that fails had made itself: nothing of it is left. */
static void fail(struct volume *volume, struct error *err)
{
    struct operation *operation = TAKE_PTR(volume->operation);
    operation->provider_data = NULL;
    if (volume->kind == VOLUME_NONE)
        volume_remove(volume, NULL);
    operation_done(operation, NULL, err);
}

static void on_disk_made(void *userdata, const struct error *failure)
{
    struct volume *volume = userdata;
    _cleanup_error_ struct error err = {0};
    volume->disk = NULL;
    if (failure)
        error_copy(&err, failure);
    if (err.code == 0)
        become(volume, VOLUME_DISK, &err);
    if (err.code)
        fail(volume, &err);
    else
        succeed(volume);
}

static void on_converted(void *userdata, struct error *failure)
{
    struct volume *volume = userdata;
    _cleanup_error_ struct error err = {0};
    volume->conversion = NULL;
    enum volume_kind other = volume->kind == VOLUME_DISK ? VOLUME_FOLDER : VOLUME_DISK;
    error_move(&err, failure);
    if (err.code == 0)
        become(volume, other, &err);
    else
        error_prefix(&err, "volume '%s' cannot become a %s", volume->name, volume_kind_name(other));
    if (err.code)
        fail(volume, &err);
    else
        succeed(volume);
}

static int make_disk(struct volume *volume, struct error *err)
{
    _cleanup_free_ char *path = volume_disk_path(volume);
    int r = fs_make_directory(volume->folder, 0700, err);
    if (r < 0)
        return r;
    return disk_ensure(volume->runtime->loop, path, VOLUME_DISK_BYTES, on_disk_made, volume,
                       &volume->disk, err);
}

static int make_folder(struct volume *volume, struct error *err)
{
    _cleanup_free_ char *data = xasprintf("%s/tree/_data", volume->folder);
    int r = fs_make_directory(volume->folder, 0700, err);
    if (r == 0)
        r = fs_make_directory(data, 0755, err);
    if (r == 0)
        r = become(volume, VOLUME_FOLDER, err);
    if (r == 0)
        succeed(volume);
    return r;
}

static int convert(struct volume *volume, enum volume_kind wanted, struct error *err)
{
    _cleanup_free_ char *users = volume_open_by(volume, NULL);
    if (users && wanted == VOLUME_FOLDER)
        return error_set(err, EBUSY,
                         "volume '%s' is a disk that %s has open; to be shared it must become a "
                         "folder: stop that first",
                         volume->name, users);
    if (users) { /* a folder serves one VM as well */
        succeed(volume);
        return 0;
    }
    operation_progress(volume->operation,
                       wanted == VOLUME_FOLDER ? "copying the disk into a shared folder"
                                               : "copying the shared folder into a disk",
                       0, 0, "");
    return volume_convert(volume, on_converted, volume, &volume->conversion, err);
}

static int ensure(struct volume *volume, struct error *err)
{
    enum volume_kind wanted =
        json_bool(volume->operation->spec, "shared", false) ? VOLUME_FOLDER : VOLUME_DISK;
    if (volume->kind != VOLUME_NONE && volume->kind != wanted)
        return convert(volume, wanted, err);
    return wanted == VOLUME_DISK ? make_disk(volume, err) : make_folder(volume, err);
}

static int refuse_missing(const char *name, struct error *err)
{
    return error_set(err, ENOENT,
                     "volume '%s' is declared as external, but there is none: create it with "
                     "`vmstead volume create %s`",
                     name, name);
}

static int find_or_make(struct runtime *runtime, const struct operation *operation,
                        struct volume **ret_volume, struct error *err)
{
    const cJSON *spec = operation->spec;
    struct volume *volume = volume_find(runtime, operation->name);
    int r = 0;
    if (!volume && json_bool(spec, "external", false))
        return refuse_missing(operation->name, err);
    if (!volume) {
        r = volume_check_name(operation->name, err);
        if (r < 0)
            return r;
        volume = volume_new(runtime, operation->name);
        free(volume->project);
        free(volume->key);
        volume->project = xstrdup(json_string(spec, "project", ""));
        volume->key = xstrdup(json_string(spec, "key", ""));
        volume->anonymous = json_bool(spec, "anonymous", false);
        volume->created_ms = clock_realtime_ms();
        const cJSON *labels = json_object(spec, "labels");
        if (labels) {
            cJSON_Delete(volume->labels);
            volume->labels = cJSON_Duplicate(labels, true);
        }
        r = volume_store_save(volume, err); /* before the effect */
        if (r < 0)
            volume_free(volume);
    }
    if (r == 0)
        *ret_volume = volume;
    return r;
}

static int start_ensure(struct runtime *runtime, struct operation *operation, struct error *err)
{
    struct volume *volume = NULL;
    int r = find_or_make(runtime, operation, &volume, err);
    if (r < 0 || !volume)
        return r;
    if (volume->operation)
        return error_set(err, EBUSY, "volume '%s' is busy: another operation on it has not ended",
                         volume->name);
    volume->operation = operation;
    operation->provider_data = volume;
    r = ensure(volume, err);
    if (r == 0)
        return 0;
    volume->operation = NULL;
    operation->provider_data = NULL;
    if (volume->kind == VOLUME_NONE)
        volume_remove(volume, NULL);
    return r;
}

static int start_remove(struct runtime *runtime, struct operation *operation, struct error *err)
{
    struct volume *volume = volume_find(runtime, operation->name);
    int r = 0;
    if (volume && !json_bool(operation->spec, "external", false))
        r = volume_remove(volume, err);
    if (r == 0) {
        struct error none = {0};
        operation_done(operation, NULL, &none);
    }
    return r;
}

int volume_start_operation(void *self, struct operation *operation, struct error *err)
{
    operation->provider_data = NULL;
    if (operation->verb == OPERATION_ENSURE)
        return start_ensure(self, operation, err);
    if (operation->verb == OPERATION_REMOVE)
        return start_remove(self, operation, err);
    return error_set(err, EINVAL, "a volume cannot be asked to %s",
                     operation_verb_name(operation->verb));
}

void volume_cancel_operation(void *self, struct operation *operation)
{
    (void)self;
    struct volume *volume = operation->provider_data;
    if (volume && volume->disk)
        disk_request_cancel(volume->disk);
    if (volume && volume->conversion)
        volume_conversion_cancel(volume->conversion);
}

static int check_operation(const struct runtime *runtime, const struct operation *operation,
                           struct error *err)
{
    if (json_bool(operation->spec, "shared", false)) {
        int r = share_probe(err);
        if (r < 0)
            return error_prefix(err, "volume '%s' is shared", operation->name);
    }
    if (volume_find(runtime, operation->name))
        return 0;
    if (json_bool(operation->spec, "external", false))
        return refuse_missing(operation->name, err);
    return volume_check_name(operation->name, err);
}

int volume_check_operations(void *self, struct operation *const *operations, size_t count,
                            struct error *err)
{
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++)
        r = check_operation(self, operations[i], err);
    return r;
}
