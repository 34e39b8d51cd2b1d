/* See check.h. */
#include "base/check.h"

#include "base/vec.h"

#include <assert.h>
#include <stdarg.h>

static const char *const status_names[] = {"ok", "warning", "error", "skipped"};
static_assert(ARRAY_SIZE(status_names) == CHECK_STATUS_COUNT, "a name for each status");

const char *check_status_name(enum check_status status)
{
    return status_names[status];
}

void finding_done(struct finding *finding)
{
    free(finding->evidence);
    free(finding->remedy);
    *finding = (struct finding){0};
}

void finding_set(struct finding *finding, enum check_status status, char *remedy,
                 const char *evidence, ...)
{
    va_list arguments;
    va_start(arguments, evidence);
    char *text = xvasprintf(evidence, arguments);
    va_end(arguments);
    finding_done(finding);
    *finding = (struct finding){.status = status, .evidence = text, .remedy = remedy};
}

cJSON *finding_describe(const char *name, const struct finding *finding)
{
    cJSON *object = cJSON_CreateObject();
    json_set_string(object, "check", name);
    json_set_string(object, "status", check_status_name(finding->status));
    json_set_string(object, "evidence", finding->evidence ? finding->evidence : "");
    json_set_string(object, "remedy", finding->remedy);
    return object;
}

bool finding_add(cJSON *findings, const char *name, const struct finding *finding)
{
    cJSON_AddItemToArray(findings, finding_describe(name, finding));
    return finding->status != CHECK_ERROR;
}

void checks_run(const struct check *checks, size_t count, const struct paths *paths,
                void (*tell)(void *userdata, cJSON *description), void *userdata)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_finding_ struct finding finding = {0};
        checks[i].look(paths, &finding);
        tell(userdata, finding_describe(checks[i].name, &finding));
    }
}
