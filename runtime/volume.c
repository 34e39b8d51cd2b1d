/* See volume.h: the objects, and what the front asks of them. */
#include "runtime/volume.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define NAME_MAX_LENGTH 200
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
/* Names cannot begin with a dot: what does is on its way out. */
#define REMOVED_PREFIX ".removed-"

static const char *const kind_names[] = {"", "disk", "folder"};
static_assert(ARRAY_SIZE(kind_names) == VOLUME_KIND_COUNT, "a name for each kind");

const char *volume_kind_name(enum volume_kind kind)
{
    return kind_names[kind];
}

/* --- life ------------------------------------------------------------------------------------- */

struct volume *volume_new(struct runtime *runtime, const char *name)
{
    struct volume *volume = new0(struct volume);
    volume->runtime = runtime;
    volume->name = xstrdup(name);
    volume->project = xstrdup("");
    volume->key = xstrdup("");
    volume->labels = cJSON_CreateObject();
    volume->folder = xasprintf("%s/volumes/%s", runtime->paths->state, name);
    volume->next = runtime->volumes;
    runtime->volumes = volume;
    return volume;
}

void volume_free(struct volume *volume)
{
    if (!volume)
        return;
    for (struct volume **link = &volume->runtime->volumes; *link; link = &(*link)->next)
        if (*link == volume) {
            *link = volume->next;
            break;
        }
    if (volume->disk)
        disk_request_abandon(volume->disk);
    if (volume->conversion)
        volume_conversion_abandon(volume->conversion);
    free(volume->name);
    free(volume->project);
    free(volume->key);
    cJSON_Delete(volume->labels);
    free(volume->folder);
    free(volume);
}

struct volume *volume_find(const struct runtime *runtime, const char *name)
{
    for (struct volume *volume = runtime->volumes; volume; volume = volume->next)
        if (streq(volume->name, name))
            return volume;
    return NULL;
}

int volume_check_name(const char *name, struct error *err)
{
    size_t length = strlen(name);
    if (length >= 2 && length <= NAME_MAX_LENGTH && strspn(name, LETTERS "_.-") == length &&
        strchr(LETTERS, name[0]))
        return 0;
    return error_set(err, EINVAL,
                     "'%s' cannot be a volume's name: use 2 to %d letters, digits, '_', '.' and "
                     "'-', a letter or a digit first",
                     name, NAME_MAX_LENGTH);
}

char *volume_disk_path(const struct volume *volume)
{
    return xasprintf("%s/data.img", volume->folder);
}

char *volume_tree_path(const struct volume *volume)
{
    return xasprintf("%s/tree", volume->folder);
}

/* --- users ------------------------------------------------------------------------------------ */

char *volume_users(const struct volume *volume)
{
    _cleanup_strv_ char **users = NULL;
    for (const struct vm *vm = volume->runtime->vms; vm; vm = vm->next)
        if (strv_contains(vm->volumes, volume->name))
            strv_add(&users, xstrdup(vm->status.instance));
    return users ? strv_join(users, ", ") : NULL;
}

/* With a disk, not yet or no more running counts as well: QEMU may still write. */
char *volume_open_by(const struct volume *volume, const struct vm *except)
{
    _cleanup_strv_ char **users = NULL;
    for (const struct vm *vm = volume->runtime->vms; vm; vm = vm->next)
        if (vm != except && vm->process.pid && strv_contains(vm->volumes, volume->name))
            strv_add(&users, xstrdup(vm->status.instance));
    return users ? strv_join(users, ", ") : NULL;
}

static cJSON *describe_users(const struct volume *volume)
{
    cJSON *users = cJSON_CreateArray();
    for (const struct vm *vm = volume->runtime->vms; vm; vm = vm->next)
        if (strv_contains(vm->volumes, volume->name))
            cJSON_AddItemToArray(users, cJSON_CreateString(vm->status.instance));
    return users;
}

static cJSON *describe(const struct volume *volume)
{
    cJSON *json = cJSON_CreateObject();
    _cleanup_free_ char *disk = volume_disk_path(volume);
    _cleanup_free_ char *data = xasprintf("%s/tree/_data", volume->folder);
    struct stat status = {0};
    if (volume->kind == VOLUME_DISK && stat(disk, &status) < 0)
        status.st_blocks = 0;
    json_set_string(json, "name", volume->name);
    json_set_string(json, "kind", volume_kind_name(volume->kind));
    json_set_string(json, "path",
                    volume->kind == VOLUME_DISK     ? disk
                    : volume->kind == VOLUME_FOLDER ? data
                                                    : volume->folder);
    json_set_string(json, "project", volume->project);
    json_set_string(json, "key", volume->key);
    json_set_bool(json, "anonymous", volume->anonymous);
    json_set(json, "labels", cJSON_Duplicate(volume->labels, true));
    json_set_int(json, "created_ms", volume->created_ms);
    json_set_int(json, "bytes", volume->kind == VOLUME_FOLDER ? -1 : status.st_blocks * 512);
    json_set(json, "users", describe_users(volume));
    return json;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct volume *const *)a)->name, (*(struct volume *const *)b)->name);
}

cJSON *runtime_describe_volumes(const struct runtime *runtime)
{
    VEC(struct volume *) sorted = {0};
    for (struct volume *volume = runtime->volumes; volume; volume = volume->next)
        vec_add(&sorted, volume);
    if (sorted.count)
        qsort(sorted.items, sorted.count, sizeof(*sorted.items), compare_names);
    cJSON *all = cJSON_CreateArray();
    for (size_t i = 0; i < sorted.count; i++)
        cJSON_AddItemToArray(all, describe(sorted.items[i]));
    vec_done(&sorted);
    return all;
}

cJSON *runtime_describe_volume(const struct runtime *runtime, const char *name)
{
    const struct volume *volume = volume_find(runtime, name);
    return volume ? describe(volume) : NULL;
}

/* --- create and remove ------------------------------------------------------------------------ */

int runtime_volume_create(struct runtime *runtime, const char *name, const cJSON *labels,
                          char **ret_name, struct error *err)
{
    char random[HASH_HEX_SIZE];
    const char *chosen = name ? name : hash_random_hex(random);
    int r = volume_check_name(chosen, err);
    if (r < 0)
        return r;
    if (volume_find(runtime, chosen))
        return error_set(err, EEXIST, "there is a volume '%s' already", chosen);
    struct volume *volume = volume_new(runtime, chosen);
    volume->anonymous = !name;
    volume->created_ms = clock_realtime_ms();
    if (labels) {
        cJSON_Delete(volume->labels);
        volume->labels = cJSON_Duplicate(labels, true);
    }
    r = volume_store_save(volume, err);
    if (r < 0)
        volume_free(volume);
    else if (ret_name)
        *ret_name = xstrdup(chosen);
    return r;
}

int runtime_volume_remove(struct runtime *runtime, const char *name, struct error *err)
{
    struct volume *volume = volume_find(runtime, name);
    if (!volume)
        return error_set(err, ENOENT, "there is no volume '%s'", name);
    return volume_remove(volume, err);
}

struct cleaning {
    uv_work_t request;
    char *path;
};

static void clean(uv_work_t *request)
{
    struct cleaning *cleaning = request->data;
    _cleanup_error_ struct error err = {0};
    if (fs_remove_tree(cleaning->path, &err) < 0)
        log_warning("%s", error_text(&err));
}

static void on_cleaned(uv_work_t *request, int status)
{
    (void)status;
    struct cleaning *cleaning = request->data;
    free(cleaning->path);
    free(cleaning);
}

/* path is taken. */
static void clean_in_background(struct runtime *runtime, char *path)
{
    struct cleaning *cleaning = new0(struct cleaning);
    cleaning->request.data = cleaning;
    cleaning->path = path;
    uv_queue_work(runtime->loop, &cleaning->request, clean, on_cleaned);
}

/* Renamed first: what is half removed is not taken for the whole. */
static int move_away(struct runtime *runtime, const char *path, struct error *err)
{
    char random[HASH_HEX_SIZE];
    _cleanup_free_ char *removed = xasprintf("%s/volumes/" REMOVED_PREFIX "%.16s",
                                             runtime->paths->state, hash_random_hex(random));
    if (rename(path, removed) == 0)
        clean_in_background(runtime, TAKE_PTR(removed));
    else if (errno != ENOENT)
        return error_set(err, errno, "cannot remove '%s': %s", path, strerror(errno));
    return 0;
}

void volume_remove_other_form(const struct volume *volume)
{
    _cleanup_free_ char *disk = volume_disk_path(volume), *tree = volume_tree_path(volume);
    _cleanup_error_ struct error err = {0};
    if (volume->kind != VOLUME_NONE &&
        move_away(volume->runtime, volume->kind == VOLUME_DISK ? tree : disk, &err) < 0)
        log_warning("%s", error_text(&err));
}

/* The files first, out of the way by a rename: a row without files is made anew by the next ENSURE,
 * but files without a row would be nobody's. */
int volume_remove(struct volume *volume, struct error *err)
{
    struct runtime *runtime = volume->runtime;
    _cleanup_free_ char *users = volume_users(volume);
    if (users)
        return error_set(err, EBUSY, "volume '%s' is in use by %s: remove that first", volume->name,
                         users);
    if (volume->operation)
        return error_set(err, EBUSY, "volume '%s' is being made", volume->name);
    int r = move_away(runtime, volume->folder, err);
    if (r == 0)
        r = volume_store_delete(runtime->store, volume->name, err);
    if (r < 0)
        return r;
    volume_free(volume);
    return 0;
}

/* --- after a restart -------------------------------------------------------------------------- */

static void clean_removed(struct runtime *runtime)
{
    _cleanup_free_ char *parent = xasprintf("%s/volumes", runtime->paths->state);
    DIR *folder = opendir(parent);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (str_after_prefix(entry->d_name, REMOVED_PREFIX))
            clean_in_background(runtime, xasprintf("%s/%s", parent, entry->d_name));
    if (folder)
        closedir(folder);
}

void volume_adopt_all(struct runtime *runtime)
{
    clean_removed(runtime);
    for (const struct volume *volume = runtime->volumes; volume; volume = volume->next)
        volume_remove_other_form(volume);
}
