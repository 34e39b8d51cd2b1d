/* See image_cache.h. */
#include "runtime/image_cache.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const size_t record_limit = 4 << 20;

int image_cache_init(const char *images, struct error *err)
{
    static const char *const folders[] = {"refs", "locks", "tmp"};
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++) {
        _cleanup_free_ char *folder = xasprintf("%s/%s", images, folders[i]);
        r = fs_make_directory(folder, 0700, err);
    }
    return r;
}

/* --- records -------------------------------------------------------------------------------- */

static cJSON *read_record(const char *path)
{
    _cleanup_free_ char *text = NULL;
    cJSON *record = NULL;
    size_t length;
    if (fs_read_file(path, record_limit, &text, &length, NULL) < 0 ||
        json_parse(text, length, &record, NULL) < 0)
        return NULL;
    return record;
}

static int write_record(const char *path, const cJSON *record, struct error *err)
{
    _cleanup_free_ char *text = json_print(record);
    return fs_write_file_atomic(path, text, strlen(text), 0600, err);
}

/* CACHE/images/<hex digits of the id>, or NULL for what is no id: it becomes part of a path. */
static char *folder_of_id(const char *images, const char *id)
{
    const char *hex = id ? str_after_prefix(id, "sha256:") : NULL;
    if (!hex || strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64)
        return NULL;
    return xasprintf("%s/%s", images, hex);
}

/* What callers get: the record without what is only the cache's. */
static cJSON *result_of(const cJSON *image, const char *rootfs)
{
    cJSON *result = cJSON_CreateObject();
    json_set_string(result, "id", json_string(image, "id", ""));
    json_set_string(result, "rootfs", rootfs);
    json_set_int(result, "size", json_int(image, "rootfs_bytes", 0));
    json_set_string(result, "architecture", json_string(image, "architecture", ""));
    const cJSON *config = json_object(image, "config");
    json_set(result, "config", config ? cJSON_Duplicate(config, true) : cJSON_CreateObject());
    return result;
}

/* --- checking ------------------------------------------------------------------------------- */

/* What a verdict about a file's content holds for: this boot, this very file. */
static cJSON *identity_of(const struct stat *status)
{
    cJSON *identity = cJSON_CreateObject();
    _cleanup_free_ char *text = xasprintf(
        "%ju:%ju:%jd:%jd.%09ld:%jd.%09ld", (uintmax_t)status->st_dev, (uintmax_t)status->st_ino,
        (intmax_t)status->st_size, (intmax_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec,
        (intmax_t)status->st_ctim.tv_sec, status->st_ctim.tv_nsec);
    json_set_string(identity, "boot_id", clock_boot_id());
    json_set_string(identity, "file", text);
    return identity;
}

static void remember_verdict(const char *folder, const char *rootfs)
{
    struct stat status;
    if (stat(rootfs, &status) < 0)
        return;
    _cleanup_free_ char *path = xasprintf("%s/verified.json", folder);
    _cleanup_json_ cJSON *identity = identity_of(&status);
    /* Not being able to remember costs only time. */
    write_record(path, identity, NULL);
}

static bool verdict_is_known(const char *folder, const struct stat *status)
{
    _cleanup_free_ char *path = xasprintf("%s/verified.json", folder);
    _cleanup_json_ cJSON *known = read_record(path), *now = identity_of(status);
    return known && cJSON_Compare(known, now, true);
}

/* NULL: the image is whole; else what is wrong. */
static char *check_rootfs(const char *folder, const char *rootfs, const cJSON *image)
{
    struct stat status;
    int64_t expected = json_int(image, "rootfs_bytes", -1);
    if (stat(rootfs, &status) < 0)
        return xasprintf("'%s' cannot be read: %s", rootfs, strerror(errno));
    if (status.st_size != expected)
        return xasprintf("'%s' has %jd bytes instead of %jd", rootfs, (intmax_t)status.st_size,
                         (intmax_t)expected);
    if (verdict_is_known(folder, &status))
        return NULL;
    _cleanup_error_ struct error err = {0};
    char hex[HASH_HEX_SIZE];
    if (hash_sha256_file(rootfs, hex, &err) < 0)
        return xstrdup(error_text(&err));
    if (!streq(hex, json_string(image, "rootfs_sha256", "")))
        return xasprintf("the content of '%s' has changed", rootfs);
    remember_verdict(folder, rootfs);
    return NULL;
}

void image_cache_find_id(const char *images, const char *id, cJSON **ret_result, char **ret_damage)
{
    *ret_result = NULL;
    *ret_damage = NULL;
    _cleanup_free_ char *folder = folder_of_id(images, id);
    if (!folder || !fs_exists(folder))
        return;
    _cleanup_free_ char *path = xasprintf("%s/image.json", folder);
    _cleanup_free_ char *rootfs = xasprintf("%s/rootfs.erofs", folder);
    _cleanup_json_ cJSON *image = read_record(path);
    if (!image || !streq(json_string(image, "id", ""), id))
        *ret_damage = xasprintf("'%s' is not readable", path);
    else if (!(*ret_damage = check_rootfs(folder, rootfs, image)))
        *ret_result = result_of(image, rootfs);
}

void image_cache_find(const char *images, const char *key, const char *fingerprint,
                      cJSON **ret_result, char **ret_damage)
{
    *ret_result = NULL;
    *ret_damage = NULL;
    _cleanup_free_ char *path = xasprintf("%s/refs/%s.json", images, key);
    _cleanup_json_ cJSON *ref = read_record(path);
    if (ref && (!fingerprint || streq(json_string(ref, "fingerprint", ""), fingerprint)))
        image_cache_find_id(images, json_string(ref, "id", NULL), ret_result, ret_damage);
}

bool image_cache_is_built(const char *images, const char *key)
{
    _cleanup_free_ char *path = xasprintf("%s/refs/%s.json", images, key);
    _cleanup_json_ cJSON *ref = read_record(path);
    return streq(json_string(ref, "fingerprint", ""), IMAGE_CACHE_BUILT);
}

/* --- making --------------------------------------------------------------------------------- */

char *image_cache_lock_path(const char *images, const char *key)
{
    return xasprintf("%s/locks/%s.lock", images, key);
}

/* tmp/<key>.XXXXXX belongs to whoever holds the key's lock; where nobody does, its maker is gone.
 */
static bool is_abandoned(const char *images, const char *entry, const char *held_key)
{
    _cleanup_free_ char *key = xstrndup(entry, strcspn(entry, "."));
    if (streq(key, held_key))
        return true;
    _cleanup_free_ char *path = image_cache_lock_path(images, key);
    _cleanup_close_ int lock = -1;
    return fs_lock_file(path, 0, &lock, NULL) == 0;
}

void image_cache_sweep(const char *images, const char *key)
{
    _cleanup_free_ char *tmp = xasprintf("%s/tmp", images);
    DIR *folder = opendir(tmp);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || !is_abandoned(images, entry->d_name, key))
            continue;
        _cleanup_free_ char *path = xasprintf("%s/%s", tmp, entry->d_name);
        fs_remove_tree(path, NULL);
    }
    if (folder)
        closedir(folder);
}

int image_cache_make_folder(const char *images, const char *key, char **ret_folder,
                            struct error *err)
{
    _cleanup_free_ char *folder = xasprintf("%s/tmp/%s.XXXXXX", images, key);
    if (!mkdtemp(folder))
        return error_set(err, errno, "cannot create a folder in '%s/tmp': %s", images,
                         strerror(errno));
    *ret_folder = TAKE_PTR(folder);
    return 0;
}

/* Renames the finished folder; what stands there under the id is either whole, and stays, or
 * damaged, and goes. (Guests that run from a damaged one keep their open file.) */
static int take_place(const char *images, const char *id, const char *ready, const char *target,
                      cJSON **ret_result, struct error *err)
{
    for (int attempt = 0; rename(ready, target) < 0; attempt++) {
        if ((errno != EEXIST && errno != ENOTEMPTY) || attempt == 3)
            return error_set(err, errno, "cannot create '%s': %s", target, strerror(errno));
        _cleanup_free_ char *damage = NULL;
        image_cache_find_id(images, id, ret_result, &damage);
        if (*ret_result)
            return 0;
        int r = fs_remove_tree(target, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* rootfs.erofs and image.json alone in a folder, ready to be renamed, and on the disk: after a
 * power cut the name must not lead to half a file. */
static int make_ready(const char *folder, const char *ready, const cJSON *image, struct error *err)
{
    _cleanup_free_ char *from = xasprintf("%s/rootfs.erofs", folder);
    _cleanup_free_ char *to = xasprintf("%s/rootfs.erofs", ready);
    _cleanup_free_ char *record = xasprintf("%s/image.json", ready);
    if (mkdir(ready, 0700) < 0 || rename(from, to) < 0)
        return error_set(err, errno, "cannot create '%s': %s", to, strerror(errno));
    _cleanup_close_ int fd = open(to, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0444) < 0 || fsync(fd) < 0)
        return error_set(err, errno, "cannot write '%s': %s", to, strerror(errno));
    return write_record(record, image, err);
}

int image_cache_install(const char *images, const char *folder, cJSON *image, cJSON **ret_result,
                        struct error *err)
{
    _cleanup_free_ char *made = xasprintf("%s/rootfs.erofs", folder);
    _cleanup_free_ char *ready = xasprintf("%s/ready", folder);
    char hex[HASH_HEX_SIZE] = "";
    struct stat status = {0};
    int r = hash_sha256_file(made, hex, err);
    if (r == 0 && stat(made, &status) < 0)
        r = error_set(err, errno, "cannot read '%s': %s", made, strerror(errno));
    if (r < 0)
        return r;
    _cleanup_free_ char *own_id = xasprintf("sha256:%s", hex);
    if (!json_string(image, "id", NULL))
        json_set_string(image, "id", own_id);
    json_set_string(image, "rootfs_sha256", hex);
    json_set_int(image, "rootfs_bytes", status.st_size);
    const char *id = json_string(image, "id", NULL);
    _cleanup_free_ char *target = folder_of_id(images, id);
    _cleanup_free_ char *rootfs = xasprintf("%s/rootfs.erofs", target ? target : "");
    if (!target)
        return error_set(err, EINVAL, "'%s' is not an image id", id);
    _cleanup_json_ cJSON *other = NULL;
    r = make_ready(folder, ready, image, err);
    if (r == 0)
        r = take_place(images, id, ready, target, &other, err);
    if (r < 0)
        return r;
    if (!other)
        remember_verdict(target, rootfs);
    *ret_result = other ? TAKE_PTR(other) : result_of(image, rootfs);
    return 0;
}

int image_cache_write_ref(const char *images, const char *key, const char *reference,
                          const char *fingerprint, const char *id, struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/refs/%s.json", images, key);
    _cleanup_json_ cJSON *ref = cJSON_CreateObject();
    json_set_string(ref, "reference", reference);
    json_set_string(ref, "id", id);
    json_set_int(ref, "created_ms", clock_realtime_ms());
    json_set_string(ref, "fingerprint", fingerprint);
    return write_record(path, ref, err);
}
