/* See archive_name.h. */
#include "runtime/archive_name.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>

int archive_name_clean(const char *name, char **ret_name, struct error *err)
{
    _cleanup_strbuf_ struct strbuf clean = {0};
    if (!*name || strlen(name) >= PATH_MAX)
        return error_set(err, EINVAL, "the archive has an entry whose name is %s",
                         *name ? "too long" : "empty");
    for (const char *part = name; *part;) {
        size_t length = strcspn(part, "/");
        bool dot = length == 1 && part[0] == '.';
        if (length == 2 && part[0] == '.' && part[1] == '.')
            return error_set(err, EINVAL,
                             "the archive's entry \"%.200s\" would lead out of its folder", name);
        if (length && !dot) {
            if (clean.length)
                strbuf_add_char(&clean, '/');
            strbuf_add(&clean, part, length);
        }
        part += length;
        part += strspn(part, "/");
    }
    if (!clean.length)
        strbuf_add_char(&clean, '.');
    *ret_name = strbuf_take(&clean);
    return 0;
}
