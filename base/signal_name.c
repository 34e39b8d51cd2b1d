/* See signal_name.h. */
#include "base/signal_name.h"

#include "base/str.h"

#include <signal.h>

int signal_from_name(const char *text)
{
    uint32_t number;
    if (str_to_u32(text, &number) == 0)
        return number < NSIG ? (int)number : 0;
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (int i = 1; i < NSIG; i++)
        if (sigabbrev_np(i) && strcasecmp(sigabbrev_np(i), name) == 0)
            return i;
    return 0;
}
