/* The version of the second pair of programs, for versions.sh: newer by number, older by letter. */
#include "base/version.h"

const char vmstead_version[] = "0.10.0";
