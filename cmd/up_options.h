/* The rows of options that `up`, `create`, `scale` and `plan` share. STRUCT holds a struct
 * up_choices called choices. */
#pragma once

#include "cmd/up_request.h"

#define UP_CHOICE(values, field) (offsetof(values, choices) + offsetof(struct up_choices, field))

#define UP_ROW_ALWAYS_RECREATE_DEPS(values)                                                        \
    {                                                                                              \
        "always-recreate-deps", 0, OPTION_FLAG, UP_CHOICE(values, always_recreate_deps), NULL,     \
            NULL, 0, 0, "Recreate what the services named depend on, too"                          \
    }
#define UP_ROW_BUILD(values)                                                                       \
    {                                                                                              \
        "build", 0, OPTION_FLAG, UP_CHOICE(values, build), NULL, NULL, 0, 0,                       \
            "Build images first, also those that are there"                                        \
    }
#define UP_ROW_FORCE_RECREATE(values)                                                              \
    {                                                                                              \
        "force-recreate", 0, OPTION_FLAG, UP_CHOICE(values, force_recreate), NULL, NULL, 0, 0,     \
            "Recreate virtual machines although nothing changed"                                   \
    }
#define UP_ROW_NO_BUILD(values)                                                                    \
    {                                                                                              \
        "no-build", 0, OPTION_FLAG, UP_CHOICE(values, no_build), NULL, NULL, 0, 0,                 \
            "Build nothing: an image that is missing is an error"                                  \
    }
#define UP_ROW_NO_DEPS(values)                                                                     \
    {                                                                                              \
        "no-deps", 0, OPTION_FLAG, UP_CHOICE(values, no_deps), NULL, NULL, 0, 0,                   \
            "Leave alone what the services named depend on"                                        \
    }
#define UP_ROW_NO_RECREATE(values)                                                                 \
    {                                                                                              \
        "no-recreate", 0, OPTION_FLAG, UP_CHOICE(values, no_recreate), NULL, NULL, 0, 0,           \
            "Leave what is there as it is, changed or not"                                         \
    }
#define UP_ROW_PULL(values)                                                                        \
    {                                                                                              \
        "pull", 0, OPTION_CHOICE, UP_CHOICE(values, pull), "policy|always|missing|never",          \
            "policy", 0, 0, "When to ask registries for images; policy: as the file says"          \
    }
#define UP_ROW_REMOVE_ORPHANS(values)                                                              \
    {                                                                                              \
        "remove-orphans", 0, OPTION_FLAG, UP_CHOICE(values, remove_orphans), NULL, NULL, 0, 0,     \
            "Remove the virtual machines of services that the file has no more"                    \
    }
#define UP_ROW_RENEW(values)                                                                       \
    {                                                                                              \
        "renew-anon-volumes", 'V', OPTION_FLAG, UP_CHOICE(values, renew_anon_volumes), NULL, NULL, \
            0, 0, "Give recreated virtual machines fresh anonymous volumes"                        \
    }
#define UP_ROW_SCALE(values)                                                                       \
    {                                                                                              \
        "scale", 0, OPTION_LIST, UP_CHOICE(values, scale), "SERVICE=N", NULL, 0, 0,                \
            "How many virtual machines of a service, whatever the file says"                       \
    }
#define UP_ROW_TIMEOUT(values)                                                                     \
    {                                                                                              \
        "timeout", 't', OPTION_GRACE, UP_CHOICE(values, timeout_ms), "SECONDS", NULL, 0, 0,        \
            "Grace before a service is killed, instead of its own"                                 \
    }
