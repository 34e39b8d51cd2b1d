/* `vmstead doctor` without a service: the host. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* The exit status: 1 where a check is an error. Or -errno where it could not be looked at. */
int doctor_host(bool json, struct error *err);
