/* See error.h. */
#define ERROR_IMPLEMENTATION
#include "base/error.h"

#include "base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

int error_set(struct error *err, int code, const char *format, ...)
{
    assert(code > 0);
    if (!err)
        return -code;
    va_list args;
    va_start(args, format);
    char *message = xvasprintf(format, args); /* before the old text goes: it may be an argument */
    va_end(args);
    error_done(err);
    err->code = code;
    err->message = message;
    return -code;
}

int error_prefix(struct error *err, const char *format, ...)
{
    if (!err)
        return -EIO;
    va_list args;
    va_start(args, format);
    _cleanup_free_ char *prefix = xvasprintf(format, args);
    va_end(args);
    char *message = xasprintf("%s: %s", prefix, error_text(err));
    free(err->message);
    err->message = message;
    return -err->code;
}

int error_move(struct error *to, struct error *from)
{
    int code = from->code;
    if (!to) {
        error_done(from);
        return -code;
    }
    error_done(to);
    *to = *from;
    *from = (struct error){0};
    return -code;
}

void error_copy(struct error *to, const struct error *from)
{
    error_done(to);
    to->code = from->code;
    to->message = xstrdup(from->message);
}

const char *error_text(const struct error *err)
{
    if (err->message)
        return err->message;
    return err->code ? strerror(err->code) : "no error";
}

void error_done(struct error *err)
{
    if (!err)
        return;
    free(err->message);
    *err = (struct error){0};
}
