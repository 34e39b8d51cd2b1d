/* The provider "image": operations onto requests of the image store. Inside runtime/ only. */
#pragma once

#include "base/provider.h"

/* self: struct runtime. */
int image_start_operation(void *self, struct operation *operation, struct error *err);
void image_cancel_operation(void *self, struct operation *operation);
