/* What every cmocka program needs, in the order cmocka.h wants it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"

/* Fails with the error's text. */
#define assert_ok(result, err)                                                                     \
    do {                                                                                           \
        int result_ = (result);                                                                    \
        if (result_ < 0)                                                                           \
            fail_msg("%s", error_text(err));                                                       \
    } while (0)
