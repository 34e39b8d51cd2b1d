/* What a failed skopeo, umoci, mkfs.erofs or mmdebstrap means to the person who asked for the
 * image: cause and remedy in one line, instead of the program's own pages. Pure. */
#pragma once

#include "base/error.h"

/* Names every program of the NULL-terminated list that is not in $PATH, with its Debian package;
 * 0: all are there. action: "fetch", "build". */
int image_failure_check_programs(const char *name, const char *action, const char *const *programs,
                                 struct error *err);

/* The essence of a program's stderr: apt's "E: " lines; else the last line, of skopeo's
 * time="..." level=fatal msg="..." the message without its repetition of the image's name. Owned by
 * the caller; never NULL. */
char *image_failure_essence(const char *errors);

/* Sets err for the image `name` (as the person wrote it): what went wrong, why, what to do.
 * registry is NULL for a local source or a bootstrap; essence as above. */
int image_failure_explain(const char *name, const char *registry, const char *essence,
                          struct error *err);
