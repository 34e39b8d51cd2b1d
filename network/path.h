/* What path.c (the way to the host) and path_port.c (a published port) share. */
#pragma once

#include "network/network.h"

/* For what only a daemon can make again. */
#define PATH_REBUILD_REMEDY "vmstead daemon --restart"
