/* See image_bootstrap.h. */
#include "runtime/image_bootstrap.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_files.h"

#include <ctype.h>
#include <errno.h>

/* Part of the key: to be raised when the same description gives another image. */
static const char recipe_version[] = "1";

struct image_bootstrap {
    char *suite;
    char **packages;              /* sorted, each once */
    VEC(struct image_file) files; /* sorted by path */
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
    strv_free(bootstrap->packages);
    free(bootstrap->suite);
    free(bootstrap);
}

const char *image_bootstrap_suite(const struct image_bootstrap *bootstrap)
{
    return bootstrap->suite;
}

/* --- key ------------------------------------------------------------------------------------ */

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
    _cleanup_free_ char *text = json_print(normal);
    hash_sha256_hex(text, strlen(text), key);
    return 0;
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

/* --- the host's package sources ------------------------------------------------------------- */

const char *const image_bootstrap_targets_argv[] = {
    "apt-get",
    "indextargets",
    "--format",
    "$(RELEASE)|$(COMPONENT)|$(REPO_URI)|$(SOURCESENTRY)|$(ORIGIN)|",
    "Created-By: Packages",
    NULL};

enum { TARGET_RELEASE, TARGET_COMPONENT, TARGET_URI, TARGET_ENTRY, TARGET_ORIGIN, TARGET_FIELDS };

/* "FILE:N" of the sources entry -> the keyring it names ("Signed-By: PATH" or "[signed-by=PATH]"),
 * or NULL: then apt's own trusted keys do. apt-get has no way of telling it. */
static char *find_keyring(const char *entry)
{
    _cleanup_free_ char *path = xstrdup(entry), *text = NULL;
    char *colon = strrchr(path, ':');
    if (colon)
        *colon = '\0';
    if (fs_read_file(path, 1 << 20, &text, NULL, NULL) < 0)
        return NULL;
    const char *found = strcasestr(text, "signed-by");
    if (!found)
        return NULL;
    found += strlen("signed-by");
    found += strspn(found, ":= \t");
    size_t length = strcspn(found, " \t\n,]");
    return *found == '/' ? xstrndup(found, length) : NULL;
}

/* `release` is "bookworm", "bookworm-updates" or "bookworm-security" of the suite "bookworm": what
 * follows the suite, or NULL. */
static const char *pocket_of(const char *release, const char *suite)
{
    const char *pocket = str_after_prefix(release, suite);
    return pocket && (streq(pocket, "") || streq(pocket, "-updates") || streq(pocket, "-security"))
               ? pocket
               : NULL;
}

struct sources_search {
    const char *from;   /* the suite as the host's sources have it */
    const char *to;     /* the suite that is wanted */
    const char *origin; /* "Debian", or NULL: any */
};

static void add_source(const struct sources_search *search, char *const *fields, char ***lines)
{
    const char *pocket = pocket_of(fields[TARGET_RELEASE], search->from);
    bool rolling = streq(search->to, "sid") || streq(search->to, "unstable");
    if (!pocket || (rolling && *pocket) ||
        (search->origin && !streq(fields[TARGET_ORIGIN], search->origin)))
        return;
    _cleanup_free_ char *keyring = find_keyring(fields[TARGET_ENTRY]);
    _cleanup_free_ char *line = xasprintf(
        "deb %s%s%s%s %s%s %s", keyring ? "[signed-by=" : "", keyring ? keyring : "",
        keyring ? "] " : "", fields[TARGET_URI], search->to, pocket, fields[TARGET_COMPONENT]);
    if (!strv_contains(*lines, line))
        strv_add(lines, TAKE_PTR(line));
}

static char **search_sources(const char *targets, const struct sources_search *search)
{
    _cleanup_free_ char *copy = xstrdup(targets);
    char *rest = copy, **lines = NULL;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *fields[TARGET_FIELDS];
        size_t count = 0;
        while (count < TARGET_FIELDS && (fields[count] = strsep(&line, "|")))
            count++;
        if (count == TARGET_FIELDS)
            add_source(search, fields, &lines);
    }
    return lines;
}

/* The suite as the host has it, else the host's own mirrors under the suite's name; of Debian
 * where apt knows who is who (it does once it has fetched its lists). */
static char **choose_sources(const char *suite, const char *codename, const char *targets)
{
    const struct sources_search searches[] = {
        {suite, suite, "Debian"},
        {suite, suite, NULL},
        {codename, suite, "Debian"},
        {codename, suite, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(searches); i++) {
        char **lines = *searches[i].from ? search_sources(targets, &searches[i]) : NULL;
        if (lines)
            return lines;
    }
    return NULL;
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
    _cleanup_strv_ char **sources = choose_sources(bootstrap->suite, codename, targets);
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
