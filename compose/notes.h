/* What a complete tree asks for and VMs do not do: one diagnostic per key of the classes KEY_LATER
 * and KEY_INSTEAD (SEVERITY_LATER, SEVERITY_INSTEAD), which names all services that have it, and
 * one for all keys of KEY_NOTHING. compose/ only. */
#pragma once

#include "compose/diagnostics.h"
#include "compose/node.h"

struct notes;

/* Lives in the arena; notes_say() says it all, and ends it. */
struct notes *notes_new(struct arena *arena, struct diagnostics *diagnostics);
void notes_add_service(struct notes *notes, const struct node_pair *service);
/* All of the tree but its services. */
void notes_add_rest(struct notes *notes, const struct node *tree);
void notes_say(struct notes *notes);
