/* See kernel_modules.h. */
#include "runtime/kernel_modules.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>

struct module {
    const char *file;
    char *dependencies; /* files, separated by blanks */
    bool built_in;
};

struct kernel_modules {
    char *folder;
    char *dep, *builtin; /* the two files; the items point into them */
    VEC(struct module) items;
};

static const size_t list_limit = 16 << 20;
/* Deeper chains do not exist; a cycle in a damaged modules.dep ends here. */
enum { DEPTH_LIMIT = 32 };

static void read_dep(struct kernel_modules *modules)
{
    char *rest = modules->dep;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *colon = strchr(line, ':');
        if (!colon)
            continue;
        *colon = '\0';
        vec_add(&modules->items, (struct module){.file = line, .dependencies = colon + 1});
    }
}

static void read_builtin(struct kernel_modules *modules)
{
    char *rest = modules->builtin;
    for (char *line; (line = strsep(&rest, "\n"));)
        if (*line)
            vec_add(&modules->items, (struct module){.file = line, .built_in = true});
}

int kernel_modules_open(const char *folder, struct kernel_modules **ret_modules, struct error *err)
{
    _cleanup_(kernel_modules_freep) struct kernel_modules *modules = new0(struct kernel_modules);
    modules->folder = xstrdup(folder);
    _cleanup_free_ char *dep = xasprintf("%s/modules.dep", folder);
    _cleanup_free_ char *builtin = xasprintf("%s/modules.builtin", folder);
    int r = fs_read_file(dep, list_limit, &modules->dep, NULL, err);
    if (r == 0)
        r = fs_read_file(builtin, list_limit, &modules->builtin, NULL, err);
    if (r < 0)
        return error_prefix(err, "cannot read the kernel's list of modules");
    read_dep(modules);
    read_builtin(modules);
    *ret_modules = TAKE_PTR(modules);
    return 0;
}

void kernel_modules_free(struct kernel_modules *modules)
{
    if (!modules)
        return;
    vec_done(&modules->items);
    free(modules->folder);
    free(modules->dep);
    free(modules->builtin);
    free(modules);
}

/* "kernel/drivers/char/hw_random/virtio-rng.ko.xz" is the module virtio_rng. */
static bool file_is_module(const char *file, const char *name)
{
    const char *base = strrchr(file, '/');
    base = base ? base + 1 : file;
    for (; *name; base++, name++) {
        char a = *base == '-' ? '_' : *base, b = *name == '-' ? '_' : *name;
        if (a != b)
            return false;
    }
    return strncmp(base, ".ko", 3) == 0;
}

static const struct module *find_file(const struct kernel_modules *modules, const char *file)
{
    for (size_t i = 0; i < modules->items.count; i++)
        if (streq(modules->items.items[i].file, file))
            return &modules->items.items[i];
    return NULL;
}

static int add_module(const struct kernel_modules *modules, const struct module *module, int depth,
                      char ***order, struct error *err)
{
    if (module->built_in || strv_contains(*order, module->file))
        return 0;
    if (depth > DEPTH_LIMIT)
        return error_set(err, ELOOP, "'%s/modules.dep' is damaged: '%s' depends on itself",
                         modules->folder, module->file);
    _cleanup_free_ char *dependencies = xstrdup(module->dependencies);
    char *rest = dependencies;
    for (char *file; (file = strsep(&rest, " "));) {
        if (!*file)
            continue;
        const struct module *needed = find_file(modules, file);
        if (!needed)
            return error_set(err, ENOENT,
                             "'%s/modules.dep' is damaged: '%s' needs '%s', which is "
                             "not listed",
                             modules->folder, module->file, file);
        int r = add_module(modules, needed, depth + 1, order, err);
        if (r < 0)
            return r;
    }
    strv_add(order, xstrdup(module->file));
    return 0;
}

int kernel_modules_add(const struct kernel_modules *modules, const char *name, char ***order,
                       struct error *err)
{
    for (size_t i = 0; i < modules->items.count; i++)
        if (file_is_module(modules->items.items[i].file, name))
            return add_module(modules, &modules->items.items[i], 0, order, err);
    return error_set(err, ENOENT, "the kernel in '%s' has no module '%s'", modules->folder, name);
}
