/* What a VM mounts: from its spec to devices of QEMU and to what the guest is told.
 *
 *   "mounts":[{"type":"volume","volume":NAME,"target":S,"read_only":B,"subpath":S|null,"nocopy":B}
 *           | {"type":"bind","source":host path,"target":S,"read_only":B,"subpath":S|null,
 *              "create_host_path":B}
 *           | {"type":"tmpfs","target":S,"size":bytes,"mode":N}]            parents first
 *
 * A disk of a volume becomes a virtio-blk device with the serial "volume0", "volume1"...; a folder
 * and a bind mount a virtiofs device with the tag "share0"...; a tmpfs is the guest's alone. The
 * guest finds them by these names when its identity says what they are for. */
#pragma once

#include "base/json.h"
#include "base/vec.h"
#include "runtime/vm.h"

/* Devices that fit beside those that every VM has (slots of the PCI root bus), network cards
 * included. */
#define VM_DEVICES_MAX 26

struct vm_share {
    int source;     /* O_PATH of the folder or file that is shared, and nothing beside it */
    bool is_folder; /* a file: the share is a folder with this file in it, as "file" */
    bool read_only; /* enforced on the host */
};

struct vm_mounts {
    char **disks; /* paths */
    VEC(struct vm_share) shares;
    /* [{"type":"disk"|"share"|"tmpfs","device":S,"path":S below the device's root,
     *   "subpath":S below that,"target":S,"read_only":B,"fill":B,"file":B,"size":N,"mode":N}] */
    cJSON *guest;
};

/* Looks at everything, changes nothing: what cannot work is refused. */
int vm_mounts_check(const cJSON *spec, struct error *err);
/* Opens what is to be shared, makes sources of bind mounts that may be made. The volumes must have
 * been ensured. */
int vm_mounts_open(const struct vm *vm, const cJSON *spec, struct vm_mounts *ret_mounts,
                   struct error *err);
void vm_mounts_done(struct vm_mounts *mounts);
/* The volumes of a spec, each once; the caller's. */
char **vm_mounts_volumes(const cJSON *spec);
