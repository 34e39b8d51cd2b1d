/* Image references as people write them -> what skopeo is told (containers-transports(5)). Pure. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct image_reference {
    char *source;   /* "docker://docker.io/library/nginx:latest", "oci:/dir:tag", ... */
    char *registry; /* "docker.io", "localhost:5000"; NULL for a local source */
    char *local;    /* "/dir" of oci:, the file of docker-archive:; NULL for a registry */
    char *tag;      /* of oci:DIR:TAG; NULL: none named */
    bool is_folder; /* local is an OCI layout */
    bool loopback;  /* the registry is on this host: TLS is not asked for */
};

/* Short names are docker.io's as in Docker: "nginx" is docker.io/library/nginx:latest, "a/b:1" is
 * docker.io/a/b:1; the part before the first slash is a registry where it holds '.', ':' or a
 * capital, or is "localhost". "name:tag@sha256:..." is the digest, whatever the tag. Also
 * "docker://...", "oci:DIR[:TAG]" and "docker-archive:FILE[:NAME]" with absolute paths. -EINVAL
 * says what is wrong.
 */
int image_reference_parse(const char *text, struct image_reference *ret_reference,
                          struct error *err);
/* Whether it is one, wherever a relative path begins. */
int image_reference_check(const char *text, struct error *err);
/* The same reference with the relative path of "oci:./DIR" or "docker-archive:./FILE" behind
 * `directory`, which is absolute; any other text as it is. Owned by the caller. */
char *image_reference_resolve(const char *text, const char *directory);
void image_reference_done(struct image_reference *reference);
