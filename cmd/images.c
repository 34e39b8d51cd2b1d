/* `vmstead images`: which image each instance boots. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/vec.h"
#include "cmd/bytes.h"
#include "cmd/duration.h"
#include "cmd/output.h"
#include "cmd/target.h"

#define TIMEOUT_MS 30000
#define COLUMN_MINIMUM 20
#define COLUMN_GAP 3
#define SHORT_ID 12

struct images_values {
    bool quiet;
    const char *format;
};

static const struct option_row rows[] = {
    {"format", 0, OPTION_CHOICE, offsetof(struct images_values, format), "table|json", "table", 0,
     0, "Output format"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct images_values, quiet), NULL, NULL, 0, 0,
     "Only print IDs"},
};

static const char *const headings[] = {"CONTAINER", "REPOSITORY", "TAG",    "PLATFORM",
                                       "IMAGE ID",  "SIZE",       "CREATED"};

/* One instance's image: what the cells and the JSON are made of. */
struct image_row {
    const char *container;
    char *repository, *tag, *id; /* id without "sha256:" */
    int64_t size, created_s;     /* -1: not known, the image is gone */
};

static void row_done(struct image_row *row)
{
    free(row->repository);
    free(row->tag);
    free(row->id);
}

/* "registry:5000/team/api:1.4" -> repository and tag, "latest" where none is written. */
static void split_reference(const char *reference, struct image_row *row)
{
    const char *slash = strrchr(reference, '/');
    const char *colon = strrchr(slash ? slash : reference, ':');
    row->repository = colon ? xstrndup(reference, (size_t)(colon - reference)) : xstrdup(reference);
    row->tag = xstrdup(colon ? colon + 1 : "latest");
}

static const cJSON *find_image(const cJSON *images, const char *id)
{
    const cJSON *image;
    cJSON_ArrayForEach(image, images)
    {
        if (streq(json_string(image, "Id", ""), id))
            return image;
    }
    return NULL;
}

static struct image_row make_row(const cJSON *instance, const cJSON *images)
{
    const char *id = json_string(instance, "ImageID", ""),
               *digest = str_after_prefix(id, "sha256:");
    const cJSON *image = find_image(images, id);
    struct image_row row = {.container = json_string(instance, "Name", ""),
                            .id = xstrdup(digest ? digest : id),
                            .size = json_int(image, "Size", -1),
                            .created_s = json_int(image, "Created", -1)};
    split_reference(json_string(instance, "Image", ""), &row);
    return row;
}

static const char *platform(void)
{
#if defined(__x86_64__)
    return "linux/amd64";
#elif defined(__aarch64__)
    return "linux/arm64";
#else
    return "linux";
#endif
}

static void add_cells(struct table *table, const struct image_row *row)
{
    _cleanup_free_ char *id = xstrndup(row->id, strnlen(row->id, SHORT_ID));
    _cleanup_strbuf_ struct strbuf size = {0};
    _cleanup_free_ char *created = NULL;
    char span[DURATION_TEXT_SIZE];
    if (row->size >= 0)
        bytes_add_docker(row->size, &size);
    if (row->created_s > 0)
        created =
            xasprintf("%s ago", duration_format(clock_realtime_ms() - row->created_s * 1000, span));
    const char *const cells[] = {
        row->container,     row->repository,          row->tag, platform(), id,
        strbuf_text(&size), created ? created : "N/A"};
    table_add_row(table, cells);
}

static cJSON *make_line(const struct image_row *row)
{
    char created[CLOCK_TEXT_SIZE];
    cJSON *line = cJSON_CreateObject();
    json_set_string(line, "ID", row->id);
    json_set_string(line, "ContainerName", row->container);
    json_set_string(line, "Repository", row->repository);
    json_set_string(line, "Tag", row->tag);
    json_set_string(line, "Platform", platform());
    json_set_int(line, "Size", row->size);
    if (row->created_s > 0)
        json_set_string(line, "Created", clock_format_ns(row->created_s * 1000000000, created));
    return line;
}

/* --quiet: each ID once. */
static void add_id(struct strbuf *out, const char *id)
{
    if (!strstr(strbuf_text(out), id))
        strbuf_addf(out, "%s\n", id);
}

static int print(const struct images_values *values, const cJSON *instances, const cJSON *images,
                 struct error *err)
{
    _cleanup_(table_freep) struct table *table =
        table_new_shaped(ARRAY_SIZE(headings), headings, COLUMN_MINIMUM, COLUMN_GAP);
    _cleanup_json_ cJSON *lines = cJSON_CreateArray();
    _cleanup_strbuf_ struct strbuf out = {0};
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        struct image_row row = make_row(instance, images);
        if (values->quiet)
            add_id(&out, row.id);
        add_cells(table, &row);
        cJSON_AddItemToArray(lines, make_line(&row));
        row_done(&row);
    }
    if (!values->quiet && streq(values->format, "json")) {
        _cleanup_free_ char *text = json_print(lines);
        strbuf_addf(&out, "%s\n", text);
    } else if (!values->quiet) {
        table_print(table, &out);
    }
    return output_write(strbuf_text(&out), out.length, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_json_ cJSON *instances = NULL, *images = NULL;
    int r = target_find(invocation, invocation->operands, invocation->operand_count, &targets, err);
    if (r == 0)
        r = targets_instances(&targets, TARGET_ALL | TARGET_ONEOFFS, &instances, err);
    if (r == 0 && targets.client)
        r = client_call(targets.client, "GET", "/images/json", NULL, TIMEOUT_MS, &images, err);
    return r < 0 ? r : print(invocation->values, instances, images, err);
}

const struct command command_images = {
    .name = "images",
    .arguments = "[SERVICE...]",
    .summary = "List the images that virtual machines boot",
    .details = "One line for each virtual machine of the project, running or not.",
    .examples = "  vmstead images\n"
                "  vmstead images --format json",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct images_values),
    .operand_maximum = OPERANDS_ANY,
    .run = run,
};
