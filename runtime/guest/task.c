/* Execs, see task.h. */
#include "runtime/guest/task.h"

#include "runtime/guest/agent.h"
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

/* stdin bytes taken before they are given back as credit. */
#define CREDIT_STEP (64u << 10)
/* How long a terminal's output may come after its process: the kernel hands it on by a work item.
 */
#define DRAIN_MS 300u

/* What EXEC_START says. */
struct request {
    char **argv, **environment;
    char *user, *working_dir;
    bool tty, attach_stdin;
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
    struct agent *agent = task->agent;
    for (struct task **link = &agent->tasks; *link; link = &(*link)->next) {
        if (*link != task)
            continue;
        *link = task->next;
        agent->task_count--;
        break;
    }
    loop_clear_timer(&agent->loop, &task->drain);
    watch_close(&agent->loop, &task->outputs[0].watch);
    watch_close(&agent->loop, &task->outputs[1].watch);
    watch_close(&agent->loop, &task->input);
    strbuf_done(&task->input_data);
    free(task);
}

static void send_exit(struct agent *agent, uint32_t stream, int exit_code)
{
    uint8_t code[4];
    wire_store_u32(code, (uint32_t)exit_code);
    link_send(&agent->link, MESSAGE_EXEC_EXIT, stream, code, sizeof(code));
}

/* Frees the task once its process has ended and its output is sent. */
static void task_end_if_done(struct task *task)
{
    if (!task->reaped || task->outputs[0].watch.fd >= 0 || task->outputs[1].watch.fd >= 0)
        return;
    send_exit(task->agent, task->stream, task->exit_code);
    task_free(task);
}

static struct task *task_find(struct agent *agent, uint32_t stream)
{
    for (struct task *task = agent->tasks; task; task = task->next)
        if (task->stream == stream)
            return task;
    return NULL;
}

/* --- output --------------------------------------------------------------------------------- */

static void pipe_close(struct task_pipe *pipe)
{
    struct task *task = pipe->task;
    if (task->tty && task->input.fd >= 0)
        watch_close(&task->agent->loop, &task->input);
    watch_close(&task->agent->loop, &pipe->watch);
}

static void task_watch_outputs(struct task *task)
{
    for (int i = 0; i < 2; i++)
        if (task->outputs[i].watch.fd >= 0)
            loop_watch(&task->agent->loop, &task->outputs[i].watch, task->credit ? EPOLLIN : 0);
}

/* One read. True: there may be more. */
static bool pipe_read(struct task_pipe *pipe)
{
    struct task *task = pipe->task;
    char data[FRAME_PAYLOAD_MAX];
    size_t limit = task->credit < sizeof(data) ? task->credit : sizeof(data);
    if (!limit || pipe->watch.fd < 0)
        return false;
    ssize_t length = read(pipe->watch.fd, data, limit);
    if (length > 0) {
        task->credit -= (size_t)length;
        link_send(&task->agent->link, pipe->type, task->stream, data, (size_t)length);
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

bool task_reap(struct agent *agent, pid_t pid, int status)
{
    struct task *task = agent->tasks;
    while (task && task->pid != pid)
        task = task->next;
    if (!task)
        return false;
    task->pid = 0;
    task->reaped = true;
    task->exit_code = process_exit_code(status);
    if (task->tty)
        loop_set_timer(&agent->loop, &task->drain, DRAIN_MS);
    task_drain(task);
    return true;
}

/* --- input ---------------------------------------------------------------------------------- */

static void task_give_credit(struct task *task, size_t length, bool all)
{
    task->input_consumed += (uint32_t)length;
    if (!task->input_consumed || (!all && task->input_consumed < CREDIT_STEP))
        return;
    uint8_t credit[4];
    wire_store_u32(credit, task->input_consumed);
    link_send(&task->agent->link, MESSAGE_CREDIT, task->stream, credit, sizeof(credit));
    task->input_consumed = 0;
}

/* Nobody reads any more: what comes is taken and thrown away, so that the host does not wait. */
static void task_discard_input(struct task *task)
{
    watch_close(&task->agent->loop, &task->input);
    task_give_credit(task, task->input_data.length, true);
    strbuf_clear(&task->input_data);
}

static void task_write_input(struct task *task)
{
    if (task->input.fd < 0)
        return task_discard_input(task);
    while (task->input_data.length) {
        ssize_t length = write(task->input.fd, task->input_data.data, task->input_data.length);
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return loop_watch(&task->agent->loop, &task->input, EPOLLOUT);
        if (length < 0)
            return task_discard_input(task);
        strbuf_drop_front(&task->input_data, (size_t)length);
        task_give_credit(task, (size_t)length, !task->input_data.length);
    }
    loop_watch(&task->agent->loop, &task->input, 0);
    if (task->input_ended)
        watch_close(&task->agent->loop, &task->input);
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

void task_take_message(struct agent *agent, const struct message *message)
{
    struct wire_reader reader = wire_read(message->data, message->length);
    struct task *task = task_find(agent, message->stream);
    if (!task)
        return;
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
    } else if (message->type == MESSAGE_EXEC_ABANDON) {
        task_signal(task, SIGHUP);
        task_free(task);
    }
}

void task_end_all(struct agent *agent)
{
    while (agent->tasks) {
        task_signal(agent->tasks, SIGHUP);
        task_signal(agent->tasks, SIGKILL);
        task_free(agent->tasks);
    }
}

/* --- start ---------------------------------------------------------------------------------- */

static int set_nonblocking(int fd)
{
    return fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* A terminal: its master is our end of everything, its slave the child's. */
static int task_open_terminal(struct task *task, const struct request *request,
                              const struct account *account, int stdio[3], struct error *err)
{
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int unlock = 0;
    if (master < 0)
        return error_set(err, errno, "cannot open a terminal: %s", strerror(errno));
    task->outputs[0].watch.fd = master;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0 ||
        (stdio[0] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
        return error_set(err, errno, "cannot open a terminal: %s", strerror(errno));
    if (fchown(stdio[0], account->uid, (gid_t)-1) < 0)
        errno = 0;
    if (request->size.ws_row || request->size.ws_col)
        ioctl(master, TIOCSWINSZ, &request->size);
    stdio[1] = fcntl(stdio[0], F_DUPFD_CLOEXEC, 0);
    stdio[2] = fcntl(stdio[0], F_DUPFD_CLOEXEC, 0);
    if (request->attach_stdin)
        task->input.fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
    return set_nonblocking(master);
}

/* A pipe for one of the child's streams; -1 where there is none to be had. */
static int open_pipe(int child_side, const struct account *account, int *ret_child_fd)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    int ours = child_side == 0 ? 1 : 0;
    if (fchown(ends[!ours], account->uid, account->gid) < 0)
        errno = 0;
    *ret_child_fd = ends[!ours];
    set_nonblocking(ends[ours]);
    return ends[ours];
}

static int task_open_pipes(struct task *task, const struct request *request,
                           const struct account *account, int stdio[3], struct error *err)
{
    if (request->attach_stdin)
        task->input.fd = open_pipe(0, account, &stdio[0]);
    else
        stdio[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    task->outputs[0].watch.fd = open_pipe(1, account, &stdio[1]);
    task->outputs[1].watch.fd = open_pipe(2, account, &stdio[2]);
    if (stdio[0] < 0 || stdio[1] < 0 || stdio[2] < 0)
        return error_set(err, errno, "cannot create a pipe: %s", strerror(errno));
    return 0;
}

/* The service's environment, what the exec adds, and the defaults. */
static char **task_environment(const struct agent *agent, const struct request *request,
                               const struct account *account)
{
    char **environment = strv_copy((const char *const *)agent->identity.environment);
    for (char **item = request->environment; item && *item; item++)
        environment_set(&environment, *item);
    environment_add_defaults(&environment, account, request->tty);
    return environment;
}

static const char *task_working_dir(const struct agent *agent, const struct request *request)
{
    if (request->working_dir && *request->working_dir)
        return request->working_dir;
    return *agent->identity.working_dir ? agent->identity.working_dir : "/";
}

static int task_spawn(struct task *task, const struct request *request,
                      const struct account *account, struct error *err)
{
    _cleanup_strv_ char **environment = task_environment(task->agent, request, account);
    struct process_spec spec = {
        .argv = request->argv,
        .environment = environment,
        .working_dir = task_working_dir(task->agent, request),
        .account = account,
        .stdio = {-1, -1, -1},
        .tty = request->tty,
    };
    int result = request->tty ? task_open_terminal(task, request, account, spec.stdio, err)
                              : task_open_pipes(task, request, account, spec.stdio, err);
    if (result == 0)
        result = process_spawn(&spec, &task->pid, &task->exit_code, err);
    for (int i = 0; i < 3; i++)
        if (spec.stdio[i] >= 0)
            close(spec.stdio[i]);
    return result;
}

static int task_begin(struct task *task, const struct request *request, struct error *err)
{
    struct agent *agent = task->agent;
    struct account account;
    task->exit_code = PROCESS_NOT_EXECUTABLE;
    if (agent->phase != AGENT_RUNNING)
        return error_set(err, ESRCH, "exec: the service is not running");
    if (agent->task_count > AGENT_TASKS_MAX)
        return error_set(err, EAGAIN, "exec: %u processes are running by exec already",
                         AGENT_TASKS_MAX);
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
    struct task *task = new0(struct task);
    *task = (struct task){.next = agent->tasks,
                          .agent = agent,
                          .stream = stream,
                          .tty = tty,
                          .credit = STREAM_WINDOW,
                          .drain = {.on_deadline = task_on_drained, .userdata = task},
                          .input = {.fd = -1, .on_ready = input_on_ready, .userdata = task}};
    for (int i = 0; i < 2; i++)
        task->outputs[i] = (struct task_pipe){
            .watch = {.fd = -1, .on_ready = pipe_on_ready, .userdata = &task->outputs[i]},
            .task = task,
            .type = i ? MESSAGE_EXEC_STDERR : MESSAGE_EXEC_STDOUT};
    agent->tasks = task;
    agent->task_count++;
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
        link_send(&agent->link, request.tty ? MESSAGE_EXEC_STDOUT : MESSAGE_EXEC_STDERR,
                  message->stream, line, strlen(line));
        send_exit(agent, message->stream, task->exit_code);
        task_free(task);
    } else {
        task_watch_outputs(task);
    }
    request_done(&request);
}
