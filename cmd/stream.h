/* The two ways in which the daemon streams (docs/api.md, "Streams"), cut into records: JSON lines
 * (jobs, events) and frames with Docker's 8-byte header (logs, exec). Pure; zero-initialise the
 * structs. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

/* A line or a frame longer than this is refused. */
#define STREAM_LIMIT 16777216 /* bytes */

/* Calls on_line for every complete line, without its newline and NUL-terminated. */
int stream_feed_lines(struct strbuf *pending, const char *data, size_t length,
                      void (*on_line)(void *userdata, char *line, size_t length), void *userdata,
                      struct error *err);

enum stream_frame_type {
    STREAM_STDIN = 0,
    STREAM_STDOUT = 1,
    STREAM_STDERR = 2,
    STREAM_END = 3,
    STREAM_CONTROL = 4,
};
#define STREAM_HEADER_SIZE 8

/* Calls on_frame for every complete frame. */
int stream_feed_frames(struct strbuf *pending, const char *data, size_t length,
                       void (*on_frame)(void *userdata, unsigned type, const char *payload,
                                        size_t length),
                       void *userdata, struct error *err);
void stream_add_frame(struct strbuf *out, enum stream_frame_type type, const void *payload,
                      size_t length);
