/* See provider.h. */
#include "base/provider.h"

#include <assert.h>

static const char *const verb_names[] = {
    [OPERATION_ENSURE] = "ensure",   [OPERATION_START] = "start", [OPERATION_STOP] = "stop",
    [OPERATION_REMOVE] = "remove",   [OPERATION_WAIT] = "wait",   [OPERATION_PAUSE] = "pause",
    [OPERATION_UNPAUSE] = "unpause", [OPERATION_KILL] = "kill",
};
static_assert(sizeof(verb_names) / sizeof(verb_names[0]) == OPERATION_VERB_COUNT,
              "a name for each verb");

const char *operation_verb_name(enum operation_verb verb)
{
    return verb_names[verb];
}
