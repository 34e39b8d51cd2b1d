/* See hosts_file.h. */
#include "cmd/hosts_file.h"

#include "base/alloc.h"
#include "base/vec.h"

#include <errno.h>
#include <stdlib.h>

/* --- the lines ------------------------------------------------------------------------------ */

static bool is_wanted(const cJSON *entry, char *const *wanted, size_t count, bool *found)
{
    static const char *const keys[] = {"project", "service", "instance"};
    bool any = count == 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
            if (streq(wanted[i], json_string(entry, keys[k], "")))
                any = found[i] = true;
    return any;
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void hosts_format_lines(const cJSON *names, char *const *wanted, size_t count, bool *found,
                        struct strbuf *out)
{
    VEC(char *) lines = {0}; /* "INSTANCE ADDRESS LINE": sorted so */
    const cJSON *entry;
    cJSON_ArrayForEach(entry, names)
    {
        if (!is_wanted(entry, wanted, count, found))
            continue;
        _cleanup_strv_ char **of_entry = json_strv(json_array(entry, "names"));
        _cleanup_free_ char *joined = strv_join(of_entry, " ");
        const char *address = json_string(entry, "address", "");
        vec_add(&lines, xasprintf("%s %s\n%s  %s\n", json_string(entry, "instance", ""), address,
                                  address, joined));
    }
    if (lines.count)
        qsort(lines.items, lines.count, sizeof(*lines.items), compare_lines);
    for (size_t i = 0; i < lines.count; i++) {
        strbuf_add_str(out, strchr(lines.items[i], '\n') + 1);
        free(lines.items[i]);
    }
    vec_done(&lines);
}

/* --- the block ------------------------------------------------------------------------------ */

/* Whether the line that begins here is this marker; blanks at its end do not count. */
static bool is_marker(const char *line, const char *word, const char *root)
{
    _cleanup_free_ char *marker = xasprintf("# %s vmstead %s", word, root);
    const char *rest = str_after_prefix(line, marker);
    return rest && (rest += strspn(rest, " \t\r"), *rest == '\n' || *rest == '\0');
}

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

struct block {
    const char *begin, *end; /* its first byte, the byte behind it; NULL: none */
};

static int refuse_markers(size_t number, const char *what, const char *root, struct error *err)
{
    return error_set(err, EINVAL,
                     "line %zu: %s: '# BEGIN vmstead %s' and '# END vmstead %s' must stand there "
                     "once, in this order, or not at all; mend it by hand",
                     number, what, root, root);
}

static int find_block(const char *text, const char *root, struct block *ret_block,
                      struct error *err)
{
    struct block block = {0};
    size_t number = 0, begun_at = 0;
    for (const char *line = text; *line; line = next_line(line)) {
        number++;
        if (is_marker(line, "BEGIN", root)) {
            if (block.begin)
                return refuse_markers(number, "a second block begins", root, err);
            block.begin = line;
            begun_at = number;
        } else if (is_marker(line, "END", root)) {
            if (!block.begin || block.end)
                return refuse_markers(number, "a block ends that has not begun", root, err);
            block.end = next_line(line);
        }
    }
    if (block.begin && !block.end)
        return refuse_markers(begun_at, "the block that begins here does not end", root, err);
    *ret_block = block;
    return 0;
}

int hosts_replace_block(const char *text, const char *root, const char *lines, struct strbuf *out,
                        struct error *err)
{
    struct block block = {0};
    int r = find_block(text, root, &block, err);
    if (r < 0)
        return r;
    const char *behind = block.begin ? block.end : text + strlen(text);
    strbuf_add(out, text, (size_t)((block.begin ? block.begin : behind) - text));
    if (*lines) {
        if (out->length && out->data[out->length - 1] != '\n')
            strbuf_add_char(out, '\n');
        strbuf_addf(out, "# BEGIN vmstead %s\n%s# END vmstead %s\n", root, lines, root);
    }
    strbuf_add_str(out, behind);
    return 0;
}

/* --- the difference ------------------------------------------------------------------------- */

#define CONTEXT 3

struct lines {
    VEC(const char *) starts; /* and the end */
};

static void split(const char *text, struct lines *lines)
{
    for (; *text; text = next_line(text))
        vec_add(&lines->starts, text);
    vec_add(&lines->starts, text);
}

static size_t count_of(const struct lines *lines)
{
    return lines->starts.count - 1;
}

static bool same_line(const struct lines *a, size_t i, const struct lines *b, size_t k)
{
    size_t length = (size_t)(a->starts.items[i + 1] - a->starts.items[i]);
    return length == (size_t)(b->starts.items[k + 1] - b->starts.items[k]) &&
           memcmp(a->starts.items[i], b->starts.items[k], length) == 0;
}

static void add_lines(struct strbuf *out, char sign, const struct lines *lines, size_t from,
                      size_t to)
{
    for (size_t i = from; i < to; i++) {
        const char *start = lines->starts.items[i], *end = lines->starts.items[i + 1];
        strbuf_add_char(out, sign);
        strbuf_add(out, start, (size_t)(end - start));
        if (end[-1] != '\n')
            strbuf_add_str(out, "\n\\ No newline at end of file\n");
    }
}

void hosts_format_diff(const char *path, const char *old_text, const char *new_text,
                       struct strbuf *out)
{
    struct lines before = {0}, after = {0};
    split(old_text, &before);
    split(new_text, &after);
    size_t old_count = count_of(&before), new_count = count_of(&after), head = 0, tail = 0;
    while (head < old_count && head < new_count && same_line(&before, head, &after, head))
        head++;
    while (tail < old_count - head && tail < new_count - head &&
           same_line(&before, old_count - 1 - tail, &after, new_count - 1 - tail))
        tail++;
    if (head < old_count || head < new_count) {
        size_t first = head > CONTEXT ? head - CONTEXT : 0;
        size_t behind = tail > CONTEXT ? CONTEXT : tail;
        size_t old_end = old_count - tail, new_end = new_count - tail;
        size_t old_length = old_end + behind - first, new_length = new_end + behind - first;
        strbuf_addf(out, "--- %s\n+++ %s\n@@ -%zu,%zu +%zu,%zu @@\n", path, path,
                    first + (old_length > 0), old_length, first + (new_length > 0), new_length);
        add_lines(out, ' ', &before, first, head);
        add_lines(out, '-', &before, head, old_end);
        add_lines(out, '+', &after, head, new_end);
        add_lines(out, ' ', &before, old_end, old_end + behind);
    }
    vec_done(&before.starts);
    vec_done(&after.starts);
}
