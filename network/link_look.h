/* One link as the kernel has it now, for `vmstead doctor`: nothing is changed, nothing remembered.
 */
#pragma once

#include "base/error.h"

#include <net/if.h>
#include <stdbool.h>

struct link_look {
    bool exists;
    bool up;               /* IFF_UP: somebody wants it to work */
    bool carrier;          /* IFF_LOWER_UP: a tap's VM has it open */
    char master[IFNAMSIZ]; /* the bridge it is a port of; "": none */
    bool forwarding;       /* as a port of it */
};

int link_look(const char *name, struct link_look *ret_look, struct error *err);
/* Whether the link has this address, IPv4 or IPv6. */
bool link_has_address(const char *name, const char *address);
