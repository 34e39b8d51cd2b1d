/* See guest_kit.h. A kit is a folder CACHE/kits/<key>/ with vmlinux, initramfs.cpio and kit.json
 * (the sizes of the two, written last). It is made under a temporary name and renamed; several
 * processes may do that at once, and the first one wins. */
#include "runtime/guest_kit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/guest_kernel.h"
#include "runtime/initramfs.h"
#include "runtime/kernel_elf.h"
#include "runtime/kernel_modules.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* What every boot needs: the bus, disks, the agent's port, network cards, the image and the layer
 * above it. ext4 is built in. */
static const char *const wanted_at_boot[] = {"virtio_pci", "virtio_blk", "virtio_console",
                                             "virtio_net", "erofs",      "overlay"};
/* What only some guests need; a kernel without one of them will do. */
static const char *const wanted_later[] = {"virtiofs", "vmw_vsock_virtio_transport", "virtio_rng",
                                           "virtio_balloon"};

/* Part of the key: to be raised when the same inputs give another kit. */
static const char layout_version[] = "1";

/* --- key ------------------------------------------------------------------------------------ */

static void add_identity(struct strbuf *text, const char *path)
{
    struct stat status = {0};
    if (stat(path, &status) < 0)
        status.st_size = -1;
    strbuf_addf(text, "%s %ju %ju %jd %jd.%09ld\n", path, (uintmax_t)status.st_dev,
                (uintmax_t)status.st_ino, (intmax_t)status.st_size, (intmax_t)status.st_mtim.tv_sec,
                status.st_mtim.tv_nsec);
}

static char *compute_key(const struct guest_kernel *kernel)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    _cleanup_free_ char *dep = xasprintf("%s/modules.dep", kernel->modules_folder);
    char hex[HASH_HEX_SIZE];
    strbuf_addf(&text, "layout %s\n", layout_version);
    add_identity(&text, kernel->image);
    add_identity(&text, dep);
    size_t agent_size = (size_t)(guest_agent_end - guest_agent_start);
    strbuf_add_str(&text, hash_sha256_hex(guest_agent_start, agent_size, hex));
    return xstrdup(hash_sha256_hex(text.data, text.length, hex));
}

/* --- cache ---------------------------------------------------------------------------------- */

static int64_t file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) < 0 || !S_ISREG(status.st_mode) ? -1 : status.st_size;
}

static char *below(const char *folder, const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

/* Is the kit in this folder whole? */
static bool kit_is_whole(const char *folder)
{
    _cleanup_free_ char *record = below(folder, "kit.json"), *kernel = below(folder, "vmlinux");
    _cleanup_free_ char *initramfs = below(folder, "initramfs.cpio"), *text = NULL;
    _cleanup_json_ cJSON *json = NULL;
    size_t length;
    if (fs_read_file(record, 4096, &text, &length, NULL) < 0 ||
        json_parse(text, length, &json, NULL) < 0)
        return false;
    return json_int(json, "vmlinux", -2) == file_size(kernel) &&
           json_int(json, "initramfs.cpio", -2) == file_size(initramfs);
}

static int write_record(const char *folder, struct error *err)
{
    _cleanup_free_ char *record = below(folder, "kit.json"), *kernel = below(folder, "vmlinux");
    _cleanup_free_ char *initramfs = below(folder, "initramfs.cpio");
    _cleanup_json_ cJSON *json = cJSON_CreateObject();
    json_set_int(json, "vmlinux", file_size(kernel));
    json_set_int(json, "initramfs.cpio", file_size(initramfs));
    _cleanup_free_ char *text = json_print(json);
    return fs_write_file_atomic(record, text, strlen(text), 0644, err);
}

/* --- making one ----------------------------------------------------------------------------- */

/* *ret_load_count: how many of *files, which are in load order, a boot needs; the rest is for
 * later. */
static int choose_modules(const struct guest_kernel *kernel, char ***files, size_t *ret_load_count,
                          struct error *err)
{
    _cleanup_(kernel_modules_freep) struct kernel_modules *modules = NULL;
    int r = kernel_modules_open(kernel->modules_folder, &modules, err);
    for (size_t i = 0; i < ARRAY_SIZE(wanted_at_boot) && r == 0; i++)
        r = kernel_modules_add(modules, wanted_at_boot[i], files, err);
    if (r < 0)
        return r;
    *ret_load_count = strv_length(*files);
    for (size_t i = 0; i < ARRAY_SIZE(wanted_later); i++)
        if (kernel_modules_add(modules, wanted_later[i], files, NULL) < 0)
            log_debug("kernel %s: no module '%s'", kernel->release, wanted_later[i]);
    return 0;
}

static int build_kit(const struct guest_kernel *kernel, const char *folder, struct error *err)
{
    _cleanup_strv_ char **modules = NULL;
    size_t load_count = 0;
    _cleanup_free_ char *elf = below(folder, "vmlinux");
    _cleanup_free_ char *initramfs = below(folder, "initramfs.cpio");
    int r = choose_modules(kernel, &modules, &load_count, err);
    if (r == 0)
        r = kernel_elf_extract(kernel->image, elf, err);
    struct initramfs_spec spec = {
        .agent = guest_agent_start,
        .agent_size = (size_t)(guest_agent_end - guest_agent_start),
        .modules_folder = kernel->modules_folder,
        .modules = modules,
        .load_count = load_count,
    };
    if (r == 0)
        r = initramfs_write(&spec, initramfs, err);
    if (r == 0)
        r = write_record(folder, err);
    return r;
}

/* The new folder takes the name; one that is there and whole stays, a damaged one goes. */
static int install_kit(const char *folder, const char *target, struct error *err)
{
    for (int attempt = 0; rename(folder, target) < 0; attempt++) {
        if ((errno != EEXIST && errno != ENOTEMPTY) || attempt == 3)
            return error_set(err, errno, "cannot create '%s': %s", target, strerror(errno));
        if (kit_is_whole(target))
            return fs_remove_tree(folder, err);
        int r = fs_remove_tree(target, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int make_kit(const struct paths *paths, const struct guest_kernel *kernel,
                    const char *target, struct error *err)
{
    _cleanup_free_ char *kits = below(paths->cache, "kits");
    _cleanup_free_ char *folder = below(kits, "new.XXXXXX");
    int r = fs_make_directory(kits, 0700, err);
    if (r < 0)
        return r;
    if (!mkdtemp(folder))
        return error_set(err, errno, "cannot create a folder in '%s': %s", kits, strerror(errno));
    r = build_kit(kernel, folder, err);
    if (r == 0)
        r = install_kit(folder, target, err);
    if (r < 0)
        fs_remove_tree(folder, NULL);
    return r;
}

/* --- the front ------------------------------------------------------------------------------ */

static int find_kernel(struct guest_kernel *ret_kernel, struct error *err)
{
    const char *chosen = getenv("VMSTEAD_KERNEL");
    return guest_kernel_find("/boot", "/lib/modules", chosen && *chosen ? chosen : NULL, ret_kernel,
                             err);
}

int guest_kit_probe(struct error *err)
{
    _cleanup_(guest_kernel_done) struct guest_kernel kernel = {0};
    return find_kernel(&kernel, err);
}

int guest_kit_ensure(const struct paths *paths, struct guest_kit *ret_kit, struct error *err)
{
    _cleanup_(guest_kernel_done) struct guest_kernel kernel = {0};
    int r = find_kernel(&kernel, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *key = compute_key(&kernel);
    _cleanup_free_ char *folder = xasprintf("%s/kits/%s", paths->cache, key);
    if (!kit_is_whole(folder)) {
        r = make_kit(paths, &kernel, folder, err);
        if (r < 0)
            return error_prefix(err, "cannot make the guest kit");
    }
    *ret_kit = (struct guest_kit){
        .kernel = below(folder, "vmlinux"),
        .initramfs = below(folder, "initramfs.cpio"),
        .kernel_release = TAKE_PTR(kernel.release),
        .key = TAKE_PTR(key),
    };
    return 0;
}

void guest_kit_done(struct guest_kit *kit)
{
    free(kit->kernel);
    free(kit->initramfs);
    free(kit->kernel_release);
    free(kit->key);
    *kit = (struct guest_kit){0};
}
