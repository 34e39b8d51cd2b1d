/* Messages and phases of the agent, see agent.h. */
#include "runtime/guest/agent.h"

#include "runtime/guest/attachment.h"
#include "runtime/guest/inspect.h"
#include "runtime/guest/job.h"
#include "runtime/guest/probe.h"
#include "runtime/guest/process.h"
#include "runtime/guest/receiver.h"
#include "runtime/guest/sender.h"
#include "runtime/guest/task.h"
#include "runtime/guest/top.h"
#include "runtime/guest/wire.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Ctrl-Alt-Del and the like: as long as Docker gives. */
#define BUTTON_TIMEOUT_MS 10000u

static void agent_set_phase(struct agent *agent, enum agent_phase phase)
{
    agent->phase = phase;
    loop_clear_timer(&agent->loop, &agent->limit);
    if (phase == AGENT_ENDING)
        loop_set_timer(&agent->loop, &agent->limit, AGENT_ENDING_LIMIT_MS);
    if (phase == AGENT_REPORTING)
        loop_set_timer(&agent->loop, &agent->limit, AGENT_REPORT_LIMIT_MS);
}

/* --- reporting ------------------------------------------------------------------------------ */

static void agent_send_state(struct agent *agent)
{
    struct strbuf text = {0};
    wire_put_u32(&text, (uint32_t)agent->exit_code);
    if (agent->phase == AGENT_RUNNING || agent->phase == AGENT_ENDING) {
        link_send(&agent->link, MESSAGE_STARTED, 0, NULL, 0);
    } else if (agent->phase == AGENT_REPORTING && agent->failed) {
        strbuf_add_str(&text, agent->failure);
        link_send(&agent->link, MESSAGE_FAILED, 0, text.data, text.length);
    } else if (agent->phase == AGENT_REPORTING) {
        wire_put_u32(&text, agent->service.oom ? EXITED_OOM : 0);
        link_send(&agent->link, MESSAGE_EXITED, 0, text.data, text.length);
    }
    strbuf_done(&text);
}

static void agent_fail(struct agent *agent, int exit_code, const struct error *err)
{
    agent->failed = true;
    agent->exit_code = exit_code;
    agent->failure = xstrndup(error_text(err), strnlen(error_text(err), 4096));
    agent_set_phase(agent, AGENT_REPORTING);
    agent_send_state(agent);
}

void agent_service_ended(struct agent *agent, int exit_code)
{
    agent->exit_code = exit_code;
    agent_set_phase(agent, AGENT_ENDING);
}

/* EXITED is the last word: after the last log record and the last exec. */
static void agent_report_if_ended(struct agent *agent)
{
    if (agent->phase == AGENT_ENDING && service_output_ended(&agent->service))
        attachment_end_all(agent, agent->exit_code);
    if (agent->phase != AGENT_ENDING || agent->job_count ||
        !service_output_ended(&agent->service) || !service_logs_sent(&agent->service))
        return;
    agent_set_phase(agent, AGENT_REPORTING);
    agent_send_state(agent);
}

/* With logs that nobody takes, we wait as long as with a report that nobody takes. */
static void agent_on_limit(void *userdata)
{
    struct agent *agent = userdata;
    if (agent->phase == AGENT_REPORTING || agent->collected) {
        agent_set_phase(agent, AGENT_FINISHED);
        return;
    }
    agent->collected = true;
    job_end_all(agent);
    service_finish_output(&agent->service);
    loop_set_timer(&agent->loop, &agent->limit, AGENT_REPORT_LIMIT_MS);
}

/* --- messages ------------------------------------------------------------------------------- */

static void agent_convert(struct agent *agent)
{
    _cleanup_error_ struct error err = {0};
    if (agent->platform->convert(&agent->identity, &err) < 0)
        return agent_fail(agent, 125, &err);
    agent_set_phase(agent, AGENT_REPORTING);
    agent_send_state(agent);
}

static void agent_take_identity(struct agent *agent, const struct message *message)
{
    _cleanup_error_ struct error err = {0};
    int exit_code = 125;
    if (agent->phase != AGENT_ANONYMOUS)
        return;
    if (identity_decode(message->data, message->length, &agent->identity, &err) < 0)
        return agent_fail(agent, exit_code, &err);
    if (agent->identity.convert)
        return agent_convert(agent);
    if (!environment_get(agent->identity.environment, "HOSTNAME"))
        strv_add(&agent->identity.environment, xasprintf("HOSTNAME=%s", agent->identity.hostname));
    if (agent->platform->set_up(&agent->identity, &err) < 0 ||
        service_start(&agent->service, &exit_code, &err) < 0)
        return agent_fail(agent, exit_code, &err);
    agent_set_phase(agent, AGENT_RUNNING);
    agent_send_state(agent);
}

static void agent_shut_down(struct agent *agent, int signal_number, uint64_t timeout_ms)
{
    if (agent->phase == AGENT_ANONYMOUS)
        agent_set_phase(agent, AGENT_FINISHED);
    else
        service_stop(&agent->service, signal_number, timeout_ms);
}

static void agent_on_message(void *userdata, const struct message *message)
{
    struct agent *agent = userdata;
    struct wire_reader reader = wire_read(message->data, message->length);
    if (message->type == MESSAGE_IDENTITY) {
        agent_take_identity(agent, message);
    } else if (message->type == MESSAGE_LOG_ACK) {
        service_logs_stored(&agent->service, wire_get_u64(&reader));
    } else if (message->type == MESSAGE_SHUTDOWN) {
        int signal_number = (int)wire_get_u32(&reader);
        agent_shut_down(agent, signal_number, wire_get_u64(&reader));
    } else if (message->type == MESSAGE_SERVICE_SIGNAL) {
        service_signal(&agent->service, (int)wire_get_u32(&reader));
    } else if (message->type == MESSAGE_REPORT_ACK) {
        if (agent->phase == AGENT_REPORTING)
            agent_set_phase(agent, AGENT_FINISHED);
    } else if (message->type == MESSAGE_EXEC_START) {
        task_start(agent, message);
    } else if (message->type == MESSAGE_PROBE_START) {
        probe_start(agent, message);
    } else if (message->type == MESSAGE_TOP_START) {
        top_start(agent, message);
    } else if (message->type == MESSAGE_INSPECT_START) {
        inspect_start(agent, message);
    } else if (message->type == MESSAGE_ATTACH_START) {
        attachment_start(agent, message);
    } else if (message->type == MESSAGE_COPY_OUT_START) {
        sender_start(agent, message);
    } else if (message->type == MESSAGE_COPY_IN_START) {
        receiver_start(agent, message);
    } else {
        job_take_message(agent, message);
    }
}

static void agent_fill_welcome(void *userdata, struct link_hello *welcome)
{
    struct agent *agent = userdata;
    if (agent->phase == AGENT_ANONYMOUS)
        welcome->flags |= WELCOME_FRESH;
    welcome->log = agent->service.ring.newest;
}

static void agent_on_up(void *userdata, const struct link_hello *hello, bool new_session)
{
    struct agent *agent = userdata;
    if (!new_session)
        return;
    job_end_all(agent);
    service_logs_rewind(&agent->service, hello->log);
    /* What was reported, was reported to another: again, after the logs. */
    if (agent->phase == AGENT_REPORTING && !agent->failed)
        agent_set_phase(agent, AGENT_ENDING);
    agent_send_state(agent);
}

static void agent_on_broken(void *userdata, const char *reason)
{
    (void)reason;
    agent_set_phase(userdata, AGENT_FINISHED);
}

static const struct link_callbacks link_callbacks = {
    .on_message = agent_on_message,
    .on_up = agent_on_up,
    .fill_welcome = agent_fill_welcome,
    .on_broken = agent_on_broken,
};

/* --- descriptors ---------------------------------------------------------------------------- */

static void agent_write_port(struct agent *agent)
{
    const void *data;
    size_t length;
    while ((length = link_output(&agent->link, &data))) {
        ssize_t written = write(agent->port.fd, data, length);
        if (written <= 0)
            return;
        link_written(&agent->link, (size_t)written);
    }
}

/* The port is watched edge-triggered: read until there is nothing. A read of 0 bytes means that the
 * host is away (virtio_console's way). It does not mean that the link is down: a reconnecting
 * host's HELLO overtakes the driver's notice that the host is there (another queue, handled by a
 * worker), and every read until then gives 0. So it is only a hint; a link goes down where a HELLO
 * says so, and what was written to nobody is sent again after it. */
static void agent_on_port(void *userdata, uint32_t events)
{
    struct agent *agent = userdata;
    ssize_t length;
    size_t size;
    (void)events;
    void *room = link_room(&agent->link, &size);
    while ((length = read(agent->port.fd, room, size < FRAME_SIZE_MAX ? size : FRAME_SIZE_MAX)) >
           0) {
        link_received(&agent->link, (size_t)length);
        agent_write_port(agent);
        room = link_room(&agent->link, &size);
    }
    agent->host_is_away = length == 0;
}

static void agent_reap(struct agent *agent)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!service_reap(&agent->service, pid, status))
            job_reap(agent, pid, status); /* or an orphan: reaped is all it needs */
}

static void agent_on_signal(void *userdata, uint32_t events)
{
    struct agent *agent = userdata;
    struct signalfd_siginfo info;
    (void)events;
    if (read(agent->children.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD)
        agent_reap(agent);
    else
        agent_shut_down(agent,
                        agent->identity.stop_signal ? (int)agent->identity.stop_signal : SIGTERM,
                        BUTTON_TIMEOUT_MS);
}

static int agent_open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGPWR);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- life ----------------------------------------------------------------------------------- */

int agent_init(struct agent *agent, int port_fd, const struct agent_platform *platform)
{
    *agent = (struct agent){.platform = platform};
    int result = loop_init(&agent->loop);
    if (result < 0)
        return result;
    agent->limit = (struct timer){.on_deadline = agent_on_limit, .userdata = agent};
    agent->port = (struct watch){.fd = port_fd, .on_ready = agent_on_port, .userdata = agent};
    agent->children =
        (struct watch){.fd = agent_open_signals(), .on_ready = agent_on_signal, .userdata = agent};
    if (agent->children.fd < 0)
        return -errno;
    link_init(&agent->link, LINK_GUEST, &link_callbacks, agent);
    service_init(&agent->service, agent);
    loop_watch(&agent->loop, &agent->children, EPOLLIN);
    loop_watch(&agent->loop, &agent->port,
               (uint32_t)EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP | EPOLLET);
    return 0;
}

void agent_run(struct agent *agent)
{
    while (agent->phase != AGENT_FINISHED) {
        loop_run_once(&agent->loop);
        service_pump(&agent->service);
        agent_report_if_ended(agent);
        agent_write_port(agent);
    }
}

void agent_done(struct agent *agent)
{
    job_end_all(agent);
    service_done(&agent->service);
    link_done(&agent->link);
    identity_done(&agent->identity);
    free(agent->failure);
    close(agent->children.fd);
    close(agent->port.fd);
    loop_done(&agent->loop);
}
