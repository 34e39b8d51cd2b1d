/* The rows of the schema table that stand in files of their own, and how rows are written.
 * compose/ only. */
#pragma once

#include "base/vec.h"
#include "compose/schema_types.h"

/* Behind the help a row may say more: `, .keeps_zero = true`. */
#define SCHEMA_ROW(key_class, key, value_type, keys_of, ...)                                       \
    {                                                                                              \
        .name = (key), .type = &(value_type), .object = (keys_of), .class = (key_class),           \
        .help = __VA_ARGS__                                                                        \
    }
#define WORKS(key, type, ...) SCHEMA_ROW(KEY_WORKS, key, type, NULL, __VA_ARGS__)
#define OBJECT(key, type, keys_of, ...) SCHEMA_ROW(KEY_WORKS, key, type, &(keys_of), __VA_ARGS__)
#define LATER(key, type, ...) SCHEMA_ROW(KEY_LATER, key, type, NULL, __VA_ARGS__)
#define LATER_OBJECT(key, type, keys_of, ...)                                                      \
    SCHEMA_ROW(KEY_LATER, key, type, &(keys_of), __VA_ARGS__)
/* The help tells what a VM does instead: it is the warning's as well. */
#define INSTEAD(key, type, ...) SCHEMA_ROW(KEY_INSTEAD, key, type, NULL, __VA_ARGS__)
#define NOTHING(key, type, ...) SCHEMA_ROW(KEY_NOTHING, key, type, NULL, __VA_ARGS__)
#define NOTHING_OBJECT(key, type, keys_of, ...)                                                    \
    SCHEMA_ROW(KEY_NOTHING, key, type, &(keys_of), __VA_ARGS__)

#define KEYS(array) .keys = (array), .count = ARRAY_SIZE(array)

extern const struct schema_object schema_attachment, schema_blkio, schema_build, schema_config_ref,
    schema_credential_spec, schema_dependency, schema_deploy, schema_develop, schema_device,
    schema_device_request, schema_env_file, schema_extends, schema_healthcheck, schema_hook,
    schema_logging, schema_logging_options, schema_model_ref, schema_mount, schema_port,
    schema_provider, schema_secret_ref, schema_service, schema_ulimit, schema_vmstead;
