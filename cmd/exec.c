/* `vmstead exec`: one request to the daemon that becomes the process's streams. */
#include "base/alloc.h"
#include "base/str.h"
#include "cmd/client.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/exec_stream.h"
#include "cmd/http.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "compose/model.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

struct exec_values {
    bool no_tty, interactive;
    char **environment;
    const char *user, *working_dir;
    int64_t index;
};

static const struct option_row rows[] = {
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

static const int forwarded[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

/* "NAME" takes our value, and is left out where we have none, as Compose does. */
static cJSON *print_environment(char *const *entries)
{
    cJSON *environment = cJSON_CreateArray();
    for (size_t i = 0; entries && entries[i]; i++) {
        const char *value = strchr(entries[i], '=') ? NULL : getenv(entries[i]);
        if (!strchr(entries[i], '=') && !value)
            continue;
        _cleanup_free_ char *entry =
            value ? xasprintf("%s=%s", entries[i], value) : xstrdup(entries[i]);
        cJSON_AddItemToArray(environment, cJSON_CreateString(entry));
    }
    return environment;
}

static char *print_body(const struct invocation *invocation, const char *project, bool tty)
{
    const struct exec_values *values = invocation->values;
    _cleanup_json_ cJSON *body = cJSON_CreateObject();
    json_set_string(body, "project", project);
    json_set_string(body, "service", invocation->operands[0]);
    if (values->index)
        json_set_int(body, "index", values->index);
    cJSON *argv = cJSON_AddArrayToObject(body, "argv");
    for (size_t i = 1; i < invocation->operand_count; i++)
        cJSON_AddItemToArray(argv, cJSON_CreateString(invocation->operands[i]));
    json_set(body, "environment", print_environment(values->environment));
    json_set_string(body, "user", values->user);
    json_set_string(body, "working_dir", values->working_dir);
    json_set_bool(body, "tty", tty);
    json_set_bool(body, "stdin", values->interactive);
    struct output_size size = output_get_size(STDOUT_FILENO);
    json_set_int(body, "rows", size.rows);
    json_set_int(body, "columns", size.columns);
    return json_print(body);
}

static int send_request(int fd, const char *body, struct error *err)
{
    _cleanup_free_ char *identity = client_identity_headers();
    _cleanup_strbuf_ struct strbuf text = {0};
    struct http_request request = {.method = "POST",
                                   .path = "/vmstead/exec",
                                   .body = body,
                                   .headers = identity,
                                   .upgrade = true};
    http_print_request(&request, &text);
    for (size_t sent = 0; sent < text.length;) {
        ssize_t count = send(fd, text.data + sent, text.length - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR)
            return error_set(err, errno, "cannot send to the daemon: %s", strerror(errno));
        sent += count > 0 ? (size_t)count : 0;
    }
    return 0;
}

static void on_body(void *userdata, const char *data, size_t length)
{
    strbuf_add(userdata, data, length);
}

/* Reads until the answer turned into the stream; what came behind its head is in `early`. */
static int read_answer(int fd, struct strbuf *early, struct error *err)
{
    struct http_reader reader = {0};
    int r = 0;
    while (r == 0 && reader.phase != HTTP_UPGRADED && reader.phase != HTTP_DONE) {
        char data[4096];
        ssize_t count = recv(fd, data, sizeof(data), 0);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            r = error_set(err, errno, "lost the daemon: %s", strerror(errno));
        else if (count > 0)
            r = http_reader_feed(&reader, data, (size_t)count, on_body, early, err);
        else if ((r = http_reader_finish(&reader, err)) == 0)
            break;
    }
    if (r == 0 && reader.phase != HTTP_UPGRADED)
        r = client_set_error(err, reader.status, strbuf_text(early), early->length);
    http_reader_done(&reader);
    return r;
}

static void set_raw(const struct termios *saved)
{
    struct termios raw = *saved;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

/* Signals are blocked before the request, so that none that means the command ends us instead. */
static int open_signals(struct error *err)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
        sigaddset(&set, forwarded[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : error_set(err, errno, "cannot watch signals: %s", strerror(errno));
}

static int run_stream(int fd, const struct strbuf *early, bool tty, bool attach_stdin,
                      int signal_fd, struct error *err)
{
    struct termios saved;
    bool raw = tty && tcgetattr(STDIN_FILENO, &saved) == 0;
    if (raw)
        set_raw(&saved);
    struct exec_stream_options options = {.socket_fd = fd,
                                          .early = strbuf_text(early),
                                          .early_length = early->length,
                                          .tty = tty,
                                          .attach_stdin = attach_stdin,
                                          .signal_fd = signal_fd};
    int status;
    int r = exec_stream_run(&options, &status, err);
    if (raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
    return r < 0 ? r : status;
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct exec_values *values = invocation->values;
    bool tty = !values->no_tty && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    _cleanup_free_ char *project = NULL;
    _cleanup_(model_freep) struct model *model = NULL;
    _cleanup_(client_freep) struct client *client = NULL;
    int r = project_find(invocation->global, &project, &model, err);
    if (r == 0)
        r = project_check_services(model, invocation->operands, 1, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (r < 0)
        return r;
    if (!client)
        return error_set(err, ENOTCONN, "service \"%s\" is not running", invocation->operands[0]);
    _cleanup_free_ char *body = print_body(invocation, project, tty);
    _cleanup_strbuf_ struct strbuf early = {0};
    _cleanup_close_ int fd = -1, signal_fd = open_signals(err);
    if (signal_fd < 0)
        return signal_fd;
    r = client_connect(client_socket_path(client), &fd, err);
    if (r == 0)
        r = send_request(fd, body, err);
    if (r == 0)
        r = read_answer(fd, &early, err);
    return r < 0 ? r : run_stream(fd, &early, tty, values->interactive, signal_fd, err);
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
