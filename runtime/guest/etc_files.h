/* /etc/hostname, /etc/hosts and /etc/resolv.conf of the final root. Each is written beside and
 * renamed over what is there: a symbolic link in the image is replaced, never followed. */
#pragma once

#include "base/error.h"
#include "runtime/guest/identity.h"

int etc_files_write(const struct identity *identity, struct error *err);
