/* QEMU's command line: a pure function of plain data, so that golden tests see every byte of it.
 *
 *   options -> argv
 *
 * Nothing in it says who the guest is towards the guest: kernel command line, initramfs and devices
 * are the same for all, names and MAC addresses excepted. Everything QEMU opens comes as
 * descriptor. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QEMU_PROGRAM "qemu-system-x86_64"

struct qemu_nic {
    int fd; /* of a tap opened with IFF_VNET_HDR */
    const char *mac;
    unsigned mtu; /* 0: not announced */
};

/* Descriptors are the child's numbers; -1: there is no such device. */
struct qemu_options {
    const char *instance;
    const char *id;         /* at least 32 hex digits: the first 32 are the machine's UUID */
    const char *run_folder; /* in the argv only as a mark: this QEMU belongs to that root */
    bool kvm;               /* else TCG */
    unsigned cpus;
    uint64_t memory_mib;
    int kernel_fd, initramfs_fd;
    int rootfs_fd, data_fd;
    const int *disk_fds; /* further disks: the guest finds them by serial, "volume0"... */
    size_t disk_count;
    const int *share_fds; /* connected sockets of virtiofsds: virtiofs with the tag "share0"... */
    size_t share_count;
    int agent_fd, qmp_fd, console_fd; /* listening sockets */
    int mark_fd;                      /* /dev/null; run_folder stands beside it */
    const struct qemu_nic *nics;
    size_t nic_count;
};

/* NULL-terminated, owned by the caller (strv_free). */
char **qemu_argv(const struct qemu_options *options);

/* What qemu_argv wrote, read back from a process's argv; the strings are the caller's. */
struct qemu_mark {
    char uuid[33]; /* 32 hex digits */
    char *instance;
    char *run_folder;
};
/* False where the argv is not one of ours. */
bool qemu_argv_read_mark(char *const *argv, struct qemu_mark *ret_mark);
