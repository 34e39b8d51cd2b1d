/* What an `up` waits for in vain, said before anything is made: that an instance becomes healthy
 * which nobody asks for its health. compose/ finds what the file tells (validate_service.c); here
 * the image is known, which may have brought a check. */
#include "base/str.h"
#include "orchestrator/plan_up.h"

#include <errno.h>

/* An instance of the service without a check; NULL: all have one, or it is not known yet. */
static const struct target *find_unchecked(const struct up *up, size_t service)
{
    for (size_t i = up->first_target[service]; i < up->first_target[service + 1]; i++) {
        const struct target *target = &up->targets.items[i];
        if (target->wanted && target->image && !target->oneoff &&
            !json_object(target->wanted->vm, "healthcheck"))
            return target;
    }
    return NULL;
}

static void check_dependency(const struct up *up, const struct spec_service *waiter,
                             const struct model_dependency *dependency, struct strbuf *problems)
{
    const struct spec_service *other = &up->specs->services[dependency->service];
    if (dependency->condition != CONDITION_HEALTHY || !dependency->required ||
        !up->selected[dependency->service] || !find_unchecked(up, dependency->service))
        return;
    if (problems->length > 0)
        strbuf_add_str(problems, "; ");
    strbuf_addf(problems,
                "service '%s' waits for '%s' to be healthy, but neither the file nor the image "
                "'%s' brings a health check",
                waiter->name, other->name, other->image);
}

int up_check_conditions(const struct up *up, struct error *err)
{
    _cleanup_strbuf_ struct strbuf problems = {0};
    for (size_t i = 0; i < up->specs->service_count && !up->options->up->no_start; i++) {
        const struct spec_service *service = &up->specs->services[i];
        for (size_t j = 0; up->selected[i] && j < service->model->dependency_count; j++)
            check_dependency(up, service, &service->model->dependencies[j], &problems);
    }
    if (problems.length == 0)
        return 0;
    return error_set(err, EINVAL, "%s: add a 'healthcheck', or wait for 'service_started'",
                     problems.data);
}
