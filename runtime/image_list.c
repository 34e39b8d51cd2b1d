/* See image_list.h. */
#include "runtime/image_list.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/image_reference.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_cache.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

enum { RECORD_LIMIT = 4 << 20, ID_PREFIX_MIN = 4 };

/* refs/<key>.json, read. */
struct ref {
    char *key;
    cJSON *record;
};
struct refs {
    VEC(struct ref) list;
};

static cJSON *read_record(const char *path)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    cJSON *record = NULL;
    if (fs_read_file(path, RECORD_LIMIT, &text, &length, NULL) < 0 ||
        json_parse(text, length, &record, NULL) < 0)
        return NULL;
    return record;
}

static void read_refs(const char *images, struct refs *refs)
{
    _cleanup_free_ char *path = xasprintf("%s/refs", images);
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (!str_ends_with(entry->d_name, ".json"))
            continue;
        _cleanup_free_ char *file = xasprintf("%s/%s", path, entry->d_name);
        struct ref ref = {xstrndup(entry->d_name, strlen(entry->d_name) - strlen(".json")),
                          read_record(file)};
        vec_add(&refs->list, ref);
    }
    if (folder)
        closedir(folder);
}

static void refs_done(struct refs *refs)
{
    for (size_t i = 0; i < refs->list.count; i++) {
        free(refs->list.items[i].key);
        cJSON_Delete(refs->list.items[i].record);
    }
    vec_done(&refs->list);
}

static const char *ref_id(const struct ref *ref)
{
    return json_string(ref->record, "id", "");
}

/* "docker://docker.io/library/nginx:latest" -> "nginx:latest"; "" for what is no name of an image:
 * the key of a build, a bootstrap's description. */
static const char *ref_name(const struct ref *ref)
{
    const char *source = json_string(ref->record, "reference", "");
    const char *name = str_after_prefix(source, "docker://");
    if (!name)
        return strchr(source, ':') ? source : "";
    const char *official = str_after_prefix(name, "docker.io/library/");
    const char *hub = str_after_prefix(name, "docker.io/");
    return official ? official : hub ? hub : name;
}

/* --- describing ----------------------------------------------------------------------------- */

static void add_refs(const struct refs *refs, cJSON *image)
{
    const char *id = json_string(image, "id", "");
    cJSON *names = cJSON_AddArrayToObject(image, "references");
    json_set_bool(image, "built", false);
    for (size_t i = 0; i < refs->list.count; i++) {
        const struct ref *ref = &refs->list.items[i];
        if (!streq(ref_id(ref), id))
            continue;
        const char *source = json_string(ref->record, "reference", "");
        if (*ref_name(ref))
            cJSON_AddItemToArray(names, cJSON_CreateString(ref_name(ref)));
        else if (*source)
            json_set_string(image, "bootstrap", source);
        if (!*source || streq(json_string(ref->record, "fingerprint", ""), IMAGE_CACHE_BUILT))
            json_set_bool(image, "built", true);
        int64_t created = json_int(ref->record, "created_ms", 0);
        if (created > json_int(image, "created_ms", 0))
            json_set_int(image, "created_ms", created);
    }
}

static cJSON *describe_image(const char *images, const char *hex, const struct refs *refs)
{
    _cleanup_free_ char *path = xasprintf("%s/%s/image.json", images, hex);
    _cleanup_json_ cJSON *record = read_record(path);
    if (!record)
        return NULL;
    const cJSON *config = json_object(record, "config");
    cJSON *image = cJSON_CreateObject();
    json_set_string(image, "id", json_string(record, "id", ""));
    json_set_int(image, "size", json_int(record, "rootfs_bytes", 0));
    json_set_int(image, "created_ms", 0);
    json_set_string(image, "architecture", json_string(record, "architecture", ""));
    json_set(image, "config", config ? cJSON_Duplicate(config, true) : cJSON_CreateObject());
    add_refs(refs, image);
    return image;
}

static int compare_images(const void *a, const void *b)
{
    const cJSON *one = *(cJSON *const *)a, *other = *(cJSON *const *)b;
    int64_t first = json_int(one, "created_ms", 0), second = json_int(other, "created_ms", 0);
    if (first != second)
        return first > second ? -1 : 1;
    return strcmp(json_string(one, "id", ""), json_string(other, "id", ""));
}

static cJSON *describe(const char *images, const struct refs *refs)
{
    VEC(cJSON *) found = {0};
    DIR *folder = opendir(images);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (strlen(entry->d_name) != HASH_HEX_SIZE - 1)
            continue;
        cJSON *image = describe_image(images, entry->d_name, refs);
        if (image)
            vec_add(&found, image);
    }
    if (folder)
        closedir(folder);
    if (found.count)
        qsort(found.items, found.count, sizeof(*found.items), compare_images);
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < found.count; i++)
        cJSON_AddItemToArray(list, found.items[i]);
    vec_done(&found);
    return list;
}

cJSON *image_list_describe(const char *images)
{
    _cleanup_(refs_done) struct refs refs = {0};
    read_refs(images, &refs);
    return describe(images, &refs);
}

/* --- removing ------------------------------------------------------------------------------- */

static void note(cJSON *removed, const char *what, const char *name)
{
    cJSON *item = cJSON_CreateObject();
    json_set_string(item, what, name);
    cJSON_AddItemToArray(removed, item);
}

static int remove_ref(const char *images, const struct ref *ref, cJSON *removed, struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/refs/%s.json", images, ref->key);
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set(err, errno, "cannot remove '%s': %s", path, strerror(errno));
    if (*ref_name(ref))
        note(removed, "Untagged", ref_name(ref));
    return 0;
}

/* Out of its place in one step: nobody finds half an image. */
static int remove_files(const char *images, const char *id, cJSON *removed, struct error *err)
{
    const char *hex = str_after_prefix(id, "sha256:");
    _cleanup_free_ char *from = xasprintf("%s/%s", images, hex ? hex : "");
    _cleanup_free_ char *to = xasprintf("%s/tmp/removed.XXXXXX", images);
    if (!hex || !fs_exists(from))
        return 0; /* a name that led nowhere */
    if (!mkdtemp(to) || rename(from, to) < 0)
        return error_set(err, errno, "cannot remove image '%s': %s", id, strerror(errno));
    note(removed, "Deleted", id);
    return fs_remove_tree(to, err);
}

static int remove_image(const char *images, const struct refs *refs, const char *id, cJSON *removed,
                        struct error *err)
{
    int r = 0;
    for (size_t i = 0; i < refs->list.count && r == 0; i++)
        if (streq(ref_id(&refs->list.items[i]), id))
            r = remove_ref(images, &refs->list.items[i], removed, err);
    return r < 0 ? r : remove_files(images, id, removed, err);
}

static const struct ref *find_by_name(const struct refs *refs, const char *name)
{
    _cleanup_(image_reference_done) struct image_reference reference = {0};
    char key[HASH_HEX_SIZE];
    if (image_reference_parse(name, &reference, NULL) < 0)
        return NULL;
    hash_sha256_hex(reference.source, strlen(reference.source), key);
    for (size_t i = 0; i < refs->list.count; i++)
        if (streq(refs->list.items[i].key, key))
            return &refs->list.items[i];
    return NULL;
}

static size_t count_names(const struct refs *refs, const char *id)
{
    size_t count = 0;
    for (size_t i = 0; i < refs->list.count; i++)
        count += streq(ref_id(&refs->list.items[i]), id) && *ref_name(&refs->list.items[i]);
    return count;
}

/* Borrowed from list. -ENOENT, or -EINVAL where the digits begin several ids. */
static int find_by_id(const cJSON *list, const char *name, const char **ret_id, struct error *err)
{
    const char *given = str_after_prefix(name, "sha256:");
    const char *digits = given ? given : name, *found = NULL;
    bool is_id =
        strlen(digits) >= ID_PREFIX_MIN && strspn(digits, "0123456789abcdef") == strlen(digits);
    const cJSON *image;
    cJSON_ArrayForEach(image, list)
    {
        const char *id = json_string(image, "id", "");
        if (!is_id || !str_after_prefix(id + strlen("sha256:"), digits))
            continue;
        if (found)
            return error_set(err, EINVAL, "'%s' begins the ids of several images", name);
        found = id;
    }
    if (!found)
        return error_set(err, ENOENT, "no such image: '%s'", name);
    *ret_id = found;
    return 0;
}

static int check_unused(const char *name, const char *id, const cJSON *used, struct error *err)
{
    const char *user = json_string(used, id, NULL);
    if (!user)
        return 0;
    return error_set(err, EBUSY, "image '%s' is used by '%s'; remove that first", name, user);
}

int image_list_remove(const char *images, const char *name, const cJSON *used, cJSON **ret_removed,
                      struct error *err)
{
    _cleanup_(refs_done) struct refs refs = {0};
    _cleanup_json_ cJSON *removed = cJSON_CreateArray(), *list = NULL;
    read_refs(images, &refs);
    list = describe(images, &refs);
    const struct ref *ref = find_by_name(&refs, name);
    const char *id = ref ? ref_id(ref) : NULL;
    int r = ref ? 0 : find_by_id(list, name, &id, err);
    if (r < 0)
        return r;
    if (ref && count_names(&refs, id) > 1)
        r = remove_ref(images, ref, removed, err);
    else if ((r = check_unused(name, id, used, err)) == 0)
        r = remove_image(images, &refs, id, removed, err);
    if (r == 0)
        *ret_removed = TAKE_PTR(removed);
    return r;
}

int image_list_prune(const char *images, const cJSON *used, cJSON **ret_removed, struct error *err)
{
    _cleanup_(refs_done) struct refs refs = {0};
    _cleanup_json_ cJSON *removed = cJSON_CreateArray(), *list = NULL;
    read_refs(images, &refs);
    list = describe(images, &refs);
    int r = 0;
    const cJSON *image;
    cJSON_ArrayForEach(image, list)
    {
        const char *id = json_string(image, "id", "");
        if (r == 0 && json_bool(image, "built", false) && !json_string(used, id, NULL) &&
            !json_string(image, "bootstrap", NULL) && count_names(&refs, id) == 0)
            r = remove_image(images, &refs, id, removed, err);
    }
    if (r == 0)
        *ret_removed = TAKE_PTR(removed);
    return r;
}
