/* The vault: values that must never be written down (secrets, configs from the environment). Memory
 * only, and yet longer-lived than the daemon: they are keys in the user's keyring of the kernel
 * (keyrings(7)), readable by this user alone; a reboot or vault_forget_project() ends them. The
 * kernel keeps them out of /proc/PID, core dumps and swap.
 *
 * Layout: the user keyring (@u) holds one keyring "vmstead:ROOT:PROJECT" per project, which holds
 * the keys. A kernel key of type "user" takes 32 KiB, so a long value is cut into parts.
 *
 * Where the kernel refuses keyrings (containers often do) the values live in this process, and are
 * gone when it ends; so is what exceeds the quota of an ordinary user (20 kB, keyctl(2)). Callers
 * meet that as -ENOENT of vault_get(), and say how the value comes back.
 *
 * Loop thread only. No value is ever part of an error's text. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Values are bounded as Docker bounds them (500 KB), with room to spare. */
#define VAULT_VALUE_LIMIT ((size_t)1 << 20)

/* Keeps a copy of the value, in place of an earlier one; length 0 is a value too. root_id as in
 * base/paths.h. -EFBIG beyond VAULT_VALUE_LIMIT, -EINVAL for an empty project or key. */
int vault_put(const char *root_id, const char *project, const char *key, const void *data,
              size_t length, struct error *err);
/* *ret_data is the caller's, NUL-terminated behind *ret_length, and best given to vault_free().
 * -ENOENT where it is not, or no longer, there. */
int vault_get(const char *root_id, const char *project, const char *key, void **ret_data,
              size_t *ret_length, struct error *err);
/* Wipes it, then frees it. */
void vault_free(void *data, size_t length);
/* Nothing of the project is left; a project that has nothing is success. */
void vault_forget_project(const char *root_id, const char *project);

/* For tests: from now on the kernel's keyring is taken to be refused (true), or asked again. */
void vault_refuse_kernel(bool refuse);
