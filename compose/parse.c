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

const char *path_clean(struct arena *arena, const char *base, const char *path)
{
    char *joined =
        path[0] == '/' ? arena_strdup(arena, path) : arena_printf(arena, "%s/%s", base, path);
    char *out = arena_alloc(arena, strlen(joined) + 2);
    size_t length = 0;
    for (const char *part = joined; *part;) {
        part += strspn(part, "/");
        size_t size = strcspn(part, "/");
        if (size == 2 && strncmp(part, "..", 2) == 0) {
            while (length > 0 && out[--length] != '/')
                continue;
        } else if (size > 0 && !(size == 1 && *part == '.')) {
            out[length++] = '/';
            memcpy(out + length, part, size);
            length += size;
        }
        part += size;
    }
    if (length == 0)
        out[length++] = '/';
    out[length] = '\0';
    return out;
}

const char *path_folder(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash > path ? arena_strndup(arena, path, (size_t)(slash - path)) : "/";
}
