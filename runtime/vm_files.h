/* Configs and secrets of a VM: read at its START, sent in its identity, kept in the guest's memory.
 * Nothing of their content is ever part of a spec, an error or a file of ours.
 *
 *   "files":[{"target":S,"uid":N|S,"gid":N|S,"mode":N, "file":path on the host | "vault":KEY}]
 */
#pragma once

#include "base/json.h"
#include "base/vec.h"

#include <stddef.h>
#include <stdint.h>

/* All of a VM's together: they go in one message (MESSAGE_TO_GUEST_MAX), with room for the rest. */
#define VM_FILES_BYTES_MAX ((size_t)3 << 20)

struct vm_file {
    char *target, *user, *group; /* names or numbers */
    uint32_t mode;
    void *data;
    size_t length;
};

struct vm_files {
    VEC(struct vm_file) list;
};

/* Files on the host are looked at, the vault is not: its values come with the same plan. */
int vm_files_check(const cJSON *spec, struct error *err);
/* root_id as in base/paths.h. */
int vm_files_read(const cJSON *spec, const char *root_id, struct vm_files *ret_files,
                  struct error *err);
/* Wipes what it frees. */
void vm_files_done(struct vm_files *files);
