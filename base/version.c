/* See version.h. */
#include "base/version.h"

const char vmstead_version[] = VMSTEAD_VERSION;
