/* A look at the host: is it as it is desired? Blocking (a millisecond or two for a hundred
 * networks), for the thread pool. What the rules say is not read, only that they are there. */
#pragma once

#include "network/desired.h"

/* The first difference in words ("the bridge 'vs1a2b3c-br0' is gone"), owned by the caller; NULL:
 * all is there. A tap that is not there is no fault: its VM does not run. */
char *fault_find(const struct desired *desired);
