/* The types that rows of the schema table name, and what their parsers share. compose/ only. */
#pragma once

#include "compose/schema.h"
#include "compose/value_path.h"

#define SCHEMA_RECENT_ROWS 256

/* What one normalisation carries along. */
struct schema {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct value_path path; /* of the value at hand: "services.web.ports[0]" */
    bool no_interpolate;    /* values stay as they are written */
    bool is_final;          /* nothing can be left open any more */
    bool is_open;           /* something was */
    size_t port_count;      /* made from ranges so far: a few bytes of text can ask for millions */
    /* The rows found last, by hash: most keys are written many times. */
    const struct schema_key *recent_rows[SCHEMA_RECENT_ROWS];
};

/* As the functions of value_path.h, of the schema's path. */
static inline size_t schema_enter(struct schema *schema, const char *key)
{
    return value_path_enter(&schema->path, key);
}

static inline size_t schema_enter_item(struct schema *schema, size_t index)
{
    return value_path_enter_item(&schema->path, index);
}

static inline void schema_leave(struct schema *schema, size_t depth)
{
    value_path_leave(&schema->path, depth);
}

const char *schema_path(struct schema *schema);

/* Reports "'PATH' MESSAGE" at the node's place and returns NULL, for `return schema_error(...)`. */
struct node *schema_error(struct schema *schema, const struct node *node, const char *hint,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same with SEVERITY_ENGINE: the value stays. */
void schema_engine(struct schema *schema, const struct node *node, const char *hint,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "must be WANTED, not a list". */
struct node *schema_wrong_kind(struct schema *schema, const struct node *node, const char *wanted);

/* schema_hints.c: reports the key; returns the one it is a misspelling of, or NULL. */
const char *schema_report_unknown(struct schema *schema, const struct schema_object *object,
                                  const struct node_pair *pair);
/* Services at the top level, which go. */
void schema_report_misplaced(struct schema *schema, struct node *document);
/* Keys of a service that stand beside it, behind place, instead of below; how many. */
size_t schema_report_flat(struct schema *schema, struct node *services, size_t place);
/* Where a mapping with the object's keys is wanted. Returns NULL. */
struct node *schema_wrong_object(struct schema *schema, const struct schema_object *object,
                                 const struct node *node);
/* An item of a list that became a mapping by a blank behind a colon, `- data: /x`: reports it. */
bool schema_report_split(struct schema *schema, const struct schema_object *object,
                         const struct node *item);
/* How a value of the wrong kind could be written right; NULL: who knows. */
const char *schema_kind_hint(struct arena *arena, const struct node *node, const char *wanted);
/* hint, or what is strange about the text itself. */
const char *schema_text_hint(const char *text, const char *hint);

static inline void schema_put(struct schema *schema, const struct schema_object *object,
                              struct node *map, const char *name, struct node *value)
{
    schema_put_value(schema->arena, object, map, name, value);
}

/* A mapping's keys by the object's rows. */
struct node *schema_parse_object(struct schema *schema, const struct schema_object *object,
                                 struct node *node);
struct node *schema_parse_value(struct schema *schema, const struct schema_key *key,
                                struct node *node);
/* The same where nothing was interpolated: as it is written. */
struct node *schema_parse_original(struct schema *schema, const struct schema_key *key,
                                   struct node *node);

/* What a list of texts holds a second time is reported, and goes. */
void schema_check_distinct(struct schema *schema, struct node *list);

/* True where a value is none, and another file may have one: it stays as it is until then. */
bool schema_leave_open(struct schema *schema, const struct node *value);

/* What several types share; each is the parser of the type of its name as well. */
struct node *schema_parse_string(struct schema *schema, const struct schema_key *key,
                                 struct node *node);
struct node *schema_parse_text(struct schema *schema, const struct schema_key *key,
                               struct node *node);
struct node *schema_parse_boolean(struct schema *schema, const struct schema_key *key,
                                  struct node *node);
struct node *schema_parse_integer(struct schema *schema, const struct schema_key *key,
                                  struct node *node);
/* As schema_parse_integer, but nothing other than 0 stands behind a point. */
struct node *schema_parse_whole(struct schema *schema, const struct schema_key *key,
                                struct node *node);
struct node *schema_parse_strings(struct schema *schema, const struct schema_key *key,
                                  struct node *node);
struct node *schema_parse_guest_path(struct schema *schema, const struct schema_key *key,
                                     struct node *node);
struct node *schema_parse_environment(struct schema *schema, const struct schema_key *key,
                                      struct node *node);
/* A list, each item by `parse`; those that are wrong are left out. */
struct node *schema_parse_items(struct schema *schema, const struct schema_key *key,
                                struct node *node, schema_parse_fn *parse);
/* A list of mappings with the rows of key->object. */
struct node *schema_parse_list(struct schema *schema, const struct schema_key *key,
                               struct node *node);
/* A mapping of names to such mappings. */
struct node *schema_parse_entries(struct schema *schema, const struct schema_key *key,
                                  struct node *node);
/* `networks: {front: }`: an entry with nothing below is one. */
bool schema_has_empty_entries(const struct schema_key *key);
/* One of them; NODE_BAD where it was reported. */
struct node *schema_parse_entry(struct schema *schema, const struct schema_key *key,
                                struct node *value);
/* A list of names as a mapping; fill puts a name's defaults. */
struct node *schema_parse_names(struct schema *schema, const struct schema_key *key,
                                const struct node *node,
                                struct node *(*fill)(struct schema *, const struct schema_key *,
                                                     const struct node *));
/* One of a few words. later: words of the specification that do not work yet; both end with NULL.
 */
struct node *schema_parse_word(struct schema *schema, struct node *node, const char *const *words,
                               const char *const *later);

/* One of a few words; others stay, with SEVERITY_ENGINE. */
struct node *schema_parse_free_word(struct schema *schema, struct node *node,
                                    const char *const *words);

/* The reference's rule for keys of `services:` and so on. */
bool schema_is_name(const char *text);

/* Values of keys that work: whose logs are kept here; what a VM does otherwise yet. */
bool schema_is_log_driver(const char *driver);
bool schema_is_later_pull_policy(const char *text);

/* A type of a few words. */
#define WORD_TYPE(symbol, doc, words, later)                                                       \
    static struct node *parse_##symbol(struct schema *schema, const struct schema_key *key,        \
                                       struct node *node)                                          \
    {                                                                                              \
        (void)key;                                                                                 \
        return schema_parse_word(schema, node, words, later);                                      \
    }                                                                                              \
    const struct schema_type type_##symbol = {doc, parse_##symbol, MERGE_REPLACE, false}

/* The same with schema_parse_free_word(). */
#define FREE_WORD_TYPE(symbol, doc, words)                                                         \
    static struct node *parse_##symbol(struct schema *schema, const struct schema_key *key,        \
                                       struct node *node)                                          \
    {                                                                                              \
        (void)key;                                                                                 \
        return schema_parse_free_word(schema, node, words);                                        \
    }                                                                                              \
    const struct schema_type type_##symbol = {doc, parse_##symbol, MERGE_REPLACE, false}

/* By the file that has them. */
/* schema_types.c */
extern const struct schema_type type_any, type_version, type_project_name, type_object,
    type_optional, type_named, type_services, type_list, type_string, type_string_or_null,
    type_text, type_filled, type_boolean, type_plain_boolean, type_strings, type_command,
    type_guest_path, type_working_dir, type_external, type_cgroup;
/* schema_names.c */
extern const struct schema_type type_hostname, type_dns, type_expose, type_container_name,
    type_user, type_groups, type_image, type_images, type_platform, type_platforms;
/* schema_lists.c */
extern const struct schema_type type_string_or_list, type_distinct, type_plain_strings, type_texts,
    type_distinct_texts, type_provider_options, type_hosts, type_ssh, type_files_list,
    type_files_or_none;
/* schema_numbers.c */
extern const struct schema_type type_integer, type_whole, type_plain_whole, type_natural,
    type_count, type_retries, type_replicas, type_oom_score, type_priority, type_weight,
    type_number, type_percent, type_cpus, type_flag_text, type_bytes, type_bytes_text, type_limit,
    type_whole_limit;
/* schema_devices.c */
extern const struct schema_type type_ulimits, type_ulimit_number, type_devices, type_device_count,
    type_device_requests, type_gpus;
/* schema_files.c */
extern const struct schema_type type_extends, type_include, type_hook_command, type_hook,
    type_hooks, type_models, type_watch_action, type_watch;
/* schema_environment.c */
extern const struct schema_type type_environment, type_labels, type_options, type_driver_options,
    type_storage_options, type_string_map, type_env_file, type_env_format;
extern const struct schema_type type_ports, type_target, type_published, type_protocol,
    type_port_mode, type_host_ip;
extern const struct schema_type type_service_networks, type_network_mode, type_network_driver,
    type_ipam_driver, type_ipam_config, type_subnet, type_ip_range, type_address, type_addresses,
    type_named_addresses, type_ipv4, type_ipv6, type_mac, type_interface_name, type_multicast;
extern const struct schema_type type_depends_on, type_condition, type_duration, type_health_test,
    type_url, type_restart, type_restart_condition, type_deploy_mode, type_stop_signal,
    type_update_order, type_logging, type_logging_driver, type_logging_options, type_profiles;
extern const struct schema_type type_mounts, type_selinux, type_build_secrets, type_recursive,
    type_mount_type, type_mount_mode, type_propagation, type_subpath, type_tmpfs,
    type_volume_driver, type_volume_name, type_file_refs, type_octal;
extern const struct schema_type type_files, type_file_mode, type_packages, type_suite, type_copies,
    type_run, type_build, type_contexts, type_pull_policy;
