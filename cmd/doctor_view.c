/* See doctor_view.h. */
#include "cmd/doctor_view.h"

#include "base/check.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/json_indent.h"
#include "cmd/output.h"

#include <stdio.h>
#include <unistd.h>

enum { STATUS_WIDTH = 9, NAME_WIDTH = 15 };

static const char *color_of(const char *status)
{
    static const char *const colors[] = {
        [CHECK_OK] = "\033[32m",
        [CHECK_WARNING] = "\033[33m",
        [CHECK_ERROR] = "\033[31m",
        [CHECK_SKIPPED] = "\033[2m",
    };
    for (size_t i = 0; i < ARRAY_SIZE(colors); i++)
        if (streq(status, check_status_name((enum check_status)i)))
            return colors[i];
    return "";
}

int doctor_print_line(const cJSON *finding, struct error *err)
{
    _cleanup_strbuf_ struct strbuf line = {0};
    const char *status = json_string(finding, "status", "");
    const char *remedy = json_string(finding, "remedy", NULL);
    bool color = output_has_color(STDOUT_FILENO);
    strbuf_addf(&line, "%s%-*s%s%-*s %s", color ? color_of(status) : "", STATUS_WIDTH, status,
                color ? OUTPUT_RESET : "", NAME_WIDTH, json_string(finding, "check", ""),
                json_string(finding, "evidence", ""));
    if (remedy)
        strbuf_addf(&line, " -> %s", remedy);
    strbuf_add_char(&line, '\n');
    return output_write(line.data, line.length, err);
}

int doctor_print_json(const cJSON *object, struct error *err)
{
    _cleanup_strbuf_ struct strbuf text = {0};
    json_indent(object, &text);
    return output_write(strbuf_text(&text), text.length, err);
}

const cJSON *doctor_find(const cJSON *findings, const char *status)
{
    const cJSON *finding;
    cJSON_ArrayForEach(finding, findings)
    {
        if (streq(json_string(finding, "status", ""), status))
            return finding;
    }
    return NULL;
}
