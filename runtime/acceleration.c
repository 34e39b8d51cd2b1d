/* See acceleration.h. */
#include "runtime/acceleration.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "base/vec.h"
#include "runtime/channel.h"
#include "runtime/deadline.h"
#include "runtime/process_watch.h"
#include "runtime/qemu.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#define PROBE_MEMORY_MIB 256

struct acceleration {
    uv_loop_t *loop;
    const struct paths *paths;
    enum acceleration_verdict verdict;
    char *reason, *note;
    char *kit_key;
    bool finding;
    void (*on_known)(void *userdata);
    void *userdata;

    /* the probe */
    char *run_folder;
    struct process_id process;
    struct process_watch *watch;
    struct channel *channel;
    struct deadline *deadline; /* of the probe; 0: tell in the loop's next round */
};

static const char *const verdict_names[] = {"unknown", "kvm", "tcg"};
static_assert(ARRAY_SIZE(verdict_names) == ACCELERATION_VERDICT_COUNT, "a name for each verdict");

const char *acceleration_verdict_name(enum acceleration_verdict verdict)
{
    return verdict_names[verdict];
}

/* --- the remembered verdict ----------------------------------------------------------------- */

enum acceleration_verdict acceleration_read_verdict(const char *path, const char *kit_key,
                                                    const char *boot_id, char **ret_reason)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ cJSON *json = NULL;
    size_t length;
    if (fs_read_file(path, 65536, &text, &length, NULL) < 0 ||
        json_parse(text, length, &json, NULL) < 0 ||
        !streq(json_string(json, "boot_id", ""), boot_id) ||
        !streq(json_string(json, "kit", ""), kit_key))
        return ACCELERATION_UNKNOWN;
    const char *name = json_string(json, "verdict", "");
    if (ret_reason)
        *ret_reason = xstrdup(json_string(json, "reason", ""));
    return streq(name, "kvm")   ? ACCELERATION_KVM
           : streq(name, "tcg") ? ACCELERATION_TCG
                                : ACCELERATION_UNKNOWN;
}

int acceleration_write_verdict(const char *path, const char *kit_key, const char *boot_id,
                               enum acceleration_verdict verdict, const char *reason,
                               struct error *err)
{
    _cleanup_json_ cJSON *json = cJSON_CreateObject();
    json_set_string(json, "boot_id", boot_id);
    json_set_string(json, "kit", kit_key);
    json_set_string(json, "verdict", acceleration_verdict_name(verdict));
    json_set_string(json, "reason", reason);
    _cleanup_free_ char *text = json_print(json);
    return fs_write_file_atomic(path, text, strlen(text), 0644, err);
}

/* --- the probe ------------------------------------------------------------------------------ */

static void end_probe(struct acceleration *acceleration)
{
    channel_free(TAKE_PTR(acceleration->channel));
    process_watch_free(TAKE_PTR(acceleration->watch));
    deadline_clear(acceleration->deadline);
    if (acceleration->process.pid)
        process_signal(&acceleration->process, SIGKILL);
    acceleration->process.pid = 0;
    if (acceleration->run_folder)
        fs_remove_tree(acceleration->run_folder, NULL);
    free(TAKE_PTR(acceleration->run_folder));
}

/* Tells in the loop's next round, so that on_known is never called from within a call of ours. */
static void decide(struct acceleration *acceleration, enum acceleration_verdict verdict,
                   const char *reason)
{
    acceleration->verdict = verdict;
    free(acceleration->reason);
    acceleration->reason = xstrdup(reason);
    if (verdict == ACCELERATION_TCG && *reason) {
        free(acceleration->note);
        acceleration->note = xasprintf(
            "KVM cannot be used here (%s): VMs run under TCG, which is several times slower",
            reason);
    }
    log_info("acceleration: %s%s%s", acceleration_verdict_name(verdict), *reason ? ": " : "",
             reason);
    deadline_set(acceleration->deadline, 0);
}

static char *verdict_path(const struct acceleration *acceleration)
{
    return xasprintf("%s/acceleration.json", acceleration->paths->cache);
}

/* What only a boot can tell is worth remembering. */
static void decide_by_probe(struct acceleration *acceleration, enum acceleration_verdict verdict,
                            const char *reason)
{
    end_probe(acceleration);
    _cleanup_free_ char *path = verdict_path(acceleration);
    _cleanup_error_ struct error err = {0};
    if (acceleration_write_verdict(path, acceleration->kit_key, clock_boot_id(), verdict, reason,
                                   &err) < 0)
        log_warning("%s", error_text(&err));
    decide(acceleration, verdict, reason);
}

static void on_probe_ready(void *userdata, bool fresh)
{
    (void)fresh;
    struct acceleration *acceleration = userdata;
    if (acceleration->verdict == ACCELERATION_UNKNOWN)
        acceleration->verdict = ACCELERATION_KVM;
    /* The channel is freed in the loop's next round, not inside its own callback. */
    deadline_set(acceleration->deadline, 0);
}

static void on_probe_ended(void *userdata)
{
    decide_by_probe(userdata, ACCELERATION_TCG, "/dev/kvm opens, but QEMU fails under it");
}

static void on_deadline(void *userdata)
{
    struct acceleration *acceleration = userdata;
    if (acceleration->process.pid) {
        if (acceleration->verdict == ACCELERATION_KVM)
            decide_by_probe(acceleration, ACCELERATION_KVM, "");
        else
            decide_by_probe(acceleration, ACCELERATION_TCG,
                            "/dev/kvm opens, but no guest boots under it");
        return;
    }
    acceleration->finding = false;
    acceleration->on_known(acceleration->userdata);
}

static int start_probe(struct acceleration *acceleration, const struct guest_kit *kit,
                       struct error *err)
{
    char id[HASH_HEX_SIZE];
    hash_random_hex(id);
    acceleration->run_folder = xasprintf("%s/probe", acceleration->paths->run);
    _cleanup_free_ char *log_path = xasprintf("%s/qemu.log", acceleration->run_folder);
    int r = fs_make_directory(acceleration->run_folder, 0700, err);
    struct qemu_start start = {.instance = "acceleration-probe",
                               .id = id,
                               .run_folder = acceleration->run_folder,
                               .kvm = true,
                               .cpus = 1,
                               .memory_mib = PROBE_MEMORY_MIB,
                               .kernel = kit->kernel,
                               .initramfs = kit->initramfs,
                               .log_path = log_path};
    if (r == 0)
        r = qemu_spawn(acceleration->loop, &start, &acceleration->process, err);
    if (r == 0)
        r = process_watch_new(acceleration->loop, &acceleration->process, on_probe_ended,
                              acceleration, &acceleration->watch, err);
    _cleanup_free_ char *socket_path = qemu_agent_socket(acceleration->run_folder);
    static const struct channel_callbacks callbacks = {.on_ready = on_probe_ready};
    if (r == 0)
        r = channel_new(acceleration->loop, &(struct channel_options){.socket_path = socket_path},
                        &callbacks, acceleration, &acceleration->channel, err);
    if (r == 0)
        deadline_set(acceleration->deadline, ACCELERATION_PROBE_TIMEOUT_MS);
    return r;
}

/* True where it is decided without a probe. */
static bool decide_at_once(struct acceleration *acceleration)
{
    const char *wanted = getenv("VMSTEAD_ACCEL");
    if (wanted && streq(wanted, "kvm")) {
        decide(acceleration, ACCELERATION_KVM, "");
        return true;
    }
    if (wanted && streq(wanted, "tcg")) {
        decide(acceleration, ACCELERATION_TCG, "");
        return true;
    }
    _cleanup_close_ int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        _cleanup_free_ char *reason = xasprintf("/dev/kvm: %s", strerror(errno));
        decide(acceleration, ACCELERATION_TCG, reason);
        return true;
    }
    _cleanup_free_ char *path = verdict_path(acceleration);
    _cleanup_free_ char *reason = NULL;
    enum acceleration_verdict remembered =
        acceleration_read_verdict(path, acceleration->kit_key, clock_boot_id(), &reason);
    if (remembered == ACCELERATION_UNKNOWN)
        return false;
    decide(acceleration, remembered, reason);
    return true;
}

/* --- the front ------------------------------------------------------------------------------ */

struct acceleration *acceleration_new(uv_loop_t *loop, const struct paths *paths,
                                      void (*on_known)(void *userdata), void *userdata)
{
    struct acceleration *acceleration = new0(struct acceleration);
    acceleration->loop = loop;
    acceleration->paths = paths;
    acceleration->on_known = on_known;
    acceleration->userdata = userdata;
    acceleration->deadline = deadline_new(loop, on_deadline, acceleration);
    return acceleration;
}

void acceleration_free(struct acceleration *acceleration)
{
    if (!acceleration)
        return;
    end_probe(acceleration);
    deadline_free(acceleration->deadline);
    free(acceleration->reason);
    free(acceleration->note);
    free(acceleration->kit_key);
    free(acceleration);
}

void acceleration_find(struct acceleration *acceleration, const struct guest_kit *kit)
{
    if (acceleration->finding)
        return;
    if (acceleration->verdict != ACCELERATION_UNKNOWN && streq(acceleration->kit_key, kit->key))
        return;
    acceleration->finding = true;
    acceleration->verdict = ACCELERATION_UNKNOWN;
    free(acceleration->kit_key);
    acceleration->kit_key = xstrdup(kit->key);
    if (decide_at_once(acceleration))
        return;
    _cleanup_error_ struct error err = {0};
    if (start_probe(acceleration, kit, &err) < 0) {
        end_probe(acceleration);
        decide(acceleration, ACCELERATION_TCG, error_text(&err));
    }
}

enum acceleration_verdict acceleration_verdict(const struct acceleration *acceleration)
{
    return acceleration->finding ? ACCELERATION_UNKNOWN : acceleration->verdict;
}

const char *acceleration_note(const struct acceleration *acceleration)
{
    return acceleration->note;
}
