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

/* The bytes of a letter that is followed by a colon: of a drive, or 0. To the reference any letter
 * of Unicode is one; to us all that is not ASCII. */
static size_t drive_letter(const char *text)
{
    size_t length = 1;
    if ((unsigned char)text[0] < 0x80)
        return isalpha((unsigned char)text[0]) && text[1] == ':' ? 1 : 0;
    while (((unsigned char)text[length] & 0xc0) == 0x80)
        length++;
    return text[length] == ':' ? length : 0;
}

bool mount_text_is_drive(const char *path)
{
    return drive_letter(path) > 0 || str_after_prefix(path, "\\\\");
}

bool mount_text_is_windows_absolute(const char *path)
{
    return (isalpha((unsigned char)path[0]) && path[1] == ':' &&
            (path[2] == '/' || path[2] == '\\')) ||
           str_after_prefix(path, "\\\\");
}

bool mount_text_is_path(const char *source)
{
    return source[0] == '/' || source[0] == '.' || source[0] == '~' || mount_text_is_drive(source);
}

/* --- volumes --------------------------------------------------------------------------------- */

static void take_volume_option(struct mount_text *mount, const char *option)
{
    static const char *const propagations[] = {"rprivate", "private", "rshared",
                                               "shared",   "rslave",  "slave"};
    static const char *const without_effect[] = {"cached", "delegated", "consistent"};
    if (streq(option, "ro") || streq(option, "rw"))
        mount->read_only = streq(option, "ro");
    else if (streq(option, "nocopy"))
        mount->nocopy = true;
    else if (streq(option, "z") || streq(option, "Z"))
        mount->selinux = option;
    else if (is_one_of(option, propagations, ARRAY_SIZE(propagations)))
        mount->propagation = option;
    else if (!is_one_of(option, without_effect, ARRAY_SIZE(without_effect)) && !mount->unknown)
        mount->unknown = option;
}

/* The next colon outside of `${...}`, which may be there still. */
static const char *section_end(const char *text)
{
    for (unsigned open = 0; *text; text++) {
        if (text[0] == '$' && text[1] == '{')
            open++;
        else if (*text == '}' && open > 0)
            open--;
        else if (*text == ':' && open == 0)
            return text;
    }
    return NULL;
}

/* `c:/x` is a path of a drive to the reference, on Linux too. */
static const char *cut_section(struct arena *arena, const char **rest)
{
    const char *text = *rest;
    size_t letter = drive_letter(text);
    const char *end = section_end(letter > 0 ? text + letter + 1 : text);
    *rest = end ? end + 1 : NULL;
    return end ? arena_strndup(arena, text, (size_t)(end - text)) : text;
}

const char *mount_text_parse(struct arena *arena, const char *text, struct mount_text *ret_mount)
{
    struct mount_text mount = {0};
    const char *sections[3] = {NULL}, *rest = text;
    size_t count = 0;
    if (*text == '\0')
        return "must not be empty";
    if (strlen(text) <= 2) /* nothing to take apart, it says */
        sections[count++] = text;
    else
        while (rest && count < 3)
            sections[count++] = cut_section(arena, &rest);
    for (size_t i = 0; i < count; i++)
        if (*sections[i] == '\0')
            return "has an empty part between the colons";
    if (strlen(text) > 2 && rest)
        return "has too many colons";
    mount.source = count > 1 ? sections[0] : NULL;
    mount.target = count > 1 ? sections[1] : sections[0];
    for (const char *options = sections[2]; options;)
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
