/* What the image cache holds, and taking things out of it again. Blocking, but quick: files are
 * unlinked. VMs that run from a removed image keep their open file. `images` is CACHE/images. */
#pragma once

#include "base/error.h"
#include "base/json.h"

/* [{"id","references":[S as people write them],"bootstrap":suite or absent,"size":bytes,
 *   "created_ms","built":B,"architecture","config"}], newest first. An image without references
 * whose name went to a newer build is there as well. */
cJSON *image_list_describe(const char *images);

/* name: a reference, or an id ("sha256:..." or at least 4 of its hexadecimal digits). A reference
 * is taken away; with its last one, or by id, the image goes. used: {id: who uses it}; the image is
 * -EBUSY then, naming the user. -ENOENT: no such image. *ret_removed: [{"Untagged":S} |
 * {"Deleted":id}], as Docker answers. */
int image_list_remove(const char *images, const char *name, const cJSON *used, cJSON **ret_removed,
                      struct error *err);

/* Removes what builds made and nobody names or uses any more. *ret_removed as above. */
int image_list_prune(const char *images, const cJSON *used, cJSON **ret_removed, struct error *err);
