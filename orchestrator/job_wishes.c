/* See job_internal.h: a job outlives its caller's options, so it has copies. */
#include "orchestrator/job_internal.h"

#include "base/str.h"

static char **copy(char *const *vector)
{
    return vector ? strv_copy((const char *const *)vector) : NULL;
}

static void copy_up(struct up_options *to, const struct up_options *from)
{
    *to = *from;
    to->services = copy(from->services);
    to->files = copy(from->files);
    struct scale *scales = xcalloc(from->scale_count + 1, sizeof(*scales));
    for (size_t i = 0; i < from->scale_count; i++)
        scales[i] = (struct scale){xstrdup(from->scales[i].service), from->scales[i].replicas};
    to->scales = scales;
}

void wishes_init(struct wishes *wishes, const struct job_request *request)
{
    copy_up(&wishes->up, &request->up);
    wishes->oneoff = request->oneoff;
    wishes->oneoff.service = xstrdup(request->oneoff.service);
    wishes->oneoff.name = xstrdup(request->oneoff.name);
    wishes->image = request->image;
    wishes->image.services = copy(request->image.services);
    wishes->image.args = copy(request->image.args);
    wishes->verb = request->verb;
    wishes->act = request->act;
    wishes->act.selection.services = copy(request->act.selection.services);
    wishes->act.selection.instances = copy(request->act.selection.instances);
    wishes->down = request->down;
    wishes->down.services = copy(request->down.services);
    wishes->down.known_services = copy(request->down.known_services);
    wishes->instance = xstrdup(request->instance);
}

void wishes_done(struct wishes *wishes)
{
    for (size_t i = 0; i < wishes->up.scale_count; i++)
        free((char *)wishes->up.scales[i].service);
    free((struct scale *)wishes->up.scales);
    strv_free((char **)wishes->up.services);
    strv_free((char **)wishes->up.files);
    free((char *)wishes->oneoff.service);
    free((char *)wishes->oneoff.name);
    strv_free((char **)wishes->image.services);
    strv_free((char **)wishes->image.args);
    strv_free((char **)wishes->act.selection.services);
    strv_free((char **)wishes->act.selection.instances);
    strv_free((char **)wishes->down.services);
    strv_free((char **)wishes->down.known_services);
    free(wishes->instance);
}
