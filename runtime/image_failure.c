/* See image_failure.h. */
#include "runtime/image_failure.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>

/* --- missing programs ----------------------------------------------------------------------- */

static const struct {
    const char *program, *package;
} packages[] = {
    {"skopeo", "skopeo"},         {"umoci", "umoci"}, {"mkfs.erofs", "erofs-utils"},
    {"mmdebstrap", "mmdebstrap"}, {"apt-get", "apt"},
};

static const char *package_of(const char *program)
{
    for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
        if (streq(packages[i].program, program))
            return packages[i].package;
    return program;
}

int image_failure_check_programs(const char *name, const char *action, const char *const *programs,
                                 struct error *err)
{
    _cleanup_strv_ char **missing = NULL, **install = NULL;
    for (size_t i = 0; programs[i]; i++) {
        _cleanup_free_ char *path = fs_find_program(programs[i]);
        if (path)
            continue;
        strv_add(&missing, xasprintf("'%s'", programs[i]));
        strv_add(&install, xstrdup(package_of(programs[i])));
    }
    if (!missing)
        return 0;
    _cleanup_free_ char *names = strv_join(missing, " and ");
    _cleanup_free_ char *list = strv_join(install, " ");
    return error_set(err, ENOENT,
                     "cannot %s image '%s': %s %s not installed; install with 'apt-get install %s'",
                     action, name, names, strv_length(missing) > 1 ? "are" : "is", list);
}

/* --- essence -------------------------------------------------------------------------------- */

/* The text of msg="..." with its escapes undone; NULL: no such field. */
static char *logrus_message(const char *line)
{
    const char *start = strstr(line, " msg=\"");
    if (!start)
        return NULL;
    _cleanup_strbuf_ struct strbuf text = {0};
    for (const char *c = start + 6; *c && *c != '"'; c++) {
        if (*c == '\\' && c[1])
            c++;
        strbuf_add_char(&text, *c);
    }
    return strbuf_take(&text);
}

/* skopeo begins with the image's name, which our own message has already. */
static const char *skip_image_name(const char *message)
{
    static const char *const openings[] = {"Error parsing image name \"", "initializing source "};
    for (size_t i = 0; i < ARRAY_SIZE(openings); i++) {
        const char *rest = str_after_prefix(message, openings[i]);
        const char *colon = rest ? strstr(rest, ": ") : NULL;
        if (colon)
            return colon + 2;
    }
    return message;
}

/* Lines that only say that something was said before. */
static bool is_echo(const char *line)
{
    static const char *const echoes[] = {"E: Some index files", "E: apt-get ", "E: setup failed",
                                         "E: mmdebstrap failed", "E: cannot chroot"};
    for (size_t i = 0; i < ARRAY_SIZE(echoes); i++)
        if (str_after_prefix(line, echoes[i]))
            return true;
    return false;
}

/* The last line that says anything; a line that begins with "E: " wins over one that does not. */
static char *last_telling_line(const char *errors)
{
    _cleanup_free_ char *copy = xstrdup(errors);
    char *rest = copy;
    const char *last = "", *last_error = NULL;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (!*line || is_echo(line))
            continue;
        last = line;
        if (str_after_prefix(line, "E: "))
            last_error = line + 3;
    }
    return xstrdup(last_error ? last_error : last);
}

char *image_failure_essence(const char *errors)
{
    _cleanup_free_ char *line = last_telling_line(errors);
    _cleanup_free_ char *message = logrus_message(line);
    const char *text = message ? skip_image_name(message) : line;
    return xstrdup(*text ? text : "it gave no reason");
}

/* --- causes --------------------------------------------------------------------------------- */

enum cause {
    CAUSE_OTHER,
    CAUSE_MISSING,
    CAUSE_NETWORK,
    CAUSE_LOGIN,
    CAUSE_TLS,
    CAUSE_SPACE,
    CAUSE_PLATFORM,
    CAUSE_PACKAGE,
    CAUSE_SUITE,
};

/* First match wins: a name that does not resolve is "no such host" inside a "dial tcp". */
static const struct {
    const char *text;
    enum cause cause;
} symptoms[] = {
    {"no space left on device", CAUSE_SPACE},
    {"no image found in manifest list", CAUSE_PLATFORM},
    {"no image found in image index", CAUSE_PLATFORM},
    {"manifest unknown", CAUSE_MISSING},
    {"name unknown", CAUSE_MISSING},
    {"no descriptor found for reference", CAUSE_MISSING},
    {"no such file or directory", CAUSE_MISSING},
    {"unauthorized", CAUSE_LOGIN},
    {"authentication required", CAUSE_LOGIN},
    {"access to the resource is denied", CAUSE_LOGIN},
    {"x509:", CAUSE_TLS},
    {"server gave HTTP response to HTTPS", CAUSE_TLS},
    {"Unable to locate package", CAUSE_PACKAGE},
    {"has no installation candidate", CAUSE_PACKAGE},
    {"does not have a Release file", CAUSE_SUITE},
    {"no such host", CAUSE_NETWORK},
    {"dial tcp", CAUSE_NETWORK},
    {"dial udp", CAUSE_NETWORK},
    {"network is unreachable", CAUSE_NETWORK},
    {"i/o timeout", CAUSE_NETWORK},
    {"TLS handshake timeout", CAUSE_NETWORK},
    {"Temporary failure resolving", CAUSE_NETWORK},
    {"Could not resolve", CAUSE_NETWORK},
    {"Could not connect", CAUSE_NETWORK},
    {"Cannot initiate the connection", CAUSE_NETWORK},
    {"Connection failed", CAUSE_NETWORK},
    {"Failed to fetch", CAUSE_NETWORK},
};

static enum cause find_cause(const char *essence)
{
    for (size_t i = 0; i < ARRAY_SIZE(symptoms); i++)
        if (strcasestr(essence, symptoms[i].text))
            return symptoms[i].cause;
    return CAUSE_OTHER;
}

/* What to do about it; the errno that callers may tell apart. */
static const struct {
    int code;
    const char *what, *remedy;
} answers[] = {
    [CAUSE_OTHER] = {EIO, "cannot be got ready", NULL},
    [CAUSE_MISSING] = {ENOENT, "does not exist", "check its name, tag or digest"},
    [CAUSE_NETWORK] = {ENETUNREACH, "cannot be fetched: its source is not reachable",
                       "check the network; from within a private network namespace there is no "
                       "way out: run 'vmstead pull' outside of it first"},
    [CAUSE_LOGIN] = {EACCES, "does not exist, or needs a login",
                     "check its name, or log in with 'skopeo login REGISTRY' or 'docker login'"},
    [CAUSE_TLS] = {EPROTO, "cannot be fetched: its registry's TLS is not trusted",
                   "install the registry's certificate in /etc/docker/certs.d/REGISTRY/ca.crt"},
    [CAUSE_SPACE] = {ENOSPC, "cannot be got ready: the disk is full",
                     "make room where the image cache and temporary files are"},
    [CAUSE_PLATFORM] = {ENOEXEC, "is not for linux/amd64, which this machine is",
                        "use an image that was built for it"},
    [CAUSE_PACKAGE] = {ENOENT, "names a package that its suite does not have",
                       "check 'packages' and 'suite'"},
    [CAUSE_SUITE] = {ENOENT, "names a suite that this host's package mirror does not have",
                     "check 'suite', or add a mirror that has it to the host's apt sources"},
};

int image_failure_explain(const char *name, const char *registry, const char *essence,
                          struct error *err)
{
    enum cause cause = find_cause(essence);
    if (cause == CAUSE_OTHER)
        return error_set(err, EIO, "image '%s' cannot be got ready: %s", name, essence);
    return error_set(err, answers[cause].code, "image '%s' %s%s%s%s (%s); %s", name,
                     answers[cause].what, registry ? " (registry '" : "", registry ? registry : "",
                     registry ? "')" : "", essence, answers[cause].remedy);
}
