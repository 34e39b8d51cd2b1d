/* See api_stage.h. */
#include "api_stage.h"

#include "base/json.h"

struct fake_server *server;
const char *path;

int api_set_up(void **state)
{
    (void)state;
    server = fake_server_start();
    path = fake_server_socket(server);
    return 0;
}

int api_tear_down(void **state)
{
    (void)state;
    fake_server_stop(server);
    assert_int_equal(fakes.readers_open, 0);
    assert_int_equal(fakes.waits_open, 0);
    assert_int_equal(fakes.attaches_open, 0);
    assert_int_equal(fakes.tops_open, 0);
    assert_int_equal(fakes.inspections_open, 0);
    assert_int_equal(fakes.copies_open, 0);
    return 0;
}

void check_error(const char *method, const char *target, const char *body, int status,
                 const char *message)
{
    _cleanup_json_ cJSON *answer = client_ask_json(path, method, target, body, status);
    assert_string_equal(json_string(answer, "message", "(none)"), message);
}

void check_status(const char *method, const char *target, int status)
{
    struct answer answer = {0};
    client_ask(path, method, target, "", NULL, &answer);
    assert_int_equal(answer.status, status);
    answer_done(&answer);
}
