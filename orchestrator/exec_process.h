/* What a client's session talks to: a process that was run in the guest for it (exec), or the
 * service's own (attach). One face for runtime's two handles, of which one is set while the process
 * lives; both are NULL before and after. */
#pragma once

#include "runtime/runtime.h"

struct exec_process {
    struct exec *exec;
    struct attach *attach;
};

bool exec_process_lives(const struct exec_process *process);
/* The rest as runtime.h says; only for one that lives. */
size_t exec_process_window(const struct exec_process *process);
void exec_process_write(const struct exec_process *process, const void *data, size_t length);
void exec_process_close_stdin(const struct exec_process *process);
void exec_process_consumed(const struct exec_process *process, size_t length);
void exec_process_resize(const struct exec_process *process, uint16_t rows, uint16_t columns);
/* Nobody listens any more: an exec's process gets SIGHUP, a service goes on. */
void exec_process_abandon(struct exec_process *process);
