/* Execs, see task.h. */
#include "runtime/guest/task.h"

#include "runtime/guest/agent.h"
#include "runtime/guest/command.h"
#include "runtime/guest/process.h"
#include "runtime/guest/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How long a terminal's output may come after its process: the kernel hands it on by a work item.
 */
#define DRAIN_MS 300u

/* What EXEC_START says. */
struct request {
    char **argv, **environment;
    char *user, *working_dir;
    bool tty, attach_stdin, detach;
    struct winsize size;
};

static void request_done(struct request *request)
{
    strv_free(request->argv);
    strv_free(request->environment);
    free(request->user);
    free(request->working_dir);
}

static void request_take_field(struct request *request, uint16_t tag, struct wire_reader *field)
{
    char *text = NULL;
    switch ((enum exec_tag)tag) {
    case EXEC_ARGUMENT:
    case EXEC_ENVIRONMENT:
        if ((text = wire_get_text(field)))
            strv_add(tag == EXEC_ARGUMENT ? &request->argv : &request->environment, text);
        break;
    case EXEC_USER:
        free(request->user);
        request->user = wire_get_text(field);
        break;
    case EXEC_WORKING_DIR:
        free(request->working_dir);
        request->working_dir = wire_get_text(field);
        break;
    case EXEC_TTY:
        request->tty = true;
        request->size.ws_row = wire_get_u16(field);
        request->size.ws_col = wire_get_u16(field);
        break;
    case EXEC_ATTACH_STDIN:
        request->attach_stdin = true;
        break;
    case EXEC_DETACH:
        request->detach = true;
        break;
    }
}

static void request_decode(struct request *request, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length), field;
    uint16_t tag;
    *request = (struct request){0};
    while (wire_get_field(&reader, &tag, &field))
        request_take_field(request, tag, &field);
}

/* --- life ----------------------------------------------------------------------------------- */

static void watch_close(struct loop *loop, struct watch *watch)
{
    if (watch->fd < 0)
        return;
    loop_watch(loop, watch, 0);
    close(watch->fd);
    watch->fd = -1;
}

static void task_free(struct task *task)
{
    struct loop *loop = &task->job.agent->loop;
    job_close(&task->job);
    loop_clear_timer(loop, &task->drain);
    watch_close(loop, &task->outputs[0].watch);
    watch_close(loop, &task->outputs[1].watch);
    watch_close(loop, &task->input);
    strbuf_done(&task->input_data);
    free(task);
}

/* The stream's last message. */
static void task_exit(struct task *task, int exit_code)
{
    uint8_t code[4];
    wire_store_u32(code, (uint32_t)exit_code);
    job_send(&task->job, MESSAGE_EXEC_EXIT, code, sizeof(code));
    task_free(task);
}

/* Once its process has ended and its output is sent. */
static void task_end_if_done(struct task *task)
{
    if (task->reaped && task->outputs[0].watch.fd < 0 && task->outputs[1].watch.fd < 0)
        task_exit(task, task->exit_code);
}

/* --- output --------------------------------------------------------------------------------- */

static void pipe_close(struct task_pipe *pipe)
{
    struct task *task = pipe->task;
    if (task->tty && task->input.fd >= 0)
        watch_close(&task->job.agent->loop, &task->input);
    watch_close(&task->job.agent->loop, &pipe->watch);
}

static void task_watch_outputs(struct task *task)
{
    for (int i = 0; i < 2; i++)
        if (task->outputs[i].watch.fd >= 0)
            loop_watch(&task->job.agent->loop, &task->outputs[i].watch, task->credit ? EPOLLIN : 0);
}

/* One read. True: there may be more. */
static bool pipe_read(struct task_pipe *pipe)
{
    struct task *task = pipe->task;
    struct link *link = &task->job.agent->link;
    size_t limit = task->credit < FRAME_PAYLOAD_MAX ? task->credit : FRAME_PAYLOAD_MAX;
    if (!limit || pipe->watch.fd < 0)
        return false;
    ssize_t length = read(pipe->watch.fd, link_reserve(link), limit);
    if (length > 0) {
        task->credit -= (size_t)length;
        link_commit(link, pipe->type, task->job.stream, (size_t)length);
        return true;
    }
    /* Of a process that has ended, an empty pipe is all: others may hold it for ever. A terminal
     * may still get its last words. */
    bool empty = length < 0 && (errno == EAGAIN || errno == EINTR);
    if (!empty || (task->reaped && (!task->tty || task->drained)))
        pipe_close(pipe);
    return false;
}

static void pipe_on_ready(void *userdata, uint32_t events)
{
    (void)events;
    struct task_pipe *pipe = userdata;
    struct task *task = pipe->task;
    pipe_read(pipe);
    if (task->reaped)
        while (pipe_read(pipe))
            ;
    task_watch_outputs(task);
    task_end_if_done(task);
}

/* The process has ended: sends what is left, as far as the credit goes. */
static void task_drain(struct task *task)
{
    for (int i = 0; i < 2; i++)
        while (pipe_read(&task->outputs[i]))
            ;
    task_watch_outputs(task);
    task_end_if_done(task);
}

static void task_on_drained(void *userdata)
{
    struct task *task = userdata;
    task->drained = true;
    task_drain(task);
}

static bool task_reap(struct job *job, pid_t pid, int status)
{
    struct task *task = (struct task *)job;
    if (task->pid != pid)
        return false;
    task->pid = 0;
    task->reaped = true;
    task->exit_code = process_exit_code(status);
    if (task->tty)
        loop_set_timer(&job->agent->loop, &task->drain, DRAIN_MS);
    task_drain(task);
    return true;
}

/* --- input ---------------------------------------------------------------------------------- */

/* Nobody reads any more: what comes is taken and thrown away, so that the host does not wait. */
static void task_discard_input(struct task *task)
{
    watch_close(&task->job.agent->loop, &task->input);
    job_give_credit(&task->job, task->input_data.length, true);
    strbuf_clear(&task->input_data);
}

static void task_write_input(struct task *task)
{
    if (task->input.fd < 0)
        return task_discard_input(task);
    while (task->input_data.length) {
        ssize_t length = write(task->input.fd, task->input_data.data, task->input_data.length);
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return loop_watch(&task->job.agent->loop, &task->input, EPOLLOUT);
        if (length < 0)
            return task_discard_input(task);
        strbuf_drop_front(&task->input_data, (size_t)length);
        job_give_credit(&task->job, (size_t)length, !task->input_data.length);
    }
    loop_watch(&task->job.agent->loop, &task->input, 0);
    if (task->input_ended)
        watch_close(&task->job.agent->loop, &task->input);
}

static void input_on_ready(void *userdata, uint32_t events)
{
    (void)events;
    task_write_input(userdata);
}

static void task_end_input(struct task *task)
{
    task->input_ended = true;
    if (task->tty && task->input.fd >= 0)
        strbuf_add_char(&task->input_data, 4); /* VEOF: a terminal has no other end */
    task_write_input(task);
}

/* --- messages ------------------------------------------------------------------------------- */

static void task_signal(struct task *task, int signal_number)
{
    if (task->pid > 0)
        kill(-task->pid, signal_number);
}

static void task_resize(struct task *task, struct wire_reader *reader)
{
    struct winsize size = {.ws_row = wire_get_u16(reader), .ws_col = wire_get_u16(reader)};
    if (task->tty && !reader->bad && task->outputs[0].watch.fd >= 0)
        ioctl(task->outputs[0].watch.fd, TIOCSWINSZ, &size);
}

static void task_take(struct job *job, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    struct task *task = (struct task *)job;
    if (message->type == MESSAGE_EXEC_STDIN) {
        strbuf_add(&task->input_data, message->data, message->length);
        task_write_input(task);
    } else if (message->type == MESSAGE_EXEC_EOF) {
        task_end_input(task);
    } else if (message->type == MESSAGE_EXEC_RESIZE) {
        task_resize(task, &reader);
    } else if (message->type == MESSAGE_EXEC_SIGNAL) {
        task_signal(task, (int)wire_get_u32(&reader));
    } else if (message->type == MESSAGE_CREDIT) {
        task->credit += wire_get_u32(&reader);
        task_watch_outputs(task);
        if (task->reaped)
            task_drain(task);
    }
}

static void task_end(struct job *job, bool kill)
{
    struct task *task = (struct task *)job;
    task_signal(task, SIGHUP);
    if (kill)
        task_signal(task, SIGKILL);
    task_free(task);
}

/* --- start ---------------------------------------------------------------------------------- */

static int task_open_terminal(struct task *task, const struct request *request,
                              const struct account *account, int stdio[3], struct error *err)
{
    int result =
        process_open_terminal(account, &request->size, &task->outputs[0].watch.fd, stdio, err);
    if (result == 0 && request->attach_stdin)
        task->input.fd = fcntl(task->outputs[0].watch.fd, F_DUPFD_CLOEXEC, 0);
    return result;
}

static int task_open_pipes(struct task *task, const struct request *request,
                           const struct account *account, int stdio[3], struct error *err)
{
    if (request->attach_stdin)
        task->input.fd = process_open_pipe(0, account, &stdio[0]);
    else
        stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    task->outputs[0].watch.fd = process_open_pipe(1, account, &stdio[1]);
    task->outputs[1].watch.fd = process_open_pipe(2, account, &stdio[2]);
    if (stdio[0] < 0 || stdio[1] < 0 || stdio[2] < 0)
        return error_set(err, errno, "cannot create a pipe: %s", strerror(errno));
    return 0;
}

static int open_nowhere(int stdio[3], struct error *err)
{
    for (int i = 0; i < 3; i++)
        if ((stdio[i] = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
            return error_set(err, errno, "cannot open \"/dev/null\": %s", strerror(errno));
    return 0;
}

static int task_spawn(struct task *task, const struct request *request,
                      const struct account *account, struct error *err)
{
    struct command command = {.argv = request->argv,
                              .environment = request->environment,
                              .working_dir = request->working_dir,
                              .account = account,
                              .stdio = {-1, -1, -1},
                              .tty = request->tty && !request->detach};
    int result = request->detach ? open_nowhere(command.stdio, err)
                 : request->tty  ? task_open_terminal(task, request, account, command.stdio, err)
                                 : task_open_pipes(task, request, account, command.stdio, err);
    if (result == 0)
        result =
            command_spawn(&task->job.agent->identity, &command, &task->pid, &task->exit_code, err);
    for (int i = 0; i < 3; i++)
        if (command.stdio[i] >= 0)
            close(command.stdio[i]);
    return result;
}

static int task_begin(struct task *task, const struct request *request, struct error *err)
{
    struct agent *agent = task->job.agent;
    struct account account;
    task->exit_code = PROCESS_NOT_EXECUTABLE;
    if (agent->phase != AGENT_RUNNING)
        return error_set(err, ESRCH, "exec: the service is not running");
    if (agent->job_count > AGENT_JOBS_MAX)
        return error_set(err, EAGAIN, "exec: %u commands are running by exec already",
                         AGENT_JOBS_MAX);
    if (!request->argv)
        return error_set(err, EINVAL, "exec: no command");
    int result =
        account_resolve(request->user ? request->user : agent->identity.user, &account, err);
    if (result < 0)
        return result;
    result = task_spawn(task, request, &account, err);
    account_done(&account);
    return result;
}

static struct task *task_new(struct agent *agent, uint32_t stream, bool tty)
{
    static const struct job_type type = {.take = task_take, .reap = task_reap, .end = task_end};
    struct task *task = new0(struct task);
    *task = (struct task){.tty = tty,
                          .credit = STREAM_WINDOW,
                          .drain = {.on_deadline = task_on_drained, .userdata = task},
                          .input = {.fd = -1, .on_ready = input_on_ready, .userdata = task}};
    for (int i = 0; i < 2; i++)
        task->outputs[i] = (struct task_pipe){
            .watch = {.fd = -1, .on_ready = pipe_on_ready, .userdata = &task->outputs[i]},
            .task = task,
            .type = i ? MESSAGE_EXEC_STDERR : MESSAGE_EXEC_STDOUT};
    job_open(&task->job, agent, &type, stream);
    return task;
}

void task_start(struct agent *agent, const struct message *message)
{
    _cleanup_error_ struct error err = {0};
    struct request request;
    request_decode(&request, message);
    struct task *task = task_new(agent, message->stream, request.tty);
    if (task_begin(task, &request, &err) < 0) {
        _cleanup_free_ char *line = xasprintf("%s%s", err.message, request.tty ? "\r\n" : "\n");
        job_send(&task->job, request.tty ? MESSAGE_EXEC_STDOUT : MESSAGE_EXEC_STDERR, line,
                 strlen(line));
        task_exit(task, task->exit_code);
    } else if (request.detach) {
        task_exit(task, 0); /* its process is an orphan of ours from now on */
    } else {
        task_watch_outputs(task);
    }
    request_done(&request);
}
