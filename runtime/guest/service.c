/* The service's process and its logs, see service.h. */
#include "runtime/guest/service.h"

#include "runtime/guest/agent.h"
#include "runtime/guest/attachment.h"
#include "runtime/guest/command.h"
#include "runtime/guest/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The ring's room that one read of a pipe takes at most. */
#define READ_ROOM (RING_OVERHEAD + (size_t)LOG_TEXT_MAX)
/* Link bytes queued before more log records are taken out of the ring. */
#define LINK_BUSY (64u << 10)

static int64_t realtime_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void service_on_kill_time(void *userdata)
{
    service_signal(userdata, SIGKILL);
}

static void service_on_stalled(void *userdata)
{
    struct service *service = userdata;
    service->dropping = true;
    service_pump(service);
}

/* --- output -> ring ------------------------------------------------------------------------- */

static void output_close(struct service_output *output)
{
    if (output->watch.fd < 0)
        return;
    loop_watch(&output->service->agent->loop, &output->watch, 0);
    close(output->watch.fd);
    output->watch.fd = -1;
    splitter_finish(&output->splitter, &output->service->ring, realtime_ns());
}

/* What a terminal shows is for those who are attached, and for those who will be. */
static void service_show(struct service *service, const char *data, size_t length)
{
    strbuf_add(&service->said, data, length);
    if (service->said.length > 2 * SERVICE_REPLAY_BYTES)
        strbuf_drop_front(&service->said, service->said.length - SERVICE_REPLAY_BYTES);
    attachment_show_all(service->agent, data, length);
}

/* True where there was something. */
static bool output_read(struct service_output *output)
{
    struct service *service = output->service;
    size_t size, limit = attachment_room(service->agent);
    char *data = splitter_room(&output->splitter, &size);
    if (output->watch.fd < 0 || !limit)
        return false;
    ssize_t length = read(output->watch.fd, data, size < limit ? size : limit);
    if (length > 0) {
        if (service->agent->identity.tty)
            service_show(service, data, (size_t)length);
        splitter_added(&output->splitter, &service->ring, realtime_ns(), (size_t)length);
        return true;
    }
    if (length == 0 || (errno != EAGAIN && errno != EINTR))
        output_close(output);
    return false;
}

/* With a host that is there and slow, we wait; see service.h. */
static bool service_may_read(const struct service *service)
{
    const struct agent *agent = service->agent;
    bool nobody = !agent->link.up || agent->host_is_away;
    return (ring_room(&service->ring) >= READ_ROOM || service->dropping || nobody) &&
           attachment_room(agent);
}

/* Reads what is there now, a pipe's worth at most. True where there was something. */
static bool service_read_outputs(struct service *service)
{
    bool some = false;
    for (int i = 0; i < 2; i++)
        for (size_t reads = 0; reads < 2 * SERVICE_PIPE_BYTES / LOG_TEXT_MAX &&
                               service_may_read(service) && output_read(&service->outputs[i]);
             reads++)
            some = true;
    return some;
}

/* A terminal is somebody's who waits: no rest there. */
static void service_on_output(struct service *service)
{
    service->resting = service_read_outputs(service) && !service->agent->identity.tty;
    if (service->resting)
        loop_set_timer(&service->agent->loop, &service->rest, SERVICE_REST_MS);
}

static void output_on_ready(void *userdata, uint32_t events)
{
    struct service_output *output = userdata;
    (void)events;
    service_on_output(output->service);
}

static void service_on_rested(void *userdata)
{
    service_on_output(userdata);
}

bool service_output_ended(const struct service *service)
{
    return service->outputs[0].watch.fd < 0 && service->outputs[1].watch.fd < 0;
}

void service_finish_output(struct service *service)
{
    for (int i = 0; i < 2; i++) {
        while (output_read(&service->outputs[i]))
            ;
        output_close(&service->outputs[i]);
    }
}

/* --- input ---------------------------------------------------------------------------------- */

static void service_close_input(struct service *service)
{
    if (service->input.fd < 0)
        return;
    loop_watch(&service->agent->loop, &service->input, 0);
    close(service->input.fd);
    service->input.fd = -1;
}

static void service_on_input(void *userdata, uint32_t events)
{
    struct service *service = userdata;
    (void)events;
    loop_watch(&service->agent->loop, &service->input, 0);
    attachment_write_all(service->agent);
}

ssize_t service_write_input(struct service *service, const void *data, size_t length)
{
    if (service->input.fd < 0)
        return (ssize_t)length;
    ssize_t written = write(service->input.fd, data, length);
    if (written >= 0)
        return written;
    if (errno == EAGAIN || errno == EINTR) {
        loop_watch(&service->agent->loop, &service->input, EPOLLOUT);
        errno = EAGAIN;
        return -1;
    }
    service_close_input(service);
    return (ssize_t)length;
}

void service_end_input(struct service *service)
{
    if (!service->agent->identity.tty)
        service_close_input(service);
    else if (service->input.fd >= 0 && write(service->input.fd, "\004", 1) < 0)
        errno = 0; /* VEOF: a terminal has no other end */
}

void service_resize(struct service *service, uint16_t rows, uint16_t columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    if (service->agent->identity.tty && service->outputs[0].watch.fd >= 0)
        ioctl(service->outputs[0].watch.fd, TIOCSWINSZ, &size);
}

/* --- ring -> link --------------------------------------------------------------------------- */

static void service_send_logs(struct service *service)
{
    struct link *link = &service->agent->link;
    size_t length;
    while (link->up && link_unsent(link) < LINK_BUSY &&
           ring_in_flight(&service->ring) < LOG_WINDOW &&
           (length = ring_take(&service->ring, link_reserve(link), FRAME_PAYLOAD_MAX)))
        link_commit(link, MESSAGE_LOG, 0, length);
}

static void service_watch_outputs(struct service *service, bool reading)
{
    for (int i = 0; i < 2; i++)
        if (service->outputs[i].watch.fd >= 0)
            loop_watch(&service->agent->loop, &service->outputs[i].watch, reading ? EPOLLIN : 0);
}

void service_pump(struct service *service)
{
    struct loop *loop = &service->agent->loop;
    service_send_logs(service);
    if (ring_room(&service->ring) >= READ_ROOM)
        service->dropping = false;
    bool reading = service_may_read(service);
    service_watch_outputs(service, reading && !service->resting);
    if (reading && service->stall.deadline_ms)
        loop_clear_timer(loop, &service->stall);
    else if (!reading && !service->stall.deadline_ms)
        loop_set_timer(loop, &service->stall, SERVICE_STALL_MS);
}

bool service_logs_sent(const struct service *service)
{
    return !ring_has_unsent(&service->ring);
}

void service_logs_stored(struct service *service, uint64_t sequence)
{
    ring_acknowledge(&service->ring, sequence);
    service->dropping = false;
    loop_clear_timer(&service->agent->loop, &service->stall);
}

void service_logs_rewind(struct service *service, uint64_t stored)
{
    ring_rewind(&service->ring, stored);
}

/* --- the process ---------------------------------------------------------------------------- */

void service_init(struct service *service, struct agent *agent)
{
    *service = (struct service){.agent = agent, .kernel_log = -1};
    service->input = (struct watch){.fd = -1, .on_ready = service_on_input, .userdata = service};
    ring_init(&service->ring);
    service->rest = (struct timer){.on_deadline = service_on_rested, .userdata = service};
    service->stall = (struct timer){.on_deadline = service_on_stalled, .userdata = service};
    service->kill = (struct timer){.on_deadline = service_on_kill_time, .userdata = service};
    for (int i = 0; i < 2; i++) {
        struct service_output *output = &service->outputs[i];
        output->service = service;
        output->splitter.stream = (uint8_t)(i + 1);
        output->watch = (struct watch){.fd = -1, .on_ready = output_on_ready, .userdata = output};
    }
}

void service_done(struct service *service)
{
    loop_clear_timer(&service->agent->loop, &service->rest);
    loop_clear_timer(&service->agent->loop, &service->stall);
    loop_clear_timer(&service->agent->loop, &service->kill);
    for (int i = 0; i < 2; i++)
        output_close(&service->outputs[i]);
    service_close_input(service);
    strbuf_done(&service->said);
    if (service->kernel_log >= 0)
        close(service->kernel_log);
    ring_done(&service->ring);
}

/* As Docker does: WORKDIR is made where the image lacks it. */
static int make_working_dir(const char *path, struct error *err)
{
    _cleanup_free_ char *copy = xstrdup(path);
    for (char *slash = copy; slash;) {
        slash = strchr(slash + 1, '/');
        if (slash)
            *slash = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return error_set(err, errno, "cannot create the working directory \"%s\": %s", path,
                             strerror(errno));
        if (slash)
            *slash = '/';
    }
    return 0;
}

static int service_open_terminal(struct service *service, const struct account *account,
                                 int stdio[3], struct error *err)
{
    static const struct winsize whatever;
    int *master = &service->outputs[0].watch.fd;
    int result = process_open_terminal(account, &whatever, master, stdio, err);
    if (result == 0)
        service->input.fd = fcntl(*master, F_DUPFD_CLOEXEC, 0);
    return result;
}

/* Our ends of its pipes, and the child's. Without stdin_open it reads end-of-file. */
static int service_open_pipes(struct service *service, const struct account *account, int stdio[3],
                              struct error *err)
{
    if (service->agent->identity.stdin_open)
        service->input.fd = process_open_pipe(0, account, &stdio[0]);
    else
        stdio[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 2; i++)
        service->outputs[i].watch.fd = process_open_pipe(i + 1, account, &stdio[i + 1]);
    if (stdio[0] < 0 || stdio[1] < 0 || stdio[2] < 0)
        return error_set(err, errno, "cannot create a pipe: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
        fcntl(service->outputs[i].watch.fd, F_SETPIPE_SZ, SERVICE_PIPE_BYTES);
    return 0;
}

static int service_spawn(struct service *service, const struct account *account, int *ret_exit_code,
                         struct error *err)
{
    struct identity *identity = &service->agent->identity;
    struct command command = {
        .argv = identity->argv, .account = account, .stdio = {-1, -1, -1}, .tty = identity->tty};
    *ret_exit_code = 125;
    int result = make_working_dir(*identity->working_dir ? identity->working_dir : "/", err);
    if (result == 0)
        result = identity->tty ? service_open_terminal(service, account, command.stdio, err)
                               : service_open_pipes(service, account, command.stdio, err);
    if (result == 0)
        result = command_spawn(identity, &command, &service->pid, ret_exit_code, err);
    for (int i = 0; i < 3; i++)
        if (command.stdio[i] >= 0)
            close(command.stdio[i]);
    return result;
}

int service_start(struct service *service, int *ret_exit_code, struct error *err)
{
    struct account account;
    *ret_exit_code = 125;
    if (!service->agent->identity.argv)
        return error_set(err, EINVAL, "no command: neither the image nor the Compose file has one");
    int result = account_resolve(service->agent->identity.user, &account, err);
    if (result < 0)
        return result;
    service->kernel_log = oom_watch();
    result = service_spawn(service, &account, ret_exit_code, err);
    account_done(&account);
    return result;
}

void service_signal(struct service *service, int signal_number)
{
    if (service->pid > 0)
        kill(service->pid, signal_number);
}

void service_stop(struct service *service, int signal_number, uint64_t timeout_ms)
{
    service_signal(service, signal_number);
    if (service->pid > 0 && signal_number != SIGKILL)
        loop_set_timer(&service->agent->loop, &service->kill, timeout_ms);
}

bool service_reap(struct service *service, pid_t pid, int status)
{
    if (pid != service->pid || !pid)
        return false;
    int exit_code = process_exit_code(status);
    service->pid = 0;
    service->oom = exit_code == 128 + SIGKILL && oom_killed(service->kernel_log, pid);
    loop_clear_timer(&service->agent->loop, &service->kill);
    service->agent->platform->kill_all();
    agent_service_ended(service->agent, exit_code);
    return true;
}
