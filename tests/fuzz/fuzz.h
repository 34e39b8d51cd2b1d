/* What libFuzzer and replay.c call; every fuzz_NAME.c defines it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
