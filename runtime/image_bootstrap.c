/* See image_bootstrap.h. */
#include "runtime/image_bootstrap.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_files.h"
#include "runtime/image_mirrors.h"
#include "runtime/image_tree.h"

#include <ctype.h>
#include <errno.h>
#include <sys/stat.h>

/* Part of the key: to be raised when the same description gives another image. */
static const char recipe_version[] = "1";

enum { LENT_RESOLV_CONF, LENT_POLICY, LENT_COUNT };

struct copy {
    char *source, *target;
};

struct image_bootstrap {
    char *suite;
    char **packages;              /* sorted, each once */
    VEC(struct image_file) files; /* sorted by path */
    VEC(struct copy) copies;
    char **commands;
    bool lent[LENT_COUNT]; /* what stands in the root for its commands only */
};

/* --- parsing -------------------------------------------------------------------------------- */

static int refuse(const char *what, const char *value, const char *why, struct error *err)
{
    return error_set(err, EINVAL, "bootstrap: %s '%s' %s", what, value, why);
}

/* A Debian package's name, with "=version", "/suite" or ":architecture" behind it as apt-get takes
 * them; never what mmdebstrap would read as a path, a pattern or an option. */
static bool is_package(const char *name)
{
    if (!islower((unsigned char)name[0]) && !isdigit((unsigned char)name[0]))
        return false;
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("+-.:=~/_", *c))
            return false;
    return true;
}

static bool is_suite(const char *name)
{
    return isalnum((unsigned char)name[0]) &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
               strlen(name);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int parse_packages(const cJSON *spec, struct image_bootstrap *bootstrap, struct error *err)
{
    _cleanup_strv_ char **names = json_strv(json_array(spec, "packages"));
    size_t count = strv_length(names);
    if (count)
        qsort(names, count, sizeof(*names), compare_strings);
    for (size_t i = 0; i < count; i++) {
        if (!is_package(names[i]))
            return refuse("package", names[i], "is not the name of a Debian package", err);
        if (i == 0 || !streq(names[i], names[i - 1]))
            strv_add(&bootstrap->packages, xstrdup(names[i]));
    }
    return 0;
}

/* A number, or octal digits as people write modes. */
static int parse_mode(const cJSON *file, mode_t *ret_mode, struct error *err)
{
    const cJSON *mode = cJSON_GetObjectItemCaseSensitive(file, "mode");
    double number = cJSON_IsNumber(mode) ? mode->valuedouble : 0644;
    if (cJSON_IsString(mode)) {
        char *end;
        number = (double)strtoul(mode->valuestring, &end, 8);
        if (!*mode->valuestring || *end)
            number = -1;
    }
    if (number < 0 || number > 07777)
        return error_set(err, EINVAL, "bootstrap: the mode of the file '%s' is not within 0-07777",
                         file->string);
    *ret_mode = (mode_t)number;
    return 0;
}

static int parse_file(const cJSON *item, struct image_bootstrap *bootstrap, struct error *err)
{
    const char *content = json_string(item, "content", NULL);
    const char *source = json_string(item, "source", NULL);
    mode_t mode = 0;
    if (!image_file_path_is_valid(item->string))
        return refuse("file", item->string, "must be an absolute path of a file, without '..'",
                      err);
    if (!content == !source)
        return refuse("file", item->string, "needs one of 'content' and 'source'", err);
    if (source && *source != '/')
        return refuse("source", source, "must be an absolute path", err);
    int r = parse_mode(item, &mode, err);
    if (r == 0)
        vec_add(&bootstrap->files, (struct image_file){
                                       .path = xstrdup(item->string),
                                       .content = xstrdup(content),
                                       .source = xstrdup(source),
                                       .mode = mode,
                                   });
    return r;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const struct image_file *)a)->path, ((const struct image_file *)b)->path);
}

static int parse_files(const cJSON *spec, struct image_bootstrap *bootstrap, struct error *err)
{
    int r = 0;
    const cJSON *item, *files = json_object(spec, "files");
    cJSON_ArrayForEach(item, files)
    {
        r = parse_file(item, bootstrap, err);
        if (r < 0)
            return r;
    }
    if (bootstrap->files.count)
        qsort(bootstrap->files.items, bootstrap->files.count, sizeof(*bootstrap->files.items),
              compare_files);
    return 0;
}

static bool is_copy_target(const char *path)
{
    size_t length = strlen(path);
    _cleanup_free_ char *folder =
        xstrndup(path, length > 1 && path[length - 1] == '/' ? length - 1 : length);
    return streq(folder, "/") || image_file_path_is_valid(folder);
}

static int parse_copies(const cJSON *spec, struct image_bootstrap *bootstrap, struct error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json_array(spec, "copy"))
    {
        const char *source = json_string(item, "source", "");
        const char *target = json_string(item, "target", "");
        if (*source != '/')
            return refuse("source of copy", source, "must be an absolute path", err);
        if (!is_copy_target(target))
            return refuse("target of copy", target, "must be an absolute path, without '..'", err);
        vec_add(&bootstrap->copies, (struct copy){xstrdup(source), xstrdup(target)});
    }
    return 0;
}

int image_bootstrap_parse(const cJSON *spec, struct image_bootstrap **ret_bootstrap,
                          struct error *err)
{
    _cleanup_(image_bootstrap_freep) struct image_bootstrap *bootstrap =
        new0(struct image_bootstrap);
    const char *suite = json_string(spec, "suite", "");
    if (!is_suite(suite))
        return refuse("suite", suite, "is not the name of a suite, as in 'bookworm'", err);
    bootstrap->suite = xstrdup(suite);
    int r = parse_packages(spec, bootstrap, err);
    if (r == 0)
        r = parse_files(spec, bootstrap, err);
    if (r == 0)
        r = parse_copies(spec, bootstrap, err);
    bootstrap->commands = json_strv(json_array(spec, "run"));
    if (r == 0)
        *ret_bootstrap = TAKE_PTR(bootstrap);
    return r;
}

void image_bootstrap_free(struct image_bootstrap *bootstrap)
{
    if (!bootstrap)
        return;
    for (size_t i = 0; i < bootstrap->files.count; i++)
        image_file_done(&bootstrap->files.items[i]);
    vec_done(&bootstrap->files);
    for (size_t i = 0; i < bootstrap->copies.count; i++) {
        free(bootstrap->copies.items[i].source);
        free(bootstrap->copies.items[i].target);
    }
    vec_done(&bootstrap->copies);
    strv_free(bootstrap->commands);
    strv_free(bootstrap->packages);
    free(bootstrap->suite);
    free(bootstrap);
}

const char *image_bootstrap_suite(const struct image_bootstrap *bootstrap)
{
    return bootstrap->suite;
}

/* --- key ------------------------------------------------------------------------------------ */

/* Absent where there is nothing, so that images without keep their keys. */
static int add_copies(const struct image_bootstrap *bootstrap, cJSON *normal, struct error *err)
{
    cJSON *copies = bootstrap->copies.count ? cJSON_AddArrayToObject(normal, "copy") : NULL;
    for (size_t i = 0; i < bootstrap->copies.count; i++) {
        const struct copy *copy = &bootstrap->copies.items[i];
        char hex[HASH_HEX_SIZE];
        int r = image_tree_hash(copy->source, NULL, hex, err);
        if (r < 0)
            return error_prefix(err, "bootstrap: copy");
        cJSON *item = cJSON_CreateObject();
        json_set_string(item, "target", copy->target);
        json_set_string(item, "name", strrchr(copy->source, '/'));
        json_set_string(item, "sha256", hex);
        cJSON_AddItemToArray(copies, item);
    }
    return 0;
}

int image_bootstrap_key(const struct image_bootstrap *bootstrap, char key[HASH_HEX_SIZE],
                        struct error *err)
{
    _cleanup_json_ cJSON *normal = cJSON_CreateObject();
    cJSON *files = cJSON_AddArrayToObject(normal, "files");
    json_set_string(normal, "recipe", recipe_version);
    json_set_string(normal, "suite", bootstrap->suite);
    json_set(normal, "packages", json_from_strv(bootstrap->packages));
    for (size_t i = 0; i < bootstrap->files.count; i++) {
        const struct image_file *file = &bootstrap->files.items[i];
        char hex[HASH_HEX_SIZE];
        int r = image_file_hash(file, hex, err);
        if (r < 0)
            return error_prefix(err, "bootstrap: file '%s'", file->path);
        cJSON *item = cJSON_CreateObject();
        json_set_string(item, "path", file->path);
        json_set_string(item, "sha256", hex);
        json_set_int(item, "mode", file->mode);
        cJSON_AddItemToArray(files, item);
    }
    if (bootstrap->commands)
        json_set(normal, "run", json_from_strv(bootstrap->commands));
    int r = add_copies(bootstrap, normal, err);
    _cleanup_free_ char *text = json_print(normal);
    hash_sha256_hex(text, strlen(text), key);
    return r;
}

/* mmdebstrap leaves the host's own there. The guest gets its own with its identity; nothing of this
 * host belongs into an image. */
static int forget_host(const char *rootfs, struct error *err)
{
    static const char *const names[] = {"etc/resolv.conf", "etc/hostname"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = xasprintf("%s/%s", rootfs, names[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            return error_set(err, errno, "cannot remove '%s': %s", path, strerror(errno));
    }
    return 0;
}

int image_bootstrap_write_files(const struct image_bootstrap *bootstrap, const char *rootfs,
                                struct error *err)
{
    int r = forget_host(rootfs, err);
    for (size_t i = 0; i < bootstrap->files.count && r == 0; i++)
        r = image_file_write(&bootstrap->files.items[i], rootfs, err);
    for (size_t i = 0; i < bootstrap->copies.count && r == 0; i++)
        r = image_tree_copy(bootstrap->copies.items[i].source, rootfs,
                            bootstrap->copies.items[i].target, err);
    return r < 0 ? error_prefix(err, "bootstrap") : 0;
}

cJSON *image_bootstrap_image(void)
{
    cJSON *image = cJSON_CreateObject(), *config = cJSON_AddObjectToObject(image, "config");
    json_set_string(image, "architecture", "amd64");
    cJSON *environment = cJSON_AddArrayToObject(config, "Env");
    cJSON_AddItemToArray(
        environment,
        cJSON_CreateString("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    return image;
}

/* --- mmdebstrap ----------------------------------------------------------------------------- */

int image_bootstrap_argv(const struct image_bootstrap *bootstrap, const char *targets,
                         const char *codename, char ***ret_argv, struct error *err)
{
    /* Documentation and translations stay out. dpkg sees to that with a blank as well as with "="
     * behind the option; with "=" mmdebstrap would also start a Python program for each of its
     * fifty essential packages (most of a bootstrap's time). So those are unpacked whole, what is
     * not wanted is removed, and dpkg, which then installs them again, puts back only what it may.
     */
    static const char *const fixed[] = {
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--format=directory",
        "--dpkgopt=path-exclude /usr/share/doc/*",
        "--dpkgopt=path-include /usr/share/doc/*/copyright",
        "--dpkgopt=path-exclude /usr/share/locale/*",
        "--dpkgopt=path-include /usr/share/locale/locale.alias",
        "--extract-hook=rm -rf \"$1/usr/share/doc\" \"$1/usr/share/locale\"",
    };
    _cleanup_strv_ char **sources = image_mirrors_choose(bootstrap->suite, codename, targets);
    if (!sources)
        return error_set(err, ENOENT,
                         "the host's apt knows no package mirror for the suite '%s': add one to "
                         "/etc/apt/sources.list",
                         bootstrap->suite);
    char **argv = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
        strv_add(&argv, xstrdup(fixed[i]));
    if (bootstrap->packages) {
        _cleanup_free_ char *packages = strv_join(bootstrap->packages, ",");
        strv_add(&argv, xasprintf("--include=%s", packages));
    }
    strv_add(&argv, xstrdup(bootstrap->suite));
    strv_add(&argv, xstrdup("rootfs"));
    for (size_t i = 0; sources[i]; i++)
        strv_add(&argv, xstrdup(sources[i]));
    *ret_argv = argv;
    return 0;
}

const char *image_bootstrap_progress(const char *line)
{
    static const struct {
        const char *line, *text;
    } steps[] = {
        {"I: running apt-get update", "fetching package lists"},
        {"I: downloading packages", "downloading packages"},
        {"I: extracting archives", "unpacking packages"},
        {"I: installing essential", "installing essential packages"},
        {"I: installing remaining", "installing packages"},
        {"I: cleaning", "cleaning up"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
        if (str_after_prefix(line, steps[i].line))
            return steps[i].text;
    return NULL;
}

/* --- commands ------------------------------------------------------------------------------- */

char *const *image_bootstrap_commands(const struct image_bootstrap *bootstrap)
{
    return bootstrap->commands;
}

char **image_bootstrap_command_argv(const char *command)
{
    static const char *const fixed[] = {
        "unshare",
        "--mount",
        "--uts",
        "--ipc",
        "--pid",
        "--fork",
        "--kill-child",
        "--root=rootfs",
        "--wd=/",
        "--mount-proc",
        "/usr/bin/env",
        "-i",
        "HOME=/root",
        "LC_ALL=C.UTF-8",
        "DEBIAN_FRONTEND=noninteractive",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "/bin/sh",
        "-c",
        NULL};
    char **argv = strv_copy(fixed);
    strv_add(&argv, xstrdup(command));
    return argv;
}

static const char *const lent_paths[] = {
    [LENT_RESOLV_CONF] = "/etc/resolv.conf", [LENT_POLICY] = "/usr/sbin/policy-rc.d"};

/* Nothing that is there is replaced. */
static int lend(struct image_bootstrap *bootstrap, int what, const char *rootfs,
                const char *content, struct error *err)
{
    _cleanup_free_ char *path = xasprintf("%s%s", rootfs, lent_paths[what]);
    struct stat status;
    if (lstat(path, &status) == 0)
        return 0;
    struct image_file file = {
        .path = (char *)lent_paths[what], .content = (char *)content, .mode = 0755};
    bootstrap->lent[what] = true;
    return image_file_write(&file, rootfs, err);
}

int image_bootstrap_enter(struct image_bootstrap *bootstrap, const char *rootfs, struct error *err)
{
    _cleanup_free_ char *servers = NULL;
    if (fs_read_file("/etc/resolv.conf", 65536, &servers, NULL, NULL) < 0)
        servers = xstrdup("");
    int r = lend(bootstrap, LENT_RESOLV_CONF, rootfs, servers, err);
    if (r == 0) /* invoke-rc.d(8): 101 is "forbidden" */
        r = lend(bootstrap, LENT_POLICY, rootfs, "#!/bin/sh\nexit 101\n", err);
    return r;
}

int image_bootstrap_leave(struct image_bootstrap *bootstrap, const char *rootfs, struct error *err)
{
    for (int i = 0; i < LENT_COUNT; i++) {
        _cleanup_free_ char *path = xasprintf("%s%s", rootfs, lent_paths[i]);
        if (bootstrap->lent[i] && unlink(path) < 0 && errno != ENOENT)
            return error_set(err, errno, "cannot remove '%s': %s", path, strerror(errno));
        bootstrap->lent[i] = false;
    }
    return 0;
}
