/* A job in the daemon (up, stop, down) as its client sees it: one POST whose answer is a stream of
 * events that feed the progress display and end with how the job went. */
#pragma once

#include "cmd/client.h"
#include "cmd/progress.h"

struct remote_job;

/* path: ".../up" etc. on_end is called once, never from within remote_job_start(); err->code 0: all
 * done; ECANCELED after remote_job_cancel(). progress may be NULL; it is ticked while the job runs.
 */
int remote_job_start(struct client *client, const char *path, const char *body,
                     struct progress *progress,
                     void (*on_end)(void *userdata, const struct error *err), void *userdata,
                     struct remote_job **ret_job, struct error *err);
/* Further events than those of progress: called for "plan" and "instance" lines. */
void remote_job_watch(struct remote_job *job, void (*on_event)(void *userdata, const cJSON *event),
                      void *userdata);
/* Asks the daemon to cancel it; the job still ends by on_end. Callable again without harm. */
void remote_job_cancel(struct remote_job *job);
/* Whether a step reported anything: a job on an unknown project has none. */
bool remote_job_had_steps(const struct remote_job *job);
/* Whether it asked something ("question" lines), and ended for it. */
bool remote_job_has_asked(const struct remote_job *job);
/* Detaches where it still runs; call before client_free(). */
void remote_job_free(struct remote_job *job);
DEFINE_FREEP(struct remote_job *, remote_job_free)

/* "/vmstead/projects/NAME/VERB". Owned by the caller. */
char *remote_job_path(const char *project, const char *verb);
