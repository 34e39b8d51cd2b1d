/* See qmp.h: bytes to messages, pure. */
#include "runtime/qmp.h"

#include "base/alloc.h"
#include "base/str.h"

#include <errno.h>

struct qmp_parser {
    struct strbuf line;
    void (*on_message)(void *userdata, const cJSON *message);
    void *userdata;
};

struct qmp_parser *qmp_parser_new(void (*on_message)(void *userdata, const cJSON *message),
                                  void *userdata)
{
    struct qmp_parser *parser = new0(struct qmp_parser);
    parser->on_message = on_message;
    parser->userdata = userdata;
    return parser;
}

void qmp_parser_free(struct qmp_parser *parser)
{
    if (!parser)
        return;
    strbuf_done(&parser->line);
    free(parser);
}

static int parse_line(struct qmp_parser *parser, const char *line, size_t length, struct error *err)
{
    while (length && (line[length - 1] == '\r' || line[length - 1] == ' '))
        length--;
    if (length == 0)
        return 0;
    _cleanup_json_ cJSON *message = NULL;
    _cleanup_error_ struct error local = {0};
    if (json_parse(line, length, &message, &local) < 0)
        return error_set(err, EPROTO, "QEMU's monitor sent what is not JSON: %s",
                         error_text(&local));
    if (!cJSON_IsObject(message))
        return error_set(err, EPROTO, "QEMU's monitor sent something that is not an object");
    parser->on_message(parser->userdata, message);
    return 0;
}

int qmp_parser_feed(struct qmp_parser *parser, const char *data, size_t length, struct error *err)
{
    while (length) {
        const char *newline = memchr(data, '\n', length);
        size_t part = newline ? (size_t)(newline - data) : length;
        if (parser->line.length + part > QMP_LINE_LIMIT)
            return error_set(err, EPROTO, "QEMU's monitor sent a line of more than %d bytes",
                             QMP_LINE_LIMIT);
        strbuf_add(&parser->line, data, part);
        if (!newline)
            return 0;
        data += part + 1;
        length -= part + 1;
        /* The message's handler may end the connection, but never frees the parser (qmp.c). */
        int r = parse_line(parser, strbuf_text(&parser->line), parser->line.length, err);
        if (r < 0)
            return r;
        strbuf_clear(&parser->line);
    }
    return 0;
}
