/* A request while it runs: shared by image_request.c, which knows what follows what, and
 * image_phases.c, which carries a phase out. */
#pragma once

#include "base/spawn.h"
#include "runtime/image_output.h"
#include "runtime/image_request.h"
#include "runtime/image_steps.h"

enum image_phase {
    PHASE_LOOKUP,       /* is it cached and whole? */
    PHASE_BASES,        /* what it builds on is perhaps being built */
    PHASE_LOCK,         /* one maker per image, one mmdebstrap at all */
    PHASE_PREPARE,      /* look again; clear what dead makers left; a private folder */
    PHASE_INSPECT,      /* skopeo inspect: the platform, before anything is fetched */
    PHASE_COMPARE,      /* pull: always, and the registry still has what is cached? */
    PHASE_COPY,         /* skopeo copy */
    PHASE_LAYOUT,       /* the id and the configuration; cached under another name? */
    PHASE_CONFIG,       /* skopeo inspect: what OCI's format does not have */
    PHASE_UNPACK,       /* umoci unpack */
    PHASE_SOURCES,      /* apt-get indextargets */
    PHASE_BOOTSTRAP,    /* mmdebstrap */
    PHASE_FILES,        /* bootstrap's files */
    PHASE_RUN,          /* one of bootstrap's commands */
    PHASE_LEAVE,        /* what they were lent goes */
    PHASE_EXTRACT,      /* fsck.erofs: a base that buildah does not have */
    PHASE_TAR,          /* as its layer */
    PHASE_PACK,         /* as an image */
    PHASE_IMPORT,       /* skopeo, into buildah's store */
    PHASE_READY,        /* the Dockerfile as buildah gets it */
    PHASE_BUILD,        /* buildah build */
    PHASE_BUILT,        /* its id; is that image there already? */
    PHASE_BUILD_CONFIG, /* buildah inspect */
    PHASE_EROFS,        /* mkfs.erofs */
    PHASE_INSTALL,      /* hash, rename, reference */
    PHASE_SWEEP,        /* buildah rm: what killed builds left, where the store is too large */
    PHASE_PRUNE,        /* buildah rmi: the layers that no name needs */
    PHASE_CLEANUP,      /* the folder and the locks go */
    PHASE_DONE,
    PHASE_COUNT
};

enum { IMAGE_TICK_MS = 50 }; /* looks at a lock */

struct image_request {
    struct image_making making;
    uv_loop_t *loop;
    struct image_callbacks callbacks;
    void *userdata;
    struct image_request_list *list; /* NULL: nobody listens any more */
    struct image_request *next;

    enum image_phase phase;
    bool cancelled;
    uv_work_t work;
    uv_timer_t timer;
    struct spawn *spawn;
    uint64_t lock_deadline_ms;
    bool told_waiting, told_damage;
    struct image_request *waits_for; /* it builds a base of this one */
    char **error_lines;              /* mmdebstrap's "E: ..." lines */
    struct image_output output;
};

/* image_request.c: what ends calls it, once, on the loop. */
void image_request_advance(struct image_request *request);
void image_request_report(struct image_request *request, const char *text, int64_t current,
                          int64_t total, const char *unit);
const char *image_phase_name(enum image_phase phase);

/* image_phases.c: starts the phase the request is in: a job or a program. -errno, and the reason in
 * request->making.err, where it could not be started. */
int image_phase_start(struct image_request *request);
