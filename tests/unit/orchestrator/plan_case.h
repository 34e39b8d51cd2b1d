/* A golden plan as a little script, testdata/plan/CASE/case, one command a line:
 *   before FILE [OPTION...]    this up is done, and everything of it runs
 *   state STATE [INSTANCE]     "exited", "running"...: what the world says from here on, of all or
 * one up FILE [OPTION...]        prints the images and the changes act VERB [WORD...] prints the
 * plan of a verb; a word with a '/' before it is an instance down [OPTION...]           prints the
 * plan of down Options: SERVICE, scale=SERVICE=N, force, never, deps, no_deps, no_start,
 * remove_orphans, renew, wait, wait=MS, timeout=MS, volumes=keep, volumes=recreate, volumes,
 * images=local, images=all, run=NAME (the service is then the one-off's), stop, force. */
#pragma once

#include "base/store.h"
#include "base/str.h"

/* Runs the script; what it printed. Owned by the caller. */
char *plan_case_run(const char *script);
