/* The host's own package mirrors, for mmdebstrap. */
#pragma once

/* The command whose output `targets` is. */
extern const char *const image_mirrors_targets_argv[];
/* Lines of sources.list for `suite`: the suite as the host has it, else the host's own mirrors
 * under the suite's name; of Debian where apt knows who is who (it does once it has fetched its
 * lists). codename: the host's VERSION_CODENAME (os-release(5)). NULL: none. Owned by the caller.
 * Reads the host's sources lists. */
char **image_mirrors_choose(const char *suite, const char *codename, const char *targets);
