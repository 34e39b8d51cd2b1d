/* `vmstead attach`: our terminal on a service's main process. */
#include "base/str.h"
#include "cmd/attach_stream.h"
#include "cmd/output.h"
#include "cmd/target.h"

#include "base/alloc.h"

#include <errno.h>
#include <unistd.h>

#define TIMEOUT_MS 30000

struct attach_values {
    bool no_stdin, sig_proxy;
    const char *detach_keys;
    int64_t index;
};

static const struct option_row rows[] = {
    {"detach-keys", 0, OPTION_STRING, offsetof(struct attach_values, detach_keys), "KEYS",
     "ctrl-p,ctrl-q", 0, 0, "What to press to leave a service with a terminal alone"},
    {"index", 0, OPTION_NUMBER, offsetof(struct attach_values, index), "N", NULL, 0, 10000,
     "Which virtual machine of the service"},
    {"no-stdin", 0, OPTION_FLAG, offsetof(struct attach_values, no_stdin), NULL, NULL, 0, 0,
     "Do not pass our standard input on"},
    {"sig-proxy", 0, OPTION_FLAG, offsetof(struct attach_values, sig_proxy), NULL, "true", 0, 0,
     "Pass signals on to the service; --sig-proxy=false does not"},
};

/* "Tty" is only in the long form. */
static int get_config(struct client *client, const char *name, cJSON **ret_container,
                      struct error *err)
{
    _cleanup_free_ char *escaped = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/containers/%s/json", escaped);
    return client_call(client, "GET", path, NULL, TIMEOUT_MS, ret_container, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct attach_values *values = invocation->values;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *instance = NULL, *container = NULL;
    int r = target_find_one(invocation, invocation->operands[0], values->index, &client, &instance,
                            err);
    const char *name = json_string(instance, "Name", "");
    if (r == 0)
        r = get_config(client, name, &container, err);
    if (r < 0)
        return r;
    if (!streq(json_string(instance, "State", ""), "running"))
        return error_set(err, ENOTCONN,
                         "cannot attach to %s, which is %s: 'vmstead start' it first", name,
                         json_string(instance, "State", ""));
    const cJSON *config = json_object(container, "Config");
    bool tty = json_bool(config, "Tty", false), detached = false;
    if (tty && !values->no_stdin && !isatty(STDIN_FILENO))
        return error_set(err, ENOTTY,
                         "%s has a terminal and our standard input is none: use --no-stdin", name);
    struct attach_options options = {.instance = name,
                                     .tty = tty,
                                     .attach_stdin = !values->no_stdin,
                                     .sig_proxy = values->sig_proxy,
                                     .detach_keys = values->detach_keys};
    return attach_stream_run(client, &options, &detached, err);
}

const struct command command_attach = {
    .name = "attach",
    .arguments = "SERVICE",
    .summary = "Connect our terminal to a service's main process",
    .details =
        "Shows what the service writes from now on; what we type goes to it where the file has\n"
        "stdin_open. The exit status is the service's. Ctrl-C is passed on; a service with a\n"
        "terminal (tty) is left alone by Ctrl-P Ctrl-Q.",
    .examples = "  vmstead attach --no-stdin web\n"
                "  vmstead attach --index 2 shell",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct attach_values),
    .operand_minimum = 1,
    .operand_maximum = 1,
    .run = run,
};
