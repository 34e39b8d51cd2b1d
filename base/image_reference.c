/* See image_reference.h. The grammar: github.com/distribution/reference. */
#include "base/image_reference.h"

#include "base/alloc.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>

static int refuse(const char *text, const char *why, struct error *err)
{
    return error_set(err, EINVAL, "'%s' is not an image reference: %s", text, why);
}

/* --- local sources -------------------------------------------------------------------------- */

/* The path of a local source; NULL: text names an image of a registry. */
static const char *local_path(const char *text, bool *ret_is_folder)
{
    const char *path = str_after_prefix(text, "oci:");
    *ret_is_folder = path != NULL;
    return path ? path : str_after_prefix(text, "docker-archive:");
}

char *image_reference_resolve(const char *text, const char *directory)
{
    bool is_folder;
    const char *path = local_path(text, &is_folder);
    if (!path || !*path || *path == '/' || *path == ':')
        return xstrdup(text);
    int scheme = (int)(path - text);
    while (str_after_prefix(path, "./"))
        path += 2;
    return xasprintf("%.*s%s/%s", scheme, text, directory, path);
}

/* PATH[:NAME] behind "oci:" or "docker-archive:"; a path with ':' cannot be said there. */
static int parse_local(const char *text, const char *rest, bool is_folder,
                       struct image_reference *reference, struct error *err)
{
    size_t length = strcspn(rest, ":");
    if (length == 0 || rest[0] != '/')
        return error_set(err, EINVAL, "'%s': the %s must be named by an absolute path", text,
                         is_folder ? "folder" : "file");
    if (is_folder && rest[length] == ':' && rest[length + 1])
        reference->tag = xstrdup(rest + length + 1);
    reference->source = xstrdup(text);
    reference->local = xstrndup(rest, length);
    reference->is_folder = is_folder;
    return 0;
}

/* --- registries ----------------------------------------------------------------------------- */

static bool is_digest(const char *text)
{
    const char *hex = str_after_prefix(text, "sha256:");
    return hex && strlen(hex) == 64 && strspn(hex, "0123456789abcdef") == 64;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || is_digit(c);
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* How many characters join two words: '.', '_', '__', any number of '-'; 0: none do. */
static size_t separator_length(const char *text, size_t length)
{
    size_t same = 0;
    while (same < length && text[same] == text[0])
        same++;
    if (text[0] == '-')
        return same;
    return (text[0] == '.' && same == 1) || (text[0] == '_' && same <= 2) ? same : 0;
}

/* Parts joined by '/', each of lower-case words. */
static bool is_repository(const char *name, size_t length)
{
    bool in_word = false;
    for (size_t i = 0; i < length; i++) {
        if (is_word(name[i])) {
            in_word = true;
            continue;
        }
        size_t separator = name[i] == '/' ? 1 : separator_length(name + i, length - i);
        if (!in_word || separator == 0)
            return false;
        i += separator - 1;
        in_word = false;
    }
    return in_word && length <= 255;
}

static bool is_tag(const char *tag, size_t length)
{
    if (length == 0 || length > 128 || tag[0] == '.' || tag[0] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_word(tag[i]) && !is_upper(tag[i]) && !strchr("._-", tag[i]))
            return false;
    return true;
}

static bool is_loopback(const char *registry)
{
    _cleanup_free_ char *host = xstrdup(registry);
    if (host[0] == '[')
        return str_after_prefix(host, "[::1]") != NULL;
    host[strcspn(host, ":")] = '\0';
    struct in_addr address;
    if (inet_pton(AF_INET, host, &address) == 1)
        return ntohl(address.s_addr) >> 24 == 127;
    return streq(host, "localhost");
}

/* HOST, HOST:PORT or [IPv6]:PORT; what stands before the first slash of a name. */
static bool is_registry(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] == '.' || name[i] == ':' || is_upper(name[i]))
            return true;
    return length == strlen("localhost") && strncmp(name, "localhost", length) == 0;
}

static bool registry_is_valid(const char *registry, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!is_word(registry[i]) && !is_upper(registry[i]) && !strchr(".-:[]_", registry[i]))
            return false;
    return true;
}

/* What an image of a registry is called; pieces of the text. NULL: it does not say. */
struct name {
    const char *registry, *repository, *tag, *digest;
    size_t registry_length, repository_length, tag_length;
};

static int take_apart(const char *text, struct name *ret_name, struct error *err)
{
    const char *behind_scheme = str_after_prefix(text, "docker://");
    struct name name = {.repository = behind_scheme ? behind_scheme : text};
    const char *slash = strchr(name.repository, '/');
    size_t first = slash ? (size_t)(slash - name.repository) : 0;
    if (slash && is_registry(name.repository, first)) {
        name.registry = name.repository;
        name.registry_length = first;
        name.repository = slash + 1;
    }
    const char *at = strchr(name.repository, '@');
    size_t length = at ? (size_t)(at - name.repository) : strlen(name.repository);
    const char *colon = memchr(name.repository, ':', length);
    name.repository_length = colon ? (size_t)(colon - name.repository) : length;
    name.tag = colon ? colon + 1 : NULL;
    name.tag_length = colon ? length - name.repository_length - 1 : 0;
    name.digest = at ? at + 1 : NULL;
    if (at && !is_digest(at + 1))
        return refuse(text, "what follows '@' must be 'sha256:' and 64 hexadecimal digits", err);
    if (!is_repository(name.repository, name.repository_length) ||
        !registry_is_valid(name.registry, name.registry_length))
        return refuse(text,
                      "a name is lower-case letters, digits, '.', '_', '-' and '/', as in "
                      "'nginx:1.25' or 'registry.example:5000/team/app'",
                      err);
    if (name.tag && name.tag_length == 0)
        return refuse(text, "it has no tag behind the ':'", err);
    if (name.tag && !is_tag(name.tag, name.tag_length))
        return refuse(text, "a tag is up to 128 letters, digits, '.', '_' and '-'", err);
    *ret_name = name;
    return 0;
}

static int parse_name(const char *text, struct image_reference *reference, struct error *err)
{
    struct name name;
    int r = take_apart(text, &name, err);
    if (r < 0)
        return r;
    reference->registry =
        name.registry ? xstrndup(name.registry, name.registry_length) : xstrdup("docker.io");
    _cleanup_free_ char *tag = name.tag ? xstrndup(name.tag, name.tag_length) : xstrdup("latest");
    bool official = streq(reference->registry, "docker.io") &&
                    !memchr(name.repository, '/', name.repository_length);
    reference->source =
        xasprintf("docker://%s/%s%.*s%s%s", reference->registry, official ? "library/" : "",
                  (int)name.repository_length, name.repository, name.digest ? "@" : ":",
                  name.digest ? name.digest : tag);
    reference->loopback = is_loopback(reference->registry);
    return 0;
}

int image_reference_check(const char *text, struct error *err)
{
    bool is_folder;
    struct name name;
    if (!local_path(text, &is_folder))
        return take_apart(text, &name, err);
    _cleanup_(image_reference_done) struct image_reference reference = {0};
    _cleanup_free_ char *resolved = image_reference_resolve(text, "/");
    return image_reference_parse(resolved, &reference, err);
}

int image_reference_parse(const char *text, struct image_reference *ret_reference,
                          struct error *err)
{
    _cleanup_(image_reference_done) struct image_reference reference = {0};
    bool is_folder;
    const char *local = local_path(text, &is_folder);
    int r = local ? parse_local(text, local, is_folder, &reference, err)
                  : parse_name(text, &reference, err);
    if (r < 0)
        return r;
    *ret_reference = reference;
    reference = (struct image_reference){0};
    return 0;
}

void image_reference_done(struct image_reference *reference)
{
    free(reference->source);
    free(reference->registry);
    free(reference->local);
    free(reference->tag);
    *reference = (struct image_reference){0};
}
