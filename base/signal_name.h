/* Signals as people and Docker's clients write them. Pure. */
#pragma once

/* "INT", "SIGINT", "int", "2"; 0 where it is none. */
int signal_from_name(const char *text);
