/* What a walk to an instance looks at: a sound host, a guest that says what it should (that of
 * shop-cache-1 says nothing at all), and a published port that somebody else holds. */
#include "api_fakes.h"
#include "api_fakes_internal.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/str.h"
#include "network/network.h"
#include "runtime/runtime.h"

static bool find(cJSON *findings, const char *name, enum check_status status, const char *evidence)
{
    _cleanup_finding_ struct finding finding = {0};
    finding_set(&finding, status, NULL, "%s", evidence);
    return finding_add(findings, name, &finding);
}

cJSON *network_path_of(struct network *network, const char *instance)
{
    (void)network, (void)instance;
    return cJSON_Parse("{\"endpoints\":[{\"interface\":\"eth0\",\"mac\":\"02:00:00:00:00:01\","
                       "\"address\":\"10.89.0.5\",\"prefix\":24,\"gateway\":\"10.89.0.1\"}],"
                       "\"ports\":[{\"host_ip\":\"0.0.0.0\",\"published\":8080,\"target\":80,"
                       "\"protocol\":\"tcp\"}]}");
}

bool network_path_look(const cJSON *path, cJSON *findings)
{
    (void)path;
    return find(findings, "tap", CHECK_OK, "it is up");
}

bool network_path_look_at_port(const cJSON *path, const cJSON *port, cJSON *findings)
{
    (void)path, (void)port;
    return find(findings, "held", CHECK_ERROR, "it is somebody else's");
}

bool network_path_connect(const char *address, uint16_t port, bool udp, cJSON *findings)
{
    _cleanup_free_ char *text = xasprintf("%s:%u/%s", address, port, udp ? "udp" : "tcp");
    return find(findings, "connection", CHECK_OK, text);
}

/* --- the guest -------------------------------------------------------------------------------- */

struct inspection {
    uv_timer_t timer;
    void (*on_done)(void *userdata, const struct guest_fact *facts, size_t count,
                    const struct error *err);
    void *userdata;
};

static void inspection_close(struct inspection *inspection)
{
    fakes.inspections_open--;
    uv_close((uv_handle_t *)&inspection->timer, fake_free_on_close);
}

static void on_timer(uv_timer_t *timer)
{
    static char eth0[] = "eth0", mac[] = "02:00:00:00:00:01", address[] = "10.89.0.5",
                gateway[] = "10.89.0.1", web[] = "web", any[] = "0.0.0.0", none[] = "";
    const struct guest_fact facts[] = {
        {.kind = GUEST_INTERFACE, .name = eth0, .text = none, .mac = mac, .up = true},
        {.kind = GUEST_ADDRESS, .name = eth0, .text = address, .prefix = 24},
        {.kind = GUEST_NAMESERVER, .name = none, .text = gateway},
        {.kind = GUEST_PING, .name = gateway, .text = none},
        {.kind = GUEST_RESOLVED, .name = web, .text = address},
        {.kind = GUEST_LISTENER, .name = none, .text = any, .port = 80},
        {.kind = GUEST_LISTENER, .name = none, .text = any, .port = 53, .udp = true},
    };
    struct inspection *inspection = (struct inspection *)timer;
    inspection->on_done(inspection->userdata, facts, sizeof(facts) / sizeof(facts[0]), NULL);
    inspection_close(inspection);
}

int runtime_inspect_start(struct runtime *runtime, const char *instance,
                          const struct inspect_options *options,
                          void (*on_done)(void *userdata, const struct guest_fact *facts,
                                          size_t count, const struct error *err),
                          void *userdata, struct inspection **ret_inspection, struct error *err)
{
    (void)runtime, (void)options, (void)err;
    struct inspection *inspection = new0(struct inspection);
    inspection->on_done = on_done;
    inspection->userdata = userdata;
    uv_timer_init(fake_loop, &inspection->timer);
    inspection->timer.data = inspection;
    if (streq(instance, "shop-web-1"))
        uv_timer_start(&inspection->timer, on_timer, 5, 0);
    fakes.inspections_open++;
    *ret_inspection = inspection;
    return 0;
}

void runtime_inspect_abandon(struct inspection *inspection)
{
    inspection_close(inspection);
}
