/* See image_ignore.h. */
#include "runtime/image_ignore.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

struct pattern {
    char *text;     /* without '!', leading and trailing slashes and "." parts */
    bool exception; /* takes back what an earlier one excluded */
};

struct image_ignore {
    VEC(struct pattern) patterns;
    bool has_exceptions;
};

/* --- patterns ------------------------------------------------------------------------------- */

/* "./a//b/../c/" -> "a/c": Go's filepath.Clean, and no slash in front. Owned by the caller. */
static char *clean_path(const char *text)
{
    _cleanup_strbuf_ struct strbuf clean = {0};
    while (*text) {
        size_t length = strcspn(text, "/");
        bool up = length == 2 && strncmp(text, "..", 2) == 0;
        if (up) {
            const char *slash = strrchr(strbuf_text(&clean), '/');
            clean.length = slash ? (size_t)(slash - clean.data) : 0;
            if (clean.data)
                clean.data[clean.length] = '\0';
        } else if (length && !(length == 1 && *text == '.')) {
            if (clean.length)
                strbuf_add_char(&clean, '/');
            strbuf_add(&clean, text, length);
        }
        text += length + (text[length] == '/');
    }
    return xstrdup(strbuf_text(&clean));
}

static void add_pattern(struct image_ignore *ignore, const char *line)
{
    struct pattern pattern = {.exception = *line == '!'};
    line += pattern.exception;
    line += strspn(line, " \t");
    pattern.text = clean_path(line);
    if (!*pattern.text) {
        free(pattern.text);
        return;
    }
    ignore->has_exceptions |= pattern.exception;
    vec_add(&ignore->patterns, pattern);
}

struct image_ignore *image_ignore_new(const char *text)
{
    struct image_ignore *ignore = new0(struct image_ignore);
    if (text && str_after_prefix(text, "\xef\xbb\xbf"))
        text += 3; /* a byte order mark */
    while (text && *text) {
        size_t length = strcspn(text, "\n");
        size_t start = strspn(text, " \t\r"), end = length;
        while (end > start && strchr(" \t\r", text[end - 1]))
            end--;
        if (*text != '#' && end > start) {
            _cleanup_free_ char *line = xstrndup(text + start, end - start);
            add_pattern(ignore, line);
        }
        text += length + (text[length] == '\n');
    }
    return ignore;
}

void image_ignore_free(struct image_ignore *ignore)
{
    if (!ignore)
        return;
    for (size_t i = 0; i < ignore->patterns.count; i++)
        free(ignore->patterns.items[i].text);
    vec_done(&ignore->patterns);
    free(ignore);
}

/* --- matching ------------------------------------------------------------------------------- */

/* Behind a character class that starts at pattern ("[a-z]", "[^ab]"), NULL where it does not hold c
 * or is not closed. */
static const char *match_class(const char *pattern, char c)
{
    const char *p = pattern + 1;
    bool negated = *p == '^', found = false;
    p += negated;
    do {
        p += *p == '\\' && p[1];
        char low = *p, high = *p;
        if (!low)
            return NULL;
        if (p[1] == '-' && p[2] && p[2] != ']') {
            p += 2;
            p += *p == '\\' && p[1];
            high = *p;
        }
        found |= low <= c && c <= high;
        p++;
    } while (*p != ']');
    return found != negated && c != '/' ? p + 1 : NULL;
}

static bool matches(const char *pattern, const char *path);

/* "**": any number of folders, also none; at the end, everything. */
static bool match_folders(const char *pattern, const char *path)
{
    while (*pattern == '*')
        pattern++;
    if (!*pattern)
        return true;
    pattern += *pattern == '/';
    for (const char *rest = path; rest; rest = strchr(rest, '/')) {
        rest += rest != path;
        if (matches(pattern, rest))
            return true;
    }
    return false;
}

static bool match_star(const char *pattern, const char *path)
{
    do {
        if (matches(pattern + 1, path))
            return true;
    } while (*path && *path++ != '/');
    return false;
}

static bool matches(const char *pattern, const char *path)
{
    for (; *pattern; path++) {
        if (pattern[0] == '*')
            return pattern[1] == '*' ? match_folders(pattern, path) : match_star(pattern, path);
        if (!*path)
            return false;
        if (pattern[0] == '[') {
            pattern = match_class(pattern, *path);
            if (!pattern)
                return false;
            continue;
        }
        bool any = pattern[0] == '?';
        pattern += pattern[0] == '\\' && pattern[1];
        if (any ? *path == '/' : *pattern != *path)
            return false;
        pattern++;
    }
    return !*path;
}

/* The path itself, or one of the folders it is in. */
static bool matches_path_or_parent(const char *pattern, const char *path)
{
    if (matches(pattern, path))
        return true;
    _cleanup_free_ char *parent = xstrdup(path);
    for (char *slash; (slash = strrchr(parent, '/'));) {
        *slash = '\0';
        if (matches(pattern, parent))
            return true;
    }
    return false;
}

bool image_ignore_excludes(const struct image_ignore *ignore, const char *path)
{
    bool excluded = false;
    for (size_t i = 0; ignore && i < ignore->patterns.count; i++) {
        const struct pattern *pattern = &ignore->patterns.items[i];
        if (pattern->exception == excluded && matches_path_or_parent(pattern->text, path))
            excluded = !pattern->exception;
    }
    return excluded;
}

bool image_ignore_has_exceptions(const struct image_ignore *ignore)
{
    return ignore && ignore->has_exceptions;
}
