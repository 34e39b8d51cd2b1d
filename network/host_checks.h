/* The looks of network/ at the host, see base/check.h; the table is in host_checks.c. Private to
 * the folder. None needs a daemon, a store or a row. */
#pragma once

#include "base/check.h"

/* host_checks_kernel.c: one of each thing that networks are made of, in a namespace of its own. */
void look_at_kernel(const struct paths *paths, struct finding *finding);
/* host_checks_dns.c */
void look_at_resolvers(const struct paths *paths, struct finding *finding);
void look_at_dns_port(const struct paths *paths, struct finding *finding);
