/* A folder or a file of the host, shown to one VM by virtiofs: one virtiofsd (QEMU's) per share.
 *
 *   daemon: source (O_PATH, checked) ── fd ──> share_launcher ── exec ──> virtiofsd
 *           socket pair made by us   ── fd ──> virtiofsd, QEMU
 *
 * The launcher (launcher/share_launcher.c) gives virtiofsd a mount namespace of its own, where the
 * source alone is mounted at RUN/vm/ID/shareN, read-only if wanted: virtiofsd changes its root to
 * that, so what is beside the source is out of reach, also of a guest that has taken virtiofsd
 * over, and a path that is exchanged meanwhile changes nothing. A single file is mounted into an
 * empty folder.
 *
 * Its connection to QEMU exists before either runs, so virtiofsd ends by itself when QEMU does, and
 * when we die before QEMU is there; it goes on when the daemon ends. What is left all the same is
 * known by the run folder in its argv, and ended by the adoption. */
#pragma once

#include "base/error.h"
#include "base/process.h"

#include <stdbool.h>
#include <uv.h>

#define SHARE_FILE "file" /* the name of a single file in its share */
#define SHARE_PROGRAM "virtiofsd"

struct share_start {
    const char *folder; /* RUN/vm/ID/shareN: made, and removed with the run folder */
    int source;         /* O_PATH; stays the caller's */
    bool is_folder, read_only;
    const char *log_path; /* appended to */
};

/* 0 where virtiofsd is installed and can be used; the error names the package. */
int share_probe(struct error *err);
/* *ret_fd: the connected socket for QEMU's vhost-user-fs device. */
int share_spawn(uv_loop_t *loop, const struct share_start *start, int *ret_fd, struct error *err);
/* Ends those whose argv names a folder below run_folder (which ends with a slash). */
void share_end_all(const char *run_folder);
