/* The `vmstead` program: a table of commands. Everything a command does lives in its own file; this
 * one finds it, reads its options, runs it, and says what went wrong. */
#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/command.h"
#include "cmd/output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* In the order of help: by the alphabet. */
static const struct command *const commands[] = {
    &command_attach,     &command_build,   &command_config,  &command_cp,     &command_create,
    &command_daemon,     &command_doctor,  &command_down,    &command_events, &command_exec,
    &command_hosts_sync, &command_images,  &command_inspect, &command_kill,   &command_logs,
    &command_ls,         &command_network, &command_pause,   &command_plan,   &command_port,
    &command_ps,         &command_pull,    &command_restart, &command_rm,     &command_run,
    &command_scale,      &command_setup,   &command_start,   &command_stop,   &command_top,
    &command_unpause,    &command_up,      &command_version, &command_volume, &command_volumes,
    &command_wait,
};

static const struct option_row global_rows[] = {
    {"file", 'f', OPTION_LIST, offsetof(struct global_options, files), "FILE", NULL, 0, 0,
     "Compose file; may be given more than once, later ones overlay earlier ones"},
    {"project-name", 'p', OPTION_STRING, offsetof(struct global_options, project_name), "NAME",
     NULL, 0, 0, "Project name (instead of the file's, or its folder's)"},
    {"project-directory", 0, OPTION_STRING, offsetof(struct global_options, project_directory),
     "DIR", NULL, 0, 0, "Where relative paths start (default: the first Compose file's folder)"},
    {"env-file", 0, OPTION_LIST, offsetof(struct global_options, env_files), "FILE", NULL, 0, 0,
     "File of variables instead of .env; may be given more than once, the later one counts"},
    {"profile", 0, OPTION_LIST, offsetof(struct global_options, profiles), "PROFILE", NULL, 0, 0,
     "Profile to enable; may be given more than once, '*' is all"},
    {"progress", 0, OPTION_CHOICE, offsetof(struct global_options, progress),
     "auto|tty|plain|json|quiet", "auto", 0, 0, "How progress is shown on standard error"},
    {"version", 'v', OPTION_FLAG, offsetof(struct global_options, version), NULL, NULL, 0, 0,
     "Show the version"},
};
static const struct option_table global_table = OPTION_ROWS(global_rows);

static void print_overview(FILE *stream)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add_str(&text,
                   "Usage:  vmstead [OPTIONS] COMMAND\n\n"
                   "Run the services of a Compose file, each in a virtual machine of its own\n\n"
                   "Options:\n");
    options_describe(&global_table, 80, &text);
    strbuf_add_str(&text, "\nCommands:\n");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        strbuf_addf(&text, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    strbuf_add_str(
        &text,
        "  help       Explain a command\n\n"
        "Environment:\n"
        "  COMPOSE_FILE, COMPOSE_PROJECT_NAME   as -f (separated by ':') and -p\n"
        "  COMPOSE_PROFILES, COMPOSE_ENV_FILES  as --profile and --env-file (separated by ',')\n"
        "  COMPOSE_DISABLE_ENV_FILE             true: no .env is read\n"
        "  VMSTEAD_ROOT                         folder for state, sockets and cached images\n"
        "  VMSTEAD_DNS_PORT                     where the host asks for names (41003; 0: nowhere)\n"
        "  VMSTEAD_BUILD_CACHE_MB               how large the layers kept between builds may grow\n"
        "  NO_COLOR                             no colours\n\n"
        "Run 'vmstead help COMMAND' for more on a command.\n");
    fputs(strbuf_text(&text), stream);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (streq(commands[i]->name, name))
            return commands[i];
    return NULL;
}

/* "rm" of the family "volume", whose commands are called "volume rm". */
static const struct command *find_subcommand(const struct command *family, const char *name)
{
    for (const struct command *const *command = family->subcommands; *command; command++)
        if (streq((*command)->name + strlen(family->name) + 1, name))
            return *command;
    return NULL;
}

static int refuse_command(const char *name, struct error *err)
{
    const char *names[ARRAY_SIZE(commands) + 1];
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        names[i] = commands[i]->name;
    names[ARRAY_SIZE(commands)] = "help";
    const char *nearest = str_nearest(name, names, ARRAY_SIZE(names));
    if (nearest)
        return error_set(err, EINVAL, "unknown command '%s'; did you mean '%s'?", name, nearest);
    return error_set(err, EINVAL, "unknown command '%s'; 'vmstead --help' lists them", name);
}

static int print_command(const struct command *command)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    command_describe(command, &text);
    fputs(strbuf_text(&text), stdout);
    return 0;
}

static int run_help(size_t count, char *const *names, struct error *err)
{
    if (count == 0 || streq(names[0], "help")) {
        print_overview(stdout);
        return 0;
    }
    const struct command *command = find_command(names[0]);
    if (!command)
        return refuse_command(names[0], err);
    if (count > 1 && command->subcommands && find_subcommand(command, names[1]))
        command = find_subcommand(command, names[1]);
    return print_command(command);
}

static int check_operands(const struct command *command, size_t count, char *const *operands,
                          struct error *err)
{
    if (count < command->operand_minimum)
        return error_set(
            err, EINVAL, "'vmstead %s' needs at least %zu arguments, %zu given: vmstead %s %s",
            command->name, command->operand_minimum, count, command->name, command->arguments);
    if (count > command->operand_maximum)
        return error_set(err, EINVAL, "unexpected argument '%s' for 'vmstead %s'",
                         operands[command->operand_maximum], command->name);
    return 0;
}

/* A global option behind the command's name is a common slip: the answer shows the right order. */
static int refuse_options(const struct command *command, size_t count, char *const *words,
                          struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (options_knows(&global_table, words[i]) && !options_knows(&command->options, words[i]))
            return error_set(err, EINVAL, "option %s goes before the command: vmstead %s ... %s",
                             words[i], words[i], command->name);
    return error_prefix(err, "vmstead %s", command->name);
}

static int run_command(const struct command *command, const struct global_options *global,
                       size_t count, char *const *words, struct error *err)
{
    _cleanup_free_ void *values = xcalloc(1, command->values_size ? command->values_size : 1);
    struct option_result result = {0};
    int r = options_parse(&command->options, (int)count, words, !command->options_end_at_operand,
                          values, &result, err);
    if (r < 0)
        return refuse_options(command, count, words, err);
    struct invocation invocation = {.command = command,
                                    .global = global,
                                    .values = values,
                                    .operands = result.operands,
                                    .operand_count = result.operand_count};
    if (result.help)
        r = print_command(command);
    else if ((r = check_operands(command, result.operand_count, result.operands, err)) == 0)
        r = command->run(&invocation, err);
    options_done(&command->options, values, &result);
    return r;
}

/* `vmstead volume rm x`: the family's page where no command of it is named. */
static int run_family(const struct command *family, const struct global_options *global,
                      size_t count, char *const *words, struct error *err)
{
    if (count == 0 || streq(words[0], "--help") || streq(words[0], "-h") || streq(words[0], "help"))
        return print_command(family);
    const struct command *command = find_subcommand(family, words[0]);
    if (!command)
        return error_set(err, EINVAL,
                         "unknown command 'vmstead %s %s'; 'vmstead help %s' lists them",
                         family->name, words[0], family->name);
    return run_command(command, global, count - 1, words + 1, err);
}

static int run_words(const struct global_options *global, const struct option_result *words,
                     struct error *err)
{
    if (words->help || (words->operand_count == 0 && !global->version)) {
        print_overview(stdout);
        return 0;
    }
    if (global->version)
        return run_command(&command_version, global, 0, NULL, err);
    const char *name = words->operands[0];
    if (streq(name, "help"))
        return run_help(words->operand_count - 1, words->operands + 1, err);
    const struct command *command = find_command(name);
    if (!command)
        return refuse_command(name, err);
    if (command->subcommands)
        return run_family(command, global, words->operand_count - 1, words->operands + 1, err);
    return run_command(command, global, words->operand_count - 1, words->operands + 1, err);
}

int main(int argc, char **argv)
{
    /* A closed pipe or connection is an error that the writer reports, not the end of the process.
     */
    signal(SIGPIPE, SIG_IGN);
    _cleanup_error_ struct error err = {0};
    struct global_options global = {0};
    struct option_result words = {0};
    int r = options_parse(&global_table, argc - 1, argv + 1, false, &global, &words, &err);
    if (r == 0) {
        r = run_words(&global, &words, &err);
        options_done(&global_table, &global, &words);
    }
    if (fflush(stdout) == EOF && r >= 0)
        r = error_set(&err, EIO, "cannot write to standard output");
    if (r >= 0)
        return r;
    if (err.code)
        output_error(error_text(&err));
    return EXIT_FAILURE;
}
