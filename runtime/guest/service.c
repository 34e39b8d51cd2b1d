/* The service's process and its logs, see service.h. */
#include "runtime/guest/service.h"

#include "runtime/guest/agent.h"
#include "runtime/guest/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One read of a pipe, and the ring's room that its worst case (only newlines) takes. */
#define READ_SIZE 8192u
#define READ_ROOM ((size_t)READ_SIZE * (LOG_RECORD_HEADER_SIZE + 1) + LOG_TEXT_MAX)
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

/* True where there was something. */
static bool output_read(struct service_output *output)
{
    char data[READ_SIZE];
    if (output->watch.fd < 0)
        return false;
    ssize_t length = read(output->watch.fd, data, sizeof(data));
    if (length > 0) {
        splitter_add(&output->splitter, &output->service->ring, realtime_ns(), data,
                     (size_t)length);
        return true;
    }
    if (length == 0 || (errno != EAGAIN && errno != EINTR))
        output_close(output);
    return false;
}

static void output_on_ready(void *userdata, uint32_t events)
{
    (void)events;
    output_read(userdata);
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

/* --- ring -> link --------------------------------------------------------------------------- */

static void service_send_logs(struct service *service)
{
    struct link *link = &service->agent->link;
    _cleanup_strbuf_ struct strbuf records = {0};
    while (link->up && link_unsent(link) < LINK_BUSY &&
           ring_in_flight(&service->ring) < LOG_WINDOW &&
           ring_take(&service->ring, &records, FRAME_PAYLOAD_MAX)) {
        link_send(link, MESSAGE_LOG, 0, records.data, records.length);
        strbuf_clear(&records);
    }
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
    bool room = ring_room(&service->ring) >= READ_ROOM;
    if (room)
        service->dropping = false;
    bool nobody = !service->agent->link.up || service->agent->host_is_away;
    bool reading = room || service->dropping || nobody;
    service_watch_outputs(service, reading);
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
    *service = (struct service){.agent = agent};
    ring_init(&service->ring);
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
    loop_clear_timer(&service->agent->loop, &service->stall);
    loop_clear_timer(&service->agent->loop, &service->kill);
    for (int i = 0; i < 2; i++)
        output_close(&service->outputs[i]);
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

/* Reading ends of two pipes for us, writing ends for the child. */
static int service_open_pipes(struct service *service, const struct account *account, int stdio[3],
                              struct error *err)
{
    stdio[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return error_set(err, errno, "cannot create a pipe: %s", strerror(errno));
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        /* /dev/stdout opened by a service that is not root. */
        if (fchown(ends[1], account->uid, account->gid) < 0)
            errno = 0;
        service->outputs[i].watch.fd = ends[0];
        stdio[i + 1] = ends[1];
    }
    return 0;
}

static int service_spawn(struct service *service, const struct account *account, int *ret_exit_code,
                         struct error *err)
{
    struct identity *identity = &service->agent->identity;
    struct process_spec spec = {
        .argv = identity->argv,
        .working_dir = *identity->working_dir ? identity->working_dir : "/",
        .account = account,
        .stdio = {-1, -1, -1},
    };
    _cleanup_strv_ char **environment = strv_copy((const char *const *)identity->environment);
    environment_add_defaults(&environment, account, false);
    spec.environment = environment;
    *ret_exit_code = 125;
    int result = make_working_dir(spec.working_dir, err);
    if (result == 0)
        result = service_open_pipes(service, account, spec.stdio, err);
    if (result == 0)
        result = process_spawn(&spec, &service->pid, ret_exit_code, err);
    for (int i = 0; i < 3; i++)
        if (spec.stdio[i] >= 0)
            close(spec.stdio[i]);
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
    service->pid = 0;
    loop_clear_timer(&service->agent->loop, &service->kill);
    service->agent->platform->kill_all();
    agent_service_ended(service->agent, process_exit_code(status));
    return true;
}
