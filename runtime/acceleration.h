/* KVM or TCG? Proved, not assumed: that /dev/kvm opens says nothing (on some nested hosts it does,
 * and no guest ever boots). Where it opens, the guest kit is booted under it with a deadline; the
 * verdict is remembered per kit and boot of the host in CACHE/acceleration.json.
 *
 * VMSTEAD_ACCEL=kvm|tcg decides without looking. */
#pragma once

#include "base/error.h"
#include "base/paths.h"
#include "runtime/guest_kit.h"

#include <stdbool.h>
#include <uv.h>

enum acceleration_verdict {
    ACCELERATION_UNKNOWN,
    ACCELERATION_KVM,
    ACCELERATION_TCG,
    ACCELERATION_VERDICT_COUNT
};
const char *acceleration_verdict_name(enum acceleration_verdict verdict); /* "unknown", "kvm"... */

/* --- the remembered verdict ----------------------------------------------------------------- */

/* ACCELERATION_UNKNOWN where there is none for this kit and boot id, or it cannot be read.
 * *ret_reason (may be NULL) is the caller's. */
enum acceleration_verdict acceleration_read_verdict(const char *path, const char *kit_key,
                                                    const char *boot_id, char **ret_reason);
int acceleration_write_verdict(const char *path, const char *kit_key, const char *boot_id,
                               enum acceleration_verdict verdict, const char *reason,
                               struct error *err);

/* --- finding it ----------------------------------------------------------------------------- */

struct acceleration;

/* on_known: once, never from within acceleration_find(). */
struct acceleration *acceleration_new(uv_loop_t *loop, const struct paths *paths,
                                      void (*on_known)(void *userdata), void *userdata);
/* A probe that runs is ended. */
void acceleration_free(struct acceleration *acceleration);
/* Starts to find out, unless it is known or being found out. Takes at most
 * ACCELERATION_PROBE_TIMEOUT_MS. */
void acceleration_find(struct acceleration *acceleration, const struct guest_kit *kit);
#define ACCELERATION_PROBE_TIMEOUT_MS 5000

enum acceleration_verdict acceleration_verdict(const struct acceleration *acceleration);
/* One line for people where TCG was not asked for, else NULL. */
const char *acceleration_note(const struct acceleration *acceleration);
