/* The model: what a set of Compose files says, checked and complete. Plain data, immutable once
 * compose_load has returned it; everything in it belongs to the model. Strings are never NULL
 * unless said so; vectors of strings are NULL-terminated and may be NULL where empty.
 *
 * Semantics: the Compose Specification (compose-spec.io), sections named as the structs are. */
#pragma once

#include "base/ip.h"
#include "compose/diagnostics.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Stands for `${VMSTEAD_REPLICA}`, which only the instance knows: the text itself. */
#define MODEL_REPLICA "${VMSTEAD_REPLICA}"

struct model_variable { /* one environment entry */
    const char *name;
    const char *value;
};

struct model_port {
    const char *host_ip;             /* "" = all addresses; "0.0.0.0", "::" = all of a family */
    const char *mode, *app_protocol; /* for people, kept; app_protocol "" = none */
    uint16_t published;              /* 0: chosen at up */
    uint16_t published_last;         /* end of a published range, else = published */
    uint16_t target;
    bool udp;
    struct position position;
};

struct model_attachment { /* services.X.networks.Y */
    size_t network;       /* index into model.networks */
    char **aliases;
    const char *ipv4_address, *ipv6_address; /* NULL: chosen */
    const char *mac_address;                 /* NULL: chosen */
    const char *interface_name;              /* NULL: ethN */
    char **link_local_ips;
    int64_t priority, gw_priority;
    struct position position;
};

struct model_host { /* one line of /etc/hosts */
    const char *name;
    const char *address; /* of either family, or MODEL_HOST_GATEWAY */
};
#define MODEL_HOST_GATEWAY "host-gateway" /* the host, as the service's first network sees it */

struct model_link {     /* services.X.links[]: a name that only this service knows */
    const char *target; /* a service, or of external_links an instance */
    const char *alias;
};

enum model_condition {
    CONDITION_STARTED,   /* service_started */
    CONDITION_HEALTHY,   /* service_healthy */
    CONDITION_COMPLETED, /* service_completed_successfully */
    CONDITION_COUNT
};

struct model_dependency { /* services.X.depends_on.Y */
    size_t service;       /* index into model.services */
    enum model_condition condition;
    bool required, restart;
    struct position position;
};

struct model_healthcheck {
    bool disable;     /* also `test: [NONE]`; nothing else holds then */
    char **test;      /* "CMD", argument... or "CMD-SHELL", text; NULL: http, tcp, or the
                         image's */
    const char *http; /* URL seen from inside the guest; NULL: none */
    uint16_t tcp;     /* port inside the guest; 0: none */
    int64_t interval_ms, timeout_ms, start_period_ms, start_interval_ms; /* 0: the image's, or the
                                                                            default */
    int64_t retries;                                                     /* 0: as above */
};

enum model_restart_mode {
    RESTART_NO,
    RESTART_ALWAYS,
    RESTART_ON_FAILURE,
    RESTART_UNLESS_STOPPED,
    RESTART_MODE_COUNT
};

struct model_restart { /* restart, or deploy.restart_policy, which beats it */
    enum model_restart_mode mode;
    int64_t max_attempts; /* 0: any number */
    int64_t delay_ms;     /* 0: the backoff begins at its default */
    int64_t window_ms;    /* how long it must run to count as started; 0: the default */
};

struct model_build {
    const char *context;           /* absolute, or a URL */
    const char *dockerfile;        /* as written, relative to context; NULL: Dockerfile */
    const char *dockerfile_inline; /* NULL: none */
    const char *target;            /* NULL: the last stage */
    struct model_variable *args;   /* sorted by name */
    size_t arg_count;
    struct model_variable *contexts; /* additional_contexts; paths absolute; sorted by name */
    size_t context_count;
    char **tags;
    bool no_cache, pull;
    struct position position;
};

enum model_mount_type { MOUNT_VOLUME, MOUNT_BIND, MOUNT_TMPFS, MOUNT_TYPE_COUNT };

#define MODEL_ANONYMOUS SIZE_MAX

struct model_mount { /* services.X.volumes[] and tmpfs */
    enum model_mount_type type;
    size_t volume;       /* MOUNT_VOLUME: index into model.volumes, or MODEL_ANONYMOUS */
    const char *source;  /* MOUNT_BIND: absolute, on the host; else NULL */
    const char *target;  /* absolute, in the guest */
    const char *subpath; /* NULL: the whole */
    bool read_only;
    bool nocopy;           /* MOUNT_VOLUME: an empty one is not filled from the image */
    bool create_host_path; /* MOUNT_BIND: a missing source is made as a folder */
    uint64_t tmpfs_bytes;  /* 0: half of the guest's memory, as Linux has it */
    uint32_t tmpfs_mode;   /* 0: 1777 */
    struct position position;
};

struct model_file {        /* services.X.configs[], services.X.secrets[] */
    size_t source;         /* index into model.configs, or model.secrets */
    const char *target;    /* absolute, in the guest */
    const char *uid, *gid; /* NULL: 0 */
    uint32_t mode;         /* 0444 where none is given */
    struct position position;
};

struct model_logging {
    const char *driver; /* NULL: ours; "none": nothing is kept */
    uint64_t max_bytes; /* options.max-size; 0: default */
    int64_t max_files;  /* options.max-file; 0: default */
};

enum model_pull { PULL_DEFAULT, PULL_ALWAYS, PULL_MISSING, PULL_NEVER, PULL_BUILD, PULL_COUNT };

struct model_bootstrap_file {
    const char *path;    /* absolute, in the guest */
    const char *content; /* NULL where source is set */
    const char *source;  /* absolute, on the host; NULL where content is set */
    uint32_t mode;
};

struct model_bootstrap_copy { /* x-vmstead.bootstrap.copy[] */
    const char *source;       /* absolute, on the host; a file or a folder */
    const char *target;       /* absolute, in the guest */
};

struct model_bootstrap { /* x-vmstead: {bootstrap: ...} */
    const char *suite;
    char **packages;
    struct model_bootstrap_file *files; /* sorted by path */
    size_t file_count;
    struct model_bootstrap_copy *copies; /* in the file's order, after packages and files */
    size_t copy_count;
    char **run; /* shell commands inside the new root, in the file's order, after the copies */
};

struct model_service {
    const char *name;
    const char *image;                 /* NULL where bootstrap is set and no image is named */
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
    const char *hostname;   /* NULL: the service's name */
    const char *domainname; /* NULL: none */
    char **dns, **dns_search, **dns_options;
    struct model_host *hosts; /* extra_hosts, sorted */
    size_t host_count;
    struct model_link *links;
    size_t link_count;
    struct model_variable *sysctls; /* sorted by name */
    size_t sysctl_count;
    /* hostname and the values of environment may hold MODEL_REPLICA, the place of the instance's
     * number. */
    const char *working_dir; /* NULL: the image's */
    const char *user;        /* NULL: the image's */
    double cpus;             /* 0: default */
    uint64_t memory_bytes;   /* 0: default */
    uint64_t disk_bytes;     /* x-vmstead.disk; 0: default */
    int64_t replicas;        /* scale, deploy.replicas; 1 where neither is given */
    char **profiles;
    struct model_build *build; /* NULL: none */
    enum model_pull pull;
    struct model_healthcheck *healthcheck; /* NULL: the image's, as it is */
    struct model_restart restart;
    struct model_mount *mounts; /* sorted by target, volumes and tmpfs together */
    size_t mount_count;
    struct model_file *configs, *secrets;
    size_t config_count, secret_count;
    struct model_logging logging;
    const char *stop_signal; /* NULL: the image's, else SIGTERM */
    int64_t stop_grace_ms;   /* -1: default */
    bool tty, stdin_open, read_only;
    bool attach;                   /* false: `up` does not show its logs */
    struct model_variable *labels; /* sorted by name */
    size_t label_count;
    struct position position;
};

struct model_volume {
    const char *key;  /* in the file */
    const char *name; /* full name: PROJECT_KEY, or as `name:` says */
    bool external;
    bool shared; /* x-vmstead.shared: a folder from the start, whoever uses it */
    struct model_variable *labels;
    size_t label_count;
    struct position position;
};

struct model_source { /* one entry of the top level's configs or secrets */
    const char *key, *name;
    const char *file;        /* absolute, on the host; read at every start. NULL: not from a file */
    const char *environment; /* name of the caller's variable; NULL: not from there */
    const char *content;     /* configs only: as written. NULL: not so */
    const char *value;       /* of environment: what it held at load; NULL: it was not set, so that
                          nothing       can start with it. Never printed, never stored */
    struct position position;
};

struct model_pool {                       /* networks.X.ipam.config[], one per family */
    const char *subnet, *gateway, *range; /* NULL: chosen, chosen, the whole subnet */
};

struct model_network {
    const char *key;  /* in the file; "default" for the implicit one */
    const char *name; /* full name: PROJECT_KEY, or as `name:` says */
    bool internal, external, attachable;
    bool ipv4, ipv6;
    struct model_pool pools[IP_FAMILY_COUNT];
    const char *driver;                   /* NULL: bridge */
    struct model_variable *aux_addresses; /* of both families, sorted by name */
    size_t aux_address_count;
    struct model_variable *options, *labels; /* driver_opts; sorted by name */
    size_t option_count, label_count;
    bool isolated;         /* x-vmstead.isolated */
    const char *multicast; /* x-vmstead.multicast; NULL: flood */
    struct position position;
};

struct model {
    const char *name;               /* the project's */
    const char *directory;          /* absolute */
    char **files;                   /* absolute, as read; empty for a canonical model */
    struct model_service *services; /* in the file's order */
    size_t service_count;
    char **disabled; /* services whose profiles are not enabled; what runs of them is no orphan */
    struct model_network *networks; /* in the file's order, only those in use */
    size_t network_count;
    struct model_volume *volumes; /* in the file's order, only those in use */
    size_t volume_count;
    struct model_source *configs, *secrets; /* in the file's order */
    size_t config_count, secret_count;
    /* For compose_list(), of a model that was loaded: */
    char **profiles;    /* of all services */
    char **environment; /* "K=V", sorted */
    bool is_original;   /* not interpolated: there is nothing but the tree */
    struct node *tree;  /* the canonical tree the above was read from; compose/ only */
};

void model_free(struct model *model);
DEFINE_FREEP(struct model *, model_free)
/* NULL where there is none. */
const struct model_service *model_find_service(const struct model *model, const char *name);
/* Also where is_original is set. */
bool model_has_service(const struct model *model, const char *name);
