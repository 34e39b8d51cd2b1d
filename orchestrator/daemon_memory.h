/* Keeps a sleeping daemon small. Used by daemon.c. */
#pragma once

/* Before anything else allocates: one arena, early trimming. */
void daemon_memory_set_policy(void);
/* When a burst is over: free heap goes back to the kernel, and so do the pages of programs and
 * libraries that nothing has written to (most were only touched by the dynamic linker and at the
 * start). They stay in the page cache; those that are needed again come back by a minor fault. The
 * latter only above 8 MiB, about 1 ms. */
void daemon_memory_give_back(void);
