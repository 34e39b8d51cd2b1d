/* What a guest is told to be: IDENTITY of protocol.h, decoded. Read by everything that sets the
 * guest up and by what starts processes in it. */
#pragma once

#include "base/error.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stdint.h>

struct interface_address {
    char *address;
    uint32_t prefix;
};

struct interface {
    char *name, *mac;
    char **gateways; /* of either family; NULL: no default route by this one */
    uint32_t mtu;    /* 0: as it is */
    VEC(struct interface_address) addresses;
};

struct identity_mount {
    uint32_t type; /* enum mount_type */
    uint32_t flags, mode;
    uint64_t size;
    char *device, *path, *subpath, *target; /* "" where absent */
};

struct identity_file { /* a config or a secret: in memory only */
    char *target, *user, *group;
    uint32_t mode;
    char *data;
    size_t length;
};

struct identity {
    char *instance, *hostname, *domain, *user, *working_dir; /* "" where absent */
    char **argv, **environment;
    char **hosts, **dns, **search, **resolver_options;
    char **sysctls; /* "K=V" */
    VEC(struct interface) interfaces;
    VEC(struct identity_mount) mounts;
    VEC(struct identity_file) files;
    bool read_only_root, convert;
    int64_t time_ns;
    uint32_t stop_signal;
    bool tty, stdin_open;
};

/* -EPROTO where it is no identity. */
int identity_decode(const void *data, size_t length, struct identity *ret_identity,
                    struct error *err);
void identity_done(struct identity *identity);
/* The files have been made: their bytes are overwritten. */
void identity_forget_files(struct identity *identity);
