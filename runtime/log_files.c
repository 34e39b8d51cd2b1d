/* Rotation, see log_files.h. */
#include "runtime/log_files.h"

#include "base/alloc.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* "NAME.17" */
static bool read_number(const char *entry, const char *name, uint64_t *ret_number)
{
    const char *rest = str_after_prefix(entry, name);
    return rest && *rest == '.' && str_to_u64(rest + 1, ret_number) == 0 && *ret_number > 0 &&
           *ret_number < UINT64_MAX;
}

void log_files_init(struct log_files *files, const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
    *files = (struct log_files){.path = xstrdup(path), .first = UINT64_MAX, .current = 1};
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        uint64_t number;
        if (!read_number(entry->d_name, slash ? slash + 1 : path, &number))
            continue;
        if (number < files->first)
            files->first = number;
        if (number >= files->current)
            files->current = number + 1;
    }
    if (entries)
        closedir(entries);
    if (files->first > files->current)
        files->first = files->current;
}

void log_files_done(struct log_files *files)
{
    free(files->path);
    files->path = NULL;
}

char *log_files_name(const struct log_files *files, uint64_t number)
{
    return number == files->current ? xstrdup(files->path)
                                    : xasprintf("%s.%llu", files->path, (unsigned long long)number);
}

int log_files_rotate(struct log_files *files, uint64_t max_files, struct error *err)
{
    _cleanup_free_ char *older =
        xasprintf("%s.%llu", files->path, (unsigned long long)files->current);
    if (rename(files->path, older) < 0 && errno != ENOENT)
        return error_set(err, errno, "cannot rotate the log '%s': %s", files->path,
                         strerror(errno));
    files->current++;
    while (files->current - files->first >= max_files) {
        _cleanup_free_ char *oldest = log_files_name(files, files->first);
        unlink(oldest);
        files->first++;
    }
    return 0;
}
