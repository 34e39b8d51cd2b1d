/* See initramfs.h. */
#include "runtime/initramfs.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const size_t module_limit = 64 << 20;

static const char *const folders[] = {"dev", "proc", "sys", "run", "tmp", "newroot", "modules"};

static void archive_write_freep(struct archive **archive)
{
    if (*archive)
        archive_write_free(*archive);
}

static void archive_read_freep(struct archive **archive)
{
    if (*archive)
        archive_read_free(*archive);
}

static int add_entry(struct archive *archive, const char *path, mode_t mode, dev_t device,
                     const void *data, size_t size, struct error *err)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, path);
    archive_entry_set_mode(entry, mode);
    archive_entry_set_rdev(entry, device);
    archive_entry_set_nlink(entry, 1);
    archive_entry_set_mtime(entry, 0, 0);
    archive_entry_set_size(entry, (int64_t)size);
    bool ok = archive_write_header(archive, entry) == ARCHIVE_OK &&
              (size == 0 || archive_write_data(archive, data, size) == (la_ssize_t)size);
    archive_entry_free(entry);
    if (!ok)
        return error_set(err, EIO, "cannot write '/%s' to the initramfs: %s", path,
                         archive_error_string(archive));
    return 0;
}

/* --- modules -------------------------------------------------------------------------------- */

/* The module's bytes, whatever it is compressed with: libarchive's "raw" format is one entry with
 * the filters undone. */
static int read_module(const char *path, struct strbuf *content, struct error *err)
{
    _cleanup_(archive_read_freep) struct archive *archive = archive_read_new();
    archive_read_support_filter_all(archive);
    archive_read_support_format_raw(archive);
    struct archive_entry *entry;
    la_ssize_t count = -1;
    if (archive_read_open_filename(archive, path, 65536) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) == ARCHIVE_OK)
        do {
            count = archive_read_data(archive, strbuf_reserve(content, 65536), 65536);
            content->length += count > 0 ? (size_t)count : 0;
        } while (count > 0 && content->length <= module_limit);
    if (count != 0)
        return error_set(err, EIO, "cannot read the kernel module '%s': %s", path,
                         count > 0 ? "too large" : archive_error_string(archive));
    if (content->length < 4 || memcmp(content->data, "\177ELF", 4) != 0)
        return error_set(err, ENOEXEC,
                         "'%s' is not a kernel module; reinstall the kernel's package", path);
    return 0;
}

/* "kernel/fs/erofs/erofs.ko.xz" -> "modules/erofs.ko" */
static char *module_path(const char *file)
{
    const char *base = strrchr(file, '/');
    base = base ? base + 1 : file;
    const char *suffix = strstr(base, ".ko");
    return xasprintf("modules/%.*s.ko", suffix ? (int)(suffix - base) : (int)strlen(base), base);
}

/* Adds the modules, and `list`, their paths in order. */
static int add_modules(struct archive *archive, const char *folder, char *const *files,
                       size_t count, const char *list, struct error *err)
{
    _cleanup_strbuf_ struct strbuf paths = {0};
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *path = module_path(files[i]);
        _cleanup_free_ char *source = xasprintf("%s/%s", folder, files[i]);
        _cleanup_strbuf_ struct strbuf content = {0};
        int r = read_module(source, &content, err);
        if (r == 0)
            r = add_entry(archive, path, S_IFREG | 0644, 0, content.data, content.length, err);
        if (r < 0)
            return r;
        strbuf_addf(&paths, "/%s\n", path);
    }
    return add_entry(archive, list, S_IFREG | 0644, 0, paths.data, paths.length, err);
}

/* --- the archive ---------------------------------------------------------------------------- */

static int add_everything(struct archive *archive, const struct initramfs_spec *spec,
                          struct error *err)
{
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r == 0; i++)
        r = add_entry(archive, folders[i], S_IFDIR | 0755, 0, NULL, 0, err);
    if (r == 0)
        r = add_entry(archive, "dev/console", S_IFCHR | 0600, makedev(5, 1), NULL, 0, err);
    if (r == 0)
        r = add_entry(archive, "init", S_IFREG | 0755, 0, spec->agent, spec->agent_size, err);
    size_t total = strv_length(spec->modules), now = spec->load_count;
    if (r == 0)
        r = add_modules(archive, spec->modules_folder, spec->modules, now, "modules.load", err);
    if (r == 0)
        r = add_modules(archive, spec->modules_folder, spec->modules + now, total - now,
                        "modules.later", err);
    return r;
}

int initramfs_write(const struct initramfs_spec *spec, const char *output, struct error *err)
{
    _cleanup_close_ int fd = open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set(err, errno, "cannot create '%s': %s", output, strerror(errno));
    _cleanup_(archive_write_freep) struct archive *archive = archive_write_new();
    int r = 0;
    if (archive_write_set_format_cpio_newc(archive) != ARCHIVE_OK ||
        archive_write_open_fd(archive, fd) != ARCHIVE_OK)
        r = error_set(err, EIO, "cannot write '%s': %s", output, archive_error_string(archive));
    if (r == 0)
        r = add_everything(archive, spec, err);
    if (r == 0 && archive_write_close(archive) != ARCHIVE_OK)
        r = error_set(err, EIO, "cannot write '%s': %s", output, archive_error_string(archive));
    if (r < 0)
        unlink(output);
    return r;
}
