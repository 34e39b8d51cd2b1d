/* The state behind the progress block, and its picture. Pure: events and a clock in, text out;
 * progress.h does the writing.
 *
 *     job events ({"type":"step",...}) -> one item per network, image and VM -> lines
 *
 * A VM goes through several steps (ensure, start; stop, remove): they share its line. Endpoints and
 * ports belong to their VM and get a line only when they fail. */
#pragma once

#include "base/json.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct progress_list;

struct progress_list *progress_list_new(void);
void progress_list_free(struct progress_list *list);

struct progress_item;

/* Takes in a step event; other types are ignored. Returns the item when its state or text changed
 * (for plain output), else NULL. */
const struct progress_item *progress_list_apply(struct progress_list *list, const cJSON *event,
                                                uint64_t now_ms);
/* "VM shop-web-1  Started  0.4s": the item's line in plain output, no newline. */
void progress_item_print(const struct progress_item *item, uint64_t now_ms, struct strbuf *out);

/* "vm" -> "VM": how a kind is called to people. */
const char *progress_kind_title(const char *kind);
/* What a step event without text means: "Starting"; "" where its verb or state is unknown. */
const char *progress_default_text(const cJSON *event);

struct progress_view {
    const char *title;    /* "Running" */
    unsigned width, rows; /* of the terminal; a block never takes more than rows - 1 lines */
    uint64_t now_ms;
    bool color;
    bool complete; /* the last picture: every line, however many */
    const char *line_end;
};
/* The header "[+] Running 2/5" and the lines. Returns how many lines; 0 (and nothing) without
 * items. */
unsigned progress_list_render(const struct progress_list *list, const struct progress_view *view,
                              struct strbuf *out);
