/* Named volumes: data that outlives instances. Inside runtime/ only; the front is in runtime.h.
 *
 *   STATE/volumes/NAME/data.img   a disk: sparse ext4 with a journal, for one VM at a time
 *   STATE/volumes/NAME/tree/      a folder: through virtiofs, for any number of VMs
 *
 * Either holds one folder `_data`, which is what guests see: beside it is room for lost+found and
 * for the agent's marks. What is below tree/ and inside data.img was written by guests: nothing of
 * ours is read there, and no symlink of it followed. Which of the two it is says the row, nothing
 * else: a conversion (volume_convert.c) makes the other beside it, changes the row, and removes the
 * first. */
#pragma once

#include "runtime/disk.h"
#include "runtime/vm.h"

enum volume_kind {
    VOLUME_NONE, /* not made yet */
    VOLUME_DISK,
    VOLUME_FOLDER,
    VOLUME_KIND_COUNT
};
const char *volume_kind_name(enum volume_kind kind); /* "", "disk", "folder" */

/* What a disk may hold; it takes only what is written (650 KB empty). */
#define VOLUME_DISK_BYTES (64ULL << 30)

struct volume_conversion;

struct volume {
    struct runtime *runtime;
    struct volume *next;
    char *name, *project, *key;
    cJSON *labels;
    bool anonymous;
    enum volume_kind kind;
    int64_t created_ms;
    char *folder; /* STATE/volumes/NAME */

    /* An ENSURE that is being carried out. */
    struct operation *operation;
    struct disk_request *disk;
    struct volume_conversion *conversion;
};

/* --- volume.c --------------------------------------------------------------------------------- */

/* Linked into runtime->volumes; labels are copied. */
struct volume *volume_new(struct runtime *runtime, const char *name);
void volume_free(struct volume *volume);
struct volume *volume_find(const struct runtime *runtime, const char *name);
/* -EINVAL: cannot be a volume's name (Docker's rule: [a-zA-Z0-9][a-zA-Z0-9_.-]+). */
int volume_check_name(const char *name, struct error *err);
char *volume_disk_path(const struct volume *volume);
char *volume_tree_path(const struct volume *volume);
/* The names of the instances that mount it, and of those that have it open now, joined for people;
 * NULL: none. The caller's. */
char *volume_users(const struct volume *volume);
char *volume_open_by(const struct volume *volume, const struct vm *except);
/* The row goes, then the files, in the thread pool. -EBUSY as runtime_volume_remove(). */
int volume_remove(struct volume *volume, struct error *err);
/* What a conversion has left of the kind that it is not (any more). */
void volume_remove_other_form(const struct volume *volume);
/* After a restart: what conversions and removals have left half done. */
void volume_adopt_all(struct runtime *runtime);

/* --- volume_operations.c: the provider "volume" ----------------------------------------------- */

int volume_check_operations(void *self, struct operation *const *operations, size_t count,
                            struct error *err);
int volume_start_operation(void *self, struct operation *operation, struct error *err);
void volume_cancel_operation(void *self, struct operation *operation);

/* --- volume_store.c: tables volumes and volume_users ------------------------------------------ */

int volume_store_load(struct runtime *runtime, struct error *err);
int volume_store_save(const struct volume *volume, struct error *err);
int volume_store_delete(struct store *store, const char *name, struct error *err);
/* The volumes that an instance mounts, in place of those it has mounted before; NULL: none. */
int volume_store_set_used(struct store *store, const char *instance, char *const *volumes,
                          struct error *err);

/* --- volume_convert.c ------------------------------------------------------------------------- */

/* Makes the content of the volume's kind anew as the other kind, beside it; the row stays. on_done
 * is called once, never from within. */
int volume_convert(struct volume *volume, void (*on_done)(void *userdata, struct error *err),
                   void *userdata, struct volume_conversion **ret_conversion, struct error *err);
/* on_done still comes, with -ECANCELED. */
void volume_conversion_cancel(struct volume_conversion *conversion);
/* Cancels, and on_done does not come. */
void volume_conversion_abandon(struct volume_conversion *conversion);
