/* How long an `up` of a hundred services takes by itself: the model read, planned, journalled on a
 * real disk and carried out by providers that do nothing (tests/unit/orchestrator/fake_world.h).
 * Each service has environment, a port, two networks, a volume and a dependency. Prints
 * milliseconds: the first up, the median of unchanged ones, an up that recreates all.
 *
 * usage: up_hundred FOLDER [SERVICES]     FOLDER is on the disk to measure */
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "compose/compose.h"
#include "fake_world.h"
#include "orchestrator/orchestrator.h"

#include <stdio.h>

enum { SERVICES = 100, REPEATS = 11 };

struct bench {
    uv_loop_t loop;
    uv_idle_t pump;
    struct store *store;
    struct fake_world world;
    struct orchestrator *orchestrator;
    char *file, *database;
    bool ended;
};

static void give_up(const char *what, const struct error *err)
{
    fprintf(stderr, "up_hundred: %s: %s\n", what, error_text(err));
    exit(1);
}

static void write_file(const struct bench *bench, size_t services)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    strbuf_add_str(&text, "name: hundred\nservices:\n");
    for (size_t i = 0; i < services; i++) {
        strbuf_addf(&text,
                    "  s%zu:\n    image: image-%zu:1\n    networks: [one, two]\n"
                    "    ports: [\"%zu:80\"]\n    volumes: [\"v%zu:/data\"]\n    environment:\n",
                    i, i % 10, 10000 + i, i);
        for (int j = 0; j < 10; j++)
            strbuf_addf(&text, "      VARIABLE_%d: a value of service %zu\n", j, i);
        if (i % 10)
            strbuf_addf(&text, "    depends_on: [s%zu]\n", i - 1);
    }
    strbuf_add_str(&text, "networks: {one: , two: }\nvolumes:\n");
    for (size_t i = 0; i < services; i++)
        strbuf_addf(&text, "  v%zu:\n", i);
    _cleanup_error_ struct error err = {0};
    if (fs_write_file_atomic(bench->file, text.data, text.length, 0600, &err) < 0)
        give_up("write", &err);
}

static struct model *load(const struct bench *bench)
{
    char *files[] = {bench->file, NULL}, *environment[] = {NULL};
    struct compose_options options = {
        .files = files, .working_directory = "/", .environment = environment};
    _cleanup_(diagnostics_freep) struct diagnostics *diagnostics = diagnostics_new();
    _cleanup_error_ struct error err = {0};
    struct model *model = NULL;
    if (compose_load(&options, diagnostics, &model, &err) < 0)
        give_up("load", &err);
    return model;
}

static void on_pump(uv_idle_t *pump)
{
    struct bench *bench = pump->data;
    while (fake_world_tick(&bench->world))
        ;
}

static void on_event(void *userdata, const cJSON *event)
{
    (void)userdata;
    _cleanup_free_ char *line = json_print(event); /* as the API does with each */
}

static void on_end(void *userdata, const struct error *err)
{
    struct bench *bench = userdata;
    if (err->code)
        give_up("up", err);
    bench->ended = true;
}

/* Milliseconds. */
static double up(struct bench *bench, enum recreate_policy recreate)
{
    static const struct job_callbacks callbacks = {on_event, on_end};
    struct up_options options = {.recreate = recreate, .timeout_ms = -1};
    struct job *job = NULL;
    _cleanup_error_ struct error err = {0};
    uint64_t begin_ns = uv_hrtime();
    bench->ended = false;
    if (orchestrator_up(bench->orchestrator, load(bench), &options, &callbacks, bench, &job, &err) <
        0)
        give_up("up", &err);
    while (!bench->ended)
        uv_run(&bench->loop, UV_RUN_NOWAIT);
    return (double)(uv_hrtime() - begin_ns) / 1e6;
}

static void bench_init(struct bench *bench, const char *folder, size_t services)
{
    _cleanup_error_ struct error err = {0};
    *bench = (struct bench){.file = xasprintf("%s/hundred.yaml", folder),
                            .database = xasprintf("%s/hundred.db", folder)};
    write_file(bench, services);
    uv_loop_init(&bench->loop);
    uv_idle_init(&bench->loop, &bench->pump);
    bench->pump.data = bench;
    uv_idle_start(&bench->pump, on_pump);
    fake_world_init(&bench->world, FAKE_LATER, NULL);
    if (store_open(bench->database, &bench->store, &err) < 0)
        give_up("store", &err);
    struct orchestrator_world world = fake_world_for_orchestrator(&bench->world);
    if (orchestrator_new(&bench->loop, NULL, bench->store, &world, &bench->orchestrator, &err) < 0)
        give_up("orchestrator", &err);
}

static void bench_done(struct bench *bench)
{
    orchestrator_free(bench->orchestrator);
    uv_close((uv_handle_t *)&bench->pump, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    uv_loop_close(&bench->loop);
    store_close(bench->store);
    fake_world_done(&bench->world);
    unlink(bench->file);
    unlink(bench->database);
    free(bench->file);
    free(bench->database);
}

static int compare(const void *a, const void *b)
{
    double one = *(const double *)a, two = *(const double *)b;
    return (one > two) - (one < two);
}

int main(int argc, char **argv)
{
    uint32_t services = SERVICES;
    if (argc < 2 || (argc > 2 && str_to_u32(argv[2], &services) < 0)) {
        fputs("usage: up_hundred FOLDER [SERVICES]\n", stderr);
        return 2;
    }
    log_set_level(LOG_LEVEL_ERROR);
    struct bench bench;
    bench_init(&bench, argv[1], services);
    double first = up(&bench, RECREATE_DIVERGED), unchanged[REPEATS];
    for (size_t i = 0; i < REPEATS; i++)
        unchanged[i] = up(&bench, RECREATE_DIVERGED);
    qsort(unchanged, REPEATS, sizeof(*unchanged), compare);
    printf("%.1f %.1f %.1f\n", first, unchanged[REPEATS / 2], up(&bench, RECREATE_FORCE));
    bench_done(&bench);
    return 0;
}
