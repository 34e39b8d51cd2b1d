/* The guest's serial console, kept as evidence: connects to the console's socket and writes what
 * comes to a file that is started anew when it has grown to CONSOLE_FILE_LIMIT (the one before it
 * stays as FILE.1), so that a guest that floods its console fills no disk. What is printed while no
 * daemon listens is lost: the console is for boots that fail. */
#pragma once

#include "base/error.h"

#include <uv.h>

#define CONSOLE_FILE_LIMIT (256 * 1024)

struct console;

/* on_closed: QEMU has closed its end, all was read; called once, never from within. */
int console_new(uv_loop_t *loop, const char *socket_path, const char *file_path,
                void (*on_closed)(void *userdata), void *userdata, struct console **ret_console,
                struct error *err);
void console_free(struct console *console);

/* The last lines of such a file, at most `limit` bytes, made fit for an error message: one line,
 * lines separated by " | ", nothing but printable characters. Owned by the caller, never NULL. */
char *console_read_tail(const char *file_path, size_t limit);
