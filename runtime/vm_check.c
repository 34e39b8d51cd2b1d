/* See vm.h: what is refused before anything is created. */
#include "runtime/vm.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/machine.h"
#include "base/str.h"
#include "runtime/qemu.h"
#include "runtime/vm_files.h"
#include "runtime/vm_mounts.h"

#include <errno.h>
#include <stdio.h>

#define MEMORY_DEFAULT_MIB 512
#define CPUS_MAXIMUM 255

unsigned vm_spec_cpus(const cJSON *spec)
{
    double cpus = json_double(spec, "cpus", 0);
    if (!(cpus > 1))
        return 1;
    if (cpus >= CPUS_MAXIMUM)
        return CPUS_MAXIMUM;
    unsigned whole = (unsigned)cpus;
    return whole < cpus ? whole + 1 : whole;
}

uint64_t vm_spec_memory_mib(const cJSON *spec)
{
    int64_t bytes = json_int(spec, "memory_bytes", 0);
    return bytes <= 0 ? MEMORY_DEFAULT_MIB : ((uint64_t)bytes + (1 << 20) - 1) >> 20;
}

static bool is_start(const struct operation *operation)
{
    return operation->verb == OPERATION_START;
}

static int refuse_sum(struct operation *const *operations, size_t count, uint64_t sum,
                      uint64_t available_mib, struct error *err)
{
    _cleanup_strbuf_ struct strbuf parts = {0};
    size_t vms = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_start(operations[i]))
            continue;
        strbuf_addf(&parts, "%s%s %llu", vms++ ? ", " : "", operations[i]->name,
                    (unsigned long long)vm_spec_memory_mib(operations[i]->spec));
    }
    return error_set(
        err, ENOMEM,
        "%zu VM%s would need %llu MiB of memory (%s), the host has %llu MiB available: "
        "lower mem_limit or stop something else",
        vms, vms == 1 ? "" : "s", (unsigned long long)sum, strbuf_text(&parts),
        (unsigned long long)available_mib);
}

int vm_check_memory(struct operation *const *operations, size_t count, uint64_t available_mib,
                    struct error *err)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_start(operations[i]))
            continue;
        uint64_t mib = vm_spec_memory_mib(operations[i]->spec);
        if (mib < MACHINE_MEMORY_LEAST_MIB)
            return error_set(err, EINVAL,
                             "'%s' is given %llu MiB of memory; a VM does not boot with less than "
                             "%d MiB: raise mem_limit",
                             operations[i]->name, (unsigned long long)mib,
                             MACHINE_MEMORY_LEAST_MIB);
        sum += mib;
    }
    return sum > available_mib ? refuse_sum(operations, count, sum, available_mib, err) : 0;
}

/* MemAvailable of proc(5), in MiB; all there is where it cannot be read. */
static uint64_t read_available_mib(void)
{
    _cleanup_free_ char *text = NULL;
    unsigned long long kib;
    const char *line = fs_read_file("/proc/meminfo", 65536, &text, NULL, NULL) == 0
                           ? strstr(text, "MemAvailable:")
                           : NULL;
    return line && sscanf(line, "MemAvailable: %llu", &kib) == 1 ? kib >> 10 : UINT64_MAX;
}

static int check_signal(const struct operation *operation, struct error *err)
{
    const char *signal_text = json_string(operation->spec, "stop_signal", "SIGTERM");
    if (vm_signal_number(signal_text))
        return 0;
    return error_set(err, EINVAL, "'%s': there is no signal '%s'", operation->name, signal_text);
}

static int check_disk(const cJSON *spec, struct error *err)
{
    uint64_t bytes = (uint64_t)json_int(spec, "disk_bytes", 0);
    if (bytes == 0 || bytes >= MACHINE_DISK_LEAST_BYTES)
        return 0;
    return error_set(err, EINVAL,
                     "a disk of %llu bytes is too small: x-vmstead.disk is %llu MiB "
                     "at least",
                     (unsigned long long)bytes, MACHINE_DISK_LEAST_BYTES >> 20);
}

int vm_check_operations(void *self, struct operation *const *operations, size_t count,
                        struct error *err)
{
    struct runtime *runtime = self;
    if (count == 0)
        return 0;
    int r = qemu_probe(err);
    if (r == 0)
        r = guest_kit_probe(err);
    if (r == 0)
        r = vm_check_memory(operations, count, read_available_mib(), err);
    for (size_t i = 0; i < count && r == 0; i++)
        r = check_signal(operations[i], err);
    for (size_t i = 0; i < count && r == 0; i++) {
        r = vm_mounts_check(operations[i]->spec, err);
        if (r == 0)
            r = vm_files_check(operations[i]->spec, err);
        if (r == 0)
            r = check_disk(operations[i]->spec, err);
        if (r < 0)
            error_prefix(err, "'%s'", operations[i]->name);
    }
    /* The kit and the KVM probe take their time while images are prepared. */
    if (r == 0)
        platform_prepare(runtime->platform);
    return r;
}
