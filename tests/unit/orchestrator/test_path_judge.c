/* What a guest says against what it should say: one thing wrong at a time, and the hop that is
 * named for it. */
#include "unit.h"

#include "base/str.h"
#include "base/vec.h"
#include "orchestrator/path_judge.h"

static char eth0[] = "eth0", eth1[] = "eth1", mac[] = "02:00:00:00:00:01",
            MAC[] = "02:00:00:00:00:09", address[] = "10.89.0.5", gateway[] = "10.89.0.1",
            web[] = "web", any[] = "0.0.0.0", any6[] = "::", loopback[] = "127.0.0.1",
            loopback6[] = "::1", mapped[] = "::ffff:10.89.0.5", elsewhere[] = "10.1.2.3",
            link_local[] = "169.254.3.4", none[] = "", no_answer[] = "no answer";

/* A sound guest, for each test to break. */
enum { NIC, ADDRESS, ROUTE, SERVER, PING, NAME, LISTENER, FACT_COUNT };
struct guest_fact facts[FACT_COUNT];

static int set_up(void **state)
{
    const struct guest_fact sound[FACT_COUNT] = {
        [NIC] = {.kind = GUEST_INTERFACE, .name = eth0, .text = none, .mac = mac, .up = true},
        [ADDRESS] = {.kind = GUEST_ADDRESS, .name = eth0, .text = address, .prefix = 24},
        [ROUTE] = {.kind = GUEST_ROUTE, .name = eth0, .text = gateway},
        [SERVER] = {.kind = GUEST_NAMESERVER, .name = none, .text = gateway},
        [PING] = {.kind = GUEST_PING, .name = gateway, .text = none, .elapsed_us = 400},
        [NAME] = {.kind = GUEST_RESOLVED, .name = web, .text = address, .elapsed_us = 300},
        [LISTENER] = {.kind = GUEST_LISTENER, .name = none, .text = any, .port = 80},
    };
    (void)state;
    memcpy(facts, sound, sizeof(facts));
    return 0;
}

static bool judge(bool unhealthy, cJSON *findings)
{
    _cleanup_json_ cJSON *path =
        cJSON_Parse("{\"endpoints\":[{\"interface\":\"eth0\",\"mac\":\"02:00:00:00:00:01\","
                    "\"address\":\"10.89.0.5\",\"prefix\":24,\"gateway\":\"10.89.0.1\","
                    "\"default_route\":true}]}");
    const struct path_target target = {.port = 80};
    const struct path_judgement judgement = {
        .service = web, .name = web, .unhealthy = unhealthy, .targets = &target, .target_count = 1};
    return path_judge(path, &judgement, facts, FACT_COUNT, findings);
}

static const cJSON *last(const cJSON *findings)
{
    return cJSON_GetArrayItem(findings, cJSON_GetArraySize(findings) - 1);
}

static void expect_broken(const char *hop, const char *evidence)
{
    _cleanup_json_ cJSON *findings = cJSON_CreateArray();
    assert_false(judge(false, findings));
    assert_string_equal(json_string(last(findings), "check", ""), hop);
    assert_string_equal(json_string(last(findings), "status", ""), "error");
    if (!strstr(json_string(last(findings), "evidence", ""), evidence))
        fail_msg("'%s' is not in '%s'", evidence, json_string(last(findings), "evidence", ""));
}

static void a_sound_guest_has_every_hop(void **state)
{
    static const char *const hops[] = {"address", "route", "gateway", "dns", "listener"};
    _cleanup_json_ cJSON *findings = cJSON_CreateArray();
    (void)state;
    assert_true(judge(false, findings));
    assert_int_equal(cJSON_GetArraySize(findings), ARRAY_SIZE(hops));
    for (size_t i = 0; i < ARRAY_SIZE(hops); i++) {
        const cJSON *hop = cJSON_GetArrayItem(findings, (int)i);
        assert_string_equal(json_string(hop, "check", ""), hops[i]);
        assert_string_equal(json_string(hop, "status", ""), "ok");
    }
}

static void addresses(void **state)
{
    (void)state;
    facts[NIC].mac = MAC;
    expect_broken("address", "has no NIC with the MAC 02:00:00:00:00:01");
    set_up(NULL);
    facts[NIC].name = eth1;
    expect_broken("address", "is called 'eth1', not 'eth0'");
    set_up(NULL);
    facts[NIC].up = false;
    expect_broken("address", "'eth0' in the VM is down");
    set_up(NULL);
    facts[ADDRESS].text = link_local;
    expect_broken("address", "does not have 10.89.0.5: it has 169.254.3.4/24");
    facts[ADDRESS].name = eth1;
    expect_broken("address", "does not have 10.89.0.5: it has no address");
}

static void routes_and_gateways(void **state)
{
    (void)state;
    facts[ROUTE].text = elsewhere;
    expect_broken("route", "by 10.1.2.3 on 'eth0', not by 10.89.0.1");
    facts[ROUTE].kind = GUEST_NAMESERVER;
    expect_broken("route", "no default route; it should be by 10.89.0.1");
    set_up(NULL);
    facts[PING].failure = no_answer;
    expect_broken("gateway", "10.89.0.1 does not answer a ping: no answer");
    facts[PING].name = elsewhere;
    expect_broken("gateway", "it was not asked");
}

static void names(void **state)
{
    _cleanup_json_ cJSON *unhealthy = cJSON_CreateArray(), *own = cJSON_CreateArray();
    (void)state;
    facts[NAME].failure = no_answer;
    expect_broken("dns", "for 'web', 10.89.0.1: no answer");
    assert_true(judge(true, unhealthy));
    assert_non_null(strstr(json_string(cJSON_GetArrayItem(unhealthy, 3), "evidence", ""),
                           "none of it is healthy"));
    facts[SERVER].text = elsewhere; /* `dns:` of the service */
    assert_true(judge(false, own));
    assert_string_equal(json_string(cJSON_GetArrayItem(own, 3), "status", ""), "warning");
    facts[SERVER].kind = GUEST_ROUTE;
    expect_broken("dns", "names no nameserver");
}

static void listeners(void **state)
{
    char *const good[] = {any, any6, address, mapped};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_json_ cJSON *findings = cJSON_CreateArray();
        facts[LISTENER].text = good[i];
        assert_true(judge(false, findings));
    }
    facts[LISTENER].text = loopback;
    expect_broken("listener", "tcp port 80 of 127.0.0.1 only");
    facts[LISTENER].text = loopback6;
    expect_broken("listener", "tcp port 80 of ::1 only");
    facts[LISTENER].text = elsewhere;
    expect_broken("listener", "none of its networks' addresses");
    facts[LISTENER].port = 8080;
    expect_broken("listener", "nothing in the VM listens on tcp port 80; somebody does on "
                              "10.1.2.3:8080");
    facts[LISTENER].port = 80;
    facts[LISTENER].udp = true;
    expect_broken("listener", "nor on any other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sound_guest_has_every_hop, set_up),
        cmocka_unit_test_setup(addresses, set_up),
        cmocka_unit_test_setup(routes_and_gateways, set_up),
        cmocka_unit_test_setup(names, set_up),
        cmocka_unit_test_setup(listeners, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
