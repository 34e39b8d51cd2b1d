/* Tables of volumes; see volume_list.h. */
#include "cmd/volume_list.h"

#include "base/alloc.h"
#include "base/vec.h"
#include "cmd/output.h"
#include "cmd/resource.h"

static const char *const headings[] = {"DRIVER", "VOLUME NAME"};

static void add_line(const cJSON *volume, struct strbuf *out)
{
    static const char *const unknown[] = {"Availability", "Group", "Links", "Size", "Status"};
    _cleanup_free_ char *labels = resource_join_labels(json_object(volume, "Labels"));
    _cleanup_json_ cJSON *line = cJSON_CreateObject();
    json_set_string(line, "Driver", json_string(volume, "Driver", "local"));
    json_set_string(line, "Labels", labels);
    json_set_string(line, "Mountpoint", json_string(volume, "Mountpoint", ""));
    json_set_string(line, "Name", json_string(volume, "Name", ""));
    json_set_string(line, "Scope", json_string(volume, "Scope", "local"));
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) /* Docker says so too */
        json_set_string(line, unknown[i], "N/A");
    _cleanup_free_ char *text = json_print(line);
    strbuf_addf(out, "%s\n", text);
}

void volume_list_print(const cJSON *volumes, const char *format, bool quiet, struct strbuf *out)
{
    _cleanup_(table_freep) struct table *table = table_new(ARRAY_SIZE(headings), headings);
    const cJSON *volume;
    cJSON_ArrayForEach(volume, volumes)
    {
        const char *const cells[] = {json_string(volume, "Driver", "local"),
                                     json_string(volume, "Name", "")};
        if (quiet)
            strbuf_addf(out, "%s\n", cells[1]);
        else if (streq(format, "json"))
            add_line(volume, out);
        else
            table_add_row(table, cells);
    }
    if (!quiet && streq(format, "table"))
        table_print(table, out);
}
