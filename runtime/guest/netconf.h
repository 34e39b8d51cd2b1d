/* The guest's network by rtnetlink(7). Loopback needs no identity: it is up before the guest says
 * HELLO. When the identity comes, each NIC is found by its MAC address, renamed where its name is
 * another, given its MTU and addresses, brought up, and given its default route. */
#pragma once

#include "base/error.h"
#include "runtime/guest/identity.h"

int netconf_bring_up_loopback(struct error *err);

/* Once. The error names the interface. */
int netconf_apply(const struct identity *identity, struct error *err);
