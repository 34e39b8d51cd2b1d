/* What every VM of this host is booted with: the guest kit, and KVM or TCG. Prepared once, in the
 * background, as soon as somebody asks; a kit whose files are gone is made again.
 *
 *   check() or START -> platform_prepare -> thread pool: kit -> acceleration probe -> on_change */
#pragma once

#include "base/error.h"
#include "base/paths.h"
#include "runtime/guest_kit.h"

#include <stdbool.h>
#include <uv.h>

struct platform;

enum platform_state { PLATFORM_IDLE, PLATFORM_PREPARING, PLATFORM_READY, PLATFORM_FAILED };

/* on_change: it became ready or failed; never from within a call. */
struct platform *platform_new(uv_loop_t *loop, const struct paths *paths,
                              void (*on_change)(void *userdata), void *userdata);
void platform_free(struct platform *platform);
/* Starts where it is idle, failed or its files are gone; PLATFORM_READY at once where all is there.
 */
enum platform_state platform_prepare(struct platform *platform);
/* PLATFORM_FAILED: *err says why. */
enum platform_state platform_state(const struct platform *platform, struct error *err);
/* While ready. */
const struct guest_kit *platform_kit(const struct platform *platform);
bool platform_has_kvm(const struct platform *platform);
/* acceleration_note(). */
const char *platform_note(const struct platform *platform);
