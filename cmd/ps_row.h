/* One instance of the API -> what `ps` shows of it. Pure. */
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "cmd/output.h"

#include <stdint.h>

struct table *ps_table_new(void);
/* truncate: the command in at most 20 characters. */
void ps_table_add(struct table *table, const cJSON *instance, bool truncate, int64_t now_ms);
/* The object that Compose prints, plus "IP". Owned by the caller. */
cJSON *ps_row_json(const cJSON *instance, int64_t now_ms);

/* "0.0.0.0:8080->80/tcp, 127.0.0.1:9000-9002->9000-9002/udp": neighbours joined to ranges. */
void ps_format_ports(const cJSON *ports, struct strbuf *out);
/* "0.0.0.0:8080", "[::1]:53": one port on the host. */
void ps_format_address(const cJSON *port, struct strbuf *out);
/* "Up 5 minutes (healthy)", "Exited (0) 3 seconds ago", "Restarting (1) 2 seconds ago", "Created".
 */
void ps_format_status(const cJSON *instance, int64_t now_ms, struct strbuf *out);
