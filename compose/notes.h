/* What a complete tree asks for and VMs do not do: one diagnostic per key of the classes KEY_LATER
 * and KEY_INSTEAD (SEVERITY_LATER, SEVERITY_INSTEAD), which names all services that have it, and
 * one for all keys of KEY_NOTHING. compose/ only. */
#pragma once

#include "compose/diagnostics.h"
#include "compose/node.h"

void notes_add(struct arena *arena, struct diagnostics *diagnostics, const struct node *tree);
