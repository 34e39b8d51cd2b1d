/* What a command is: one row of data (names, help, options) and a function. main.c holds the list;
 * each command has a file of its own that defines its row.
 *
 *     main: argv -> global options -> command -> its options -> run() -> exit status */
#pragma once

#include "base/error.h"
#include "cmd/options.h"

#include <stdbool.h>
#include <stddef.h>

/* The options before the command's name. */
struct global_options {
    char **files;                  /* -f */
    const char *project_name;      /* -p */
    const char *project_directory; /* --project-directory */
    char **env_files;              /* --env-file */
    char **profiles;               /* --profile */
    const char *progress;          /* auto, tty, plain, json, quiet */
    bool version;
};

struct command;

struct invocation {
    const struct command *command;
    const struct global_options *global;
    const void *values; /* the command's own struct */
    char *const *operands;
    size_t operand_count;
};

struct command {
    const char *name;
    const char *arguments; /* behind the name in the usage line */
    const char *summary;   /* one line, no full stop */
    const char *details;   /* paragraphs, wrapped by hand at 80 columns */
    const char *examples;  /* lines, each a command; may be NULL */
    struct option_table options;
    size_t values_size;
    size_t operand_minimum, operand_maximum;
    bool options_end_at_operand; /* exec: what follows SERVICE belongs to the command in it */
    /* A family: ends with NULL; run is NULL then, the first operand says which. */
    const struct command *const *subcommands;
    /* The exit status, or -errno with err set (printed by main, exit status 1). */
    int (*run)(const struct invocation *invocation, struct error *err);
};

#define OPERANDS_ANY ((size_t)-1)
#define OPTION_ROWS(array)                                                                         \
    {                                                                                              \
        .rows = (array), .count = sizeof(array) / sizeof((array)[0])                               \
    }

extern const struct command command_attach, command_build, command_config, command_cp,
    command_create, command_daemon, command_doctor, command_down, command_events, command_exec,
    command_hosts_sync, command_images, command_inspect, command_kill, command_logs, command_ls,
    command_pause, command_plan, command_port, command_ps, command_pull, command_restart,
    command_rm, command_run, command_scale, command_setup, command_start, command_stop, command_top,
    command_unpause, command_up, command_version, command_volume, command_volumes, command_wait,
    command_volume_create, command_volume_inspect, command_volume_ls, command_volume_prune,
    command_volume_rm, command_network, command_network_create, command_network_inspect,
    command_network_ls, command_network_prune, command_network_rm;

/* The page that `vmstead help NAME` and `vmstead NAME --help` show. */
void command_describe(const struct command *command, struct strbuf *out);
