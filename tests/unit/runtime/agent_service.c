/* See agent_service.h. */
#include "agent_service.h"

#include "../unit.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <unistd.h>

struct fixture *fixture_start(const char *script, bool tty, bool stdin_open)
{
    struct fixture *fixture = new0(struct fixture);
    agent_peer_start(&fixture->peer);
    harness_init(&fixture->harness, fixture->peer.path, 0);
    assert_true(harness_wait(&fixture->harness, &fixture->harness.ready, 10000));
    const char *argv[] = {"sh", "-c", script, NULL};
    _cleanup_json_ cJSON *identity = cJSON_CreateObject();
    _cleanup_free_ char *user = xasprintf("%u:%u", getuid(), getgid());
    json_set_string(identity, "instance", "shop-web-1");
    json_set_string(identity, "user", user);
    json_set(identity, "argv", json_from_strv((char *const *)argv));
    json_set_bool(identity, "tty", tty);
    json_set_bool(identity, "stdin_open", stdin_open);
    channel_send_identity(fixture->harness.channel, identity, NULL);
    assert_true(harness_wait(&fixture->harness, &fixture->harness.started, 10000));
    return fixture;
}

void fixture_finish(struct fixture *fixture)
{
    harness_done(&fixture->harness);
    agent_peer_stop(&fixture->peer);
    free(fixture);
}
