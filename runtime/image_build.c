/* See image_build.h. */
#include "runtime/image_build.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/image_reference.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/image_buildah.h"
#include "runtime/image_cache.h"
#include "runtime/image_dockerfile.h"
#include "runtime/image_tree.h"

#include <errno.h>
#include <sys/stat.h>

/* Part of the key: to be raised when the same description gives another image. */
static const char recipe_version[] = "1";

enum { DOCKERFILE_LIMIT = 4 << 20 };

struct image_build {
    char *context;    /* absolute, or a URL */
    char *dockerfile; /* absolute; of a context behind a URL as written, NULL: buildah's choice */
    char *inline_text;
    char *target;
    cJSON *args, *contexts;
    char **names;
    bool no_cache, pull, wanted;

    struct image_dockerfile file; /* after image_build_read() */
    char *ignore_path;            /* NULL: none */
    struct image_ignore *ignore;
    VEC(struct image_build_base) local; /* after image_build_resolve() */
    char **resolved; /* for each of file.bases; "" : stays as written (a further context) */
};

static bool is_remote(const struct image_build *build)
{
    return *build->context != '/';
}

/* --- parsing -------------------------------------------------------------------------------- */

static int add_name(struct image_build *build, const char *text, struct error *err)
{
    _cleanup_(image_reference_done) struct image_reference reference = {0};
    int r = image_reference_parse(text, &reference, err);
    if (r < 0)
        return r;
    if (!reference.registry || strchr(reference.source, '@'))
        return error_set(err, EINVAL, "an image that is built cannot be named '%s'", text);
    if (!strv_contains(build->names, reference.source))
        strv_add(&build->names, xstrdup(reference.source));
    return 0;
}

static int add_names(struct image_build *build, const cJSON *spec, const cJSON *description,
                     struct error *err)
{
    _cleanup_strv_ char **tags = json_strv(json_array(description, "tags"));
    int r = add_name(build, json_string(spec, "image", ""), err);
    for (size_t i = 0; tags && tags[i] && r == 0; i++)
        r = add_name(build, tags[i], err);
    return r;
}

static int check_contexts(const struct image_build *build, struct error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, build->contexts)
    {
        const char *value = cJSON_IsString(item) ? item->valuestring : "";
        if (*value != '/' && !str_after_prefix(value, "docker-image://"))
            return error_set(err, EINVAL,
                             "additional context '%s': '%s' is neither a folder nor an image "
                             "('docker-image://NAME')",
                             item->string, value);
    }
    return 0;
}

/* URLs as `docker build` takes them. */
static bool is_url(const char *context)
{
    static const char *const openings[] = {"http://", "https://", "git://", "git@", "ssh://"};
    for (size_t i = 0; i < ARRAY_SIZE(openings); i++)
        if (str_after_prefix(context, openings[i]))
            return true;
    return false;
}

static char *dockerfile_path(const struct image_build *build, const char *name)
{
    if (is_remote(build))
        return xstrdup(name);
    if (name && *name == '/')
        return xstrdup(name);
    return xasprintf("%s/%s", build->context, name ? name : "Dockerfile");
}

int image_build_parse(const cJSON *spec, struct image_build **ret_build, struct error *err)
{
    const cJSON *description = json_object(spec, "build");
    const cJSON *args = json_object(description, "args");
    const cJSON *contexts = json_object(description, "contexts");
    _cleanup_(image_build_freep) struct image_build *build = new0(struct image_build);
    build->context = xstrdup(json_string(description, "context", ""));
    if (is_remote(build) && !is_url(build->context))
        return error_set(err, EINVAL, "build context '%s' is neither an absolute path nor a URL",
                         build->context);
    build->dockerfile = dockerfile_path(build, json_string(description, "dockerfile", NULL));
    build->inline_text = xstrdup(json_string(description, "dockerfile_inline", NULL));
    build->target = xstrdup(json_string(description, "target", NULL));
    build->args = args ? cJSON_Duplicate(args, true) : cJSON_CreateObject();
    build->contexts = contexts ? cJSON_Duplicate(contexts, true) : cJSON_CreateObject();
    build->no_cache = json_bool(description, "no_cache", false);
    build->pull = json_bool(description, "pull", false);
    build->wanted = streq(json_string(spec, "when", "missing"), "always");
    int r = add_names(build, spec, description, err);
    if (r == 0)
        r = check_contexts(build, err);
    if (r == 0)
        *ret_build = TAKE_PTR(build);
    return r;
}

void image_build_free(struct image_build *build)
{
    if (!build)
        return;
    for (size_t i = 0; i < build->local.count; i++) {
        free(build->local.items[i].hex);
        free(build->local.items[i].name);
    }
    vec_done(&build->local);
    strv_free(build->resolved);
    image_dockerfile_done(&build->file);
    image_ignore_free(build->ignore);
    free(build->ignore_path);
    cJSON_Delete(build->args);
    cJSON_Delete(build->contexts);
    strv_free(build->names);
    free(build->target);
    free(build->inline_text);
    free(build->dockerfile);
    free(build->context);
    free(build);
}

bool image_build_is_wanted(const struct image_build *build)
{
    return build->wanted;
}

char *const *image_build_names(const struct image_build *build)
{
    return build->names;
}

/* --- reading -------------------------------------------------------------------------------- */

/* The file beside the Dockerfile goes before the context's. */
static int read_ignore(struct image_build *build, struct error *err)
{
    char *candidates[] = {build->inline_text ? NULL
                                             : xasprintf("%s.dockerignore", build->dockerfile),
                          xasprintf("%s/.containerignore", build->context),
                          xasprintf("%s/.dockerignore", build->context)};
    _cleanup_free_ char *text = NULL;
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
        if (candidates[i] && !build->ignore_path && fs_exists(candidates[i])) {
            r = fs_read_file(candidates[i], DOCKERFILE_LIMIT, &text, NULL, err);
            build->ignore_path = TAKE_PTR(candidates[i]);
        }
        free(candidates[i]);
    }
    if (r == 0)
        build->ignore = image_ignore_new(text);
    return r;
}

static int check_context(const struct image_build *build, struct error *err)
{
    struct stat status;
    if (stat(build->context, &status) < 0)
        return error_set(err, errno,
                         "its build context '%s' cannot be read: %s; 'build' or its "
                         "'context' names the folder, relative to the Compose file",
                         build->context, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set(err, ENOTDIR, "its build context '%s' is not a folder", build->context);
    return 0;
}

int image_build_read(struct image_build *build, struct error *err)
{
    if (is_remote(build))
        return 0;
    _cleanup_free_ char *text = xstrdup(build->inline_text);
    int r = check_context(build, err);
    if (r == 0 && !text) {
        r = fs_read_file(build->dockerfile, DOCKERFILE_LIMIT, &text, NULL, err);
        if (r < 0)
            return error_prefix(err, "its Dockerfile");
    }
    if (r == 0)
        r = read_ignore(build, err);
    return r < 0 ? r : image_dockerfile_parse(text, build->args, build->target, &build->file, err);
}

/* --- bases ---------------------------------------------------------------------------------- */

/* What `name` in the Dockerfile is: an image's source ("docker://..."), or NULL: a folder among the
 * further contexts, or nothing that can be an image. */
static char *source_of(const struct image_build *build, const char *name)
{
    const char *context = json_string(build->contexts, name, NULL);
    const char *image = context ? str_after_prefix(context, "docker-image://") : name;
    _cleanup_(image_reference_done) struct image_reference reference = {0};
    if (!image || image_reference_parse(image, &reference, NULL) < 0)
        return NULL;
    return TAKE_PTR(reference.source);
}

bool image_build_needs(const struct image_build *build, const char *source)
{
    for (size_t i = 0; i < build->file.bases.count; i++) {
        _cleanup_free_ char *base = source_of(build, build->file.bases.items[i].name);
        if (base && streq(base, source))
            return true;
    }
    return false;
}

static bool is_local(const struct image_build *build, const char *hex)
{
    for (size_t i = 0; i < build->local.count; i++)
        if (streq(build->local.items[i].hex, hex))
            return true;
    return false;
}

/* The id of a base that the cache has; NULL: a registry's. `pull` asks registries for the newest,
 * but of what was built here there is no other. */
static char *find_local(const struct image_build *build, const char *images, const char *source)
{
    char key[HASH_HEX_SIZE];
    _cleanup_json_ cJSON *result = NULL;
    _cleanup_free_ char *damage = NULL;
    hash_sha256_hex(source, strlen(source), key);
    image_cache_find(images, key, build->pull ? IMAGE_CACHE_BUILT : NULL, &result, &damage);
    return result ? xstrdup(json_string(result, "id", "")) : NULL;
}

/* One base: what buildah is told, and what the key gets. */
static void resolve_base(struct image_build *build, const char *images, const char *name,
                         cJSON *facts)
{
    _cleanup_free_ char *source = source_of(build, name);
    _cleanup_free_ char *id = source ? find_local(build, images, source) : NULL;
    cJSON_AddItemToArray(facts, cJSON_CreateString(id ? id : source ? source : name));
    const char *hex = id ? id + strlen("sha256:") : NULL;
    if (hex && !is_local(build, hex))
        vec_add(&build->local, (struct image_build_base){xstrdup(hex), xstrdup(name)});
    if (hex)
        strv_add(&build->resolved, xstrdup(hex));
    else
        strv_add(&build->resolved, xstrdup(source ? source + strlen("docker://") : ""));
}

/* Contents of folders; images among the further contexts count where they are used. */
static int add_contexts(const struct image_build *build, cJSON *facts, struct error *err)
{
    char hex[HASH_HEX_SIZE];
    int r = image_tree_hash(build->context, build->ignore, hex, err);
    if (r < 0)
        return r;
    json_set_string(facts, "context", hex);
    cJSON *contexts = cJSON_AddObjectToObject(facts, "contexts");
    const cJSON *item;
    cJSON_ArrayForEach(item, build->contexts)
    {
        bool is_folder = *item->valuestring == '/';
        r = is_folder ? image_tree_hash(item->valuestring, NULL, hex, err) : 0;
        if (r < 0)
            return error_prefix(err, "additional context '%s'", item->string);
        json_set_string(contexts, item->string, is_folder ? hex : item->valuestring);
    }
    return 0;
}

int image_build_resolve(struct image_build *build, const char *images, char key[HASH_HEX_SIZE],
                        struct error *err)
{
    *key = '\0';
    if (is_remote(build))
        return 0;
    _cleanup_json_ cJSON *facts = cJSON_CreateObject();
    cJSON *bases = cJSON_AddArrayToObject(facts, "bases");
    for (size_t i = 0; i < build->file.bases.count; i++)
        resolve_base(build, images, build->file.bases.items[i].name, bases);
    json_set_string(facts, "recipe", recipe_version);
    json_set_string(facts, "dockerfile", build->file.text);
    json_set_string(facts, "target", build->target);
    json_set(facts, "args", cJSON_Duplicate(build->args, true));
    int r = add_contexts(build, facts, err);
    _cleanup_free_ char *text = json_print(facts);
    if (r == 0)
        hash_sha256_hex(text, strlen(text), key);
    return r;
}

bool image_build_may_be_cached(const struct image_build *build)
{
    return !build->no_cache && !build->pull && !is_remote(build);
}

const struct image_build_base *image_build_missing_base(const struct image_build *build,
                                                        const char *images)
{
    for (size_t i = 0; i < build->local.count; i++) {
        _cleanup_free_ char *stored = image_buildah_find(images, build->local.items[i].hex);
        if (!stored)
            return &build->local.items[i];
    }
    return NULL;
}

/* --- buildah -------------------------------------------------------------------------------- */

/* Ids of the cache -> those of buildah's store, which differ where a base was imported. */
static char **name_stored_bases(const struct image_build *build, const char *images)
{
    char **names = NULL;
    for (size_t i = 0; i < build->file.bases.count; i++) {
        char *id = is_local(build, build->resolved[i])
                       ? image_buildah_find(images, build->resolved[i])
                       : NULL;
        strv_add(&names, id ? id : xstrdup(build->resolved[i]));
    }
    return names;
}

int image_build_prepare(const struct image_build *build, const char *images, const char *folder,
                        struct error *err)
{
    /* Only of a context that we cannot read does buildah resolve short names; as Docker does. */
    static const char registries[] = "unqualified-search-registries = [\"docker.io\"]\n"
                                     "short-name-mode = \"disabled\"\n";
    _cleanup_free_ char *path = xasprintf("%s/Dockerfile", folder);
    _cleanup_free_ char *ignore = xasprintf("%s/ignore", folder);
    _cleanup_free_ char *config = xasprintf("%s/registries.conf", folder);
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ const char **names = xcalloc(build->file.bases.count + 1, sizeof(*names));
    _cleanup_strv_ char **stored = name_stored_bases(build, images);
    for (size_t i = 0; i < build->file.bases.count; i++)
        names[i] = *stored[i] ? stored[i] : NULL;
    if (!is_remote(build))
        text = image_dockerfile_rewrite(&build->file, names);
    else if (build->inline_text)
        text = xstrdup(build->inline_text);
    int r = text ? fs_write_file_atomic(path, text, strlen(text), 0600, err) : 0;
    if (r == 0)
        r = fs_write_file_atomic(ignore, "", 0, 0600, err);
    if (r == 0)
        r = fs_write_file_atomic(config, registries, strlen(registries), 0600, err);
    return r;
}

/* Names that buildah and what it starts look at themselves: their values go on the command line. */
static bool is_reserved(const char *name)
{
    static const char *const prefixes[] = {
        "BUILDAH_", "CONTAINERS_", "REGISTRY_", "STORAGE_", "XDG_", "LD_",  "GO",
        "LC_",      "TMPDIR",      "PATH",      "HOME",     "LANG", "USER", "_"};
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (str_after_prefix(name, prefixes[i]))
            return true;
    return false;
}

static void add_args(const struct image_build *build, char ***argv)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, build->args)
    {
        const char *value = cJSON_IsString(item) ? item->valuestring : "";
        strv_add(argv, is_reserved(item->string)
                           ? xasprintf("--build-arg=%s=%s", item->string, value)
                           : xasprintf("--build-arg=%s", item->string));
    }
}

char **image_build_environment(const struct image_build *build)
{
    char **environment = NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, build->args) if (!is_reserved(item->string))
        strv_add(&environment,
                 xasprintf("%s=%s", item->string, cJSON_IsString(item) ? item->valuestring : ""));
    return environment;
}

static void add_source(const struct image_build *build, const char *folder, char ***argv)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, build->contexts) if (*item->valuestring == '/')
        strv_add(argv, xasprintf("--build-context=%s=%s", item->string, item->valuestring));
    if (!is_remote(build)) {
        /* An empty file in place of none: buildah would look for one by itself. */
        strv_add(argv, build->ignore_path ? xasprintf("--ignorefile=%s", build->ignore_path)
                                          : xasprintf("--ignorefile=%s/ignore", folder));
        strv_add(argv, xasprintf("--file=%s/Dockerfile", folder));
    } else if (build->inline_text) {
        strv_add(argv, xasprintf("--file=%s/Dockerfile", folder));
    } else if (build->dockerfile) {
        strv_add(argv, xasprintf("--file=%s", build->dockerfile));
    }
    strv_add(argv, xstrdup(build->context));
}

char **image_build_argv(const struct image_build *build, const char *images, const char *folder)
{
    /* Docker's format keeps HEALTHCHECK. --pull=true is "if newer". */
    static const char *const fixed[] = {"build",    "--isolation=chroot", "--format=docker",
                                        "--layers", "--force-rm",         NULL};
    char **argv = image_buildah_argv(images);
    for (size_t i = 0; fixed[i]; i++)
        strv_add(&argv, xstrdup(fixed[i]));
    strv_add(&argv, xasprintf("--pull=%s", build->pull ? "true" : "false"));
    strv_add(&argv, xasprintf("--iidfile=%s/id", folder));
    if (build->no_cache)
        strv_add(&argv, xstrdup("--no-cache"));
    if (build->target)
        strv_add(&argv, xasprintf("--target=%s", build->target));
    add_args(build, &argv);
    for (size_t i = 0; build->names[i]; i++)
        strv_add(&argv, xasprintf("--tag=%s", build->names[i] + strlen("docker://")));
    add_source(build, folder, &argv);
    return argv;
}

char *image_build_translate(const struct image_build *build, const char *line)
{
    for (size_t i = 0; i < build->local.count; i++) {
        const char *hex = build->local.items[i].hex;
        const char *found = strstr(line, hex);
        if (found)
            return xasprintf("%.*s%s%s", (int)(found - line), line, build->local.items[i].name,
                             found + strlen(hex));
    }
    return xstrdup(line);
}

bool image_build_has_heredoc(const struct image_build *build)
{
    return build->file.has_heredoc;
}
