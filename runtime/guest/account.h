/* "user[:group]" of an image or an exec -> numbers, by the guest's own /etc/passwd and /etc/group,
 * as Docker resolves it (names or numbers; a number needs no entry; the supplementary groups are
 * the primary one and, unless a group was given, those that name the user). */
#pragma once

#include "base/error.h"

#include <sys/types.h>

#define ACCOUNT_GROUPS_MAX 64

struct account {
    uid_t uid;
    gid_t gid;
    gid_t groups[ACCOUNT_GROUPS_MAX];
    size_t group_count;
    char *home; /* "/" where the user has no entry */
};

/* text "" is root. -ENOENT where a name is unknown. */
int account_resolve(const char *text, struct account *ret_account, struct error *err);
void account_done(struct account *account);
