/* Questions to whoever sits at the terminal. */
#pragma once

#include <stdbool.h>

/* Asks on stderr, "QUESTION [yN] ", and reads a line of stdin: true for "y" or "yes" in any case.
 * End of file is a no. */
bool prompt_yes(const char *question);
