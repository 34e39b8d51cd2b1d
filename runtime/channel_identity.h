/* The identity as runtime/ has it (JSON, channel.h) -> the tagged fields the agent reads
 * (guest/protocol.h). Pure. */
#pragma once

#include "base/json.h"
#include "base/str.h"
#include "runtime/vm_files.h"

void channel_identity_encode(const cJSON *identity, const struct vm_files *files,
                             struct strbuf *buffer);
