/* See vm_files.h. */
#include "runtime/vm_files.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vault.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse_size(size_t total, struct error *err)
{
    return error_set(err, EFBIG,
                     "its configs and secrets have %zu bytes; together they may have %zu: mount "
                     "large files as volumes",
                     total, VM_FILES_BYTES_MAX);
}

static int check_file(const cJSON *entry, size_t *total, struct error *err)
{
    const char *path = json_string(entry, "file", NULL);
    struct stat status;
    if (!path)
        return 0;
    if (stat(path, &status) < 0 || access(path, R_OK) < 0)
        return error_set(err, errno, "cannot read '%s' for '%s': %s", path,
                         json_string(entry, "target", ""), strerror(errno));
    if (!S_ISREG(status.st_mode))
        return error_set(err, EINVAL, "'%s' for '%s' is no file", path,
                         json_string(entry, "target", ""));
    *total += (size_t)status.st_size;
    return 0;
}

int vm_files_check(const cJSON *spec, struct error *err)
{
    const cJSON *entry;
    size_t total = 0;
    cJSON_ArrayForEach(entry, json_array(spec, "files"))
    {
        int r = check_file(entry, &total, err);
        if (r < 0)
            return r;
    }
    return total > VM_FILES_BYTES_MAX ? refuse_size(total, err) : 0;
}

static int read_vault(const cJSON *spec, const char *key, const char *root_id, struct vm_file *file,
                      struct error *err)
{
    int r =
        vault_get(root_id, json_string(spec, "project", ""), key, &file->data, &file->length, err);
    if (r == -ENOENT)
        return error_set(err, ENOENT,
                         "the value for '%s' is no longer known (it is kept in memory only): "
                         "`vmstead up` brings it again",
                         file->target);
    return r;
}

static char *read_owner(const cJSON *entry, const char *key)
{
    const cJSON *owner = cJSON_GetObjectItemCaseSensitive(entry, key);
    if (cJSON_IsNumber(owner))
        return xasprintf("%lld", (long long)json_int(entry, key, 0));
    return xstrdup(cJSON_IsString(owner) ? owner->valuestring : "0");
}

static int read_file(const cJSON *spec, const cJSON *entry, const char *root_id,
                     struct vm_file *file, struct error *err)
{
    const char *path = json_string(entry, "file", NULL);
    file->target = xstrdup(json_string(entry, "target", ""));
    file->user = read_owner(entry, "uid");
    file->group = read_owner(entry, "gid");
    file->mode = (uint32_t)json_int(entry, "mode", 0444);
    if (!path)
        return read_vault(spec, json_string(entry, "vault", ""), root_id, file, err);
    char *data = NULL;
    int r = fs_read_file(path, VM_FILES_BYTES_MAX, &data, &file->length, err);
    file->data = data;
    return r < 0 ? error_prefix(err, "cannot make '%s'", file->target) : 0;
}

int vm_files_read(const cJSON *spec, const char *root_id, struct vm_files *ret_files,
                  struct error *err)
{
    struct vm_files files = {0};
    const cJSON *entry;
    size_t total = 0;
    int r = 0;
    cJSON_ArrayForEach(entry, json_array(spec, "files"))
    {
        vec_add(&files.list, (struct vm_file){0});
        struct vm_file *file = &files.list.items[files.list.count - 1];
        r = read_file(spec, entry, root_id, file, err);
        if (r < 0)
            break;
        total += file->length;
    }
    if (r == 0 && total > VM_FILES_BYTES_MAX)
        r = refuse_size(total, err);
    if (r < 0)
        vm_files_done(&files);
    else
        *ret_files = files;
    return r;
}

void vm_files_done(struct vm_files *files)
{
    for (size_t i = 0; i < files->list.count; i++) {
        struct vm_file *file = &files->list.items[i];
        vault_free(file->data, file->length);
        free(file->target);
        free(file->user);
        free(file->group);
    }
    vec_done(&files->list);
}
