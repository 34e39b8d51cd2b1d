/* Variables for a command in a guest; see environment.h. */
#include "cmd/environment.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <string.h>

cJSON *environment_print(char *const *entries)
{
    cJSON *environment = cJSON_CreateArray();
    for (size_t i = 0; entries && entries[i]; i++) {
        const char *value = strchr(entries[i], '=') ? NULL : getenv(entries[i]);
        if (!strchr(entries[i], '=') && !value)
            continue;
        _cleanup_free_ char *entry =
            value ? xasprintf("%s=%s", entries[i], value) : xstrdup(entries[i]);
        cJSON_AddItemToArray(environment, cJSON_CreateString(entry));
    }
    return environment;
}
