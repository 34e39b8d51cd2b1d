/* Our terminal and signals while a program in a guest has them. */
#pragma once

#include "cmd/exec_stream.h"

/* A signalfd of what is passed on. The signals are blocked from here on, so that none that means
 * the program ends us instead: call it before the request. */
int terminal_open_signals(struct error *err);
/* exec_stream_run() with our terminal in raw mode where options->tty; the exit status, or -errno.
 */
int terminal_run(const struct exec_stream_options *options, struct error *err);
