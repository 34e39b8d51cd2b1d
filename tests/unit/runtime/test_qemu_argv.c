#include "runtime/qemu_argv.h"

#include "../unit.h"

#include "base/fs.h"
#include "base/str.h"

#include <stdio.h>

static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/* One argument a line. REGENERATE=1 rewrites what is expected. */
static void check_golden(const char *name, const struct qemu_options *options)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_strv_ char **argv = qemu_argv(options);
    _cleanup_free_ char *joined = strv_join(argv, "\n"), *expected = NULL;
    struct strbuf text = {0};
    strbuf_addf(&text, "%s\n", joined);
    char path[512];
    snprintf(path, sizeof(path), TESTDATA "/qemu/%s.argv", name);
    if (getenv("REGENERATE"))
        assert_ok(fs_write_file_atomic(path, text.data, text.length, 0644, &err), &err);
    assert_ok(fs_read_file(path, 65536, &expected, NULL, &err), &err);
    assert_string_equal(text.data, expected);
    strbuf_done(&text);
}

static void a_service_with_two_networks(void **state)
{
    (void)state;
    struct qemu_nic nics[] = {{.fd = 11, .mac = "02:00:00:00:00:01", .mtu = 1500},
                              {.fd = 12, .mac = "02:00:00:00:00:02"}};
    check_golden("two-networks", &(struct qemu_options){.instance = "shop-api-1",
                                                        .id = id,
                                                        .run_folder = "/run/vmstead/vm/012345678",
                                                        .cpus = 2,
                                                        .memory_mib = 512,
                                                        .kernel_fd = 3,
                                                        .initramfs_fd = 4,
                                                        .rootfs_fd = 5,
                                                        .data_fd = 6,
                                                        .mark_fd = 7,
                                                        .agent_fd = 8,
                                                        .qmp_fd = 9,
                                                        .console_fd = 10,
                                                        .nics = nics,
                                                        .nic_count = 2});
}

static void a_service_with_volumes(void **state)
{
    (void)state;
    const int disks[] = {11, 12}, shares[] = {13, 14};
    check_golden("volumes", &(struct qemu_options){.instance = "shop-db-1",
                                                   .id = id,
                                                   .run_folder = "/run/vmstead/vm/012345678",
                                                   .cpus = 1,
                                                   .memory_mib = 512,
                                                   .kernel_fd = 3,
                                                   .initramfs_fd = 4,
                                                   .rootfs_fd = 5,
                                                   .data_fd = 6,
                                                   .mark_fd = 7,
                                                   .agent_fd = 8,
                                                   .qmp_fd = 9,
                                                   .console_fd = 10,
                                                   .disk_fds = disks,
                                                   .disk_count = 2,
                                                   .share_fds = shares,
                                                   .share_count = 2});
}

static void a_probe_under_kvm(void **state)
{
    (void)state;
    check_golden("kvm-probe", &(struct qemu_options){.instance = "acceleration-probe",
                                                     .id = id,
                                                     .run_folder = "/run/vmstead/probe",
                                                     .kvm = true,
                                                     .cpus = 1,
                                                     .memory_mib = 256,
                                                     .kernel_fd = 3,
                                                     .initramfs_fd = 4,
                                                     .rootfs_fd = -1,
                                                     .data_fd = -1,
                                                     .mark_fd = 5,
                                                     .agent_fd = 6,
                                                     .qmp_fd = 7,
                                                     .console_fd = 8});
}

static void the_mark_is_read_back(void **state)
{
    (void)state;
    struct qemu_options options = {.instance = "odd,name",
                                   .id = id,
                                   .run_folder = "/tmp/a,,b/vm/1,2",
                                   .rootfs_fd = -1,
                                   .data_fd = -1};
    _cleanup_strv_ char **argv = qemu_argv(&options);
    struct qemu_mark mark;
    assert_true(qemu_argv_read_mark(argv, &mark));
    _cleanup_free_ char *instance = mark.instance, *run_folder = mark.run_folder;
    assert_string_equal(instance, "odd,name");
    assert_string_equal(run_folder, "/tmp/a,,b/vm/1,2");
    assert_memory_equal(mark.uuid, id, 32);
}

static bool has_mark(const char *const *argv)
{
    _cleanup_strv_ char **copy = strv_copy(argv);
    struct qemu_mark mark;
    return copy && qemu_argv_read_mark(copy, &mark);
}

static void other_processes_have_no_mark(void **state)
{
    (void)state;
    static const char uuid[] = "01234567-89ab-cdef-0123-456789abcdef";
    static const char folder[] = "fd=1,set=9,opaque=/run/vmstead/vm/1";
    const char *short_uuid[] = {"qemu", "-name", "guest=x", "-uuid", "01", "-add-fd", folder, NULL};
    const char *no_folder[] = {"qemu", "-name", "guest=x", "-uuid", uuid, NULL};
    const char *no_name[] = {"qemu", "-uuid", uuid, "-add-fd", folder, NULL};
    const char *cut_off[] = {"qemu", "-name", "guest=x", "-add-fd", folder, "-uuid", NULL};
    assert_false(has_mark(short_uuid));
    assert_false(has_mark(no_folder));
    assert_false(has_mark(no_name));
    assert_false(has_mark(cut_off));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_with_two_networks),
        cmocka_unit_test(a_service_with_volumes),
        cmocka_unit_test(a_probe_under_kvm),
        cmocka_unit_test(the_mark_is_read_back),
        cmocka_unit_test(other_processes_have_no_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
