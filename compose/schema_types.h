/* The types that rows of the schema table name, and what their parsers share. compose/ only. */
#pragma once

#include "compose/schema.h"

/* What one normalisation carries along. */
struct schema {
    struct arena *arena;
    struct diagnostics *diagnostics;
    struct strbuf path; /* of the value at hand: "services.web.ports[0]" */
    size_t port_count;  /* made from ranges so far: a few bytes of text can ask for millions */
};

/* Appends ".key" or "[index]" and returns the earlier length for schema_leave(). */
size_t schema_enter(struct schema *schema, const char *key);
size_t schema_enter_item(struct schema *schema, size_t index);
void schema_leave(struct schema *schema, size_t length);

/* Reports "'PATH' MESSAGE" at the node's place and returns NULL, for `return schema_error(...)`. */
struct node *schema_error(struct schema *schema, const struct node *node, const char *hint,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
/* "must be WANTED, not a list". */
struct node *schema_wrong_kind(struct schema *schema, const struct node *node, const char *wanted);

/* Puts a value under a key of an object, at the rank the table gives it. */
void schema_put(struct schema *schema, const struct schema_object *object, struct node *map,
                const char *name, struct node *value);
/* A mapping's keys by the object's rows. */
struct node *schema_parse_object(struct schema *schema, const struct schema_object *object,
                                 struct node *node);
struct node *schema_parse_value(struct schema *schema, const struct schema_key *key,
                                struct node *node);

extern const struct schema_type type_any, type_version, type_project_name, type_object, type_named,
    type_list, type_string, type_text, type_boolean, type_integer, type_strings, type_command,
    type_environment, type_env_file, type_ports, type_target, type_published, type_protocol,
    type_port_mode, type_host_ip, type_service_networks, type_depends_on, type_condition, type_cpus,
    type_bytes, type_hostname, type_guest_path, type_network_driver, type_ipam_driver,
    type_ipam_config, type_subnet, type_ipv4, type_external, type_files, type_file_mode,
    type_packages, type_suite;
