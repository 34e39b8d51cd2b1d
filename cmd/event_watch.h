/* The daemon's events as they come (docs/api.md, GET /events), on the client's loop. */
#pragma once

#include "cmd/client.h"

struct event_watch;

struct event_watch_handlers {
    void (*on_event)(void *userdata, const cJSON *event);
    /* Once: err->code 0 where the stream came to its end (--until). */
    void (*on_end)(void *userdata, const struct error *err);
};

/* query: what stands behind "/events?", escaped; event_watch_query() makes one. */
int event_watch_start(struct client *client, const char *query,
                      const struct event_watch_handlers *handlers, void *userdata,
                      struct event_watch **ret_watch, struct error *err);
/* Call before client_free(). NULL is fine. */
void event_watch_free(struct event_watch *watch);
/* All that happens to instances of the project. Owned by the caller. */
char *event_watch_query(const char *project);

/* "start"; 64 hex digits; the instance's name, its service...; the exit code of "die". */
const char *event_action(const cJSON *event);
const char *event_instance_id(const cJSON *event);
const char *event_attribute(const cJSON *event, const char *key);
int64_t event_exit_code(const cJSON *event);
