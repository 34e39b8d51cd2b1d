/* See image_mirrors.h. */
#include "runtime/image_mirrors.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"

const char *const image_mirrors_targets_argv[] = {
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

char **image_mirrors_choose(const char *suite, const char *codename, const char *targets)
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
