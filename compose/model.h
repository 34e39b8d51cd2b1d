/* The model: what a set of Compose files says, checked and complete. Plain data, immutable once
 * compose_load has returned it; everything in it belongs to the model. Strings are never NULL
 * unless said so; vectors of strings are NULL-terminated and may be NULL where empty.
 *
 * Semantics: the Compose Specification (compose-spec.io), sections named as the structs are. */
#pragma once

#include "compose/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_variable { /* one environment entry */
    char *name;
    char *value;
};

struct model_port {
    char *host_ip;           /* "" = all addresses */
    uint16_t published;      /* 0: chosen at up */
    uint16_t published_last; /* end of a published range, else = published */
    uint16_t target;
    bool udp;
    struct position position;
};

struct model_attachment { /* services.X.networks.Y */
    size_t network;       /* index into model.networks */
    char **aliases;
    char *ipv4_address; /* NULL: chosen */
    int64_t priority;
    struct position position;
};

struct model_dependency { /* services.X.depends_on.Y */
    size_t service;       /* index into model.services */
    bool required, restart;
    struct position position;
};

struct model_bootstrap_file {
    char *path;    /* absolute, in the guest */
    char *content; /* NULL where source is set */
    char *source;  /* absolute, on the host; NULL where content is set */
    uint32_t mode;
};

struct model_bootstrap { /* x-vmstead: {bootstrap: ...} */
    char *suite;
    char **packages;
    struct model_bootstrap_file *files; /* sorted by path */
    size_t file_count;
};

struct model_service {
    char *name;
    char *image;                       /* NULL where bootstrap is set and no image is named */
    struct model_bootstrap *bootstrap; /* NULL: from image */
    char **command, **entrypoint;      /* see has_ */
    bool has_command, has_entrypoint;  /* false: the image's; true with an empty vector clears it */
    struct model_variable *environment; /* env_file and environment together, sorted by name */
    size_t environment_count;
    struct model_port *ports;
    size_t port_count;
    struct model_attachment *attachments; /* eth0 first: by priority (highest first), then in the
                                             file's order of networks */
    size_t attachment_count;
    struct model_dependency *dependencies;
    size_t dependency_count;
    char *hostname;        /* NULL: the service's name */
    char *working_dir;     /* NULL: the image's */
    char *user;            /* NULL: the image's */
    double cpus;           /* 0: default */
    uint64_t memory_bytes; /* 0: default */
    struct position position;
};

struct model_network {
    char *key;  /* in the file; "default" for the implicit one */
    char *name; /* full name: PROJECT_KEY, or as `name:` says */
    bool internal, external;
    char *subnet, *gateway; /* NULL: chosen */
    struct position position;
};

struct model {
    char *name;                     /* the project's */
    char *directory;                /* absolute */
    char **files;                   /* absolute, as read; empty for a canonical model */
    struct model_service *services; /* in the file's order */
    size_t service_count;
    struct model_network *networks; /* in the file's order, only those in use */
    size_t network_count;
    struct node *tree; /* the canonical tree the above was read from; compose/ only */
};

void model_free(struct model *model);
DEFINE_FREEP(struct model *, model_free)
/* NULL where there is none. */
const struct model_service *model_find_service(const struct model *model, const char *name);
