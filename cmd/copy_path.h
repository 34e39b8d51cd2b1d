/* The paths of `cp` and what goes where, by Docker's rules (docker cp's manual). Pure. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* "SERVICE:PATH" taken apart; service NULL where it is a path of the host: absolute, or with no
 * service's name before the first colon ("./a:b"). Both are owned by the caller. */
void copy_path_split(const char *text, char **ret_service, char **ret_path);

/* What is there at a path. */
enum copy_kind { COPY_MISSING, COPY_FILE, COPY_FOLDER };

struct copy_place {
    char *folder; /* where to unpack */
    char *name; /* what the archive's first component becomes; NULL: nothing, its content goes into
                   folder */
};
/* source "DIR/." means the folder's content. -EINVAL, -ENOENT or -ENOTDIR with the reason. */
int copy_place_find(const char *source, enum copy_kind source_kind, const char *target,
                    enum copy_kind target_kind, struct copy_place *ret_place, struct error *err);
void copy_place_done(struct copy_place *place);

/* "a/b/" -> "b", "/" -> "/", "x/." -> "x"; "a/b" -> "a", "b" -> ".". Owned by the caller. */
char *copy_path_base(const char *path);
/* "a/b/." -> "a/b": an archive of it has names that begin with "b", not with ".". */
char *copy_path_trim(const char *path);
char *copy_path_folder(const char *path);
