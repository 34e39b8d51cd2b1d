/* See image_oci.h. Formats: the OCI image specification (image-layout.md, manifest.md, config.md).
 */
#include "runtime/image_oci.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static const size_t json_limit = 8 << 20;

/* --- command lines -------------------------------------------------------------------------- */

static bool has_policy(void)
{
    const char *home = getenv("HOME");
    _cleanup_free_ char *own =
        xasprintf("%s/.config/containers/policy.json", home ? home : "/nonexistent");
    return fs_exists(own) || fs_exists("/etc/containers/policy.json");
}

static char **skopeo_argv(void)
{
    char **argv = NULL;
    strv_add(&argv, xstrdup("skopeo"));
    /* skopeo does not start without a policy on signatures (containers-policy.json(5)), and Debian
     * has it in a package that skopeo only recommends. A host that has one is obeyed; on others
     * images are taken as docker takes them, unsigned. */
    if (!has_policy())
        strv_add(&argv, xstrdup("--insecure-policy"));
    strv_add(&argv, xstrdup("--override-os=linux"));
    strv_add(&argv, xstrdup("--override-arch=amd64"));
    return argv;
}

char **image_oci_inspect_argv(const struct image_reference *reference)
{
    char **argv = skopeo_argv();
    strv_add(&argv, xstrdup("inspect"));
    strv_add(&argv, xstrdup("--no-tags"));
    if (reference->loopback)
        strv_add(&argv, xstrdup("--tls-verify=false"));
    strv_add(&argv, xstrdup(reference->source));
    return argv;
}

char **image_oci_config_argv(const struct image_reference *reference)
{
    char **argv = skopeo_argv();
    strv_add(&argv, xstrdup("inspect"));
    strv_add(&argv, xstrdup("--config"));
    strv_add(&argv, xstrdup("--raw"));
    if (reference->loopback)
        strv_add(&argv, xstrdup("--tls-verify=false"));
    strv_add(&argv, xstrdup(reference->source));
    return argv;
}

char **image_oci_copy_argv(const struct image_reference *reference)
{
    char **argv = skopeo_argv();
    strv_add(&argv, xstrdup("copy"));
    strv_add(&argv, xstrdup("--quiet"));
    if (reference->loopback)
        strv_add(&argv, xstrdup("--src-tls-verify=false"));
    strv_add(&argv, xstrdup(reference->source));
    strv_add(&argv, xstrdup("oci:layout:image"));
    return argv;
}

char **image_oci_unpack_argv(void)
{
    char **argv = NULL;
    strv_add(&argv, xstrdup("umoci"));
    strv_add(&argv, xstrdup("unpack"));
    if (geteuid() != 0)
        strv_add(&argv, xstrdup("--rootless"));
    strv_add(&argv, xstrdup("--image"));
    strv_add(&argv, xstrdup("layout:image"));
    strv_add(&argv, xstrdup("bundle"));
    return argv;
}

/* --- inspection ----------------------------------------------------------------------------- */

static int check_platform(const char *name, const char *os, const char *architecture,
                          struct error *err)
{
    if (streq(os, "linux") && streq(architecture, "amd64"))
        return 0;
    return error_set(err, ENOEXEC,
                     "image '%s' is for %s/%s, this machine is linux/amd64; use an image that was "
                     "built for it",
                     name, *os ? os : "an unknown system",
                     *architecture ? architecture : "an unknown architecture");
}

int image_oci_read_inspection(const char *name, const char *text, size_t length,
                              struct image_oci_facts *ret_facts, struct error *err)
{
    _cleanup_json_ cJSON *inspection = NULL;
    int r = json_parse(text, length, &inspection, err);
    if (r < 0)
        return error_prefix(err, "image '%s': skopeo's answer", name);
    r = check_platform(name, json_string(inspection, "Os", ""),
                       json_string(inspection, "Architecture", ""), err);
    if (r < 0)
        return r;
    *ret_facts = (struct image_oci_facts){0};
    snprintf(ret_facts->digest, sizeof(ret_facts->digest), "%s",
             json_string(inspection, "Digest", ""));
    const cJSON *layer; /* skopeo tells sizes since 1.10 */
    cJSON_ArrayForEach(layer, json_array(inspection, "LayersData")) ret_facts->bytes +=
        json_int(layer, "Size", 0);
    return 0;
}

/* --- local sources -------------------------------------------------------------------------- */

int image_oci_fingerprint(const char *name, const struct image_reference *reference,
                          char **ret_text, struct error *err)
{
    *ret_text = NULL;
    if (!reference->local)
        return 0;
    if (reference->is_folder) {
        _cleanup_free_ char *index = xasprintf("%s/index.json", reference->local), *text = NULL;
        char hex[HASH_HEX_SIZE];
        size_t length;
        int r = fs_read_file(index, json_limit, &text, &length, err);
        if (r < 0)
            return error_prefix(err, "image '%s' is not there (an OCI layout)", name);
        *ret_text = xstrdup(hash_sha256_hex(text, length, hex));
        return 0;
    }
    struct stat status;
    if (stat(reference->local, &status) < 0)
        return error_set(err, errno, "image '%s' is not there: cannot read '%s': %s", name,
                         reference->local, strerror(errno));
    *ret_text = xasprintf("%ju:%ju:%jd:%jd.%09ld", (uintmax_t)status.st_dev,
                          (uintmax_t)status.st_ino, (intmax_t)status.st_size,
                          (intmax_t)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
    return 0;
}

/* --- the layout ----------------------------------------------------------------------------- */

static int64_t sum_files(const char *path)
{
    DIR *folder = opendir(path);
    int64_t sum = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct stat status;
        if (fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            sum += status.st_size;
    }
    if (folder)
        closedir(folder);
    return sum;
}

/* Finished blobs, and the files that skopeo writes them to first, in the layout's top folder. */
int64_t image_oci_fetched_bytes(const char *folder)
{
    _cleanup_free_ char *layout = xasprintf("%s/layout", folder);
    _cleanup_free_ char *blobs = xasprintf("%s/layout/blobs/sha256", folder);
    return sum_files(layout) + sum_files(blobs);
}

static int read_json(const char *path, cJSON **ret_value, struct error *err)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    int r = fs_read_file(path, json_limit, &text, &length, err);
    if (r == 0)
        r = json_parse(text, length, ret_value, err);
    return r < 0 ? error_prefix(err, "'%s'", path) : 0;
}

/* The blob that a descriptor points to. */
static int read_blob(const char *folder, const cJSON *descriptor, cJSON **ret_value,
                     struct error *err)
{
    const char *hex = str_after_prefix(json_string(descriptor, "digest", ""), "sha256:");
    if (!hex || strlen(hex) != 64 || strchr(hex, '/'))
        return error_set(err, EINVAL, "its manifest names no blob by SHA-256");
    _cleanup_free_ char *path = xasprintf("%s/layout/blobs/sha256/%s", folder, hex);
    return read_json(path, ret_value, err);
}

/* Docker's format writes what is not set as null, "", [] or {}. */
static bool is_empty(const cJSON *value)
{
    return cJSON_IsNull(value) || (cJSON_IsString(value) && !*value->valuestring) ||
           ((cJSON_IsArray(value) || cJSON_IsObject(value)) && !value->child);
}

/* What vmstead uses of an image's configuration. */
static cJSON *pick_config(const cJSON *config)
{
    static const char *const keys[] = {"Entrypoint",  "Cmd",          "Env",    "User",
                                       "WorkingDir",  "ExposedPorts", "Labels", "StopSignal",
                                       "Healthcheck", "Volumes"};
    cJSON *picked = cJSON_CreateObject();
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(config, keys[i]);
        if (value && !is_empty(value))
            json_set(picked, keys[i], cJSON_Duplicate(value, true));
    }
    return picked;
}

int image_oci_pick(const char *name, const char *id, const cJSON *config, cJSON **ret_image,
                   struct error *err)
{
    int r = check_platform(name, json_string(config, "os", ""),
                           json_string(config, "architecture", ""), err);
    if (r < 0)
        return r;
    cJSON *image = cJSON_CreateObject();
    json_set_string(image, "id", id);
    json_set_string(image, "architecture", "amd64");
    json_set(image, "config", pick_config(json_object(config, "config")));
    *ret_image = image;
    return 0;
}

void image_oci_add_healthcheck(cJSON *image, const cJSON *original)
{
    const cJSON *healthcheck = json_object(json_object(original, "config"), "Healthcheck");
    if (healthcheck)
        json_set(json_object(image, "config"), "Healthcheck", cJSON_Duplicate(healthcheck, true));
}

bool image_oci_may_lack_healthcheck(const struct image_reference *reference,
                                    const struct image_oci_facts *facts, const cJSON *image)
{
    if (json_object(json_object(image, "config"), "Healthcheck") || reference->is_folder)
        return false;
    return !streq(facts->digest, json_string(image, "manifest", ""));
}

int image_oci_read_layout(const char *name, const char *folder, cJSON **ret_image,
                          struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s/layout/index.json", folder);
    _cleanup_json_ cJSON *index = NULL, *manifest = NULL, *config = NULL;
    int r = read_json(path, &index, err);
    const cJSON *entry = cJSON_GetArrayItem(json_array(index, "manifests"), 0);
    if (r == 0)
        r = read_blob(folder, entry, &manifest, err);
    const cJSON *descriptor = r == 0 ? json_object(manifest, "config") : NULL;
    if (r == 0)
        r = read_blob(folder, descriptor, &config, err);
    if (r < 0)
        return error_prefix(err, "image '%s' as skopeo wrote it", name);
    r = image_oci_pick(name, json_string(descriptor, "digest", ""), config, ret_image, err);
    if (r == 0)
        json_set_string(*ret_image, "manifest", json_string(entry, "digest", ""));
    return r;
}
