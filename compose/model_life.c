/* When a service starts, how its health is asked for, when it starts again, how it ends: the part
 * of compose/model_build.h that reads the keys of schema_life.c. */
#include "base/str.h"
#include "base/vec.h"
#include "compose/model_builder.h"
#include "compose/parse.h"

#include <assert.h>

/* The row of a word, or fallback. */
static size_t find_word(const char *const *words, size_t count, const char *word, size_t fallback)
{
    for (size_t i = 0; i < count; i++)
        if (words[i] && streq(words[i], word))
            return i;
    return fallback;
}

static int64_t milliseconds(const struct node *map, const char *key, int64_t fallback)
{
    int64_t nanoseconds = 0;
    const char *text = node_get_string(map, key, NULL);
    if (!text || parse_duration(text, &nanoseconds) < 0)
        return fallback;
    return nanoseconds / DURATION_MILLISECOND;
}

static void build_dependencies(const struct builder *builder, const struct node *node,
                               struct model_service *service)
{
    static const char *const conditions[] = {
        [CONDITION_STARTED] = "service_started",
        [CONDITION_HEALTHY] = "service_healthy",
        [CONDITION_COMPLETED] = "service_completed_successfully",
    };
    static_assert(ARRAY_SIZE(conditions) == CONDITION_COUNT, "a word per condition");
    service->dependencies = builder_array(builder, struct model_dependency, node);
    for (size_t i = 0; i < builder_count(node); i++) {
        const struct node_pair *pair = &node->pairs[i];
        const char *word = node_get_string(pair->value, "condition", "");
        size_t other = 0;
        if (!builder_find(builder->service_index, pair->key, &other))
            continue; /* disabled and not required, or reported when the tree was completed */
        service->dependencies[service->dependency_count++] = (struct model_dependency){
            .service = other,
            .condition = find_word(conditions, CONDITION_COUNT, word, CONDITION_STARTED),
            .required = node_get_bool(pair->value, "required", true),
            .restart = node_get_bool(pair->value, "restart", false),
            .position = pair->position,
        };
    }
}

/* `healthcheck`, and what our own key has instead of its test. */
static void build_healthcheck(const struct builder *builder, const struct node *node,
                              const struct node *probe, struct model_service *service)
{
    const struct node *test = node_get(node, "test");
    if (!node && !probe)
        return;
    struct model_healthcheck *health = arena_new0(builder->arena, struct model_healthcheck);
    service->healthcheck = health;
    health->disable = node_get_bool(node, "disable", false) ||
                      (builder_count(test) > 0 && streq(test->items[0]->text, "NONE"));
    if (health->disable)
        return;
    health->http = builder_member(probe, "http");
    health->tcp = (uint16_t)node_get_int(probe, "tcp", 0);
    if (!health->http && health->tcp == 0 && builder_count(test) > 0)
        health->test = builder_strings(builder, test);
    health->interval_ms = milliseconds(node, "interval", 0);
    health->timeout_ms = milliseconds(node, "timeout", 0);
    health->start_period_ms = milliseconds(node, "start_period", 0);
    health->start_interval_ms = milliseconds(node, "start_interval", 0);
    health->retries = node_get_int(node, "retries", 0);
}

/* `on-failure:3`. */
static struct model_restart restart_of_text(const char *text)
{
    static const char *const modes[] = {
        [RESTART_NO] = "no",
        [RESTART_ALWAYS] = "always",
        [RESTART_ON_FAILURE] = "on-failure",
        [RESTART_UNLESS_STOPPED] = "unless-stopped",
    };
    static_assert(ARRAY_SIZE(modes) == RESTART_MODE_COUNT, "a word per mode");
    const char *attempts = str_after_prefix(text, "on-failure:");
    uint32_t number = 0;
    if (attempts && str_to_u32(attempts, &number) == 0)
        return (struct model_restart){.mode = RESTART_ON_FAILURE, .max_attempts = number};
    return (struct model_restart){.mode = find_word(modes, RESTART_MODE_COUNT, text, RESTART_NO)};
}

static struct model_restart restart_of_policy(const struct node *policy)
{
    const char *condition = node_get_string(policy, "condition", "");
    struct model_restart restart = restart_of_text(condition);
    if (streq(condition, "any") || streq(condition, ""))
        restart.mode = RESTART_ALWAYS;
    restart.max_attempts = node_get_int(policy, "max_attempts", 0);
    restart.delay_ms = milliseconds(policy, "delay", 0);
    restart.window_ms = milliseconds(policy, "window", 0);
    return restart;
}

static struct model_logging build_logging(const struct node *node)
{
    const struct node *options = node_get(node, "options");
    struct model_logging logging = {0};
    uint32_t files = 0;
    if (streq(node_get_string(node, "driver", ""), "none"))
        logging.driver = "none";
    parse_bytes(node_get_string(options, "max-size", "0"), &logging.max_bytes);
    str_to_u32(node_get_string(options, "max-file", "0"), &files);
    logging.max_files = files;
    return logging;
}

void model_build_life(const struct builder *builder, const struct node *node,
                      struct model_service *service)
{
    const struct node *deploy = node_get(node, "deploy");
    const struct node *policy = node_get(deploy, "restart_policy");
    const struct node *probe = node_get(node_get(node, "x-vmstead"), "healthcheck");
    build_dependencies(builder, node_get(node, "depends_on"), service);
    build_healthcheck(builder, node_get(node, "healthcheck"), probe, service);
    service->restart = policy ? restart_of_policy(policy)
                              : restart_of_text(node_get_string(node, "restart", "no"));
    service->replicas = node_get_int(node, "scale", node_get_int(deploy, "replicas", 1));
    service->logging = build_logging(node_get(node, "logging"));
    service->stop_signal = builder_member(node, "stop_signal");
    service->stop_grace_ms = milliseconds(node, "stop_grace_period", -1);
    service->tty = node_get_bool(node, "tty", false);
    service->stdin_open = node_get_bool(node, "stdin_open", false);
    service->read_only = node_get_bool(node, "read_only", false);
    service->attach = node_get_bool(node, "attach", true);
    service->profiles = builder_strings(builder, node_get(node, "profiles"));
    service->labels = builder_variables(builder, node_get(node, "labels"), &service->label_count);
}
