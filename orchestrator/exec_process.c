/* See exec_process.h. */
#include "orchestrator/exec_process.h"

bool exec_process_lives(const struct exec_process *process)
{
    return process->exec || process->attach;
}

size_t exec_process_window(const struct exec_process *process)
{
    return process->exec ? runtime_exec_window(process->exec)
                         : runtime_attach_window(process->attach);
}

void exec_process_write(const struct exec_process *process, const void *data, size_t length)
{
    if (process->exec)
        runtime_exec_write(process->exec, data, length);
    else
        runtime_attach_write(process->attach, data, length);
}

void exec_process_close_stdin(const struct exec_process *process)
{
    if (process->exec)
        runtime_exec_close_stdin(process->exec);
    else
        runtime_attach_close_stdin(process->attach);
}

void exec_process_consumed(const struct exec_process *process, size_t length)
{
    if (process->exec)
        runtime_exec_consumed(process->exec, length);
    else
        runtime_attach_consumed(process->attach, length);
}

void exec_process_resize(const struct exec_process *process, uint16_t rows, uint16_t columns)
{
    if (process->exec)
        runtime_exec_resize(process->exec, rows, columns);
    else
        runtime_attach_resize(process->attach, rows, columns);
}

void exec_process_abandon(struct exec_process *process)
{
    if (process->exec)
        runtime_exec_abandon(process->exec);
    else
        runtime_attach_abandon(process->attach);
    *process = (struct exec_process){0};
}
