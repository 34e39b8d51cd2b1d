/* The short forms of mounts taken apart: `[SOURCE:]TARGET[:OPTION,...]` of volumes and
 * `TARGET[:OPTION,...]` of tmpfs. Pure; used by the schema, which reports, and by the model, which
 * takes what the schema let through. */
#pragma once

#include "compose/arena.h"

#include <stdbool.h>
#include <stdint.h>

struct mount_text {
    const char *source; /* NULL: anonymous */
    const char *target;
    bool read_only, nocopy;
    const char *selinux, *propagation; /* NULL: none */
    const char *unknown;               /* the first option that is none of the above; NULL: none */
};

/* NULL, or what is wrong with the text. */
const char *mount_text_parse(struct arena *arena, const char *text, struct mount_text *ret_mount);
/* Whether a source means a folder of the host and not a volume's name. */
bool mount_text_is_path(const char *source);
/* `c:...`, or `\\host\share`: to the reference a path, on Linux too. */
bool mount_text_is_drive(const char *path);
/* `c:/...`, `c:\...`, `\\host\share`: not relative to any folder. */
bool mount_text_is_windows_absolute(const char *path);

struct tmpfs_text {
    const char *target;
    uint64_t bytes; /* 0: default */
    uint32_t mode;  /* 0: default */
    bool read_only;
    const char *ignored; /* the first option without effect here (noexec...); NULL: none */
};

const char *tmpfs_text_parse(struct arena *arena, const char *text, struct tmpfs_text *ret_tmpfs);
