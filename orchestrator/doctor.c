/* See doctor.h. What is nobody's in particular is looked at here: space and limits. */
#include "orchestrator/doctor.h"

#include "base/check.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/str.h"
#include "base/vec.h"
#include "network/network.h"
#include "runtime/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

enum {
    MIB = 1 << 20,
    SPACE_WARNING_MIB = 2048, /* one bootstrap's packages, or a large image */
    SPACE_ERROR_MIB = 128,
    RUN_WARNING_MIB = 16, /* sockets and logs of a boot */
    FILES_WARNING = 4096, /* a VM takes a handful, a stream two */
    MEMORY_WARNING_MIB = 1024,
    VM_MIB = 512, /* where the file says nothing */
};

/* --- space ------------------------------------------------------------------------------------ */

static enum check_status look_at_folder(const char *folder, unsigned warning_mib,
                                        struct strbuf *text)
{
    struct statvfs space;
    strbuf_addf(text, "%s'%s' ", text->length ? ", " : "", folder);
    if (statvfs(folder, &space) < 0) {
        strbuf_add_str(text, strerror(errno));
        return CHECK_ERROR;
    }
    unsigned long long mib = (unsigned long long)space.f_bavail * space.f_frsize / MIB;
    strbuf_addf(text, "%llu MiB", mib);
    bool read_only = (space.f_flag & ST_RDONLY) != 0;
    if (read_only)
        strbuf_add_str(text, " (read-only)");
    unsigned error_mib = warning_mib < SPACE_ERROR_MIB ? 1 : SPACE_ERROR_MIB;
    if (read_only || mib < error_mib)
        return CHECK_ERROR;
    return mib < warning_mib ? CHECK_WARNING : CHECK_OK;
}

static void look_at_space(const struct paths *paths, struct finding *finding)
{
    const struct {
        const char *path;
        unsigned warning_mib;
    } folders[] = {{paths->state, SPACE_WARNING_MIB},
                   {paths->cache, SPACE_WARNING_MIB},
                   {paths->run, RUN_WARNING_MIB}};
    _cleanup_strbuf_ struct strbuf text = {0};
    enum check_status worst = CHECK_OK;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        enum check_status status = look_at_folder(folders[i].path, folders[i].warning_mib, &text);
        worst = status > worst ? status : worst;
    }
    finding_set(finding, worst,
                worst == CHECK_OK ? NULL
                                  : xstrdup("make room there (images that no VM uses: 'vmstead "
                                            "images', 'rm'), or set VMSTEAD_ROOT to a larger disk"),
                "free: %s", strbuf_text(&text));
}

/* --- limits ----------------------------------------------------------------------------------- */

static void look_at_open_files(const struct paths *paths, struct finding *finding)
{
    (void)paths;
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    bool few = limit.rlim_max != RLIM_INFINITY && limit.rlim_max < FILES_WARNING;
    finding_set(finding, few ? CHECK_WARNING : CHECK_OK,
                few ? xstrdup("ulimit -Hn 16384, in the shell (or LimitNOFILE= of the unit) that "
                              "the daemon is started from")
                    : NULL,
                "a daemon started from here may open %llu files%s",
                (unsigned long long)limit.rlim_max, few ? ": a handful for each VM" : "");
}

/* MemAvailable of proc(5). */
static void look_at_memory(const struct paths *paths, struct finding *finding)
{
    (void)paths;
    _cleanup_free_ char *text = NULL;
    unsigned long long kib = 0;
    const char *line = fs_read_file("/proc/meminfo", 65536, &text, NULL, NULL) == 0
                           ? strstr(text, "MemAvailable:")
                           : NULL;
    if (!line || sscanf(line, "MemAvailable: %llu", &kib) != 1) {
        finding_set(finding, CHECK_WARNING, NULL, "'/proc/meminfo' does not say what is available");
        return;
    }
    unsigned long long mib = kib >> 10;
    enum check_status status = mib < MACHINE_MEMORY_LEAST_MIB ? CHECK_ERROR
                               : mib < MEMORY_WARNING_MIB     ? CHECK_WARNING
                                                              : CHECK_OK;
    finding_set(finding, status,
                status == CHECK_OK ? NULL
                                   : xstrdup("stop something else, or give the services less: "
                                             "mem_limit"),
                "%llu MiB are available: room for %llu VMs of %d MiB", mib, mib / VM_MIB, VM_MIB);
}

/* --- all of them ------------------------------------------------------------------------------ */

static const struct check own_checks[] = {
    {"space", look_at_space},
    {"open-files", look_at_open_files},
    {"memory", look_at_memory},
};

static void print_line(void *userdata, cJSON *description)
{
    (void)userdata;
    _cleanup_free_ char *line = json_print(description);
    puts(line);
    fflush(stdout);
    cJSON_Delete(description);
}

int doctor_run(struct error *err)
{
    _cleanup_(paths_done) struct paths paths = {0};
    size_t network_count, runtime_count;
    const struct check *network = network_host_checks(&network_count);
    const struct check *runtime = runtime_host_checks(&runtime_count);
    log_set_name("vmstead doctor");
    log_set_level_from_environment();
    int r = paths_init(&paths, err);
    if (r < 0)
        return r;
    checks_run(network, network_count, &paths, print_line, NULL);
    checks_run(own_checks, ARRAY_SIZE(own_checks), &paths, print_line, NULL);
    checks_run(runtime, runtime_count, &paths, print_line, NULL);
    return ferror(stdout) ? error_set(err, EIO, "cannot write to standard output") : 0;
}
