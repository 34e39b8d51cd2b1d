/* `vmstead-daemon --doctor`: the daemon's program as a tool that looks at the host and ends. It is
 * this program, because only this one loads the libraries that see links and rules; it needs no
 * daemon and disturbs none. `vmstead doctor` runs it and prints what it says.
 *
 *   network_host_checks(), runtime_host_checks() and doctor.c's own -> one line of JSON each on
 *   stdout, as soon as it is known: {"check","status","evidence","remedy"} (base/check.h) */
#pragma once

#include "base/error.h"

int doctor_run(struct error *err);
