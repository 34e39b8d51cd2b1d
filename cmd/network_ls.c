/* `vmstead network ls` */
#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/output.h"
#include "cmd/resource.h"

struct network_ls_values {
    bool quiet, no_trunc;
    const char *format;
    char **filters;
};

#define FILTERS                                                                                    \
    "name=TEXT, id=TEXT, driver=DRIVER, label=NAME[=VALUE], type=custom|builtin, "                 \
    "dangling=true (nobody is on it)"

static const struct option_row rows[] = {
    {"filter", 'f', OPTION_LIST, offsetof(struct network_ls_values, filters), "KEY=VALUE", NULL, 0,
     0, "Only these: " FILTERS},
    {"format", 0, OPTION_CHOICE, offsetof(struct network_ls_values, format), "table|json", "table",
     0, 0, "Output format; json is one object a line"},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct network_ls_values, no_trunc), NULL, NULL, 0, 0,
     "Whole IDs"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct network_ls_values, quiet), NULL, NULL, 0, 0,
     "Only print IDs"},
};

#define SHORT_ID 12

static const char *word_of(const cJSON *network, const char *key)
{
    return json_bool(network, key, false) ? "true" : "false";
}

/* Docker's columns. */
static void add_line(const cJSON *network, const char *id, struct strbuf *out)
{
    static const char *const texts[] = {"CreatedAt", "Created", "Driver", "Driver",
                                        "Name",      "Name",    "Scope",  "Scope"};
    static const char *const flags[] = {"IPv4",       "EnableIPv4", "IPv6",
                                        "EnableIPv6", "Internal",   "Internal"};
    _cleanup_json_ cJSON *line = cJSON_CreateObject();
    _cleanup_free_ char *labels = resource_join_labels(json_object(network, "Labels"));
    json_set_string(line, "ID", id);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i += 2)
        json_set_string(line, texts[i], json_string(network, texts[i + 1], ""));
    for (size_t i = 0; i < ARRAY_SIZE(flags); i += 2)
        json_set_string(line, flags[i], word_of(network, flags[i + 1]));
    json_set_string(line, "Labels", labels);
    _cleanup_free_ char *text = json_print(line);
    strbuf_addf(out, "%s\n", text);
}

static void print(const cJSON *networks, const struct network_ls_values *values, struct strbuf *out)
{
    static const char *const headings[] = {"NETWORK ID", "NAME", "DRIVER", "SCOPE"};
    _cleanup_(table_freep) struct table *table = table_new(ARRAY_SIZE(headings), headings);
    const cJSON *network;
    cJSON_ArrayForEach(network, networks)
    {
        const char *whole = json_string(network, "Id", "");
        _cleanup_free_ char *id = xstrndup(whole, values->no_trunc ? strlen(whole) : SHORT_ID);
        const char *const cells[] = {id, json_string(network, "Name", ""),
                                     json_string(network, "Driver", ""),
                                     json_string(network, "Scope", "")};
        if (values->quiet)
            strbuf_addf(out, "%s\n", id);
        else if (streq(values->format, "json"))
            add_line(network, id, out);
        else
            table_add_row(table, cells);
    }
    if (!values->quiet && streq(values->format, "table"))
        table_print(table, out);
}

static int run(const struct invocation *invocation, struct error *err)
{
    static const char *const known[] = {"name", "id",       "driver", "label",
                                        "type", "dangling", "scope",  NULL};
    const struct network_ls_values *values = invocation->values;
    _cleanup_json_ cJSON *filters = NULL, *answer = NULL;
    _cleanup_strbuf_ struct strbuf out = {0};
    int r = resource_filters(values->filters, known, FILTERS, &filters, err);
    if (r == 0)
        r = resource_list(invocation, &resource_network, filters, &answer, err);
    if (r < 0)
        return r;
    print(answer, values, &out);
    return output_write(strbuf_text(&out), out.length, err);
}

const struct command command_network_ls = {
    .name = "network ls",
    .arguments = "",
    .summary = "List networks",
    .details = "Those of all projects, and those that 'network create' made.",
    .examples = "  vmstead network ls\n"
                "  vmstead network ls -q --filter dangling=true",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct network_ls_values),
    .run = run,
};
