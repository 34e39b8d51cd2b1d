/* See image_buildah.h. The store's layout: github.com/containers/storage. */
#include "runtime/image_buildah.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

char **image_buildah_argv(const char *images)
{
    char **argv = NULL;
    strv_add(&argv, xstrdup("buildah"));
    strv_add(&argv, xasprintf("--root=%s/buildah/store", images));
    strv_add(&argv, xasprintf("--runroot=%s/buildah/run", images));
    strv_add(&argv, xstrdup("--storage-driver=vfs"));
    return argv;
}

int image_buildah_read_id(const char *folder, char **ret_id, struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/id", folder), *text = NULL;
    int r = fs_read_file(path, 4096, &text, NULL, err);
    if (r < 0)
        return error_prefix(err, "buildah told no image id");
    text[strcspn(text, "\n")] = '\0';
    *ret_id = TAKE_PTR(text);
    return 0;
}

static cJSON *read_list(const char *images, const char *name)
{
    _cleanup_free_ char *path = xasprintf("%s/buildah/store/%s", images, name), *text = NULL;
    size_t length;
    cJSON *list = NULL;
    if (fs_read_file(path, 256 << 20, &text, &length, NULL) < 0 ||
        json_parse(text, length, &list, NULL) < 0)
        return NULL;
    return list;
}

/* What an imported base is called there: its id is another. */
static char *import_name(const char *hex)
{
    return xasprintf("localhost/vmstead-base:%s", hex);
}

/* Borrowed from list. */
static const cJSON *find_image(const cJSON *list, const char *hex)
{
    _cleanup_free_ char *import = import_name(hex);
    const cJSON *image;
    cJSON_ArrayForEach(image, list)
    {
        _cleanup_strv_ char **names = json_strv(json_array(image, "names"));
        if (streq(json_string(image, "id", ""), hex) || strv_contains(names, import))
            return image;
    }
    return NULL;
}

char *image_buildah_find(const char *images, const char *hex)
{
    _cleanup_json_ cJSON *list = read_list(images, "vfs-images/images.json");
    const cJSON *image = find_image(list, hex);
    return image ? xstrdup(json_string(image, "id", "")) : NULL;
}

/* The vfs driver keeps every layer as a whole tree: an image's uppermost is its root filesystem. */
int image_buildah_find_rootfs(const char *images, const char *hex, char **ret_path,
                              struct error *err)
{
    _cleanup_json_ cJSON *list = read_list(images, "vfs-images/images.json");
    const char *layer = json_string(find_image(list, hex), "layer", "");
    _cleanup_free_ char *path = xasprintf("%s/buildah/store/vfs/dir/%s", images, layer);
    if (!*layer || strchr(layer, '/') || !fs_exists(path))
        return error_set(err, ENOENT, "it has no files");
    *ret_path = TAKE_PTR(path);
    return 0;
}

static const cJSON *find_layer(const cJSON *layers, const char *id)
{
    const cJSON *layer;
    cJSON_ArrayForEach(layer, layers) if (streq(json_string(layer, "id", ""), id)) return layer;
    return NULL;
}

int64_t image_buildah_bytes(const char *images)
{
    _cleanup_json_ cJSON *layers = read_list(images, "vfs-layers/layers.json");
    int64_t bytes = 0;
    const cJSON *layer;
    cJSON_ArrayForEach(layer, layers)
    {
        int depth = 0; /* a whole tree each: what it adds, and what all below it do */
        for (const cJSON *at = layer; at && depth < 256; depth++) {
            bytes += json_int(at, "diff-size", 0);
            at = find_layer(layers, json_string(at, "parent", ""));
        }
    }
    return bytes;
}

int64_t image_buildah_limit(void)
{
    const char *text = getenv("VMSTEAD_BUILD_CACHE_MB");
    uint32_t megabytes = 20000;
    if (text)
        str_to_u32(text, &megabytes);
    return (int64_t)megabytes * 1000 * 1000;
}

/* --- imports -------------------------------------------------------------------------------- */

char **image_buildah_extract_argv(const char *images, const char *hex)
{
    char **argv = NULL;
    strv_add(&argv, xstrdup("fsck.erofs"));
    strv_add(&argv, xstrdup("--extract=base"));
    strv_add(&argv, xstrdup("--overwrite"));
    strv_add(&argv, xasprintf("%s/%s/rootfs.erofs", images, hex));
    return argv;
}

char **image_buildah_tar_argv(void)
{
    static const char *const argv[] = {
        "tar",      "--create",           "--file=import/layer", "--numeric-owner",
        "--xattrs", "--xattrs-include=*", "--directory=base",    ".",
        NULL};
    return strv_copy(argv);
}

static cJSON *make_config(const cJSON *image, const char *layer)
{
    cJSON *config = cJSON_CreateObject();
    json_set_string(config, "architecture", "amd64");
    json_set_string(config, "os", "linux");
    json_set_string(config, "created", "1970-01-01T00:00:00Z");
    json_set(config, "config", cJSON_Duplicate(json_object(image, "config"), true));
    cJSON *rootfs = cJSON_AddObjectToObject(config, "rootfs");
    _cleanup_free_ char *digest = xasprintf("sha256:%s", layer);
    json_set_string(rootfs, "type", "layers");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(rootfs, "diff_ids"), cJSON_CreateString(digest));
    /* buildah wants an entry for each layer. */
    cJSON *history = cJSON_CreateObject();
    json_set_string(history, "created", "1970-01-01T00:00:00Z");
    json_set_string(history, "created_by", "vmstead");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(config, "history"), history);
    return config;
}

static cJSON *make_descriptor(const char *type, const char *hex, int64_t size)
{
    cJSON *descriptor = cJSON_CreateObject();
    _cleanup_free_ char *digest = xasprintf("sha256:%s", hex);
    json_set_string(descriptor, "mediaType", type);
    json_set_int(descriptor, "size", size);
    json_set_string(descriptor, "digest", digest);
    return descriptor;
}

static int write_blob(const char *folder, const char *name, const char *text, struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/import/%s", folder, name);
    return fs_write_file_atomic(path, text, strlen(text), 0600, err);
}

/* Docker's manifest, version 2, schema 2: OCI's configuration could not hold a HEALTHCHECK. */
static int write_image(const char *folder, const cJSON *image, const char *layer, int64_t size,
                       struct error *err)
{
    char hex[HASH_HEX_SIZE];
    _cleanup_json_ cJSON *config = make_config(image, layer), *manifest = cJSON_CreateObject();
    _cleanup_free_ char *config_text = json_print(config);
    hash_sha256_hex(config_text, strlen(config_text), hex);
    json_set_int(manifest, "schemaVersion", 2);
    json_set_string(manifest, "mediaType", "application/vnd.docker.distribution.manifest.v2+json");
    json_set(manifest, "config",
             make_descriptor("application/vnd.docker.container.image.v1+json", hex,
                             (int64_t)strlen(config_text)));
    cJSON_AddItemToArray(
        cJSON_AddArrayToObject(manifest, "layers"),
        make_descriptor("application/vnd.docker.image.rootfs.diff.tar", layer, size));
    _cleanup_free_ char *manifest_text = json_print(manifest);
    int r = write_blob(folder, hex, config_text, err);
    if (r == 0)
        r = write_blob(folder, "manifest.json", manifest_text, err);
    return r < 0 ? r : write_blob(folder, "version", "Directory Transport Version: 1.1\n", err);
}

int image_buildah_pack(const char *images, const char *hex, const char *folder, struct error *err)
{
    _cleanup_free_ char *record = xasprintf("%s/%s/image.json", images, hex), *text = NULL;
    _cleanup_free_ char *made = xasprintf("%s/import/layer", folder);
    _cleanup_json_ cJSON *image = NULL;
    char layer[HASH_HEX_SIZE];
    struct stat status;
    size_t length;
    int r = fs_read_file(record, 4 << 20, &text, &length, err);
    if (r == 0)
        r = json_parse(text, length, &image, err);
    if (r == 0)
        r = hash_sha256_file(made, layer, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *blob = xasprintf("%s/import/%s", folder, layer);
    if (rename(made, blob) < 0 || stat(blob, &status) < 0)
        return error_set(err, errno, "cannot write '%s': %s", blob, strerror(errno));
    return write_image(folder, image, layer, status.st_size, err);
}

char **image_buildah_import_argv(const char *images, const char *hex)
{
    _cleanup_free_ char *name = import_name(hex);
    char **argv = NULL;
    strv_add(&argv, xstrdup("skopeo"));
    strv_add(&argv, xstrdup("--insecure-policy")); /* it is ours */
    strv_add(&argv, xstrdup("copy"));
    strv_add(&argv, xstrdup("--quiet"));
    strv_add(&argv, xstrdup("dir:import"));
    strv_add(&argv, xasprintf("containers-storage:[vfs@%s/buildah/store+%s/buildah/run]%s", images,
                              images, name));
    return argv;
}

int image_buildah_clear_import(const char *folder, struct error *err)
{
    _cleanup_free_ char *base = xasprintf("%s/base", folder);
    _cleanup_free_ char *import = xasprintf("%s/import", folder);
    int r = fs_remove_tree(base, err);
    if (r == 0)
        r = fs_remove_tree(import, err);
    return r < 0 ? r : fs_make_directory(import, 0700, err);
}
