/* What `vmstead doctor` looks at for the virtual machines: QEMU, the guests' kernel, the programs
 * that make images, and KVM by a real boot. runtime.h has the table's door. */
#include "runtime/runtime.h"

#include "base/fs.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/acceleration.h"
#include "runtime/guest_kernel.h"
#include "runtime/qemu_argv.h"
#include "runtime/share.h"

#include <errno.h>
#include <stdlib.h>

#define VERSION_TIMEOUT_MS 5000

/* --- QEMU ----------------------------------------------------------------------------------- */

static void on_version(void *userdata, const struct spawn_result *result)
{
    char **version = userdata;
    if (result->exit_status == 0)
        *version = xstrndup(result->output, strcspn(result->output, "\n"));
}

/* "QEMU emulator version 7.2.22 (Debian ...)"; NULL where it does not say. Owned by the caller. */
static char *ask_version(struct error *err)
{
    static const char *const argv[] = {QEMU_PROGRAM, "--version", NULL};
    char *version = NULL;
    uv_loop_t loop;
    struct spawn *spawn;
    const struct spawn_options options = {.argv = argv,
                                          .timeout_ms = VERSION_TIMEOUT_MS,
                                          .on_done = on_version,
                                          .userdata = &version};
    uv_loop_init(&loop);
    if (spawn_start(&loop, &options, &spawn, err) == 0)
        uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return version;
}

static void look_at_qemu(const struct paths *paths, struct finding *finding)
{
    (void)paths;
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *program = fs_find_program(QEMU_PROGRAM);
    if (!program) {
        finding_set(finding, CHECK_ERROR, xstrdup("apt-get install qemu-system-x86"),
                    "'" QEMU_PROGRAM "' is not installed: no VM can be started");
        return;
    }
    _cleanup_free_ char *version = ask_version(&err);
    if (version)
        finding_set(finding, CHECK_OK, NULL, "%s, '%s'", version, program);
    else
        finding_set(finding, CHECK_ERROR, xstrdup("apt-get install --reinstall qemu-system-x86"),
                    "'%s --version' fails%s%s", program, err.code ? ": " : "",
                    err.code ? error_text(&err) : "");
}

/* --- the guests' kernel ----------------------------------------------------------------------- */

static void look_at_guest_kernel(const struct paths *paths, struct finding *finding)
{
    (void)paths;
    _cleanup_error_ struct error err = {0};
    struct guest_kernel kernel = {0};
    const char *chosen = getenv("VMSTEAD_KERNEL");
    if (guest_kernel_find("/boot", "/lib/modules", chosen && *chosen ? chosen : NULL, &kernel,
                          &err) < 0)
        finding_set(finding, CHECK_ERROR, xstrdup("apt-get install linux-image-cloud-amd64 kmod"),
                    "%s", error_text(&err));
    else
        finding_set(finding, CHECK_OK, NULL, "guests boot '%s' with the modules in '%s'",
                    kernel.image, kernel.modules_folder);
    guest_kernel_done(&kernel);
}

/* --- programs --------------------------------------------------------------------------------- */

static const struct {
    const char *program, *package, *use;
    bool always; /* nothing runs without it */
} helpers[] = {
    {"mke2fs", "e2fsprogs", "the VMs' writable disks", true},
    {"setpriv", "util-linux", "programs that end with the daemon", true},
    {"mkfs.erofs", "erofs-utils", "images", false},
    {"skopeo", "skopeo", "OCI images", false},
    {"umoci", "umoci", "OCI images", false},
    {"buildah", "buildah", "`build:`", false},
    {"mmdebstrap", "mmdebstrap", "`x-vmstead: {bootstrap: ...}`", false},
};

static void look_at_programs(const struct paths *paths, struct finding *finding)
{
    (void)paths;
    _cleanup_strbuf_ struct strbuf missing = {0}, packages = {0}, found = {0};
    enum check_status status = CHECK_OK;
    for (size_t i = 0; i < ARRAY_SIZE(helpers); i++) {
        _cleanup_free_ char *path = fs_find_program(helpers[i].program);
        if (path) {
            strbuf_addf(&found, "%s%s", found.length ? ", " : "", helpers[i].program);
            continue;
        }
        status = helpers[i].always || status == CHECK_ERROR ? CHECK_ERROR : CHECK_WARNING;
        strbuf_addf(&missing, "%s'%s' (for %s)", missing.length ? ", " : "", helpers[i].program,
                    helpers[i].use);
        strbuf_addf(&packages, " %s", helpers[i].package);
    }
    if (share_probe(NULL) == -ENOENT) {
        status = status == CHECK_ERROR ? CHECK_ERROR : CHECK_WARNING;
        strbuf_addf(&missing, "%s'virtiofsd' (for folders of the host)",
                    missing.length ? ", " : "");
        strbuf_add_str(&packages, " qemu-system-common");
    }
    if (status == CHECK_OK)
        finding_set(finding, status, NULL, "%s, virtiofsd", strbuf_text(&found));
    else
        finding_set(finding, status, xasprintf("apt-get install%s", strbuf_text(&packages)),
                    "not installed: %s", strbuf_text(&missing));
}

/* --- acceleration ----------------------------------------------------------------------------- */

static void on_known(void *userdata)
{
    uv_stop(userdata);
}

static void judge_acceleration(enum acceleration_verdict verdict, const char *note,
                               const char *kernel, struct finding *finding)
{
    const char *forced = getenv("VMSTEAD_ACCEL");
    bool is_forced = forced && (streq(forced, "kvm") || streq(forced, "tcg"));
    if (is_forced)
        finding_set(finding, CHECK_OK, NULL, "%s, not proved: VMSTEAD_ACCEL says so", forced);
    else if (verdict == ACCELERATION_KVM)
        finding_set(finding, CHECK_OK, NULL, "KVM: a guest with the kernel %s boots under it",
                    kernel);
    else
        finding_set(finding, CHECK_WARNING,
                    xstrdup(fs_exists("/dev/kvm")
                                ? "where this is a virtual machine itself, have its host offer "
                                  "nested virtualization; 'export VMSTEAD_ACCEL=tcg' accepts it"
                                : "modprobe kvm_intel || modprobe kvm_amd; where this is a virtual "
                                  "machine itself, have its host offer nested virtualization"),
                    "%s", note ? note : "KVM could not be tried");
}

/* The probe's files are ours: a daemon may be at it at the same time. */
static void prove_acceleration(const struct paths *paths, const struct guest_kit *kit,
                               struct finding *finding)
{
    uv_loop_t loop;
    struct paths own = *paths;
    own.run = xasprintf("%s/doctor", paths->run);
    uv_loop_init(&loop);
    struct acceleration *acceleration = acceleration_new(&loop, &own, on_known, &loop);
    acceleration_find(acceleration, kit);
    uv_run(&loop, UV_RUN_DEFAULT); /* ACCELERATION_PROBE_TIMEOUT_MS at most */
    judge_acceleration(acceleration_verdict(acceleration), acceleration_note(acceleration),
                       kit->kernel_release, finding);
    acceleration_free(acceleration);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    fs_remove_tree(own.run, NULL);
    free(own.run);
}

static void look_at_acceleration(const struct paths *paths, struct finding *finding)
{
    _cleanup_error_ struct error err = {0};
    struct guest_kit kit = {0};
    _cleanup_free_ char *qemu = fs_find_program(QEMU_PROGRAM);
    if (!qemu)
        finding_set(finding, CHECK_SKIPPED, NULL, "only a boot can tell, and there is no QEMU");
    else if (guest_kit_ensure(paths, &kit, &err) < 0)
        finding_set(finding, CHECK_SKIPPED, NULL, "only a boot can tell, and no guest can be: %s",
                    error_text(&err));
    else
        prove_acceleration(paths, &kit, finding);
    guest_kit_done(&kit);
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct check checks[] = {
    {"qemu", look_at_qemu},
    {"guest-kernel", look_at_guest_kernel},
    {"programs", look_at_programs},
    {"acceleration", look_at_acceleration},
};

const struct check *runtime_host_checks(size_t *ret_count)
{
    *ret_count = ARRAY_SIZE(checks);
    return checks;
}
