/* The agent's own words: on the kernel's log, and so on the serial console, where the host keeps
 * the tail for the error of a guest that never reached its service. */
#pragma once

void console_write(const char *format, ...) __attribute__((format(printf, 1, 2)));
