/* OCI and Docker images: the command lines of skopeo(1) and umoci(1), and what is read from their
 * output. They run in a private folder: skopeo copies into the OCI layout `layout` there, umoci
 * unpacks it to `bundle/rootfs`. Used by image_store.c. */
#pragma once

#include "base/image_reference.h"
#include "base/json.h"

/* NULL-terminated, owned by the caller. */
char **image_oci_inspect_argv(const struct image_reference *reference);
char **image_oci_copy_argv(const struct image_reference *reference);
/* Prints the configuration as the source has it. */
char **image_oci_config_argv(const struct image_reference *reference);
char **image_oci_unpack_argv(void);

struct image_oci_facts {
    char digest[128]; /* of the manifest or the list of manifests; "" where it is not told */
    int64_t bytes;    /* of all layers, compressed; 0 where it is not told */
};
/* Reads what `inspect` wrote; an image for another platform is refused by name (-ENOEXEC), before
 * anything is fetched. */
int image_oci_read_inspection(const char *name, const char *text, size_t length,
                              struct image_oci_facts *ret_facts, struct error *err);

/* What tells that a local source has changed: the hash of the layout's index.json, the identity of
 * the archive's file. NULL in *ret_text for a registry. -ENOENT where it is gone. Blocking. */
int image_oci_fingerprint(const char *name, const struct image_reference *reference,
                          char **ret_text, struct error *err);
/* How much of the image is in FOLDER/layout by now: a look at a handful of files. */
int64_t image_oci_fetched_bytes(const char *folder);
/* {"id","manifest","architecture","config"} of the image in FOLDER/layout; the id is the digest of
 * its configuration, as Docker's image ids are; manifest is the digest of its manifest. Blocking.
 */
int image_oci_read_layout(const char *name, const char *folder, cJSON **ret_image,
                          struct error *err);
/* {"id","architecture","config"} of an image's whole configuration, as OCI and Docker write it. */
int image_oci_pick(const char *name, const char *id, const cJSON *config, cJSON **ret_image,
                   struct error *err);

/* OCI's configuration has no HEALTHCHECK, and skopeo loses it where it turns Docker's format into
 * OCI's. Was that perhaps done here? An image that already came as OCI kept whatever it had. */
bool image_oci_may_lack_healthcheck(const struct image_reference *reference,
                                    const struct image_oci_facts *facts, const cJSON *image);
/* Puts what the original configuration says of it into image's. */
void image_oci_add_healthcheck(cJSON *image, const cJSON *original);
