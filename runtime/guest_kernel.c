/* See guest_kernel.h. */
#include "runtime/guest_kernel.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "runtime/kernel_elf.h"

#include <dirent.h>
#include <errno.h>

static bool has_modules(const char *modules, const char *release)
{
    _cleanup_free_ char *dep = xasprintf("%s/%s/modules.dep", modules, release);
    return fs_exists(dep);
}

/* The release in the file's name is enough to choose by; NULL: none with modules. */
static char *newest_release(const char *boot, const char *modules)
{
    DIR *folder = opendir(boot);
    char *newest = NULL;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        const char *release = str_after_prefix(entry->d_name, "vmlinuz-");
        if (!release || !str_ends_with(release, "-cloud-amd64") || !has_modules(modules, release) ||
            (newest && strverscmp(release, newest) <= 0))
            continue;
        free(newest);
        newest = xstrdup(release);
    }
    if (folder)
        closedir(folder);
    return newest;
}

static int use_chosen(const char *modules, const char *chosen, struct guest_kernel *kernel,
                      struct error *err)
{
    int r = kernel_elf_release(chosen, &kernel->release, err);
    if (r < 0)
        return error_prefix(err, "VMSTEAD_KERNEL");
    if (!has_modules(modules, kernel->release))
        return error_set(err, ENOENT,
                         "VMSTEAD_KERNEL: the kernel '%s' is a %s, but '%s/%s/modules.dep' is not "
                         "there: install that kernel's modules too",
                         chosen, kernel->release, modules, kernel->release);
    kernel->image = xstrdup(chosen);
    return 0;
}

int guest_kernel_find(const char *boot, const char *modules, const char *chosen,
                      struct guest_kernel *ret_kernel, struct error *err)
{
    _cleanup_(guest_kernel_done) struct guest_kernel kernel = {0};
    if (chosen) {
        int r = use_chosen(modules, chosen, &kernel, err);
        if (r < 0)
            return r;
    } else {
        kernel.release = newest_release(boot, modules);
        if (!kernel.release)
            return error_set(
                err, ENOENT,
                "no kernel for guests: there is no '%s/vmlinuz-*-cloud-amd64' with its "
                "modules in '%s'; install it with 'apt-get install "
                "linux-image-cloud-amd64', or set VMSTEAD_KERNEL=FILE",
                boot, modules);
        kernel.image = xasprintf("%s/vmlinuz-%s", boot, kernel.release);
    }
    kernel.modules_folder = xasprintf("%s/%s", modules, kernel.release);
    *ret_kernel = kernel;
    kernel = (struct guest_kernel){0};
    return 0;
}

void guest_kernel_done(struct guest_kernel *kernel)
{
    free(kernel->image);
    free(kernel->release);
    free(kernel->modules_folder);
    *kernel = (struct guest_kernel){0};
}
