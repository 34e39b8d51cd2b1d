/* A hosts file (hosts(5)) with a block of ours in it, between two marker lines. Pure: text in, text
 * out; what stands outside of the block stays byte by byte.
 *
 *     # BEGIN vmstead ROOT
 *     10.89.0.5  shop-web-1.vm web.shop.vm shop.vm
 *     # END vmstead ROOT */
#pragma once

#include "base/json.h"
#include "base/str.h"

/* The lines of the block: a line per endpoint of `names` (GET /vmstead/names), sorted. Only those
 * whose project, service or instance is one of `wanted` (count 0: all); wanted[i] that none has are
 * told by `found`, an array of count flags that begin as false. */
void hosts_format_lines(const cJSON *names, char *const *wanted, size_t count, bool *found,
                        struct strbuf *out);
/* The text with the block's lines replaced by these; without lines the block goes, where there was
 * none it comes last. -EINVAL, with the line's number, where the markers of this root do not make
 * one block. */
int hosts_replace_block(const char *text, const char *root, const char *lines, struct strbuf *out,
                        struct error *err);
/* What patch(1) takes: one hunk with three lines around it; nothing where both are the same. */
void hosts_format_diff(const char *path, const char *old_text, const char *new_text,
                       struct strbuf *out);
