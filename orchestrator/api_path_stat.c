/* See api_path_stat.h. */
#include "orchestrator/api_path_stat.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "base/vec.h"

#include <sys/stat.h>

uint32_t api_path_stat_go_mode(uint32_t mode)
{
    static const struct {
        uint32_t type, go;
    } types[] = {
        {S_IFDIR, 1U << 31}, {S_IFLNK, 1U << 27},  {S_IFBLK, 1U << 26},
        {S_IFIFO, 1U << 25}, {S_IFSOCK, 1U << 24}, {S_IFCHR, 1U << 26 | 1U << 21},
    };
    uint32_t go = mode & 0777;
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if ((mode & S_IFMT) == types[i].type)
            go |= types[i].go;
    go |= mode & S_ISUID ? 1U << 23 : 0;
    go |= mode & S_ISGID ? 1U << 22 : 0;
    go |= mode & S_ISVTX ? 1U << 20 : 0;
    return go;
}

/* RFC 4648, section 4. */
static char *encode_base64(const unsigned char *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    _cleanup_strbuf_ struct strbuf text = {0};
    for (size_t i = 0; i < length; i += 3) {
        size_t rest = length - i;
        uint32_t bits = (uint32_t)data[i] << 16;
        bits |= rest > 1 ? (uint32_t)data[i + 1] << 8 : 0;
        bits |= rest > 2 ? data[i + 2] : 0;
        strbuf_add_char(&text, digits[bits >> 18]);
        strbuf_add_char(&text, digits[bits >> 12 & 63]);
        strbuf_add_char(&text, rest > 1 ? digits[bits >> 6 & 63] : '=');
        strbuf_add_char(&text, rest > 2 ? digits[bits & 63] : '=');
    }
    return strbuf_take(&text);
}

char *api_path_stat_encode(const struct copy_stat *stat)
{
    char time[CLOCK_TEXT_SIZE];
    _cleanup_json_ cJSON *value = cJSON_CreateObject();
    json_set_string(value, "name", stat->name);
    json_set_int(value, "size", (int64_t)stat->size);
    json_set_int(value, "mode", api_path_stat_go_mode(stat->mode));
    json_set_string(value, "mtime", clock_format_ns(stat->mtime_ns, time));
    json_set_string(value, "linkTarget", stat->link_target);
    _cleanup_free_ char *text = json_print(value);
    return encode_base64((const unsigned char *)text, strlen(text));
}
