/* The guest kit's parts on made-up input (a bzImage, a modules.dep, an initramfs read back by
 * libarchive), then the whole on the host's kernel. */
#include "runtime/guest_kit.h"

#include "../unit.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/guest_kernel.h"
#include "runtime/initramfs.h"
#include "runtime/kernel_elf.h"
#include "runtime/kernel_modules.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char folder[] = "guest-kit-test-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "guest-kit-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return fs_remove_tree(folder, NULL);
}

static char *in_folder(const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

static void write_file(const char *name, const void *data, size_t length)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = in_folder(name);
    assert_ok(fs_write_file_atomic(path, data, length, 0644, &err), &err);
}

static void make_directory(const char *name)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *path = in_folder(name);
    assert_ok(fs_make_directory(path, 0755, &err), &err);
}

/* --- a kernel of our own -------------------------------------------------------------------- */

struct tiny_elf {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Nhdr note;
    char name[4];
    uint32_t entry;
    char text[4096];
};

static struct tiny_elf tiny_elf(uint32_t note_type)
{
    struct tiny_elf elf = {
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB},
                   .e_machine = EM_X86_64,
                   .e_phoff = offsetof(struct tiny_elf, segment),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 1},
        .segment = {.p_type = PT_NOTE,
                    .p_offset = offsetof(struct tiny_elf, note),
                    .p_filesz = offsetof(struct tiny_elf, text) - offsetof(struct tiny_elf, note)},
        .note = {.n_namesz = 4, .n_descsz = 4, .n_type = note_type},
        .name = "Xen",
        .text = "Linux version 9.9.9-test (somebody)",
    };
    return elf;
}

enum { HEADER_SIZE = 1024, VERSION_AT = 0x300 };

/* A bzImage with one sector of set-up code and the ELF as its LZ4 payload. */
static size_t make_bzimage(const struct tiny_elf *elf, uint8_t *image, size_t room)
{
    memset(image, 0, HEADER_SIZE);
    image[0x1f1] = 1;
    memcpy(image + 0x202, "HdrS", 4);
    uint16_t version = VERSION_AT - 0x200;
    memcpy(image + 0x20e, &version, 2);
    memcpy(image + VERSION_AT, "9.9.9-test (somebody) #1", 25);
    uint8_t *payload = image + HEADER_SIZE;
    uint32_t magic = 0x184c2102, size = sizeof(*elf);
    uint32_t packed = (uint32_t)LZ4_compress_default((const char *)elf, (char *)payload + 8,
                                                     sizeof(*elf), (int)(room - HEADER_SIZE - 12));
    memcpy(payload, &magic, 4);
    memcpy(payload + 4, &packed, 4);
    memcpy(payload + 8 + packed, &size, 4);
    uint32_t length = 12 + packed;
    memcpy(image + 0x24c, &length, 4);
    return HEADER_SIZE + length;
}

static int extract(const char *kernel, struct error *err)
{
    _cleanup_free_ char *from = in_folder(kernel), *to = in_folder("vmlinux");
    return kernel_elf_extract(from, to, err);
}

static bool has_output(void)
{
    _cleanup_free_ char *path = in_folder("vmlinux");
    return fs_exists(path);
}

static void a_bzimage_gives_its_elf_and_release(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    uint8_t image[16384];
    struct tiny_elf elf = tiny_elf(18);
    write_file("vmlinuz", image, make_bzimage(&elf, image, sizeof(image)));
    assert_ok(extract("vmlinuz", &err), &err);
    _cleanup_free_ char *path = in_folder("vmlinux"), *content = NULL, *release = NULL;
    size_t length;
    assert_ok(fs_read_file(path, 1 << 20, &content, &length, &err), &err);
    assert_int_equal(length, sizeof(elf));
    assert_memory_equal(content, &elf, sizeof(elf));
    _cleanup_free_ char *kernel = in_folder("vmlinuz");
    assert_ok(kernel_elf_release(kernel, &release, &err), &err);
    assert_string_equal(release, "9.9.9-test");
}

static void an_elf_is_taken_as_it_is(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct tiny_elf elf = tiny_elf(18);
    write_file("kernel", &elf, sizeof(elf));
    assert_ok(extract("kernel", &err), &err);
    _cleanup_free_ char *kernel = in_folder("kernel"), *release = NULL;
    assert_ok(kernel_elf_release(kernel, &release, &err), &err);
    assert_string_equal(release, "9.9.9-test");
}

static void a_kernel_without_pvh_is_refused(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    uint8_t image[16384];
    struct tiny_elf elf = tiny_elf(17);
    write_file("vmlinuz", image, make_bzimage(&elf, image, sizeof(image)));
    assert_int_equal(extract("vmlinuz", &err), -ENOEXEC);
    assert_non_null(strstr(err.message, "PVH"));
    assert_false(has_output());
}

/* Every byte that the parser trusts, broken in turn: an error or the same ELF, never a crash. */
static void damage_is_an_error(void **state)
{
    (void)state;
    uint8_t image[16384], broken[16384];
    struct tiny_elf elf = tiny_elf(18);
    size_t size = make_bzimage(&elf, image, sizeof(image));
    for (size_t cut = 0; cut < size; cut += 7) {
        _cleanup_error_ struct error err = {0};
        write_file("vmlinuz", image, cut);
        assert_int_equal(extract("vmlinuz", &err), -ENOEXEC);
    }
    for (size_t at = 0x1f0; at < size; at++) {
        _cleanup_free_ char *output = in_folder("vmlinux");
        memcpy(broken, image, size);
        broken[at] ^= 0xff;
        write_file("vmlinuz", broken, size);
        if (extract("vmlinuz", NULL) == 0)
            unlink(output);
    }
    assert_false(has_output());
}

static void another_compression_is_named(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    uint8_t image[16384];
    struct tiny_elf elf = tiny_elf(18);
    size_t size = make_bzimage(&elf, image, sizeof(image));
    memcpy(image + HEADER_SIZE, "\x1f\x8b\x08", 4);
    write_file("vmlinuz", image, size);
    assert_int_equal(extract("vmlinuz", &err), -ENOEXEC);
    assert_non_null(strstr(err.message, "linux-image-cloud-amd64"));
}

/* --- choosing ------------------------------------------------------------------------------- */

static void add_kernel(const char *release, bool with_modules)
{
    _cleanup_free_ char *image = xasprintf("boot/vmlinuz-%s", release);
    _cleanup_free_ char *modules = xasprintf("modules/%s", release);
    _cleanup_free_ char *dep = xasprintf("%s/modules.dep", modules);
    make_directory("boot");
    make_directory(with_modules ? modules : "modules");
    write_file(image, "x", 1);
    if (with_modules)
        write_file(dep, "", 0);
}

static void the_newest_kernel_with_modules_is_chosen(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(guest_kernel_done) struct guest_kernel kernel = {0};
    _cleanup_free_ char *boot = in_folder("boot"), *modules = in_folder("modules");
    assert_int_equal(guest_kernel_find(boot, modules, NULL, &kernel, &err), -ENOENT);
    assert_non_null(strstr(err.message, "apt-get install linux-image-cloud-amd64"));
    add_kernel("6.1.0-9-cloud-amd64", true);
    add_kernel("6.1.0-10-cloud-amd64", true);
    add_kernel("6.1.0-11-cloud-amd64", false);
    add_kernel("6.1.0-99-amd64", true);
    error_done(&err);
    assert_ok(guest_kernel_find(boot, modules, NULL, &kernel, &err), &err);
    assert_string_equal(kernel.release, "6.1.0-10-cloud-amd64");
    assert_true(str_ends_with(kernel.image, "boot/vmlinuz-6.1.0-10-cloud-amd64"));
    assert_true(str_ends_with(kernel.modules_folder, "modules/6.1.0-10-cloud-amd64"));
}

static void a_chosen_kernel_needs_its_modules(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(guest_kernel_done) struct guest_kernel kernel = {0};
    _cleanup_free_ char *boot = in_folder("boot"), *modules = in_folder("modules");
    _cleanup_free_ char *chosen = in_folder("kernel");
    struct tiny_elf elf = tiny_elf(18);
    write_file("kernel", &elf, sizeof(elf));
    assert_int_equal(guest_kernel_find(boot, modules, chosen, &kernel, &err), -ENOENT);
    assert_non_null(strstr(err.message, "9.9.9-test"));
    add_kernel("9.9.9-test", true);
    error_done(&err);
    assert_ok(guest_kernel_find(boot, modules, chosen, &kernel, &err), &err);
    assert_string_equal(kernel.image, chosen);
}

/* --- modules -------------------------------------------------------------------------------- */

static struct kernel_modules *open_modules(const char *dep, const char *builtin)
{
    _cleanup_error_ struct error err = {0};
    struct kernel_modules *modules = NULL;
    write_file("modules.dep", dep, strlen(dep));
    write_file("modules.builtin", builtin, strlen(builtin));
    assert_ok(kernel_modules_open(folder, &modules, &err), &err);
    return modules;
}

static void modules_load_after_what_they_need(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(kernel_modules_freep) struct kernel_modules *modules =
        open_modules("k/pci.ko: k/virtio.ko k/ring.ko k/fs-a.ko\n"
                     "k/virtio.ko: k/ring.ko\n"
                     "k/ring.ko:\n"
                     "k/net.ko.xz: k/ring.ko k/virtio.ko\n"
                     "k/fs-a.ko:\n",
                     "kernel/ext4.ko\n");
    _cleanup_strv_ char **order = NULL;
    assert_ok(kernel_modules_add(modules, "pci", &order, &err), &err);
    assert_ok(kernel_modules_add(modules, "net", &order, &err), &err);
    assert_ok(kernel_modules_add(modules, "ext4", &order, &err), &err);
    assert_ok(kernel_modules_add(modules, "fs_a", &order, &err), &err);
    _cleanup_free_ char *text = strv_join(order, " ");
    assert_string_equal(text, "k/ring.ko k/virtio.ko k/fs-a.ko k/pci.ko k/net.ko.xz");
    assert_int_equal(kernel_modules_add(modules, "pc", &order, &err), -ENOENT);
}

static void a_damaged_modules_dep_is_an_error(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    _cleanup_(kernel_modules_freep) struct kernel_modules *modules =
        open_modules("a.ko: b.ko\nb.ko: a.ko\nc.ko: missing.ko\nno colon\n", "");
    _cleanup_strv_ char **order = NULL;
    assert_int_equal(kernel_modules_add(modules, "a", &order, &err), -ELOOP);
    error_done(&err);
    assert_int_equal(kernel_modules_add(modules, "c", &order, &err), -ENOENT);
    assert_non_null(strstr(err.message, "missing.ko"));
    struct kernel_modules *none = NULL;
    error_done(&err);
    assert_int_equal(kernel_modules_open("/nonexistent", &none, &err), -ENOENT);
}

/* --- the initramfs -------------------------------------------------------------------------- */

struct entry {
    char path[64];
    mode_t mode;
    dev_t device;
    char *content;
};

struct entries {
    VEC(struct entry) list;
};

static void entries_done(struct entries *entries)
{
    for (size_t i = 0; i < entries->list.count; i++)
        free(entries->list.items[i].content);
    vec_done(&entries->list);
}

static void read_initramfs(const char *path, struct entries *entries)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *item;
    archive_read_support_format_cpio(archive);
    assert_int_equal(archive_read_open_filename(archive, path, 4096), ARCHIVE_OK);
    while (archive_read_next_header(archive, &item) == ARCHIVE_OK) {
        struct entry entry = {.mode = archive_entry_mode(item), .device = archive_entry_rdev(item)};
        size_t size = (size_t)archive_entry_size(item);
        snprintf(entry.path, sizeof(entry.path), "%s", archive_entry_pathname(item));
        entry.content = xcalloc(1, size + 1);
        assert_int_equal(archive_read_data(archive, entry.content, size), size);
        vec_add(&entries->list, entry);
    }
    assert_int_equal(archive_format(archive), ARCHIVE_FORMAT_CPIO_SVR4_NOCRC);
    archive_read_free(archive);
}

static const struct entry *find_entry(const struct entries *entries, const char *path)
{
    for (size_t i = 0; i < entries->list.count; i++)
        if (streq(entries->list.items[i].path, path))
            return &entries->list.items[i];
    fail_msg("'%s' is not in the initramfs", path);
    return NULL;
}

static void write_compressed(const char *name, const char *data)
{
    _cleanup_free_ char *path = in_folder(name);
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_raw(archive);
    archive_write_add_filter_xz(archive);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_write_header(archive, entry);
    assert_int_equal(archive_write_data(archive, data, strlen(data)), strlen(data));
    archive_entry_free(entry);
    assert_int_equal(archive_write_free(archive), ARCHIVE_OK);
}

static struct initramfs_spec two_modules(void)
{
    static char one[] = "one.ko", two[] = "sub/two.ko.xz";
    static char *const modules[] = {one, two, NULL};
    write_file("one.ko", "\177ELF one", 8);
    make_directory("sub");
    write_compressed("sub/two.ko.xz", "\177ELF two");
    return (struct initramfs_spec){.agent = "agent",
                                   .agent_size = 5,
                                   .modules_folder = folder,
                                   .modules = modules,
                                   .load_count = 1};
}

static void the_initramfs_holds_what_the_agent_expects(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct initramfs_spec spec = two_modules();
    _cleanup_free_ char *path = in_folder("a.cpio"), *again = in_folder("b.cpio");
    assert_ok(initramfs_write(&spec, path, &err), &err);
    _cleanup_(entries_done) struct entries entries = {0};
    read_initramfs(path, &entries);
    assert_int_equal(find_entry(&entries, "init")->mode, S_IFREG | 0755);
    assert_string_equal(find_entry(&entries, "init")->content, "agent");
    assert_int_equal(find_entry(&entries, "dev/console")->mode, S_IFCHR | 0600);
    assert_int_equal(find_entry(&entries, "dev/console")->device, 0x501);
    assert_string_equal(find_entry(&entries, "modules/one.ko")->content, "\177ELF one");
    assert_string_equal(find_entry(&entries, "modules/two.ko")->content, "\177ELF two");
    assert_string_equal(find_entry(&entries, "modules.load")->content, "/modules/one.ko\n");
    assert_string_equal(find_entry(&entries, "modules.later")->content, "/modules/two.ko\n");
    for (const char *const *name = (const char *const[]){"proc", "sys", "run", "newroot", NULL};
         *name; name++)
        assert_int_equal(find_entry(&entries, *name)->mode, S_IFDIR | 0755);

    _cleanup_free_ char *first = NULL, *second = NULL;
    size_t length, length_again;
    assert_ok(initramfs_write(&spec, again, &err), &err);
    assert_ok(fs_read_file(path, 1 << 20, &first, &length, &err), &err);
    assert_ok(fs_read_file(again, 1 << 20, &second, &length_again, &err), &err);
    assert_int_equal(length, length_again);
    assert_memory_equal(first, second, length);
}

static void what_is_no_module_leaves_no_initramfs(void **state)
{
    (void)state;
    _cleanup_error_ struct error err = {0};
    struct initramfs_spec spec = two_modules();
    _cleanup_free_ char *path = in_folder("a.cpio");
    write_file("one.ko", "text", 4);
    assert_int_equal(initramfs_write(&spec, path, &err), -ENOEXEC);
    assert_false(fs_exists(path));
    error_done(&err);
    _cleanup_free_ char *one = in_folder("one.ko");
    unlink(one);
    assert_true(initramfs_write(&spec, path, &err) < 0);
    assert_non_null(strstr(err.message, "one.ko"));
    assert_false(fs_exists(path));
}

/* --- the whole, on the host's kernel -------------------------------------------------------- */

static void need_kernel(void)
{
    _cleanup_error_ struct error err = {0};
    if (guest_kit_probe(&err) == 0)
        return;
    print_message("skipped: %s\n", error_text(&err));
    skip();
}

static struct paths test_paths(void)
{
    _cleanup_free_ char *real = realpath(folder, NULL);
    return (struct paths){.cache = xasprintf("%s/cache", real)};
}

static void ensure_kit(const struct paths *paths, struct guest_kit *kit)
{
    _cleanup_error_ struct error err = {0};
    assert_ok(guest_kit_ensure(paths, kit, &err), &err);
}

static size_t count_entries(const char *path)
{
    _cleanup_(entries_done) struct entries entries = {0};
    read_initramfs(path, &entries);
    assert_non_null(strstr(find_entry(&entries, "modules.load")->content, "/virtio_blk.ko"));
    const char *load = find_entry(&entries, "modules.load")->content;
    assert_true(strstr(load, "/virtio_ring.ko") < strstr(load, "/virtio.ko"));
    assert_true(strstr(load, "/virtio.ko") < strstr(load, "/virtio_pci.ko"));
    assert_non_null(strstr(load, "/erofs.ko"));
    assert_null(strstr(load, "virtiofs"));
    assert_int_equal(find_entry(&entries, "init")->mode, S_IFREG | 0755);
    return entries.list.count;
}

static void the_hosts_kernel_makes_a_kit(void **state)
{
    (void)state;
    need_kernel();
    struct paths paths = test_paths();
    struct guest_kit kit = {0}, again = {0};
    ensure_kit(&paths, &kit);
    assert_true(count_entries(kit.initramfs) > 20);
    struct stat before, after;
    assert_int_equal(stat(kit.kernel, &before), 0);
    assert_true(before.st_size > 20 << 20);
    ensure_kit(&paths, &again);
    assert_string_equal(kit.key, again.key);
    assert_int_equal(stat(again.kernel, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);

    assert_int_equal(truncate(kit.kernel, 4096), 0);
    guest_kit_done(&again);
    ensure_kit(&paths, &again);
    assert_int_equal(stat(again.kernel, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    guest_kit_done(&kit);
    guest_kit_done(&again);
    paths_done(&paths);
}

/* Three processes at once: each gets a whole kit, and one folder is left. */
static void several_processes_may_make_one(void **state)
{
    (void)state;
    need_kernel();
    struct paths paths = test_paths();
    pid_t children[3];
    for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct guest_kit kit = {0};
            _exit(guest_kit_ensure(&paths, &kit, NULL) < 0 || !fs_exists(kit.initramfs));
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(children); i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    _cleanup_free_ char *kits = xasprintf("%s/kits", paths.cache);
    struct dirent **names;
    int count = scandir(kits, &names, NULL, alphasort);
    assert_int_equal(count, 3); /* ".", "..", one kit */
    while (count > 0)
        free(names[--count]);
    free(names);
    paths_done(&paths);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(a_bzimage_gives_its_elf_and_release),
        TEST(an_elf_is_taken_as_it_is),
        TEST(a_kernel_without_pvh_is_refused),
        TEST(damage_is_an_error),
        TEST(another_compression_is_named),
        TEST(the_newest_kernel_with_modules_is_chosen),
        TEST(a_chosen_kernel_needs_its_modules),
        TEST(modules_load_after_what_they_need),
        TEST(a_damaged_modules_dep_is_an_error),
        TEST(the_initramfs_holds_what_the_agent_expects),
        TEST(what_is_no_module_leaves_no_initramfs),
        TEST(the_hosts_kernel_makes_a_kit),
        TEST(several_processes_may_make_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
