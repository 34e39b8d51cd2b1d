/* Other programs' packet filters that are in the VMs' way: base chains that drop what they do not
 * accept. A drop anywhere is final, so our own table cannot help; the one who set it must. Reads
 * nftables only (which is also what iptables-nft writes). */
#pragma once

#include <stdbool.h>

struct obstacle {
    const char *chain;  /* "ip filter FORWARD" */
    const char *owner;  /* "Docker", "firewalld", "ufw"; NULL: not known */
    bool forwarded;     /* what is forwarded, else what is sent to this host */
    const char *remedy; /* the command that lets the VMs of this root through */
};

/* Calls visit for each; valid during the call. A table that names our bridges ("vs1a2b3c-br*") has
 * been told about us, and is none. Docker's chain of that name gets our rules by itself
 * (firewall.h), so Docker's FORWARD is none either. Blocking; nothing without CAP_NET_ADMIN. */
void obstacle_each(const char *root_id,
                   void (*visit)(const struct obstacle *obstacle, void *userdata), void *userdata);
/* Each as one line for people; NULL: none. Owned by the caller. */
char **obstacle_describe_all(const char *root_id);
/* Whether somebody filters with the older iptables, which cannot be read here. */
bool obstacle_has_legacy_iptables(void);
