/* Characters beyond ASCII, in texts that are UTF-8 and end with a NUL. compose/ only. */
#pragma once

#include "base/str.h"
#include "compose/arena.h"

#include <stdint.h>

/* Decodes one and returns its length. A byte that begins none is U+FFFD. */
size_t characters_decode(const char *text, uint32_t *ret_code);
void characters_add(struct strbuf *out, uint32_t code);

/* Bytes of the character where it is space to Unicode, also a line end; else 0. */
size_t characters_space(const char *text);
/* Bytes of the character where it is beyond ASCII and may be a letter or a digit; else 0. */
size_t characters_letter(const char *text);

/* A copy in which U+FFFD stands for each byte that begins no character. */
const char *characters_clean(struct arena *arena, const char *text);
