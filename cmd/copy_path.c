/* Who copies what to where; see copy_path.h. */
#include "cmd/copy_path.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>

void copy_path_split(const char *text, char **ret_service, char **ret_path)
{
    const char *colon = strchr(text, ':');
    bool is_host = *text == '/' || *text == '.' || !colon || colon == text ||
                   memchr(text, '/', (size_t)(colon - text));
    *ret_service = is_host ? NULL : xstrndup(text, (size_t)(colon - text));
    *ret_path = xstrdup(is_host ? text : colon + 1);
}

/* How long the path is without blanks of its end: slashes, and "/." where that says "the content".
 */
static size_t trimmed_length(const char *path)
{
    size_t length = strlen(path);
    while ((length > 1 && path[length - 1] == '/') ||
           (length > 2 && path[length - 1] == '.' && path[length - 2] == '/'))
        length--;
    return length;
}

char *copy_path_trim(const char *path)
{
    return xstrndup(path, trimmed_length(path));
}

char *copy_path_base(const char *path)
{
    size_t length = trimmed_length(path), start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    if (start == length)
        return xstrdup("/");
    return xstrndup(path + start, length - start);
}

char *copy_path_folder(const char *path)
{
    size_t length = trimmed_length(path);
    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length == 0)
        return xstrdup(".");
    while (length > 1 && path[length - 1] == '/')
        length--;
    return xstrndup(path, length);
}

static bool means_content(const char *path)
{
    return streq(path, ".") || str_ends_with(path, "/.");
}

int copy_place_find(const char *source, enum copy_kind source_kind, const char *target,
                    enum copy_kind target_kind, struct copy_place *ret_place, struct error *err)
{
    bool names_folder = str_ends_with(target, "/") || means_content(target);
    if (source_kind == COPY_MISSING)
        return error_set(err, ENOENT, "no such file or folder: %s", source);
    if (source_kind == COPY_FOLDER && target_kind == COPY_FILE)
        return error_set(err, ENOTDIR, "cannot copy the folder '%s' over the file '%s'", source,
                         target);
    if (source_kind == COPY_FILE && target_kind != COPY_FOLDER && names_folder)
        return error_set(err, ENOTDIR, "no such folder: %s", target);
    if (target_kind == COPY_FOLDER) {
        bool content = source_kind == COPY_FOLDER && means_content(source);
        ret_place->folder = xstrdup(target);
        ret_place->name = content ? NULL : copy_path_base(source);
    } else {
        ret_place->folder = copy_path_folder(target);
        ret_place->name = copy_path_base(target);
    }
    return 0;
}

void copy_place_done(struct copy_place *place)
{
    free(place->folder);
    free(place->name);
    *place = (struct copy_place){0};
}
