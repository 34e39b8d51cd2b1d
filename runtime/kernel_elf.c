/* See kernel_elf.h. The layout of a bzImage: Documentation/arch/x86/boot.rst. */
#include "runtime/kernel_elf.h"

#include "base/alloc.h"
#include "base/fs.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <lz4.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
    SETUP_SECTS = 0x1f1,    /* size of the real-mode part in sectors, without the boot sector */
    HEADER_MAGIC = 0x202,   /* "HdrS" */
    KERNEL_VERSION = 0x20e, /* offset of the version string from 0x200 */
    PAYLOAD_OFFSET = 0x248, /* from the start of the protected-mode part */
    PAYLOAD_LENGTH = 0x24c, /* with the four bytes of the unpacked size behind the payload */
    HEADER_END = 0x250,
    LZ4_LEGACY_MAGIC = 0x184c2102,
    LZ4_LEGACY_BLOCK = 8 << 20, /* a block unpacks to at most this */
    XEN_ELFNOTE_PHYS32_ENTRY = 18,
};
static const size_t unpacked_limit = 512 << 20;

struct mapping {
    const uint8_t *data;
    size_t size;
};

static void mapping_done(struct mapping *mapping)
{
    if (mapping->data)
        munmap((void *)mapping->data, mapping->size);
}

static int mapping_init(const char *path, struct mapping *ret_mapping, struct error *err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return error_set(err, errno, "cannot read the kernel '%s': %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_size < HEADER_END)
        return error_set(err, ENOEXEC, "'%s' is not a kernel: too short", path);
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return error_set(err, errno, "cannot read the kernel '%s': %s", path, strerror(errno));
    *ret_mapping = (struct mapping){data, (size_t)status.st_size};
    return 0;
}

static uint32_t le32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool is_elf(const struct mapping *file)
{
    return memcmp(file->data, ELFMAG, SELFMAG) == 0;
}

static bool is_bzimage(const struct mapping *file)
{
    return memcmp(file->data + HEADER_MAGIC, "HdrS", 4) == 0;
}

/* --- payload -------------------------------------------------------------------------------- */

static int find_payload(const char *path, const struct mapping *file, struct mapping *ret_payload,
                        struct error *err)
{
    if (!is_bzimage(file))
        return error_set(err, ENOEXEC, "'%s' is not an x86 kernel (bzImage or ELF)", path);
    size_t sectors = file->data[SETUP_SECTS] ? file->data[SETUP_SECTS] : 4;
    size_t start = (sectors + 1) * 512 + le32(file->data + PAYLOAD_OFFSET);
    size_t length = le32(file->data + PAYLOAD_LENGTH);
    if (start > file->size || length > file->size - start || length < 8)
        return error_set(err, ENOEXEC, "the kernel '%s' is damaged: its payload lies outside of it",
                         path);
    if (le32(file->data + start) != LZ4_LEGACY_MAGIC)
        return error_set(err, ENOEXEC,
                         "the kernel '%s' is not packed with LZ4; use Debian's cloud kernel "
                         "(package 'linux-image-cloud-amd64') or an ELF vmlinux",
                         path);
    *ret_payload = (struct mapping){file->data + start, length};
    return 0;
}

/* The legacy frame: magic, then blocks of {packed size, data}; the kernel's build appends the
 * unpacked size, which also tells where the blocks end. */
static int unpack_lz4(const char *path, const struct mapping *payload, uint8_t **ret_data,
                      size_t *ret_size, struct error *err)
{
    const uint8_t *position = payload->data + 4, *end = payload->data + payload->size - 4;
    size_t size = le32(end), filled = 0;
    if (size < sizeof(Elf64_Ehdr) || size > unpacked_limit)
        return error_set(err, ENOEXEC, "the kernel '%s' is damaged: %zu bytes unpacked", path,
                         size);
    _cleanup_free_ uint8_t *data = xmalloc(size);
    while (end - position >= 4) {
        size_t packed = le32(position), room = size - filled;
        position += 4;
        if (packed > (size_t)(end - position))
            break;
        int block = LZ4_decompress_safe((const char *)position, (char *)data + filled, (int)packed,
                                        (int)(room < LZ4_LEGACY_BLOCK ? room : LZ4_LEGACY_BLOCK));
        if (block < 0)
            break;
        filled += (size_t)block;
        position += packed;
    }
    if (position != end || filled != size)
        return error_set(err, ENOEXEC,
                         "the kernel '%s' is damaged: its LZ4 payload breaks off after %zu of %zu "
                         "bytes; reinstall its package",
                         path, filled, size);
    *ret_data = TAKE_PTR(data);
    *ret_size = size;
    return 0;
}

/* --- ELF ------------------------------------------------------------------------------------ */

static bool notes_have_pvh_entry(const uint8_t *notes, size_t size)
{
    while (size >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr note;
        memcpy(&note, notes, sizeof(note));
        uint64_t name = (note.n_namesz + 3ull) & ~3ull, body = (note.n_descsz + 3ull) & ~3ull;
        uint64_t length = sizeof(note) + name + body;
        if (length > size)
            return false;
        if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
            memcmp(notes + sizeof(note), "Xen", 4) == 0)
            return true;
        notes += length;
        size -= length;
    }
    return false;
}

static bool elf_has_pvh_entry(const uint8_t *data, size_t size)
{
    Elf64_Ehdr header;
    if (size < sizeof(header))
        return false;
    memcpy(&header, data, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_machine != EM_X86_64 || header.e_phentsize != sizeof(Elf64_Phdr) ||
        header.e_phoff > size || header.e_phnum > (size - header.e_phoff) / sizeof(Elf64_Phdr))
        return false;
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, data + header.e_phoff + i * sizeof(segment), sizeof(segment));
        if (segment.p_type == PT_NOTE && segment.p_offset <= size &&
            segment.p_filesz <= size - segment.p_offset &&
            notes_have_pvh_entry(data + segment.p_offset, segment.p_filesz))
            return true;
    }
    return false;
}

static int write_elf(const char *kernel, const uint8_t *data, size_t size, const char *output,
                     struct error *err)
{
    if (!elf_has_pvh_entry(data, size))
        return error_set(err, ENOEXEC,
                         "the kernel '%s' cannot be booted through PVH: no 64-bit x86 ELF with the "
                         "Xen note PHYS32_ENTRY (CONFIG_PVH=y) in it",
                         kernel);
    _cleanup_close_ int fd = open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_set(err, errno, "cannot create '%s': %s", output, strerror(errno));
    int r = fs_write_all(fd, data, size);
    if (r < 0) {
        unlink(output);
        return error_set(err, -r, "cannot write '%s': %s", output, strerror(-r));
    }
    return 0;
}

int kernel_elf_extract(const char *kernel, const char *output, struct error *err)
{
    _cleanup_(mapping_done) struct mapping file = {0};
    struct mapping payload = {0};
    int r = mapping_init(kernel, &file, err);
    if (r < 0)
        return r;
    if (is_elf(&file))
        return write_elf(kernel, file.data, file.size, output, err);
    r = find_payload(kernel, &file, &payload, err);
    if (r < 0)
        return r;
    _cleanup_free_ uint8_t *data = NULL;
    size_t size = 0;
    r = unpack_lz4(kernel, &payload, &data, &size, err);
    return r < 0 ? r : write_elf(kernel, data, size, output, err);
}

/* --- release -------------------------------------------------------------------------------- */

/* The version string of a bzImage ("6.1.0-56-cloud-amd64 (debian-kernel@...) #1 SMP ..."), or
 * what follows "Linux version " in an ELF; NULL: none. */
static const uint8_t *find_version(const struct mapping *file)
{
    if (is_elf(file)) {
        const uint8_t *banner = memmem(file->data, file->size, "Linux version ", 14);
        return banner ? banner + 14 : NULL;
    }
    if (!is_bzimage(file))
        return NULL;
    size_t offset = file->data[KERNEL_VERSION] | (size_t)file->data[KERNEL_VERSION + 1] << 8;
    return offset && offset + 0x200 < file->size ? file->data + 0x200 + offset : NULL;
}

int kernel_elf_release(const char *kernel, char **ret_release, struct error *err)
{
    _cleanup_(mapping_done) struct mapping file = {0};
    int r = mapping_init(kernel, &file, err);
    if (r < 0)
        return r;
    const uint8_t *version = find_version(&file);
    size_t length = 0, limit = version ? (size_t)(file.data + file.size - version) : 0;
    while (length < limit && version[length] > ' ' && version[length] != '/' &&
           version[length] < 0x7f)
        length++;
    if (length == 0 || length > 64)
        return error_set(err, ENOEXEC, "'%s' is not an x86 kernel: it names no version", kernel);
    *ret_release = xstrndup((const char *)version, length);
    return 0;
}
