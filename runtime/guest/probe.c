/* Probes in the guest, see probe.h: what they share, and the ones that run a command. HTTP and TCP
 * are net_probe.c's. */
#include "runtime/guest/probe.h"

#include "base/alloc.h"
#include "runtime/guest/agent.h"
#include "runtime/guest/command.h"
#include "runtime/guest/net_probe.h"
#include "runtime/guest/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* What a health check of Docker's ends with where it could not be run. */
#define EXIT_CODE_BAD 1

struct probe {
    struct job job; /* first */
    struct timer deadline;
    struct strbuf output;
    struct watch pipe; /* of a command; fd -1: none */
    pid_t pid;
    struct net_probe *net;
};

struct request {
    char **argv;
    char *url;
    uint32_t port, timeout_ms;
};

static void request_decode(struct request *request, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    char *text;
    *request = (struct request){0};
    while (wire_get_field(&reader, &tag, &field)) {
        if (tag == PROBE_ARGUMENT && (text = wire_get_text(&field)))
            strv_add(&request->argv, text);
        else if (tag == PROBE_HTTP_URL && !request->url)
            request->url = wire_get_text(&field);
        else if (tag == PROBE_TCP_PORT)
            request->port = wire_get_u32(&field);
        else if (tag == PROBE_TIMEOUT_MS)
            request->timeout_ms = wire_get_u32(&field);
    }
}

static void request_done(struct request *request)
{
    strv_free(request->argv);
    free(request->url);
}

/* --- life ----------------------------------------------------------------------------------- */

static void probe_free(struct probe *probe)
{
    struct loop *loop = &probe->job.agent->loop;
    job_close(&probe->job);
    loop_clear_timer(loop, &probe->deadline);
    loop_watch(loop, &probe->pipe, 0);
    if (probe->pipe.fd >= 0)
        close(probe->pipe.fd);
    net_probe_free(probe->net);
    strbuf_done(&probe->output);
    free(probe);
}

/* Sends the stream's last message. */
static void probe_finish(struct probe *probe, enum probe_verdict verdict, int exit_code)
{
    _cleanup_strbuf_ struct strbuf payload = {0};
    strbuf_add_char(&payload, (char)verdict);
    wire_put_u32(&payload, (uint32_t)exit_code);
    if (probe->output.length)
        strbuf_add(&payload, probe->output.data, probe->output.length);
    job_send(&probe->job, MESSAGE_PROBE_END, payload.data, payload.length);
    probe_free(probe);
}

static void probe_fail(struct probe *probe, int exit_code, const struct error *err)
{
    strbuf_clear(&probe->output);
    strbuf_addf(&probe->output, "%.*s", (int)PROBE_OUTPUT_LIMIT, error_text(err));
    probe_finish(probe, PROBE_SAYS_BAD, exit_code);
}

/* The command leads a process group: what it has started goes with it. It is reaped as an orphan.
 */
static void probe_on_deadline(void *userdata)
{
    struct probe *probe = userdata;
    if (probe->pid)
        kill(-probe->pid, SIGKILL);
    if (probe->net)
        strbuf_add_str(&probe->output, net_probe_waits_for(probe->net));
    probe_finish(probe, PROBE_SAYS_NOTHING, -1);
}

static void probe_take(struct job *job, const struct message *message)
{
    (void)job;
    (void)message;
}

static void probe_end(struct job *job, bool kill_it)
{
    struct probe *probe = (struct probe *)job;
    (void)kill_it;
    if (probe->pid)
        kill(-probe->pid, SIGKILL);
    probe_free(probe);
}

/* --- a command ------------------------------------------------------------------------------ */

/* What exceeds the limit is read and thrown away, so that the command does not wait for us. True:
 * there may be more. */
static bool probe_read(struct probe *probe)
{
    char data[PROBE_OUTPUT_LIMIT];
    ssize_t length = probe->pipe.fd < 0 ? 0 : read(probe->pipe.fd, data, sizeof(data));
    if (length > 0) {
        size_t room = PROBE_OUTPUT_LIMIT - probe->output.length;
        strbuf_add(&probe->output, data, (size_t)length < room ? (size_t)length : room);
    } else if (length == 0) {
        loop_watch(&probe->job.agent->loop, &probe->pipe, 0);
    }
    return length > 0;
}

static void probe_on_output(void *userdata, uint32_t events)
{
    (void)events;
    probe_read(userdata);
}

/* What others that hold the pipe may still say is not waited for. */
static bool probe_reap(struct job *job, pid_t pid, int status)
{
    struct probe *probe = (struct probe *)job;
    if (!probe->pid || probe->pid != pid)
        return false;
    probe->pid = 0;
    for (int i = 0; i < 64 && probe_read(probe); i++)
        ;
    int exit_code = process_exit_code(status);
    probe_finish(probe, exit_code ? PROBE_SAYS_BAD : PROBE_SAYS_GOOD, exit_code);
    return true;
}

static int probe_spawn(struct probe *probe, const struct request *request,
                       const struct account *account, int *ret_exit_code, struct error *err)
{
    struct command command = {.argv = request->argv, .account = account, .stdio = {-1, -1, -1}};
    command.stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    probe->pipe.fd = process_open_pipe(1, account, &command.stdio[1]);
    command.stdio[2] = fcntl(command.stdio[1], F_DUPFD_CLOEXEC, 0);
    int result = 0;
    if (command.stdio[0] < 0 || probe->pipe.fd < 0 || command.stdio[2] < 0)
        result = error_set(err, errno, "cannot create a pipe: %s", strerror(errno));
    if (result == 0)
        result =
            command_spawn(&probe->job.agent->identity, &command, &probe->pid, ret_exit_code, err);
    for (int i = 0; i < 3; i++)
        if (command.stdio[i] >= 0)
            close(command.stdio[i]);
    return result;
}

static int probe_run_command(struct probe *probe, const struct request *request, int *ret_exit_code,
                             struct error *err)
{
    struct account account;
    int result = account_resolve(probe->job.agent->identity.user, &account, err);
    if (result < 0)
        return result;
    result = probe_spawn(probe, request, &account, ret_exit_code, err);
    account_done(&account);
    if (result == 0)
        loop_watch(&probe->job.agent->loop, &probe->pipe, EPOLLIN);
    return result;
}

/* --- a connection --------------------------------------------------------------------------- */

static void probe_on_net_done(void *userdata, const char *failure, const char *output)
{
    struct probe *probe = userdata;
    strbuf_addf(&probe->output, "%.*s", (int)PROBE_OUTPUT_LIMIT, failure ? failure : output);
    probe_finish(probe, failure ? PROBE_SAYS_BAD : PROBE_SAYS_GOOD, failure ? EXIT_CODE_BAD : 0);
}

/* --- start ---------------------------------------------------------------------------------- */

static int probe_begin(struct probe *probe, const struct request *request, int *ret_exit_code,
                       struct error *err)
{
    struct agent *agent = probe->job.agent;
    *ret_exit_code = EXIT_CODE_BAD;
    if (agent->phase != AGENT_RUNNING)
        return error_set(err, ESRCH, "the service is not running");
    if (request->argv)
        return probe_run_command(probe, request, ret_exit_code, err);
    struct net_probe_target target = {.url = request->url, .port = request->port};
    return net_probe_start(&agent->loop, &target, probe_on_net_done, probe, &probe->net, err);
}

void probe_start(struct agent *agent, const struct message *message)
{
    static const struct job_type type = {.take = probe_take, .reap = probe_reap, .end = probe_end};
    _cleanup_error_ struct error err = {0};
    struct request request;
    int exit_code;
    struct probe *probe = new0(struct probe);
    *probe = (struct probe){.deadline = {.on_deadline = probe_on_deadline, .userdata = probe},
                            .pipe = {.fd = -1, .on_ready = probe_on_output, .userdata = probe}};
    job_open(&probe->job, agent, &type, message->stream);
    request_decode(&request, message);
    if (probe_begin(probe, &request, &exit_code, &err) < 0)
        probe_fail(probe, exit_code, &err);
    else
        loop_set_timer(&agent->loop, &probe->deadline, request.timeout_ms);
    request_done(&request);
}
