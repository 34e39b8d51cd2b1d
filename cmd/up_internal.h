/* The state of an `up` that stays attached; between up_run.c, up_attach.c and up_exit.c only. */
#pragma once

#include "base/vec.h"
#include "cmd/event_watch.h"
#include "cmd/log_feed.h"
#include "cmd/remote_job.h"
#include "cmd/up.h"

enum up_phase {
    UP_JOB,
    UP_CANCELLING,
    UP_ATTACHED,
    UP_STOPPING,
    UP_KILLING,
    UP_DONE,
    UP_PHASE_COUNT
};

/* An instance that the command waits for. */
struct watched {
    struct up *up;
    char *instance, *service, *label;
    bool shown; /* its logs are */
    size_t source;
    bool only_new;       /* it ran before: its earlier lines are not asked for */
    bool died;           /* the daemon said so; a start takes it back */
    bool exit_reported;  /* and all it wrote is shown */
    bool will_come_back; /* its policy restarts it */
    int64_t exit_code;
    struct client_request *tail; /* asks which line is the last */
    struct strbuf tail_data;
    char *last_time; /* NULL: not known yet; "": there is none */
    uint64_t died_at_ms;
};

struct up {
    const struct invocation *invocation;
    const struct up_values *values;
    const struct model *model;
    struct client *client;
    const char *project;
    bool detach;
    enum up_phase phase;
    struct remote_job *job;
    struct progress *progress;
    struct error job_result;
    bool job_ended, interrupted, kill_wanted;
    struct log_feed *feed; /* from ATTACHED on */
    VEC(struct watched *) watched;
    char **wanted, **shown; /* services: those waited for, those whose logs are shown */
    struct event_watch *events;
    bool has_asked;  /* the job */
    bool rescan;     /* somebody new may be there */
    bool aborting;   /* an exit that counts ends all */
    bool status_set; /* by that exit */
    cJSON *before;   /* the instances before the job */
    uv_timer_t tick;
    uint64_t stopped_at_ms, checked_at_ms;
    int status;
    struct error failure;
};

/* --- up_attach.c --- */
/* Which services are waited for and shown; before the job. */
void up_choose_services(struct up *up);
/* Takes in all instances that are there, and says whose logs follow. */
int up_attach_all(struct up *up, struct error *err);
/* Takes in those that came since. */
int up_attach_new(struct up *up, struct error *err);
void up_detach_all(struct up *up);

/* --- up_exit.c --- */
void up_take_event(struct up *up, const cJSON *event);
void up_mark_died(struct watched *watched, int64_t exit_code);
/* Says who has ended, where all they wrote is shown, and sets status and aborting. */
void up_report_exits(struct up *up);
/* True when nobody runs, nor will again. */
bool up_all_ended(struct up *up);
