/* What the files of the API's fakes share. */
#pragma once

#include <uv.h>

/* The server's, in its thread. */
extern uv_loop_t *fake_loop;
/* Closes what is the data of its own handle. */
void fake_free_on_close(uv_handle_t *handle);
/* api_fake_events.c: "die" of shop-job-1, to who listens. */
void fake_tell_event(void);
