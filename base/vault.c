/* See vault.h. */
#include "base/vault.h"

#include "base/alloc.h"
#include "base/str.h"
#include "base/vec.h"

#include <errno.h>
#include <keyutils.h>

enum { PART_BYTES = 32000 }; /* a "user" key takes 32767 (keyrings(7)) */

/* The user's rights, none of the possessor's: QEMU inherits our session keyring, and with it
 * possession, but not our uid. */
#define OWNER_ONLY KEY_USR_ALL

struct local_value {
    char *ring, *key;
    char *data;
    size_t length;
};

/* What the kernel did not take. */
static VEC(struct local_value) local_values;
static bool kernel_refused;

void vault_refuse_kernel(bool refuse)
{
    kernel_refused = refuse;
}

void vault_free(void *data, size_t length)
{
    if (data)
        explicit_bzero(data, length);
    free(data);
}

static char *ring_name(const char *root_id, const char *project)
{
    return xasprintf("vmstead:%s:%s", root_id, project);
}

/* --- in this process -------------------------------------------------------------------------- */

static void drop_local(size_t index)
{
    struct local_value *value = &local_values.items[index];
    vault_free(value->data, value->length);
    free(value->key);
    free(value->ring);
    *value = local_values.items[--local_values.count];
    if (local_values.count == 0)
        vec_done(&local_values);
}

static size_t find_local(const char *ring, const char *key)
{
    for (size_t i = 0; i < local_values.count; i++)
        if (streq(local_values.items[i].ring, ring) && streq(local_values.items[i].key, key))
            return i;
    return SIZE_MAX;
}

static void put_local(const char *ring, const char *key, const char *data, size_t length)
{
    char *copy = xcalloc(length + 1, 1);
    memcpy(copy, data, length);
    vec_add(&local_values, (struct local_value){xstrdup(ring), xstrdup(key), copy, length});
}

/* --- in the kernel ---------------------------------------------------------------------------- */

/* -1 where there is none. */
static key_serial_t find_ring(const char *ring)
{
    long id = kernel_refused ? -1 : keyctl_search(KEY_SPEC_USER_KEYRING, "keyring", ring, 0);
    return id < 0 ? -1 : (key_serial_t)id;
}

static key_serial_t find_or_make_ring(const char *ring)
{
    key_serial_t id = find_ring(ring);
    if (kernel_refused)
        return -1;
    /* Rights are changed by the possessor. A service's session keyring has no way to the user's;
     * the process keyring is ours alone, no child has it. */
    keyctl_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_PROCESS_KEYRING);
    if (id >= 0)
        return id;
    id = add_key("keyring", ring, NULL, 0, KEY_SPEC_USER_KEYRING);
    if (id >= 0 && keyctl_setperm(id, OWNER_ONLY) < 0) {
        keyctl_unlink(id, KEY_SPEC_USER_KEYRING);
        return -1;
    }
    return id;
}

static key_serial_t find_part(key_serial_t ring, const char *key, size_t part)
{
    _cleanup_free_ char *name = xasprintf("%s#%zu", key, part);
    long id = keyctl_search(ring, "user", name, 0);
    return id < 0 ? -1 : (key_serial_t)id;
}

static void drop_parts(key_serial_t ring, const char *key, size_t from)
{
    key_serial_t id;
    while ((id = find_part(ring, key, from++)) >= 0) {
        keyctl_revoke(id); /* frees the content now; the unlinked key itself goes in time */
        keyctl_unlink(id, ring);
    }
}

static bool put_part(key_serial_t ring, const char *key, size_t part, const void *data,
                     size_t length)
{
    _cleanup_free_ char *name = xasprintf("%s#%zu", key, part);
    key_serial_t id = add_key("user", name, data, length, ring); /* updates one of that name */
    return id >= 0 && keyctl_setperm(id, OWNER_ONLY) >= 0;
}

/* Part 0 is the length in decimal: so an empty value has a part, and a value whose parts are not
 * all there is noticed. It goes first and comes last. */
static bool put_kernel(const char *ring_text, const char *key, const char *data, size_t length)
{
    key_serial_t ring = find_or_make_ring(ring_text);
    if (ring < 0)
        return false;
    size_t part = 1;
    bool done = true;
    drop_parts(ring, key, 0);
    for (size_t at = 0; done && at < length; at += PART_BYTES, part++)
        done = put_part(ring, key, part, data + at,
                        length - at < PART_BYTES ? length - at : PART_BYTES);
    _cleanup_free_ char *size = xasprintf("%zu", length);
    done = done && put_part(ring, key, 0, size, strlen(size));
    if (!done)
        drop_parts(ring, key, 1);
    return done;
}

static bool read_length(key_serial_t ring, const char *key, size_t *ret_length)
{
    char text[24] = "";
    uint64_t length;
    key_serial_t id = find_part(ring, key, 0);
    long read = id < 0 ? -1 : keyctl_read(id, text, sizeof(text) - 1);
    if (read <= 0 || (size_t)read >= sizeof(text) || str_to_u64(text, &length) < 0 ||
        length > VAULT_VALUE_LIMIT)
        return false;
    *ret_length = (size_t)length;
    return true;
}

/* NULL where it is not there, or not whole. */
static char *get_kernel(const char *ring_text, const char *key, size_t *ret_length)
{
    key_serial_t ring = find_ring(ring_text);
    size_t length;
    if (ring < 0 || !read_length(ring, key, &length))
        return NULL;
    char *data = xcalloc(length + 1, 1);
    size_t at = 0;
    for (size_t part = 1; at < length; part++) {
        size_t want = length - at < PART_BYTES ? length - at : PART_BYTES;
        key_serial_t id = find_part(ring, key, part);
        if (id < 0 || keyctl_read(id, data + at, want) != (long)want) {
            vault_free(data, length);
            return NULL;
        }
        at += want;
    }
    *ret_length = length;
    return data;
}

/* --- both ------------------------------------------------------------------------------------- */

int vault_put(const char *root_id, const char *project, const char *key, const void *data,
              size_t length, struct error *err)
{
    if (!*project || !*key)
        return error_set(err, EINVAL, "the vault keeps nothing without a project and a name");
    if (length > VAULT_VALUE_LIMIT)
        return error_set(err, EFBIG, "the value of '%s' has %zu bytes; at most %zu are kept", key,
                         length, VAULT_VALUE_LIMIT);
    _cleanup_free_ char *ring = ring_name(root_id, project);
    size_t known = find_local(ring, key);
    if (known != SIZE_MAX)
        drop_local(known);
    if (!put_kernel(ring, key, data, length))
        put_local(ring, key, data, length);
    return 0;
}

int vault_get(const char *root_id, const char *project, const char *key, void **ret_data,
              size_t *ret_length, struct error *err)
{
    _cleanup_free_ char *ring = ring_name(root_id, project);
    size_t index = find_local(ring, key);
    if (index != SIZE_MAX) {
        const struct local_value *value = &local_values.items[index];
        char *data = xcalloc(value->length + 1, 1);
        memcpy(data, value->data, value->length);
        *ret_data = data;
        *ret_length = value->length;
        return 0;
    }
    char *data = get_kernel(ring, key, ret_length);
    if (!data)
        return error_set(err, ENOENT, "the value of '%s' is no longer in memory", key);
    *ret_data = data;
    return 0;
}

void vault_forget_project(const char *root_id, const char *project)
{
    _cleanup_free_ char *name = ring_name(root_id, project);
    for (size_t i = local_values.count; i-- > 0;)
        if (streq(local_values.items[i].ring, name))
            drop_local(i);
    key_serial_t ring = find_ring(name);
    if (ring < 0)
        return;
    keyctl_clear(ring);
    keyctl_unlink(ring, KEY_SPEC_USER_KEYRING);
}
