/* What `vmstead doctor` prints: findings as base/check.h describes them, a line or an object each.
 */
#pragma once

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>

/* "warning  acceleration  EVIDENCE -> REMEDY", the first word coloured on a terminal; written at
 * once. 0, or as output_write(). */
int doctor_print_line(const cJSON *finding, struct error *err);
/* The object, indented, and a newline. */
int doctor_print_json(const cJSON *object, struct error *err);
/* The first with this status; NULL where there is none. */
const cJSON *doctor_find(const cJSON *findings, const char *status);
