/* A host made of JSON: providers that do nothing but keep count, strictly. What the real ones
 * promise (base/provider.h) they keep: an operation is half done between start and done, undoes
 * itself when it fails, is idempotent. What the real ones could not do they refuse: a start without
 * taps, image or volumes, the removal of a network with endpoints, of an endpoint whose VM runs, of
 * a volume that a VM mounts; a disk that turns into a folder under a running VM. */
#pragma once

#include "base/vec.h"
#include "orchestrator/orchestrator.h"

enum fake_answer {
    FAKE_AT_ONCE, /* operation_done() from within start() */
    FAKE_LATER,   /* from fake_world_tick() */
};

struct fake_provider {
    struct provider provider;
    struct fake_world *world;
};

enum { FAKE_KINDS = 7 };

struct fake_world {
    enum fake_answer answer;
    const char *path;  /* the host outlives the process: kept in this file; NULL: in memory */
    cJSON *things;     /* {"KIND/NAME": {"spec":{}, "half":B, "state":S (vm)}} */
    size_t starts;     /* operations begun, images too */
    size_t fail_at;    /* that one (from 1) fails; 0: none */
    bool fail_by_code; /* start() returns an error, instead of operation_done with one */
    bool ignore_cancel;
    const char *refuse;            /* check() refuses operations with this name */
    const char *acceleration_note; /* what there is to say of it; NULL: nothing */
    const char *image_id;
    const cJSON *image_config; /* of every image; NULL: none */
    const char *held;          /* conditions on this instance take for ever; NULL: none */
    const char *unhealthy;     /* conditions on this instance fail; NULL: none does */
    /* An instance's end, as the runtime tells it; NULL: nobody listens. */
    void (*on_vm_event)(void *userdata, const struct vm_status *status);
    void *vm_event_userdata;
    char **dying; /* killed; they end with the next ticks */
    size_t checks;
    uint64_t now_ms; /* the scripted clock */
    VEC(struct operation *) pending;
    VEC(char *) log; /* "ensure network x", in order of start */
    char **named;    /* instances DNS names */
    struct fake_provider providers[FAKE_KINDS];
    const struct provider *provider_list[FAKE_KINDS];
};

void fake_world_init(struct fake_world *world, enum fake_answer answer, const char *path);
void fake_world_done(struct fake_world *world);
/* Answers the operation that waits longest; false where none does. One second passes. */
bool fake_world_tick(struct fake_world *world);
/* Everything but images. */
size_t fake_world_count(const struct fake_world *world);
bool fake_world_has(const struct fake_world *world, const char *key);
/* "running", "created", "exited"; NULL where there is no such VM. */
const char *fake_world_vm_state(const struct fake_world *world, const char *instance);
/* The guest ended by itself. */
void fake_world_exit_vm(struct fake_world *world, const char *instance);
void fake_world_clear_log(struct fake_world *world);
/* The place of an entry in the log, SIZE_MAX where it is not. */
size_t fake_world_find_log(const struct fake_world *world, const char *entry);
struct orchestrator_world fake_world_for_orchestrator(struct fake_world *world);
