/* The day stack of the tests of whole commands, see day.h. */
#include "day.h"

#include "../unit.h"
#include "base/str.h"
#include "stack.h"

int day_down(struct host *host)
{
    struct down_options options = {.timeout_ms = -1, .volumes = true};
    return host_down(host, "day", &options);
}

void day_assert_state(const struct host *host, const char *instance, const char *state)
{
    const char *now = fake_world_vm_state(&host->world, instance);
    assert_string_equal(now ? now : "gone", state);
}

void day_assert_complete(const struct host *host)
{
    assert_int_equal(fake_world_count(&host->world), THINGS);
    day_assert_state(host, "day-db-1", "running");
    assert_string_not_equal(fake_world_vm_state(&host->world, "day-migrate-1"), "created");
    day_assert_state(host, "day-api-1", "running");
    day_assert_state(host, "day-api-2", "running");
    day_assert_state(host, "day-mail-1", "running");
    day_assert_state(host, "day-web-1", "running");
}

bool day_was_done(const struct host *host, const char *entry)
{
    return fake_world_find_log(&host->world, entry) != SIZE_MAX;
}

/* The volume that an instance has at a place. Owned by the caller. */
char *day_volume_at(const struct host *host, const char *instance, const char *target)
{
    _cleanup_free_ char *key = xasprintf("vm/%s", instance);
    const cJSON *spec = json_object(json_object(host->world.things, key), "spec"), *mount;
    cJSON_ArrayForEach(mount, json_array(spec, "mounts"))
    {
        if (streq(json_string(mount, "target", ""), target))
            return xstrdup(json_string(mount, "volume", NULL));
    }
    return NULL;
}

int day_scale(struct host *host, const char *service, int64_t replicas)
{
    char *services[] = {(char *)service, NULL};
    struct scale scale = {service, replicas};
    struct up_options options = {.services = services,
                                 .scales = &scale,
                                 .scale_count = 1,
                                 .no_deps = true,
                                 .timeout_ms = -1};
    return host_up(host, DAY, &options, NULL);
}
