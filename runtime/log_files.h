/* The files of one instance's log: PATH is written to, PATH.N are older ones, N counting up for
 * ever, so that a reader that is in one finds the next whatever was rotated meanwhile. Between
 * log_store.c and log_reader.c. */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct log_files {
    char *path;
    uint64_t first;   /* the oldest file's number */
    uint64_t current; /* the number that PATH will get when it is rotated */
};

/* Looks at what there is. */
void log_files_init(struct log_files *files, const char *path);
void log_files_done(struct log_files *files);
/* The caller's. */
char *log_files_name(const struct log_files *files, uint64_t number);
/* PATH becomes an older file, so that there is none; of all, PATH to come included, at most
 * max_files stay. */
int log_files_rotate(struct log_files *files, uint64_t max_files, struct error *err);
