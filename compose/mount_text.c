/* See compose/mount_text.h. */
#include "compose/mount_text.h"

#include "base/str.h"
#include "base/vec.h"
#include "compose/parse.h"

#include <ctype.h>

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (streq(text, words[i]))
            return true;
    return false;
}

/* Cuts the text at a separator: the first part, with *rest behind it or NULL. */
static const char *cut(struct arena *arena, const char **rest, char separator)
{
    const char *text = *rest, *end = strchr(text, separator);
    *rest = end ? end + 1 : NULL;
    return end ? arena_strndup(arena, text, (size_t)(end - text)) : text;
}

bool mount_text_is_path(const char *source)
{
    return source[0] == '/' || source[0] == '.' || source[0] == '~';
}

/* --- volumes --------------------------------------------------------------------------------- */

static void take_volume_option(struct mount_text *mount, const char *option)
{
    static const char *const propagations[] = {"rprivate", "private", "rshared",
                                               "shared",   "rslave",  "slave"};
    static const char *const without_effect[] = {"rw", "cached", "delegated", "consistent"};
    if (streq(option, "ro"))
        mount->read_only = true;
    else if (streq(option, "nocopy"))
        mount->nocopy = true;
    else if (streq(option, "z") || streq(option, "Z"))
        mount->selinux = option;
    else if (is_one_of(option, propagations, ARRAY_SIZE(propagations)))
        mount->propagation = option;
    else if (!is_one_of(option, without_effect, ARRAY_SIZE(without_effect)) && !mount->unknown)
        mount->unknown = option;
}

/* `c:/x` is a path of a drive to the reference, on Linux too. */
static const char *cut_source(struct arena *arena, const char **rest)
{
    const char *text = *rest;
    if (!isalpha((unsigned char)text[0]) || text[1] != ':')
        return cut(arena, rest, ':');
    *rest = text + 2;
    const char *drive = cut(arena, rest, ':');
    return arena_printf(arena, "%c:%s", text[0], drive);
}

const char *mount_text_parse(struct arena *arena, const char *text, struct mount_text *ret_mount)
{
    struct mount_text mount = {0};
    const char *options = NULL, *rest = text;
    const char *first = cut_source(arena, &rest);
    mount.target = first;
    if (rest) {
        mount.source = first;
        mount.target = cut_source(arena, &rest);
        options = rest;
    }
    if (*text == '\0')
        return "must not be empty";
    if (mount.target[0] == '\0' || (mount.source && mount.source[0] == '\0') ||
        (options && *options == '\0'))
        return "has an empty part between the colons";
    if (options && strpbrk(options, ":/\\"))
        return "has too many colons";
    while (options)
        take_volume_option(&mount, cut(arena, &options, ','));
    *ret_mount = mount;
    return NULL;
}

/* --- tmpfs ----------------------------------------------------------------------------------- */

static const char *take_tmpfs_option(struct arena *arena, struct tmpfs_text *tmpfs,
                                     const char *option)
{
    static const char *const flags[] = {"noexec", "exec", "nosuid",  "suid",    "nodev",
                                        "dev",    "sync", "noatime", "relatime"};
    const char *size = str_after_prefix(option, "size=");
    const char *mode = str_after_prefix(option, "mode=");
    if (size)
        return parse_bytes(size, &tmpfs->bytes) < 0 ? "has an invalid size" : NULL;
    if (mode) {
        int64_t value = 0;
        int r = parse_octal_digits(mode, 07777, &value);
        tmpfs->mode = (uint32_t)value;
        return r < 0 ? "has an invalid mode" : NULL;
    }
    if (streq(option, "ro"))
        tmpfs->read_only = true;
    else if (is_one_of(option, flags, ARRAY_SIZE(flags)))
        tmpfs->ignored = tmpfs->ignored ? tmpfs->ignored : option;
    else if (!streq(option, "rw"))
        return arena_printf(arena, "has the option '%s', which is not supported yet", option);
    return NULL;
}

const char *tmpfs_text_parse(struct arena *arena, const char *text, struct tmpfs_text *ret_tmpfs)
{
    struct tmpfs_text tmpfs = {0};
    const char *problem = NULL, *options = text;
    tmpfs.target = cut(arena, &options, ':');
    while (options && !problem)
        problem = take_tmpfs_option(arena, &tmpfs, cut(arena, &options, ','));
    *ret_tmpfs = tmpfs;
    return problem;
}
