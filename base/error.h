/* The error object. Functions that can fail take `struct error *err` last and return 0 or -errno;
 * the message is complete when it is set: what, where, why and what to do; lower case, values
 * quoted. Callers add context with error_prefix(). Libraries never print: cmd/ does.
 *
 * A zeroed struct is "no error". err may be NULL where the caller does not care for the text. */
#pragma once

#include "base/cleanup.h"

struct error {
    int code; /* errno value, positive; 0: no error */
    char *message;
};

/* Sets code and message (replacing an earlier one) and returns -code. code must be > 0. */
int error_set(struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "PREFIX: MESSAGE"; returns -code of the error that is already there (-EIO with err NULL, where
 * the code is not known). */
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Moves *from into *to (to may be NULL: then *from is dropped) and returns -code. */
int error_move(struct error *to, struct error *from);
void error_copy(struct error *to, const struct error *from);
/* The message, or the errno's text where there is none; never NULL. */
const char *error_text(const struct error *err);
void error_done(struct error *err);

#define _cleanup_error_ _cleanup_(error_done)

#if defined(__clang_analyzer__) &&                                                                 \
    !defined(ERROR_IMPLEMENTATION) /* which looks at one file at a time: the result is never 0 */
#define error_set(err, ...) ((void)error_set(err, __VA_ARGS__), -1)
#define error_prefix(err, ...) ((void)error_prefix(err, __VA_ARGS__), -1)
#define error_move(to, from) ((void)error_move(to, from), -1)
#endif
