/* What firewall.c and firewall_bridge.c write the ruleset with. Pure. */
#pragma once

#include "network/firewall.h"

/* One `set` or `map`; elements are added by the caller in between. */
void firewall_begin_elements(struct strbuf *text, const char *head);
void firewall_end_elements(struct strbuf *text, bool any);
/* Of an element, made of two names. */
void firewall_add_comment(struct strbuf *text, const char *first, const char *second);

/* The body of the bridge table: which frames of guests are taken at all. */
void firewall_format_bridge(const struct desired *desired, struct strbuf *text);
