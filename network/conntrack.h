/* The kernel's memory of UDP flows. A flow is translated by what the rules said at its first
 * packet; a client that goes on sending from the same port is never looked at again, so that one
 * that began before the port was published, or was sent to an earlier guest, would not get through
 * for as long as it tries. (TCP begins anew with every connection.) */
#pragma once

#include "base/error.h"
#include "network/desired.h"

/* Forgets the flows to published UDP ports that do not lead to the port's guest. Blocking; does
 * nothing where no UDP port is published or the kernel has no ctnetlink. */
void conntrack_forget_stale(const struct desired *desired);
