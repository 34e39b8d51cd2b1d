/* QMP, QEMU's monitor: one JSON object per line. Greeting, capabilities, commands answered by id,
 * events. QEMU runs next to a hostile guest, so what it says is checked like the guest's own words:
 * a line that is too long or is not JSON closes the connection. */
#pragma once

#include "base/json.h"

#include <uv.h>

#define QMP_LINE_LIMIT (1024 * 1024)

/* --- the pure part: bytes to messages -------------------------------------------------------- */

struct qmp_parser;
struct qmp_parser *qmp_parser_new(void (*on_message)(void *userdata, const cJSON *message),
                                  void *userdata);
void qmp_parser_free(struct qmp_parser *parser);
/* -EPROTO with what was wrong; the parser is of no further use then. */
int qmp_parser_feed(struct qmp_parser *parser, const char *data, size_t length, struct error *err);

/* --- the connection ------------------------------------------------------------------------- */

struct qmp;

struct qmp_callbacks {
    /* Greeted, capabilities agreed: commands go out. May be NULL. */
    void (*on_ready)(void *userdata);
    /* {"event":S,"data":{...},...}; may be NULL. */
    void (*on_event)(void *userdata, const cJSON *event);
    /* QEMU went away or spoke nonsense; no callback comes after it. May be NULL. */
    void (*on_closed)(void *userdata, const struct error *err);
};

/* Connects to a listening socket. Nothing is called from within. */
int qmp_new(uv_loop_t *loop, const char *socket_path, const struct qmp_callbacks *callbacks,
            void *userdata, struct qmp **ret_qmp, struct error *err);
/* No callback comes any more, replies included. */
void qmp_free(struct qmp *qmp);
/* Sent once ready; takes arguments (may be NULL). on_reply (may be NULL) gets "return", or NULL
 * with QEMU's words in err; it is not called when the connection closes first. */
void qmp_execute(struct qmp *qmp, const char *command, cJSON *arguments,
                 void (*on_reply)(void *userdata, const cJSON *result, const struct error *err),
                 void *userdata);
