/* See compose/parse.h. */
#include "compose/parse.h"

#include "base/str.h"
#include "base/vec.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>

/* --- ports ------------------------------------------------------------------------------------ */

static int parse_port(const char *text, size_t length, bool zero, uint16_t *ret_port)
{
    char number[8];
    if (length == 0 || length >= sizeof(number))
        return -EINVAL;
    memcpy(number, text, length);
    number[length] = '\0';
    int r = str_to_u16(number, ret_port);
    if (r == 0 && *ret_port == 0 && !zero)
        r = -EINVAL;
    return r;
}

int parse_port_range(const char *text, bool zero, struct port_range *ret_range)
{
    struct port_range range = {0};
    const char *dash = strchr(text, '-');
    size_t length = dash ? (size_t)(dash - text) : strlen(text);
    int r = parse_port(text, length, zero, &range.first);
    range.last = range.first;
    if (r == 0 && dash)
        r = parse_port(dash + 1, strlen(dash + 1), false, &range.last);
    if (r == 0 && (range.last < range.first || (dash && range.first == 0)))
        r = -EINVAL;
    if (r == 0)
        *ret_range = range;
    return r;
}

/* --- addresses ------------------------------------------------------------------------------ */

int parse_ipv4(const char *text, uint32_t *ret_address)
{
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return -EINVAL;
    *ret_address = ntohl(address.s_addr);
    return 0;
}

bool parse_is_ipv6(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET6, text, &address) == 1;
}

bool parse_is_host_name(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    if (strlen(text) > 253)
        return false;
    for (;; text++) {
        size_t length = strspn(text, allowed);
        if (length == 0 || length > 63 || text[0] == '-' || text[length - 1] == '-')
            return false;
        text += length;
        if (*text != '.')
            return *text == '\0';
    }
}

/* --- paths ----------------------------------------------------------------------------------- */

/* Where the last part of a cleaned path begins; ".." of a relative one cannot be taken back. */
static size_t drop_part(const char *path, size_t length)
{
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    bool is_up = length - start == 2 && strncmp(path + start, "..", 2) == 0;
    return length == 0 || is_up ? length : start > 1 ? start - 1 : start;
}

/* An absolute path without "", "." and ".." among its parts. */
static bool is_clean(const char *path)
{
    for (const char *slash = path; *slash == '/'; slash = strchrnul(slash + 1, '/')) {
        const char *part = slash + 1;
        bool is_dots = part[0] == '.' && (part[1] == '/' || part[1] == '\0' || part[1] == '.');
        if (part[0] == '/' || part[0] == '\0' || is_dots)
            return false;
    }
    return path[0] == '/';
}

/* Puts the parts of a path behind a cleaned one of a length; returns the new length. */
static size_t add_parts(char *out, size_t length, size_t root, const char *path)
{
    for (const char *part = path; *part;) {
        part += strspn(part, "/");
        size_t size = strcspn(part, "/");
        bool is_up = size == 2 && strncmp(part, "..", 2) == 0;
        size_t shorter = is_up ? drop_part(out, length) : length;
        if (shorter < length || (is_up && root)) {
            length = shorter;
        } else if (size > 0 && !(size == 1 && *part == '.')) {
            if (length > root)
                out[length++] = '/';
            memcpy(out + length, part, size);
            length += size;
        }
        part += size;
    }
    return length;
}

const char *path_clean(struct arena *arena, const char *base, const char *path)
{
    if (is_clean(path))
        return path;
    if (path[0] == '/')
        base = "/";
    char *out = arena_alloc(arena, strlen(base) + strlen(path) + 3);
    size_t root = base[0] == '/';
    out[0] = '/';
    size_t length = add_parts(out, add_parts(out, root, root, base), root, path);
    if (length == 0)
        out[length++] = '.';
    out[length] = '\0';
    return out;
}

const char *path_relative(struct arena *arena, const char *from, const char *to)
{
    size_t same = 0, end = 0;
    for (; from[same] && from[same] == to[same]; same++)
        if (from[same] == '/')
            end = same;
    if ((!from[same] || from[same] == '/') && (!to[same] || to[same] == '/'))
        end = same;
    struct strbuf out = {0};
    for (const char *c = from + end; *c; c++)
        if (*c == '/' && c[1])
            strbuf_add_str(&out, out.length > 0 ? "/.." : "..");
    const char *rest = to + end + (to[end] == '/');
    if (*rest)
        strbuf_addf(&out, "%s%s", out.length > 0 ? "/" : "", rest);
    const char *result = arena_strdup(arena, out.length > 0 ? strbuf_text(&out) : ".");
    strbuf_done(&out);
    return result;
}

const char *path_folder(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash > path ? arena_strndup(arena, path, (size_t)(slash - path)) : "/";
}
