/* What `up --dry-run` and `plan` show: the plan lines of a job stream as a diff of the world. Pure.
 *
 *     ~ VM shop-db-1  recreate: its configuration changed
 *         image: "redis:6" -> "redis:7"
 *     + VM shop-web-2  create
 *
 *     1 to create, 1 to recreate; 3 unchanged */
#pragma once

#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>

struct plan_view;

struct plan_view *plan_view_new(bool color);
void plan_view_free(struct plan_view *view);
DEFINE_FREEP(struct plan_view *, plan_view_free)
/* Takes in one event; other types than "plan" are ignored. */
void plan_view_add(struct plan_view *view, const cJSON *event);
void plan_view_print(const struct plan_view *view, struct strbuf *out);
