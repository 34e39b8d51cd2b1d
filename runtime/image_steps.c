/* See image_steps.h. */
#include "runtime/image_steps.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "runtime/image_buildah.h"
#include "runtime/image_cache.h"
#include "runtime/image_failure.h"
#include "runtime/image_mirrors.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>

/* --- jobs ----------------------------------------------------------------------------------- */

static int compute_key(struct image_making *making)
{
    if (making->build) {
        const char *name = image_build_names(making->build)[0];
        hash_sha256_hex(name, strlen(name), making->key);
        return 0;
    }
    if (making->bootstrap)
        return image_bootstrap_key(making->bootstrap, making->key, &making->err);
    hash_sha256_hex(making->reference.source, strlen(making->reference.source), making->key);
    free(TAKE_PTR(making->fingerprint));
    return image_oci_fingerprint(making->name, &making->reference, &making->fingerprint,
                                 &making->err);
}

static void find_cached(struct image_making *making)
{
    free(TAKE_PTR(making->damage));
    image_cache_find(making->images, making->key, making->fingerprint, &making->result,
                     &making->damage);
}

/* What callers are told of how the image came. */
static void tell_how(struct image_making *making, const char *how)
{
    if (making->result)
        json_set_string(making->result, "how", how);
}

static const char *reference_text(const struct image_making *making)
{
    return making->bootstrap ? image_bootstrap_suite(making->bootstrap) : making->reference.source;
}

static int write_build_refs(struct image_making *making, const char *id)
{
    char *const *names = image_build_names(making->build);
    char key[HASH_HEX_SIZE];
    int r = 0;
    for (size_t i = 0; names[i] && r == 0; i++)
        r = image_cache_write_ref(making->images, hash_sha256_hex(names[i], strlen(names[i]), key),
                                  names[i], IMAGE_CACHE_BUILT, id, &making->err);
    if (r == 0 && *making->build_key)
        r = image_cache_write_ref(making->images, making->build_key, "", "", id, &making->err);
    return r;
}

static int write_refs(struct image_making *making)
{
    const char *id = json_string(making->result, "id", "");
    return making->build
               ? write_build_refs(making, id)
               : image_cache_write_ref(making->images, making->key, reference_text(making),
                                       making->fingerprint ? making->fingerprint : "", id,
                                       &making->err);
}

/* Names that a build gave are no registry's. A bootstrap is what its description says: there is
 * nothing newer to look for. */
static bool must_ask_registry(const struct image_making *making)
{
    return making->pull == IMAGE_PULL_ALWAYS && making->reference.registry && !making->is_built;
}

static int refuse_to_fetch(struct image_making *making)
{
    return error_set(&making->err, ENOENT,
                     "image '%s' is not in the cache%s%s%s and may not be fetched; get it with "
                     "'vmstead pull', or leave out 'pull_policy: never'",
                     making->name, making->damage ? " (damaged: " : "",
                     making->damage ? making->damage : "", making->damage ? ")" : "");
}

static int look_up_build(struct image_making *making)
{
    if (!image_build_is_wanted(making->build))
        find_cached(making);
    tell_how(making, "present");
    if (making->result)
        return 0;
    int r = image_build_read(making->build, &making->err);
    return r < 0 ? error_prefix(&making->err, "image '%s' cannot be built", making->name) : 0;
}

int image_step_lookup(struct image_making *making)
{
    int r = compute_key(making);
    if (r < 0)
        return r;
    if (making->build)
        return look_up_build(making);
    making->is_built =
        making->reference.registry && image_cache_is_built(making->images, making->key);
    if (must_ask_registry(making))
        return 0;
    find_cached(making);
    tell_how(making, "present");
    return making->result || making->pull != IMAGE_PULL_NEVER ? 0 : refuse_to_fetch(making);
}

/* The same build as one before: its image gets this one's names, too. */
static int reuse_build(struct image_making *making)
{
    int r = image_build_resolve(making->build, making->images, making->build_key, &making->err);
    if (r < 0)
        return error_prefix(&making->err, "image '%s' cannot be built", making->name);
    if (!image_build_may_be_cached(making->build))
        return 0;
    free(TAKE_PTR(making->damage));
    image_cache_find(making->images, making->build_key, NULL, &making->result, &making->damage);
    tell_how(making, "cached");
    return making->result ? write_refs(making) : 0;
}

static int check_means(struct image_making *making)
{
    static const char *const for_oci[] = {"skopeo", "umoci", "mkfs.erofs", NULL};
    static const char *const for_bootstrap[] = {"apt-get", "mmdebstrap", "mkfs.erofs", NULL};
    static const char *const for_build[] = {"buildah", "mkfs.erofs", "skopeo", "tar", NULL};
    bool builds = making->bootstrap || making->build;
    if (builds && geteuid() != 0)
        return error_set(&making->err, EPERM,
                         "image '%s' can be built by root only: %s makes files of many owners; "
                         "run this as root",
                         making->name, making->build ? "buildah" : "mmdebstrap");
    return image_failure_check_programs(making->name, builds ? "build" : "fetch",
                                        making->build       ? for_build
                                        : making->bootstrap ? for_bootstrap
                                                            : for_oci,
                                        &making->err);
}

int image_step_prepare(struct image_making *making)
{
    image_cache_sweep(making->images, making->key);
    int r = 0;
    if (making->build)
        r = reuse_build(making);
    else if (!must_ask_registry(making))
        find_cached(making);
    if (r < 0 || making->result)
        return r;
    r = check_means(making);
    if (r == 0)
        r = image_cache_make_folder(making->images, making->key, &making->folder, &making->err);
    if (r == 0 && making->build && image_step_missing_base(making))
        r = image_buildah_clear_import(making->folder, &making->err);
    return r;
}

int image_step_compare(struct image_making *making)
{
    if (making->reference.registry) {
        free(making->fingerprint);
        making->fingerprint = xstrdup(making->facts.digest);
    }
    if (must_ask_registry(making) && *making->fingerprint)
        find_cached(making);
    tell_how(making, "unchanged");
    return 0;
}

int image_step_layout(struct image_making *making)
{
    int r = image_oci_read_layout(making->name, making->folder, &making->image, &making->err);
    if (r < 0)
        return r;
    free(making->damage);
    image_cache_find_id(making->images, json_string(making->image, "id", ""), &making->result,
                        &making->damage);
    tell_how(making, "fetched");
    return making->result ? write_refs(making) : 0;
}

bool image_step_needs_config(const struct image_making *making)
{
    return image_oci_may_lack_healthcheck(&making->reference, &making->facts, making->image);
}

int image_step_files(struct image_making *making)
{
    _cleanup_free_ char *rootfs = xasprintf("%s/rootfs", making->folder);
    making->image = image_bootstrap_image();
    int r = image_bootstrap_write_files(making->bootstrap, rootfs, &making->err);
    if (r == 0 && image_step_next_command(making))
        r = image_bootstrap_enter(making->bootstrap, rootfs, &making->err);
    return r;
}

int image_step_leave(struct image_making *making)
{
    _cleanup_free_ char *rootfs = xasprintf("%s/rootfs", making->folder);
    return image_bootstrap_leave(making->bootstrap, rootfs, &making->err);
}

const char *image_step_missing_base(const struct image_making *making)
{
    const struct image_build_base *base = image_build_missing_base(making->build, making->images);
    return base ? base->hex : NULL;
}

int image_step_pack(struct image_making *making)
{
    snprintf(making->imported, sizeof(making->imported), "%s", image_step_missing_base(making));
    return image_buildah_pack(making->images, making->imported, making->folder, &making->err);
}

/* Once more where another base is missing. */
int image_step_ready(struct image_making *making)
{
    const struct image_build_base *base = image_build_missing_base(making->build, making->images);
    if (base && streq(base->hex, making->imported))
        return error_set(&making->err, EIO,
                         "image '%s' cannot be built: its base '%s' is not in buildah's store, "
                         "though it was put there",
                         making->name, base->name);
    if (base)
        return image_buildah_clear_import(making->folder, &making->err);
    return image_build_prepare(making->build, making->images, making->folder, &making->err);
}

int image_step_built(struct image_making *making)
{
    int r = image_buildah_read_id(making->folder, &making->built_id, &making->err);
    if (r < 0)
        return r;
    free(making->damage);
    image_cache_find_id(making->images, making->built_id, &making->result, &making->damage);
    tell_how(making, "cached");
    return making->result ? write_refs(making) : 0;
}

int image_step_install(struct image_making *making)
{
    int r = image_cache_install(making->images, making->folder, making->image, &making->result,
                                &making->err);
    tell_how(making, making->bootstrap || making->build ? "built" : "fetched");
    if (r == 0)
        r = write_refs(making);
    making->prunes = r == 0 && making->build &&
                     image_buildah_bytes(making->images) > image_buildah_limit() &&
                     flock(making->tool_lock, LOCK_EX | LOCK_NB) == 0;
    return r;
}

int image_step_cleanup(struct image_making *making)
{
    if (making->folder)
        fs_remove_tree(making->folder, NULL);
    free(TAKE_PTR(making->folder));
    closep(&making->tool_lock);
    closep(&making->lock);
    making->lock = making->tool_lock = -1;
    return 0;
}

/* --- programs ------------------------------------------------------------------------------- */

int image_step_read_inspection(struct image_making *making, const struct spawn_result *result)
{
    return image_oci_read_inspection(making->name, result->output, result->output_length,
                                     &making->facts, &making->err);
}

int image_step_read_config(struct image_making *making, const struct spawn_result *result)
{
    _cleanup_json_ cJSON *original = NULL;
    int r = json_parse(result->output, result->output_length, &original, &making->err);
    if (r < 0)
        return error_prefix(&making->err, "image '%s': its configuration", making->name);
    image_oci_add_healthcheck(making->image, original);
    return 0;
}

int image_step_read_build_config(struct image_making *making, const struct spawn_result *result)
{
    _cleanup_json_ cJSON *config = NULL;
    int r = json_parse(result->output, result->output_length, &config, &making->err);
    if (r == 0)
        r = image_oci_pick(making->name, making->built_id, config, &making->image, &making->err);
    return r;
}

int image_step_read_sources(struct image_making *making, const struct spawn_result *result)
{
    making->targets = xstrndup(result->output, result->output_length);
    return 0;
}

int image_step_inspect(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_oci_inspect_argv(&making->reference);
    return 0;
}

int image_step_copy(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_oci_copy_argv(&making->reference);
    return 0;
}

int image_step_config(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_oci_config_argv(&making->reference);
    return 0;
}

int image_step_unpack(struct image_making *making, char ***ret_argv)
{
    (void)making;
    *ret_argv = image_oci_unpack_argv();
    return 0;
}

int image_step_sources(struct image_making *making, char ***ret_argv)
{
    (void)making;
    *ret_argv = strv_copy(image_mirrors_targets_argv);
    return 0;
}

/* VERSION_CODENAME=bookworm, quoted or not; "" where there is none. */
static char *host_codename(void)
{
    _cleanup_free_ char *text = NULL;
    if (fs_read_file("/etc/os-release", 65536, &text, NULL, NULL) < 0)
        return xstrdup("");
    const char *value = strstr(text, "\nVERSION_CODENAME=");
    if (!value)
        return xstrdup("");
    value += strlen("\nVERSION_CODENAME=");
    value += strspn(value, "\"'");
    return xstrndup(value, strcspn(value, "\"'\n"));
}

int image_step_bootstrap(struct image_making *making, char ***ret_argv)
{
    _cleanup_free_ char *codename = host_codename();
    return image_bootstrap_argv(making->bootstrap, making->targets, codename, ret_argv,
                                &making->err);
}

const char *image_step_next_command(const struct image_making *making)
{
    char *const *commands = image_bootstrap_commands(making->bootstrap);
    return commands ? commands[making->command] : NULL;
}

int image_step_run(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_bootstrap_command_argv(image_step_next_command(making));
    return 0;
}

int image_step_has_run(struct image_making *making, const struct spawn_result *result)
{
    (void)result;
    making->command++;
    return 0;
}

int image_step_extract(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_buildah_extract_argv(making->images, image_step_missing_base(making));
    return 0;
}

int image_step_tar(struct image_making *making, char ***ret_argv)
{
    (void)making;
    *ret_argv = image_buildah_tar_argv();
    return 0;
}

int image_step_import(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_buildah_import_argv(making->images, image_step_missing_base(making));
    return 0;
}

int image_step_build(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_build_argv(making->build, making->images, making->folder);
    return 0;
}

void image_step_add_build_environment(struct image_making *making, char ***environment)
{
    _cleanup_strv_ char **more = image_build_environment(making->build);
    for (size_t i = 0; more && more[i]; i++)
        strv_add(environment, xstrdup(more[i]));
}

int image_step_build_config(struct image_making *making, char ***ret_argv)
{
    char **argv = image_buildah_argv(making->images);
    strv_add(&argv, xstrdup("inspect"));
    strv_add(&argv, xstrdup("--type=image"));
    strv_add(&argv, xstrdup("--format={{.Config}}"));
    strv_add(&argv, xstrdup(making->built_id + strlen("sha256:")));
    *ret_argv = argv;
    return 0;
}

int image_step_sweep(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_buildah_argv(making->images);
    strv_add(ret_argv, xstrdup("rm"));
    strv_add(ret_argv, xstrdup("--all"));
    return 0;
}

int image_step_prune(struct image_making *making, char ***ret_argv)
{
    *ret_argv = image_buildah_argv(making->images);
    strv_add(ret_argv, xstrdup("rmi"));
    strv_add(ret_argv, xstrdup("--prune"));
    return 0;
}

static int add_build_rootfs(struct image_making *making, char ***argv)
{
    char *path = NULL;
    int r = image_buildah_find_rootfs(making->images, making->built_id + strlen("sha256:"), &path,
                                      &making->err);
    if (r < 0)
        return error_prefix(&making->err, "image '%s'", making->name);
    strv_add(argv, path);
    return 0;
}

int image_step_erofs(struct image_making *making, char ***ret_argv)
{
    /* Uncompressed, as Docker keeps its layers: a program's first start is a fifth quicker, a
     * guest's copy of the host's page cache costs it no unpacking; the file is half as large again.
     * In chunks, which puts the files' data behind all inodes and folders: the agent reads those
     * ahead. Without privileges files are ours in the bundle, and were root's in the image. */
    static const char *const as_root[] = {"mkfs.erofs",
                                          "--quiet",
                                          "--chunksize=1048576",
                                          "-U",
                                          "00000000-0000-0000-0000-000000000000",
                                          "rootfs.erofs",
                                          NULL};
    *ret_argv = strv_copy(as_root);
    if (geteuid() != 0) {
        strv_add(ret_argv, xstrdup("--all-root"));
        strv_add(ret_argv, xstrdup("-x-1"));
    }
    if (making->build)
        return add_build_rootfs(making, ret_argv);
    strv_add(ret_argv, xstrdup(making->bootstrap ? "rootfs" : "bundle/rootfs"));
    return 0;
}

/* --- the end -------------------------------------------------------------------------------- */

void image_making_done(struct image_making *making)
{
    image_step_cleanup(making);
    image_reference_done(&making->reference);
    image_bootstrap_free(making->bootstrap);
    image_build_free(making->build);
    free(making->built_id);
    cJSON_Delete(making->image);
    cJSON_Delete(making->result);
    error_done(&making->err);
    free(making->images);
    free(making->name);
    free(making->fingerprint);
    free(making->damage);
    free(making->targets);
    *making = (struct image_making){0};
}
