/* `vmstead run`: a one-off instance of a service, or outside any project one of an image. A job
 * makes and starts it; then we are attached; then it says how it ended.
 *
 *     job ──instance, end──> attach ──end──> status ──> removed with --rm */
#include "base/alloc.h"
#include "cmd/attach_stream.h"
#include "cmd/daemon_start.h"
#include "cmd/job_command.h"
#include "cmd/output.h"
#include "cmd/project.h"
#include "cmd/run_request.h"

#include <errno.h>
#include <unistd.h>

#define REMOVE_TIMEOUT_MS 60000
#define INSPECT_TIMEOUT_MS 10000

static const struct option_row rows[] = {
    {"build", 0, OPTION_FLAG, offsetof(struct run_values, build), NULL, NULL, 0, 0,
     "Build the image first, also where it is there"},
    {"detach", 'd', OPTION_FLAG, offsetof(struct run_values, detach), NULL, NULL, 0, 0,
     "Leave it running in the background and print its ID"},
    {"entrypoint", 0, OPTION_STRING, offsetof(struct run_values, entrypoint), "COMMAND", NULL, 0, 0,
     "Instead of the image's"},
    {"env", 'e', OPTION_LIST, offsetof(struct run_values, environment), "NAME=VALUE", NULL, 0, 0,
     "Set a variable (NAME alone: with our value)"},
    {"interactive", 'i', OPTION_FLAG, offsetof(struct run_values, interactive), NULL, "true", 0, 0,
     "Pass our standard input on; --interactive=false gives an empty one"},
    {"name", 0, OPTION_STRING, offsetof(struct run_values, name), "NAME", NULL, 0, 0,
     "Of the virtual machine"},
    {"no-deps", 0, OPTION_FLAG, offsetof(struct run_values, no_deps), NULL, NULL, 0, 0,
     "Do not start what the service depends on"},
    {"no-tty", 'T', OPTION_FLAG, offsetof(struct run_values, no_tty), NULL, NULL, 0, 0,
     "No terminal for it. Without it there is one when our standard input and output are "
     "terminals"},
    {"publish", 'p', OPTION_LIST, offsetof(struct run_values, ports), "PORT", NULL, 0, 0,
     "Publish a port, as in the file: 8080:80, 127.0.0.1:53:53/udp"},
    {"pull", 0, OPTION_CHOICE, offsetof(struct run_values, pull), "policy|always|missing|never",
     "policy", 0, 0, "When to ask registries for images"},
    {"quiet-pull", 0, OPTION_FLAG, offsetof(struct run_values, quiet_pull), NULL, NULL, 0, 0,
     "Show no progress of images"},
    {"rm", 0, OPTION_FLAG, offsetof(struct run_values, remove), NULL, NULL, 0, 0,
     "Remove it when it has ended"},
    {"service-ports", 'P', OPTION_FLAG, offsetof(struct run_values, service_ports), NULL, NULL, 0,
     0, "Publish the service's own ports (of which run publishes none)"},
    {"tty", 't', OPTION_FLAG, offsetof(struct run_values, tty), NULL, NULL, 0, 0,
     "A terminal for it, even where our own streams are none"},
    {"user", 'u', OPTION_STRING, offsetof(struct run_values, user), "USER[:GROUP]", NULL, 0, 0,
     "Run as this user"},
    {"volume", 'v', OPTION_LIST, offsetof(struct run_values, mounts), "MOUNT", NULL, 0, 0,
     "Mount a folder or a volume, as in the file: ./src:/src:ro, data:/data"},
    {"workdir", 'w', OPTION_STRING, offsetof(struct run_values, working_dir), "DIR", NULL, 0, 0,
     "Start in this folder"},
};

struct started {
    char *name, *id;
};

static void on_event(void *userdata, const cJSON *event)
{
    struct started *started = userdata;
    if (!streq(json_string(event, "type", ""), "instance") || started->name)
        return;
    started->name = xstrdup(json_string(event, "name", ""));
    started->id = xstrdup(json_string(event, "id", ""));
}

static int attach(const struct run_values *values, struct client *client,
                  const struct started *started, bool tty, bool *ret_detached, struct error *err)
{
    struct attach_options options = {.instance = started->name,
                                     .tty = tty,
                                     .attach_stdin = values->interactive,
                                     .logs = true,
                                     .sig_proxy = true};
    int r = attach_stream_run(client, &options, ret_detached, err);
    if (*ret_detached) {
        _cleanup_free_ char *text = xasprintf("%s runs on", started->name);
        output_note(text);
    }
    return r;
}

/* --rm: with its anonymous volumes. What fails here does not change how the command ended. */
static void remove_instance(struct client *client, const char *name)
{
    _cleanup_error_ struct error err = {0};
    _cleanup_free_ char *escaped = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/containers/%s?force=1&v=1", escaped);
    if (client_call(client, "DELETE", path, NULL, REMOVE_TIMEOUT_MS, NULL, &err) < 0 &&
        err.code != ENOENT)
        output_warning(error_text(&err));
}

static int follow(const struct run_values *values, struct client *client,
                  const struct started *started, bool tty, struct error *err)
{
    if (values->detach) {
        _cleanup_free_ char *line = xasprintf("%s\n", started->id);
        return output_write(line, strlen(line), err);
    }
    bool detached = false;
    int r = attach(values, client, started, tty, &detached, err);
    if (values->remove && !detached)
        remove_instance(client, started->name);
    return r;
}

/* 127 where the guest has no such command and 126 where it cannot be run, as a shell says; else 0.
 */
static int start_status(struct client *client, const char *name)
{
    _cleanup_json_ cJSON *container = NULL;
    _cleanup_free_ char *escaped = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/containers/%s/json", escaped);
    if (client_call(client, "GET", path, NULL, INSPECT_TIMEOUT_MS, &container, NULL) < 0)
        return 0;
    int64_t status = json_int(json_object(container, "State"), "ExitCode", 0);
    return status == 126 || status == 127 ? (int)status : 0;
}

/* The job failed after it had made the instance: a command that cannot be started has its status.
 */
static int conclude_failure(struct client *client, const char *name, bool remove, int r,
                            struct error *err)
{
    int status = r < 0 ? start_status(client, name) : 0;
    if (remove)
        remove_instance(client, name);
    if (!status)
        return r;
    output_error(error_text(err));
    return status;
}

static int course(const struct invocation *invocation, struct client *client,
                  const struct run_request *request, struct error *err)
{
    const struct run_values *values = invocation->values;
    struct started started = {0};
    const struct job_command command = {.verb = "run",
                                        .title = "Running",
                                        .quiet_images = values->quiet_pull,
                                        .on_event = on_event,
                                        .userdata = &started};
    int r =
        job_command_run(invocation, client, request->project, &command, request->body, NULL, err);
    if (r != 0 && started.name)
        r = conclude_failure(client, started.name, values->remove, r, err);
    if (r == 0 && !started.name)
        r = error_set(err, EPROTO, "the daemon did not say what it has started");
    if (r == 0)
        r = follow(values, client, &started, request->tty, err);
    free(started.name);
    free(started.id);
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_(client_freep) struct client *client = NULL;
    struct run_request request = {0};
    int r = run_request_make(invocation, &request, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_START, &client, err);
    if (r == 0)
        r = course(invocation, client, &request, err);
    run_request_done(&request);
    return r;
}

const struct command command_run = {
    .name = "run",
    .arguments = "SERVICE|IMAGE [COMMAND] [ARG...]",
    .summary = "Run a command in a new virtual machine of a service",
    .details =
        "Makes a virtual machine like the service's, apart from it: COMMAND instead of the\n"
        "service's, none of its ports, no restarts; what the service depends on is started\n"
        "first. Standard input, output and error are ours, Ctrl-C goes to the command, and the\n"
        "exit status is its.\n\n"
        "Outside any project the first word is an image: it gets a virtual machine of its own,\n"
        "which 'ps' does not show; exec, logs, stop, rm and inspect take its name or ID.",
    .examples = "  vmstead run --rm api python3 manage.py migrate\n"
                "  vmstead run -it --rm --entrypoint sh web\n"
                "  vmstead run -d --name proxy -p 8080:80 nginx",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct run_values),
    .operand_minimum = 1,
    .operand_maximum = OPERANDS_ANY,
    .options_end_at_operand = true,
    .run = run,
};
