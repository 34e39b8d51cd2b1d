/* Programs as the service's, see command.h. */
#include "runtime/guest/command.h"

#include "base/str.h"

#include <string.h>

int command_spawn(const struct identity *identity, const struct command *command, pid_t *ret_pid,
                  int *ret_exit_code, struct error *err)
{
    const char *directory = command->working_dir;
    if (!directory || !*directory)
        directory = *identity->working_dir ? identity->working_dir : "/";
    _cleanup_strv_ char **environment = strv_copy((const char *const *)identity->environment);
    for (char *const *item = command->environment; item && *item; item++)
        environment_set(&environment, *item);
    environment_add_defaults(&environment, command->account, command->tty);
    struct process_spec spec = {.argv = command->argv,
                                .environment = environment,
                                .working_dir = directory,
                                .account = command->account,
                                .tty = command->tty};
    memcpy(spec.stdio, command->stdio, sizeof(spec.stdio));
    return process_spawn(&spec, ret_pid, ret_exit_code, err);
}
