/* `vmstead ls`: the projects there are, as Compose lists them. */
#include "base/alloc.h"
#include "base/vec.h"
#include "cmd/command.h"
#include "cmd/daemon_start.h"
#include "cmd/output.h"

#include <errno.h>

#define TIMEOUT_MS 30000
#define COLUMN_MINIMUM 20
#define COLUMN_GAP 3

struct ls_values {
    bool all, quiet;
    const char *format;
    char **filters;
};

static const struct option_row rows[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct ls_values, all), NULL, NULL, 0, 0,
     "Show those that do not run, too"},
    {"filter", 0, OPTION_LIST, offsetof(struct ls_values, filters), "name=TEXT", NULL, 0, 0,
     "Only projects whose name has this in it"},
    {"format", 0, OPTION_CHOICE, offsetof(struct ls_values, format), "table|json", "table", 0, 0,
     "Output format"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ls_values, quiet), NULL, NULL, 0, 0,
     "Only print names"},
};

static const char *const headings[] = {"NAME", "STATUS", "CONFIG FILES"};

/* "exited(1), running(2)" without what does not run: "running(2)"; "" for none. */
static char *running_part(const char *status)
{
    static const char *const shown[] = {"running", "paused", "restarting"};
    struct strbuf part = {0};
    while (*status) {
        size_t length = strcspn(status, ",");
        for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
            if (strncmp(status, shown[i], strlen(shown[i])) == 0)
                strbuf_addf(&part, "%s%.*s", part.length ? ", " : "", (int)length, status);
        status += length;
        status += strspn(status, ", ");
    }
    return strbuf_take(&part);
}

static bool matches(const struct ls_values *values, const char *name)
{
    for (size_t i = 0; values->filters && values->filters[i]; i++) {
        const char *text = str_after_prefix(values->filters[i], "name=");
        if (text && strstr(name, text))
            return true;
    }
    return !values->filters;
}

static int check_filters(const struct ls_values *values, struct error *err)
{
    for (size_t i = 0; values->filters && values->filters[i]; i++)
        if (!str_after_prefix(values->filters[i], "name="))
            return error_set(err, EINVAL, "invalid filter '%s': use name=TEXT", values->filters[i]);
    return 0;
}

static void add_project(const cJSON *project, const char *status, cJSON *lines, struct table *table)
{
    _cleanup_strv_ char **files = json_strv(json_array(project, "ConfigFiles"));
    _cleanup_free_ char *joined = strv_join(files, ",");
    const char *const cells[] = {json_string(project, "Name", ""), status, joined};
    cJSON *line = cJSON_CreateObject();
    json_set_string(line, "Name", cells[0]);
    json_set_string(line, "Status", status);
    json_set_string(line, "ConfigFiles", joined);
    cJSON_AddItemToArray(lines, line);
    table_add_row(table, cells);
}

static int print(const struct ls_values *values, const cJSON *projects, struct error *err)
{
    _cleanup_(table_freep) struct table *table =
        table_new_shaped(ARRAY_SIZE(headings), headings, COLUMN_MINIMUM, COLUMN_GAP);
    _cleanup_json_ cJSON *lines = cJSON_CreateArray();
    _cleanup_strbuf_ struct strbuf names = {0}, out = {0};
    const cJSON *project;
    cJSON_ArrayForEach(project, projects)
    {
        const char *name = json_string(project, "Name", ""), *all;
        all = json_string(project, "Status", "");
        _cleanup_free_ char *status = values->all ? xstrdup(all) : running_part(all);
        if (!*status || !matches(values, name))
            continue;
        strbuf_addf(&names, "%s\n", name);
        add_project(project, status, lines, table);
    }
    if (values->quiet)
        return output_write(strbuf_text(&names), names.length, err);
    if (streq(values->format, "json")) {
        _cleanup_free_ char *text = json_print(lines);
        strbuf_addf(&out, "%s\n", text);
    } else {
        table_print(table, &out);
    }
    return output_write(strbuf_text(&out), out.length, err);
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct ls_values *values = invocation->values;
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *projects = NULL;
    int r = check_filters(values, err);
    if (r == 0)
        r = daemon_open(invocation, DAEMON_IF_ANY, &client, err);
    if (r == 0 && client)
        r = client_call(client, "GET", "/vmstead/projects", NULL, TIMEOUT_MS, &projects, err);
    return r < 0 ? r : print(values, projects, err);
}

const struct command command_ls = {
    .name = "ls",
    .arguments = "",
    .summary = "List the projects",
    .details =
        "Shows projects with something that runs, with --all every one that has anything, and\n"
        "the files they were made from. Needs no Compose file.",
    .examples = "  vmstead ls -a\n"
                "  vmstead ls --format json",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct ls_values),
    .run = run,
};
