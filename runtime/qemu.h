/* Starts a QEMU: sockets, descriptors, uid, spawn. What it does with the guest is vm.c's.
 *
 * The run folder gets agent.sock, qmp.sock and console.sock: made and bound here, handed over
 * listening, so that they can be connected to before QEMU has read its first option, and QEMU needs
 * no access to the folder.
 *
 * QEMU runs without capabilities under a uid of its own per instance: 0x70000000 + 24 bits of the
 * id, a range that nobody assigns (systemd's UIDS-GIDS.md: "unused"), so that a guest that breaks
 * out into its QEMU can neither signal nor trace another. Where that uid is not mapped (we are in a
 * user namespace): 65534. Not root: ours. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "base/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct qemu_start {
    const char *instance;
    const char *id;
    const char *run_folder; /* exists; the sockets are made in it */
    bool kvm;
    unsigned cpus;
    uint64_t memory_mib;
    const char *kernel, *initramfs;
    const char *rootfs;   /* EROFS; NULL: none */
    const char *data;     /* the writable disk; NULL: none */
    char *const *disks;   /* further disks, in the order of their serials; may be NULL */
    const int *share_fds; /* connected sockets of virtiofsds, in the order of their tags */
    size_t share_count;
    const char *log_path;        /* what QEMU itself has to say; started anew */
    const struct qemu_nic *nics; /* with descriptors of ours */
    size_t nic_count;
};

/* 0 where QEMU is installed; the error names the package. */
int qemu_probe(struct error *err);

/* Spawned and identified; whether it lives on is the caller's to watch. Nothing is left in the run
 * folder on failure. */
int qemu_spawn(uv_loop_t *loop, const struct qemu_start *start, struct process_id *ret_process,
               struct error *err);

char *qemu_agent_socket(const char *run_folder);
char *qemu_qmp_socket(const char *run_folder);
char *qemu_console_socket(const char *run_folder);
