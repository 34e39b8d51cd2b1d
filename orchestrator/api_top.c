/* GET /containers/{id}/top: the guest's processes in the columns of `ps -ef`. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/str.h"
#include "orchestrator/api_internal.h"

#include <errno.h>
#include <time.h>

struct top_call {
    struct http_request *request;
    struct top *top;
};

/* ps(1): "The user will see ... HH:MM if the process began today, else MmmDD". */
static char *start_text(int64_t started_ms, int64_t now_ms)
{
    time_t started = started_ms / 1000, now = now_ms / 1000;
    struct tm start_day, today;
    localtime_r(&started, &start_day);
    localtime_r(&now, &today);
    bool is_today = start_day.tm_year == today.tm_year && start_day.tm_yday == today.tm_yday;
    char text[32];
    strftime(text, sizeof(text), is_today ? "%H:%M" : "%b%d", &start_day);
    return xstrdup(text);
}

static char *processor_time_text(uint64_t cpu_ms)
{
    unsigned long long seconds = cpu_ms / 1000;
    return xasprintf("%02llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

static cJSON *describe_process(const struct top_process *process, int64_t now_ms)
{
    _cleanup_free_ char *start = start_text(process->started_at_ms, now_ms);
    _cleanup_free_ char *time = processor_time_text(process->cpu_ms);
    _cleanup_free_ char *pid = xasprintf("%u", process->pid);
    _cleanup_free_ char *ppid = xasprintf("%u", process->ppid);
    _cleanup_free_ char *percent = xasprintf("%u", process->cpu_percent);
    const char *const columns[] = {process->user, pid,          ppid, percent,
                                   start,         process->tty, time, process->command};
    return cJSON_CreateStringArray(columns, ARRAY_SIZE(columns));
}

static void on_done(void *userdata, const struct top_process *processes, size_t count,
                    const struct error *err)
{
    static const char *const titles[] = {"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"};
    _cleanup_free_ struct top_call *top = userdata;
    if (err && err->code) {
        api_respond_failure(top->request, err);
        return;
    }
    _cleanup_json_ cJSON *answer = cJSON_CreateObject();
    json_set(answer, "Titles", cJSON_CreateStringArray(titles, ARRAY_SIZE(titles)));
    cJSON *rows = cJSON_AddArrayToObject(answer, "Processes");
    int64_t now_ms = clock_realtime_ms();
    for (size_t i = 0; i < count; i++)
        cJSON_AddItemToArray(rows, describe_process(&processes[i], now_ms));
    http_respond_json(top->request, 200, answer);
}

static void on_leave(void *userdata)
{
    _cleanup_free_ struct top_call *top = userdata;
    runtime_top_abandon(top->top);
}

void api_container_top(const struct api_call *call)
{
    const char *arguments = http_request_query(call->request, "ps_args");
    if (arguments && *arguments && !streq(arguments, "-ef")) {
        http_respond_error(call->request, 400, EINVAL,
                           "ps_args '%s' is not supported: there is no ps, only the columns of -ef",
                           arguments);
        return;
    }
    _cleanup_json_ cJSON *instance = api_find_instance(call);
    if (!instance || api_refuse_unless_running(call->request, instance))
        return;
    _cleanup_free_ struct top_call *top = new0(struct top_call);
    top->request = call->request;
    _cleanup_error_ struct error err = {0};
    if (runtime_top_start(call->api->options.runtime, json_string(instance, "Name", ""), on_done,
                          top, &top->top, &err) < 0) {
        api_respond_failure(call->request, &err);
        return;
    }
    http_request_defer(call->request, on_leave, TAKE_PTR(top));
}
