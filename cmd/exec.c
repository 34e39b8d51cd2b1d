/* `vmstead exec`: one request to the daemon that becomes the process's streams. */
#include "base/alloc.h"
#include "base/str.h"
#include "cmd/connection.h"
#include "cmd/environment.h"
#include "cmd/output.h"
#include "cmd/target.h"
#include "cmd/terminal.h"

#include <errno.h>
#include <unistd.h>

#define DETACH_TIMEOUT_MS 30000

struct exec_values {
    bool detach, no_tty, interactive;
    char **environment;
    const char *user, *working_dir;
    int64_t index;
};

static const struct option_row rows[] = {
    {"detach", 'd', OPTION_FLAG, offsetof(struct exec_values, detach), NULL, NULL, 0, 0,
     "Start the command and do not wait for it; its output is dropped"},
    {"env", 'e', OPTION_LIST, offsetof(struct exec_values, environment), "NAME=VALUE", NULL, 0, 0,
     "Set a variable (NAME alone: with our value)"},
    {"index", 0, OPTION_NUMBER, offsetof(struct exec_values, index), "N", NULL, 0, 10000,
     "Which instance of the service; without it, the first that runs"},
    {"interactive", 'i', OPTION_FLAG, offsetof(struct exec_values, interactive), NULL, "true", 0, 0,
     "Pass our standard input on; --interactive=false gives an empty one"},
    {"no-tty", 'T', OPTION_FLAG, offsetof(struct exec_values, no_tty), NULL, NULL, 0, 0,
     "No terminal for the command. Without it there is one when our standard input and output "
     "are terminals"},
    {"user", 'u', OPTION_STRING, offsetof(struct exec_values, user), "USER[:GROUP]", NULL, 0, 0,
     "Run as this user instead of the service's"},
    {"workdir", 'w', OPTION_STRING, offsetof(struct exec_values, working_dir), "DIR", NULL, 0, 0,
     "Start in this folder"},
};

static char *print_body(const struct invocation *invocation, const char *instance, bool tty)
{
    const struct exec_values *values = invocation->values;
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    json_set_string(body, "container", instance);
    cJSON *argv = cJSON_AddArrayToObject(body, "argv");
    for (size_t i = 1; i < invocation->operand_count; i++)
        cJSON_AddItemToArray(argv, cJSON_CreateString(invocation->operands[i]));
    json_set(body, "environment", environment_print(values->environment));
    json_set_string(body, "user", values->user);
    json_set_string(body, "working_dir", values->working_dir);
    json_set_bool(body, "tty", tty);
    json_set_bool(body, "stdin", values->interactive && !values->detach);
    json_set_bool(body, "detach", values->detach);
    struct output_size size = output_get_size(STDOUT_FILENO);
    json_set_int(body, "rows", size.rows);
    json_set_int(body, "columns", size.columns);
    return json_print(body);
}

static int stream(const struct client *client, const char *body, bool tty, bool attach_stdin,
                  struct error *err)
{
    const struct http_request request = {
        .method = "POST", .path = "/vmstead/exec", .body = body, .upgrade = true};
    _cleanup_connection_ struct connection connection = CONNECTION_NONE;
    _cleanup_close_ int signal_fd = terminal_open_signals(err);
    if (signal_fd < 0)
        return signal_fd;
    int r = connection_open(client_socket_path(client), &request, &connection, err);
    if (r == 0)
        r = connection_answer(&connection, err);
    if (r < 0)
        return r;
    const struct exec_stream_options options = {.socket_fd = connection.fd,
                                                .early = strbuf_text(&connection.early),
                                                .early_length = connection.early.length,
                                                .tty = tty,
                                                .attach_stdin = attach_stdin,
                                                .signal_fd = signal_fd};
    return terminal_run(&options, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct exec_values *values = invocation->values;
    bool tty = !values->no_tty && !values->detach && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *instance = NULL;
    int r = target_find_one(invocation, invocation->operands[0], values->index, &client, &instance,
                            err);
    if (r < 0)
        return r;
    if (!streq(json_string(instance, "State", ""), "running"))
        return error_set(err, ENOTCONN, "service \"%s\" is not running (%s is %s)",
                         invocation->operands[0], json_string(instance, "Name", ""),
                         json_string(instance, "State", ""));
    _cleanup_free_ char *body = print_body(invocation, json_string(instance, "Name", ""), tty);
    if (values->detach)
        return client_call(client, "POST", "/vmstead/exec", body, DETACH_TIMEOUT_MS, NULL, err);
    return stream(client, body, tty, values->interactive, err);
}

const struct command command_exec = {
    .name = "exec",
    .arguments = "SERVICE COMMAND [ARG...]",
    .summary = "Run a command in a running virtual machine",
    .details =
        "Runs COMMAND with the service's environment, user and working directory, next to the\n"
        "service. Nothing stands in between: arguments arrive as they are (for pipes and\n"
        "variables run a shell: sh -c '...'), standard output and standard error stay apart,\n"
        "signals are passed on. The exit status is the command's; 126: it cannot be executed,\n"
        "127: it is not there, 128 + N: signal N ended it, 1: vmstead failed.",
    .examples = "  vmstead exec web sh\n"
                "  vmstead exec -T db pg_dump app > app.sql\n"
                "  vmstead exec -u root -w /etc -e LANG=C web ls -l",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct exec_values),
    .operand_minimum = 2,
    .operand_maximum = OPERANDS_ANY,
    .options_end_at_operand = true,
    .run = run,
};
