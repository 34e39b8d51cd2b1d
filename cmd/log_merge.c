/* Queues of lines, merged by time; see log_merge.h. */
#include "cmd/log_merge.h"

#include "base/str.h"
#include "base/vec.h"

struct queue {
    VEC(struct log_line) lines;
    size_t first; /* the lines before it are out */
    bool ended;
};

struct log_merge {
    VEC(struct queue) queues;
};

void log_line_done(struct log_line *line)
{
    free(line->time);
    free(line->text);
    *line = (struct log_line){0};
}

struct log_merge *log_merge_new(void)
{
    return new0(struct log_merge);
}

void log_merge_free(struct log_merge *merge)
{
    if (!merge)
        return;
    for (size_t i = 0; i < merge->queues.count; i++) {
        struct queue *queue = &merge->queues.items[i];
        for (size_t j = queue->first; j < queue->lines.count; j++)
            log_line_done(&queue->lines.items[j]);
        vec_done(&queue->lines);
    }
    vec_done(&merge->queues);
    free(merge);
}

size_t log_merge_add_source(struct log_merge *merge)
{
    vec_add(&merge->queues, (struct queue){0});
    return merge->queues.count - 1;
}

void log_merge_push(struct log_merge *merge, struct log_line line)
{
    vec_add(&merge->queues.items[line.source].lines, line);
}

void log_merge_end_source(struct log_merge *merge, size_t source)
{
    merge->queues.items[source].ended = true;
}

size_t log_merge_waiting(const struct log_merge *merge, size_t source)
{
    const struct queue *queue = &merge->queues.items[source];
    return queue->lines.count - queue->first;
}

static struct log_line pop(struct queue *queue)
{
    struct log_line line = queue->lines.items[queue->first++];
    if (queue->first == queue->lines.count)
        queue->first = queue->lines.count = 0;
    return line;
}

bool log_merge_take(struct log_merge *merge, bool force, struct log_line *ret_line)
{
    struct queue *oldest = NULL;
    for (size_t i = 0; i < merge->queues.count; i++) {
        struct queue *queue = &merge->queues.items[i];
        if (queue->first == queue->lines.count) {
            if (!queue->ended && !force)
                return false;
            continue;
        }
        if (!oldest || strcmp(queue->lines.items[queue->first].time,
                              oldest->lines.items[oldest->first].time) < 0)
            oldest = queue;
    }
    if (!oldest)
        return false;
    *ret_line = pop(oldest);
    return true;
}
