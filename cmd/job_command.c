/* Commands that are jobs; see job_command.h. */
#include "cmd/job_command.h"

#include "base/alloc.h"
#include "cmd/interrupt.h"
#include "cmd/remote_job.h"

#include <errno.h>

struct course {
    struct remote_job *job;
    bool ended, interrupted;
    struct error result;
};

static void on_job_end(void *userdata, const struct error *err)
{
    struct course *course = userdata;
    course->ended = true;
    if (err->code)
        error_copy(&course->result, err);
}

static void on_interrupt(void *userdata, unsigned count)
{
    (void)count;
    struct course *course = userdata;
    course->interrupted = true;
    remote_job_cancel(course->job);
}

static int conclude(struct course *course, struct error *err)
{
    if (course->interrupted && course->result.code == ECANCELED) {
        error_done(&course->result);
        return INTERRUPT_EXIT_STATUS;
    }
    return course->result.code ? error_move(err, &course->result) : 0;
}

int job_command_run(const struct invocation *invocation, struct client *client, const char *project,
                    const struct job_command *command, const char *body, bool *ret_had_steps,
                    struct error *err)
{
    _cleanup_(progress_freep) struct progress *progress =
        progress_new(command->quiet ? "quiet" : invocation->global->progress, command->title);
    _cleanup_free_ char *path = remote_job_path(project, command->verb);
    progress_hide_images(progress, command->quiet_images);
    struct course course = {0};
    int r = remote_job_start(client, path, body, progress, on_job_end, &course, &course.job, err);
    if (r < 0)
        return r;
    if (command->on_event)
        remote_job_watch(course.job, command->on_event, command->userdata);
    struct interrupt interrupt;
    interrupt_init(&interrupt, client_loop(client), on_interrupt, &course);
    while (!course.ended)
        uv_run(client_loop(client), UV_RUN_ONCE);
    interrupt_done(&interrupt);
    uv_run(client_loop(client), UV_RUN_NOWAIT);
    if (ret_had_steps)
        *ret_had_steps = remote_job_had_steps(course.job);
    remote_job_free(course.job);
    return conclude(&course, err);
}

int job_command_run_targets(const struct invocation *invocation, const struct targets *targets,
                            const struct job_command *command, const cJSON *options,
                            struct error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && targets->client && i < targets->count; i++) {
        const struct target *target = &targets->items[i];
        _cleanup_json_ cJSON *body = cJSON_Duplicate(options, true);
        json_set(body, "services", json_from_strv(target->services));
        json_set(body, "instances", json_from_strv(target->instances));
        _cleanup_free_ char *text = json_print(body);
        r = job_command_run(invocation, targets->client, target->project, command, text, NULL, err);
    }
    return r;
}

int job_command_run_operands(const struct invocation *invocation, const struct job_command *command,
                             cJSON *options, struct error *err)
{
    _cleanup_json_ cJSON *owned = options;
    _cleanup_targets_ struct targets targets = {0};
    int r = target_find(invocation, invocation->operands, invocation->operand_count, &targets, err);
    return r < 0 ? r : job_command_run_targets(invocation, &targets, command, owned, err);
}
