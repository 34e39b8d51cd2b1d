/* A service's streams; see attach_stream.h. */
#include "cmd/attach_stream.h"

#include "base/alloc.h"
#include "cmd/connection.h"
#include "cmd/output.h"
#include "cmd/terminal.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define SIDE_TIMEOUT_MS 5000
#define WAIT_TIMEOUT_MS 60000 /* it has ended already; the daemon settles it */
#define DEFAULT_KEYS "ctrl-p,ctrl-q"

struct attach {
    struct client *client;
    const struct attach_options *options;
    char *instance; /* escaped */
};

/* "ctrl-X", or a character. */
static int parse_key(const char *text, size_t length, char *ret_key)
{
    const char *letter = length > 5 ? str_after_prefix(text, "ctrl-") : NULL;
    if (letter && length == 6 && *letter >= '@' && *letter <= 'z')
        *ret_key = (char)(*letter & 0x1f);
    else if (length == 1)
        *ret_key = *text;
    else
        return -EINVAL;
    return *ret_key ? 0 : -EINVAL;
}

int attach_parse_keys(const char *text, char **ret_keys, struct error *err)
{
    _cleanup_strbuf_ struct strbuf keys = {0};
    for (const char *at = text; at && *at;) {
        size_t length = strcspn(at, ",");
        char key;
        if (parse_key(at, length, &key) < 0)
            return error_set(err, EINVAL,
                             "invalid detach keys '%s': use characters and ctrl-LETTER, separated "
                             "by commas",
                             text);
        strbuf_add_char(&keys, key);
        at += length;
        at += *at == ',';
    }
    *ret_keys = strbuf_take(&keys);
    return 0;
}

static void resize(const struct attach *attach)
{
    struct output_size size = output_get_size(STDOUT_FILENO);
    _cleanup_free_ char *path =
        xasprintf("/containers/%s/resize?h=%u&w=%u", attach->instance, size.rows, size.columns);
    (void)client_call(attach->client, "POST", path, NULL, SIDE_TIMEOUT_MS, NULL, NULL);
}

/* A service that ended meanwhile gets no signal: its end comes by the stream. */
static void on_signal(void *userdata, int signal_number)
{
    const struct attach *attach = userdata;
    if (signal_number == SIGWINCH) {
        if (attach->options->tty)
            resize(attach);
    } else if (attach->options->sig_proxy) {
        _cleanup_free_ char *path = xasprintf("/containers/%s/kill?signal=%s", attach->instance,
                                              sigabbrev_np(signal_number));
        (void)client_call(attach->client, "POST", path, NULL, SIDE_TIMEOUT_MS, NULL, NULL);
    }
}

static int stream(struct attach *attach, const char *keys, int signal_fd, struct error *err)
{
    const struct attach_options *options = attach->options;
    _cleanup_connection_ struct connection connection = CONNECTION_NONE;
    _cleanup_free_ char *path =
        xasprintf("/containers/%s/attach?stream=1&stdout=1&stderr=1&stdin=%d&logs=%d",
                  attach->instance, options->attach_stdin, options->logs);
    const struct http_request request = {.method = "POST", .path = path, .upgrade = true};
    int r = connection_open(client_socket_path(attach->client), &request, &connection, err);
    if (r == 0)
        r = connection_answer(&connection, err);
    if (r < 0)
        return r;
    if (options->tty)
        resize(attach);
    const struct exec_stream_options stream_options = {.socket_fd = connection.fd,
                                                       .early = strbuf_text(&connection.early),
                                                       .early_length = connection.early.length,
                                                       .tty = options->tty,
                                                       .attach_stdin = options->attach_stdin,
                                                       .signal_fd = signal_fd,
                                                       .on_signal = on_signal,
                                                       .userdata = attach,
                                                       .detach_keys = keys};
    return terminal_run(&stream_options, err);
}

static int ask_status(const struct attach *attach, struct error *err)
{
    _cleanup_json_ cJSON *answer = NULL;
    _cleanup_free_ char *path = xasprintf("/containers/%s/wait", attach->instance);
    int r = client_call(attach->client, "POST", path, NULL, WAIT_TIMEOUT_MS, &answer, err);
    return r < 0 ? r : (int)json_int(answer, "StatusCode", 0);
}

int attach_stream_run(struct client *client, const struct attach_options *options,
                      bool *ret_detached, struct error *err)
{
    _cleanup_free_ char *instance = client_escape(options->instance), *keys = NULL;
    struct attach attach = {.client = client, .options = options, .instance = instance};
    int r =
        attach_parse_keys(options->detach_keys ? options->detach_keys : DEFAULT_KEYS, &keys, err);
    if (r < 0)
        return r;
    _cleanup_close_ int signal_fd = terminal_open_signals(err);
    if (signal_fd < 0)
        return signal_fd;
    /* Without a terminal, Ctrl-C comes as a signal and no key means anything. */
    r = stream(&attach, options->tty ? keys : NULL, signal_fd, err);
    *ret_detached = r == EXEC_STREAM_DETACHED && err->code == 0;
    if (*ret_detached)
        return 0;
    return r == 0 ? ask_status(&attach, err) : r;
}
