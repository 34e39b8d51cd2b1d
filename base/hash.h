/* SHA-256 (FIPS 180-4, by libmd) and random identifiers. */
#pragma once

#include "base/error.h"

#include <stddef.h>

#define HASH_HEX_SIZE 65 /* 64 lower-case hex digits and a NUL */

/* hex has room for HASH_HEX_SIZE bytes; returns it. */
char *hash_sha256_hex(const void *data, size_t length, char *hex);
/* Blocking; for the thread pool when files are large. */
int hash_sha256_file(const char *path, char *hex, struct error *err);
/* 64 hex digits from getrandom(2). */
char *hash_random_hex(char *hex);
