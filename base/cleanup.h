/* Scope-bound ownership. Part of base/: usable everywhere, depends on nothing.
 *
 * _cleanup_(foo_freep) on a declaration runs foo_freep(&var) when the variable leaves its scope;
 * TAKE_PTR moves a pointer out of such a variable, TAKE_FD a descriptor. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

/* unused: clang takes a variable that is only there to be cleaned up for a forgotten one. */
#define _cleanup_(f) __attribute__((cleanup(f), unused))

#define TAKE_PTR(ptr)                                                                              \
    ({                                                                                             \
        __typeof__(ptr) *taken_from_ = &(ptr);                                                     \
        __typeof__(ptr) taken_ = *taken_from_;                                                     \
        *taken_from_ = NULL;                                                                       \
        taken_;                                                                                    \
    })

#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int *taken_from_ = &(fd);                                                                  \
        int taken_ = *taken_from_;                                                                 \
        *taken_from_ = -1;                                                                         \
        taken_;                                                                                    \
    })

/* Defines foo_freep() for a destructor foo_free() that accepts NULL. */
#define DEFINE_FREEP(type, function)                                                               \
    static inline void function##p(type *object)                                                   \
    {                                                                                              \
        function(*object);                                                                         \
    }

static inline void freep(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
