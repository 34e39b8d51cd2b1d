/* Where the tests of the API stand: a server with fakes below it, for one test each. */
#pragma once

#include "api_client.h"
#include "api_fakes.h"
#include "unit.h"

extern struct fake_server *server;
extern const char *path; /* of its socket */

int api_set_up(void **state);
/* Fails where a reader, waiter or copy of a client that has gone is still open. */
int api_tear_down(void **state);
#define API_TEST(name) cmocka_unit_test_setup_teardown(name, api_set_up, api_tear_down)

/* The answer's status, and the message of its body. body: NULL for none. */
void check_error(const char *method, const char *target, const char *body, int status,
                 const char *message);
/* The answer's status, of a request without a body. */
void check_status(const char *method, const char *target, int status);
