/* The host's checks: whether a daemon runs, which a client sees best, and then everything that
 * `vmstead-daemon --doctor` (orchestrator/doctor.h) looks at, line by line as it comes. */
#include "cmd/doctor_host.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/spawn.h"
#include "base/str.h"
#include "base/version.h"
#include "cmd/client.h"
#include "cmd/daemon_launch.h"
#include "cmd/daemon_start.h"
#include "cmd/doctor_view.h"

#include <errno.h>

/* All checks have bounds of their own: seconds for KVM, a second for each nameserver. */
#define TIMEOUT_MS 60000

struct host {
    cJSON *findings; /* array */
    bool json;
    int written; /* the last output_write() */
    struct error err;
};

/* Takes it. */
static void add_finding(struct host *host, cJSON *finding)
{
    cJSON_AddItemToArray(host->findings, finding);
    if (!host->json && host->written == 0)
        host->written = doctor_print_line(finding, &host->err);
}

/* --- the daemon ------------------------------------------------------------------------------- */

static void judge_daemon(const cJSON *daemon, struct finding *finding)
{
    const char *version = json_string(daemon, "version", "?");
    int pid = (int)json_int(daemon, "pid", 0),
        difference = version_compare(version, vmstead_version);
    bool elsewhere =
        (uint64_t)json_int(daemon, "network_namespace", 0) != client_network_namespace();
    if (difference > 0)
        finding_set(finding, CHECK_ERROR, xstrdup("upgrade this program, or use the newer one"),
                    "version %s runs (pid %d), newer than this program's %s", version, pid,
                    vmstead_version);
    else if (elsewhere)
        finding_set(finding, CHECK_WARNING, xasprintf("nsenter -t %d -n vmstead doctor", pid),
                    "version %s runs (pid %d) in another network namespace than this command's",
                    version, pid);
    else if (difference < 0)
        finding_set(finding, CHECK_OK, NULL,
                    "version %s runs (pid %d); the next command replaces it by %s, VMs go on",
                    version, pid, vmstead_version);
    else
        finding_set(finding, CHECK_OK, NULL, "version %s runs (pid %d)", version, pid);
}

static void look_at_daemon(struct finding *finding)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_json_ cJSON *daemon = NULL;
    int r = daemon_describe(&daemon, &err);
    if (r == 0)
        judge_daemon(daemon, finding);
    else if (r == -ENOENT || r == -ECONNREFUSED || r == -ERESTART)
        finding_set(finding, CHECK_OK, NULL,
                    "none runs; the first command that needs one starts version %s",
                    vmstead_version);
    else
        finding_set(finding, CHECK_ERROR, NULL, "%s", error_text(&err));
}

/* --- the others ------------------------------------------------------------------------------- */

static void on_line(void *userdata, const char *line)
{
    struct host *host = userdata;
    cJSON *finding = NULL;
    if (json_parse(line, strlen(line), &finding, NULL) == 0)
        add_finding(host, finding);
}

static void on_done(void *userdata, const struct spawn_result *result)
{
    struct host *host = userdata;
    _cleanup_error_ struct error err = {0};
    if (spawn_check("vmstead-daemon --doctor", result, &err) < 0 && !host->err.code)
        error_move(&host->err, &err);
}

static int run_checks(struct host *host)
{
    _cleanup_free_ char *program = daemon_program();
    const char *const argv[] = {program, "--doctor", NULL};
    const struct spawn_options options = {.argv = argv,
                                          .timeout_ms = TIMEOUT_MS,
                                          .on_output_line = on_line,
                                          .on_done = on_done,
                                          .userdata = host};
    uv_loop_t loop;
    struct spawn *spawn;
    uv_loop_init(&loop);
    int r = spawn_start(&loop, &options, &spawn, &host->err);
    if (r == 0)
        uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return host->err.code ? -host->err.code : r;
}

int doctor_host(bool json, struct error *err)
{
    struct host host = {.json = json, .findings = cJSON_CreateArray()};
    _cleanup_json_ cJSON *report = cJSON_CreateObject();
    _cleanup_finding_ struct finding daemon = {0};
    json_set(report, "checks", host.findings);
    look_at_daemon(&daemon);
    add_finding(&host, finding_describe("daemon", &daemon));
    int r = host.written == 0 ? run_checks(&host) : host.written;
    if (r < 0)
        return error_move(err, &host.err);
    if (host.written != 0)
        return host.written;
    bool healthy = !doctor_find(host.findings, check_status_name(CHECK_ERROR));
    json_set_bool(report, "healthy", healthy);
    if (json && (r = doctor_print_json(report, err)) != 0)
        return r;
    return healthy ? 0 : 1;
}
