/* See cmd/config_digests.h. */
#include "cmd/config_digests.h"

#include "base/alloc.h"
#include "base/image_reference.h"
#include "base/spawn.h"
#include "base/vec.h"
#include "cmd/interrupt.h"
#include "compose/compose.h"
#include "runtime/image_failure.h"
#include "runtime/image_oci.h"

#include <errno.h>

#define ASKED_AT_ONCE 4
#define TIMEOUT_MS 60000

struct pins;

struct pin {
    struct pins *pins;
    const char *name; /* as it is written */
    struct image_reference reference;
    char *pinned; /* NULL: not known yet, or there is none */
    struct spawn *spawn;
};

struct pins {
    VEC(struct pin *) images;
    uv_loop_t loop;
    size_t next, running;
    bool interrupted;
    struct error result; /* the first failure */
};

static struct pin *find(const struct pins *pins, const char *name)
{
    for (size_t i = 0; i < pins->images.count; i++)
        if (streq(pins->images.items[i]->name, name))
            return pins->images.items[i];
    return NULL;
}

static int add(struct pins *pins, const char *name, struct error *err)
{
    struct image_reference reference = {0};
    if (find(pins, name))
        return 0;
    int r = image_reference_parse(name, &reference, err);
    if (r < 0)
        return r;
    struct pin *pin = new0(struct pin);
    *pin = (struct pin){.pins = pins, .name = name, .reference = reference};
    const char *full = str_after_prefix(reference.source, "docker://");
    if (full && strchr(full, '@'))
        pin->pinned = xstrdup(full);
    vec_add(&pins->images, pin);
    return 0;
}

static void free_pins(struct pins *pins)
{
    for (size_t i = 0; i < pins->images.count; i++) {
        image_reference_done(&pins->images.items[i]->reference);
        free(pins->images.items[i]->pinned);
        free(pins->images.items[i]);
    }
    vec_done(&pins->images);
    error_done(&pins->result);
}

static int read_answer(struct pin *pin, const struct spawn_result *result, struct error *err)
{
    struct image_oci_facts facts;
    if (result->exit_status != 0) {
        _cleanup_free_ char *essence =
            image_failure_essence(result->timed_out ? "no answer within a minute" : result->errors);
        return image_failure_explain(pin->name, pin->reference.registry, essence, err);
    }
    int r =
        image_oci_read_inspection(pin->name, result->output, result->output_length, &facts, err);
    if (r == 0 && facts.digest[0] == '\0')
        return error_set(err, ENODATA, "image '%s': the registry tells no digest", pin->name);
    if (r == 0)
        pin->pinned = xasprintf("%s@%s", pin->reference.source + strlen("docker://"), facts.digest);
    return r;
}

static void start_some(struct pins *pins);

static void on_done(void *userdata, const struct spawn_result *result)
{
    struct pin *pin = userdata;
    struct pins *pins = pin->pins;
    _cleanup_error_ struct error err = {0};
    pin->spawn = NULL;
    pins->running--;
    if (read_answer(pin, result, &err) < 0 && !pins->result.code)
        error_move(&pins->result, &err);
    start_some(pins);
}

static void ask(struct pin *pin)
{
    _cleanup_strv_ char **argv = image_oci_inspect_argv(&pin->reference);
    struct spawn_options options = {.argv = (const char *const *)argv,
                                    .timeout_ms = TIMEOUT_MS,
                                    .on_done = on_done,
                                    .userdata = pin};
    if (spawn_start(&pin->pins->loop, &options, &pin->spawn, &pin->pins->result) == 0)
        pin->pins->running++;
}

static void start_some(struct pins *pins)
{
    while (pins->running < ASKED_AT_ONCE && pins->next < pins->images.count && !pins->result.code &&
           !pins->interrupted) {
        struct pin *pin = pins->images.items[pins->next++];
        if (!pin->pinned && pin->reference.registry)
            ask(pin);
    }
}

static void on_interrupt(void *userdata, unsigned count)
{
    struct pins *pins = userdata;
    (void)count;
    pins->interrupted = true;
    for (size_t i = 0; i < pins->images.count; i++)
        if (pins->images.items[i]->spawn)
            spawn_cancel(pins->images.items[i]->spawn);
}

static int ask_all(struct pins *pins, struct error *err)
{
    struct interrupt interrupt;
    int r = uv_loop_init(&pins->loop);
    if (r < 0)
        return error_set(err, -r, "cannot make an event loop: %s", uv_strerror(r));
    interrupt_init(&interrupt, &pins->loop, on_interrupt, pins);
    start_some(pins);
    while (pins->running > 0)
        uv_run(&pins->loop, UV_RUN_ONCE);
    interrupt_done(&interrupt);
    uv_run(&pins->loop, UV_RUN_DEFAULT);
    uv_loop_close(&pins->loop);
    if (pins->interrupted)
        return error_set(err, EINTR, "interrupted");
    return pins->result.code ? error_move(err, &pins->result) : 0;
}

static bool must_ask(const struct pins *pins)
{
    for (size_t i = 0; i < pins->images.count; i++)
        if (!pins->images.items[i]->pinned && pins->images.items[i]->reference.registry)
            return true;
    return false;
}

static int resolve(struct pins *pins, const struct model *model, struct error *err)
{
    static const char *const programs[] = {"skopeo", NULL};
    int r = 0;
    for (size_t i = 0; i < model->service_count && r == 0; i++)
        if (model->services[i].image)
            r = add(pins, model->services[i].image, err);
    if (r < 0 || !must_ask(pins))
        return r;
    r = image_failure_check_programs(pins->images.items[0]->name, "resolve", programs, err);
    return r < 0 ? r : ask_all(pins, err);
}

int config_pin_images(struct model *model, struct error *err)
{
    struct pins pins = {0};
    int r = resolve(&pins, model, err);
    for (size_t i = 0; i < model->service_count && r == 0; i++) {
        const struct pin *pin =
            model->services[i].image ? find(&pins, model->services[i].image) : NULL;
        if (pin && pin->pinned)
            compose_set_image(model, model->services[i].name, pin->pinned);
    }
    free_pins(&pins);
    return r;
}
