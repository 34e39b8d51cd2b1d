/* Indented JSON; see json_indent.h. */
#include "cmd/json_indent.h"

#define INDENT 4

static void add_level(const cJSON *value, int level, struct strbuf *out)
{
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value)) {
        _cleanup_free_ char *text = json_print(value);
        strbuf_add_str(out, text);
        return;
    }
    bool is_object = cJSON_IsObject(value);
    strbuf_add_char(out, is_object ? '{' : '[');
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        strbuf_addf(out, "%s\n%*s", item == value->child ? "" : ",", (level + 1) * INDENT, "");
        if (is_object) {
            _cleanup_json_ cJSON *key = cJSON_CreateString(item->string);
            _cleanup_free_ char *text = json_print(key);
            strbuf_addf(out, "%s: ", text);
        }
        add_level(item, level + 1, out);
    }
    if (value->child)
        strbuf_addf(out, "\n%*s", level * INDENT, "");
    strbuf_add_char(out, is_object ? '}' : ']');
}

void json_indent(const cJSON *value, struct strbuf *out)
{
    add_level(value, 0, out);
    strbuf_add_char(out, '\n');
}
