/* The guest's NICs by rtnetlink(7): each is found by its MAC address, renamed, given its MTU and
 * addresses, brought up, and given its default route. Called once, when the identity comes. */
#pragma once

#include "base/error.h"
#include "runtime/guest/identity.h"

/* Loopback first. The error names the interface. */
int netconf_apply(const struct identity *identity, struct error *err);
