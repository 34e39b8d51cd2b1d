/* See qemu_argv.h. */
#include "runtime/qemu_argv.h"

#include "base/alloc.h"
#include "base/str.h"

/* Most of it is about being quick under TCG: no calibration of what is known, no audit, no second
 * UART, no self-tests of ciphers (0.2 s of 1.8). rcu_nocbs lets the tick stop without waiting for
 * RCU: an idle redis costs 2.8 % of a core instead of 3.3. panic=-1 with -no-reboot turns a panic
 * into QEMU's end, which we notice. */
#define KERNEL_ARGUMENTS                                                                           \
    "no_timer_check tsc=reliable audit=0 lsm=capability random.trust_cpu=on 8250.nr_uarts=1 "      \
    "cryptomgr.notests rcu_nocbs=0 console=ttyS0 quiet panic=-1"

/* Translated code is kept in a buffer that defaults to a quarter of the host's idea of plenty (1
 * GiB) and is never given back: ten guests would eat the host. 64 MiB hold a kernel and a busy
 * service. */
#define TCG_ARGUMENTS "tcg,thread=multi,tb-size=64"

/* Numbers of /dev/fdset: 1, 2 and 9 are others'. */
#define FIRST_VOLUME_SET 16

/* QEMU's option syntax: a comma inside a value is written twice. */
static char *quote_value(const char *value)
{
    struct strbuf quoted = {0};
    for (; *value; value++) {
        strbuf_add_char(&quoted, *value);
        if (*value == ',')
            strbuf_add_char(&quoted, ',');
    }
    return strbuf_take(&quoted);
}

/* value is taken; NULL: a flag. */
static void add(char ***argv, const char *flag, char *value)
{
    strv_add(argv, xstrdup(flag));
    if (value)
        strv_add(argv, value);
}

static void add_machine(char ***argv, const struct qemu_options *options)
{
    _cleanup_free_ char *instance = quote_value(options->instance);
    const char *id = options->id;
    add(argv, "-name", xasprintf("guest=%s,process=vmstead-vm", instance));
    add(argv, "-uuid",
        xasprintf("%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20));
    /* virtiofsd reads and writes the guest's memory itself: only guests with shares pay for that.
     */
    const char *memory = options->share_count ? ",memory-backend=memory" : "";
    add(argv, "-machine",
        xasprintf("q35,usb=off,sata=off,smbus=off,i8042=off,vmport=off,smm=off,hpet=off,"
                  "dump-guest-core=off%s",
                  memory));
    add(argv, "-accel", xstrdup(options->kvm ? "kvm" : TCG_ARGUMENTS));
    /* erms makes guests copy with `rep movsb`, which TCG carries out byte by byte: without it they
     * copy at three times the speed. */
    add(argv, "-cpu", xstrdup(options->kvm ? "max" : "max,erms=off"));
    add(argv, "-smp", xasprintf("%u", options->cpus));
    add(argv, "-m", xasprintf("%lluM", (unsigned long long)options->memory_mib));
    if (options->share_count)
        add(argv, "-object",
            xasprintf("memory-backend-memfd,id=memory,size=%lluM,share=on",
                      (unsigned long long)options->memory_mib));
}

static void add_kernel(char ***argv, const struct qemu_options *options)
{
    add(argv, "-kernel", xasprintf("/proc/self/fd/%d", options->kernel_fd));
    add(argv, "-initrd", xasprintf("/proc/self/fd/%d", options->initramfs_fd));
    add(argv, "-append", xstrdup(KERNEL_ARGUMENTS));
}

/* disable-legacy: one interface for the guest to probe instead of two. */
static void add_disk(char ***argv, const char *name, int set, int fd, bool read_only)
{
    if (fd < 0)
        return;
    add(argv, "-add-fd", xasprintf("fd=%d,set=%d", fd, set));
    add(argv, "-blockdev",
        xasprintf("driver=raw,node-name=%s,read-only=%s,discard=unmap,file.driver=file,"
                  "file.filename=/dev/fdset/%d,file.locking=off",
                  name, read_only ? "on" : "off", set));
    add(argv, "-device",
        xasprintf("virtio-blk-pci,disable-legacy=on,drive=%s,serial=%s", name, name));
}

/* A full disk of the host stops the guest until there is room (werror's default): see
 * vm_full_disk.c. Its flush is an fdatasync of ours. */
static void add_volumes(char ***argv, const struct qemu_options *options)
{
    for (size_t i = 0; i < options->disk_count; i++) {
        _cleanup_free_ char *name = xasprintf("volume%zu", i);
        add_disk(argv, name, FIRST_VOLUME_SET + (int)i, options->disk_fds[i], false);
    }
    for (size_t i = 0; i < options->share_count; i++) {
        add(argv, "-chardev", xasprintf("socket,id=share%zu,fd=%d", i, options->share_fds[i]));
        add(argv, "-device",
            xasprintf("vhost-user-fs-pci,chardev=share%zu,tag=share%zu,queue-size=1024", i, i));
    }
}

static void add_sockets(char ***argv, const struct qemu_options *options)
{
    add(argv, "-chardev", xasprintf("socket,id=qmp,fd=%d,server=on,wait=off", options->qmp_fd));
    add(argv, "-mon", xstrdup("chardev=qmp,mode=control"));
    add(argv, "-chardev",
        xasprintf("socket,id=console,fd=%d,server=on,wait=off", options->console_fd));
    add(argv, "-serial", xstrdup("chardev:console"));
    add(argv, "-chardev", xasprintf("socket,id=agent,fd=%d,server=on,wait=off", options->agent_fd));
    add(argv, "-device", xstrdup("virtio-serial-pci,disable-legacy=on,max_ports=2"));
    add(argv, "-device", xstrdup("virtserialport,chardev=agent,name=vmstead.agent"));
}

/* romfile= : no boot ROM, nobody boots from the network. */
static void add_nic(char ***argv, size_t index, const struct qemu_nic *nic)
{
    add(argv, "-netdev", xasprintf("tap,id=net%zu,fd=%d", index, nic->fd));
    _cleanup_free_ char *mtu = nic->mtu ? xasprintf(",host_mtu=%u", nic->mtu) : xstrdup("");
    add(argv, "-device",
        xasprintf("virtio-net-pci,disable-legacy=on,netdev=net%zu,mac=%s,romfile=%s", index,
                  nic->mac, mtu));
}

char **qemu_argv(const struct qemu_options *options)
{
    char **argv = NULL;
    add(&argv, QEMU_PROGRAM, NULL);
    add(&argv, "-nodefaults", NULL);
    add(&argv, "-no-user-config", NULL);
    add(&argv, "-display", xstrdup("none"));
    add(&argv, "-no-reboot", NULL);
    add(&argv, "-sandbox",
        xstrdup("on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"));
    add_machine(&argv, options);
    add_kernel(&argv, options);
    add_disk(&argv, "rootfs", 1, options->rootfs_fd, true);
    add_disk(&argv, "data", 2, options->data_fd, false);
    add_volumes(&argv, options);
    add_sockets(&argv, options);
    for (size_t i = 0; i < options->nic_count; i++)
        add_nic(&argv, i, &options->nics[i]);
    add(&argv, "-object", xstrdup("rng-builtin,id=rng"));
    add(&argv, "-device", xstrdup("virtio-rng-pci,disable-legacy=on,rng=rng"));
    add(&argv, "-device", xstrdup("vmgenid,guid=auto"));
    /* A descriptor nobody uses, for the free text beside it, which the guest cannot see. */
    _cleanup_free_ char *folder = quote_value(options->run_folder);
    add(&argv, "-add-fd", xasprintf("fd=%d,set=9,opaque=%s", options->mark_fd, folder));
    return argv;
}

/* Undoes quote_value up to the value's end (a single comma). */
static char *unquote_value(const char *text)
{
    struct strbuf plain = {0};
    for (; *text; text++) {
        if (*text == ',' && *++text != ',')
            break;
        strbuf_add_char(&plain, *text);
    }
    return strbuf_take(&plain);
}

static bool read_uuid(const char *text, char *uuid)
{
    size_t length = 0;
    for (; *text && length < 32; text++)
        if (*text != '-')
            uuid[length++] = *text;
    uuid[length] = '\0';
    return length == 32 && !*text;
}

bool qemu_argv_read_mark(char *const *argv, struct qemu_mark *ret_mark)
{
    struct qemu_mark mark = {0};
    bool uuid = false;
    const char *guest = NULL, *folder = NULL;
    for (size_t i = 0; argv[i] && argv[i + 1]; i++) {
        const char *value = argv[i + 1];
        if (streq(argv[i], "-uuid"))
            uuid = read_uuid(value, mark.uuid);
        else if (streq(argv[i], "-name"))
            guest = str_after_prefix(value, "guest=");
        else if (streq(argv[i], "-add-fd") && strstr(value, ",opaque="))
            folder = strstr(value, ",opaque=") + strlen(",opaque=");
    }
    if (!uuid || !guest || !folder)
        return false;
    mark.instance = unquote_value(guest);
    mark.run_folder = unquote_value(folder);
    *ret_mark = mark;
    return true;
}
