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
    {"skopeo", "skopeo"},
    {"umoci", "umoci"},
    {"mkfs.erofs", "erofs-utils"},
    {"mmdebstrap", "mmdebstrap"},
    {"apt-get", "apt"},
    {"buildah", "buildah"},
    {"git", "git"},
    {"unshare", "util-linux"},
    {"chroot", "coreutils"},
    {"fsck.erofs", "erofs-utils"},
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

/* apt says the same of every file that it cannot fetch. */
static bool is_news(char *const *found, const char *line)
{
    return !strv_contains(found, line) && !(found && str_after_prefix(line, "Failed to fetch"));
}

/* apt's "E: " lines, the first three; NULL: none. */
static char *apt_errors(char *const *lines)
{
    _cleanup_strv_ char **found = NULL;
    for (size_t i = 0; lines[i] && strv_length(found) < 3; i++)
        if (str_after_prefix(lines[i], "E: ") && !is_echo(lines[i]) && is_news(found, lines[i] + 3))
            strv_add(&found, xstrdup(lines[i] + 3));
    return found ? strv_join(found, "; ") : NULL;
}

/* "pinging container registry R: Get "https://R/v2/": dial tcp: ..." says it all from "dial" on,
 * and registries say "manifest unknown: manifest unknown". */
static char *shorten(const char *message)
{
    const char *dial = strstr(message, ": dial ");
    const char *text = dial ? dial + 2 : message;
    const char *last = text;
    for (const char *colon = text; (colon = strstr(colon, ": ")); last = colon)
        colon += 2;
    size_t length = strlen(last), before = (size_t)(last - text);
    if (before >= length + 2 && strncmp(last - 2 - length, last, length) == 0)
        return xstrndup(text, before - 2);
    return xstrdup(text);
}

static char **split_lines(const char *text)
{
    _cleanup_free_ char *copy = xstrdup(text);
    char *rest = copy, **lines = NULL;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            strv_add(&lines, xstrdup(line));
    return lines;
}

char *image_failure_essence(const char *errors)
{
    _cleanup_strv_ char **lines = split_lines(errors);
    if (!lines)
        return xstrdup("it gave no reason");
    char *essence = apt_errors(lines);
    if (essence)
        return essence;
    const char *last = lines[strv_length(lines) - 1];
    _cleanup_free_ char *message = logrus_message(last);
    return shorten(skip_image_name(message ? message : last));
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

/* Sets err to "image 'x' WHAT (essence); REMEDY". */
static int answer(const char *name, const char *essence, struct error *err, int code,
                  const char *what, const char *remedy)
{
    return error_set(err, code, "image '%s' %s (%s); %s", name, what, essence, remedy);
}

int image_failure_explain(const char *name, const char *registry, const char *essence,
                          struct error *err)
{
    const char *host = registry ? registry : "";
    switch (find_cause(essence)) {
    case CAUSE_MISSING:
        return answer(name, essence, err, ENOENT, "does not exist",
                      "check its name, tag or digest");
    case CAUSE_NETWORK:
        return answer(name, essence, err, ENETUNREACH,
                      "cannot be fetched: its source is not reachable",
                      "check the network; from within a private network namespace there is no way "
                      "out: run 'vmstead pull' outside of it first");
    case CAUSE_LOGIN:
        return error_set(err, EACCES,
                         "image '%s' does not exist or needs a login (%s); check its name, or log "
                         "in with 'docker login %s' or 'skopeo login %s'",
                         name, essence, host, host);
    case CAUSE_TLS:
        return error_set(err, EPROTO,
                         "image '%s' cannot be fetched: the TLS of '%s' is not trusted (%s); put "
                         "its CA certificate into /etc/docker/certs.d/%s/ca.crt",
                         name, host, essence, host);
    case CAUSE_SPACE:
        return answer(name, essence, err, ENOSPC, "cannot be made: the disk is full",
                      "make room where the image cache is");
    case CAUSE_PLATFORM:
        return answer(name, essence, err, ENOEXEC, "is not for linux/amd64, which this machine is",
                      "use an image that was built for it");
    case CAUSE_PACKAGE:
        return answer(name, essence, err, ENOENT, "asks for a package that its suite does not have",
                      "check 'packages' and 'suite'");
    case CAUSE_SUITE:
        return answer(name, essence, err, ENOENT,
                      "asks for a suite that the host's package mirror does not have",
                      "check 'suite', or add a mirror that has it to the host's apt sources");
    case CAUSE_OTHER:
        break;
    }
    return error_set(err, EIO, "image '%s' cannot be made: %s", name, essence);
}
