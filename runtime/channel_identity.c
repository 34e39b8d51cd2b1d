/* JSON to tagged fields, see channel_identity.h. */
#include "runtime/channel_identity.h"

#include "runtime/guest/protocol.h"
#include "runtime/guest/wire.h"

#include <ctype.h>
#include <signal.h>

static void put_member(struct strbuf *buffer, uint16_t tag, const cJSON *object, const char *key)
{
    const char *text = json_string(object, key, NULL);
    if (text && *text)
        wire_put_text(buffer, tag, text);
}

static void put_strings(struct strbuf *buffer, uint16_t tag, const cJSON *array)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array) if (cJSON_IsString(item))
        wire_put_text(buffer, tag, item->valuestring);
}

static void put_environment(struct strbuf *buffer, const cJSON *environment)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, environment)
    {
        if (!cJSON_IsString(item))
            continue;
        _cleanup_strbuf_ struct strbuf text = {0};
        strbuf_addf(&text, "%s=%s", item->string, item->valuestring);
        wire_put_text(buffer, IDENTITY_ENVIRONMENT, strbuf_text(&text));
    }
}

static void put_interface(struct strbuf *buffer, const cJSON *interface)
{
    _cleanup_strbuf_ struct strbuf fields = {0};
    put_member(&fields, INTERFACE_NAME, interface, "name");
    put_member(&fields, INTERFACE_MAC, interface, "mac");
    if (json_string(interface, "address", NULL)) {
        put_member(&fields, INTERFACE_ADDRESS, interface, "address");
        wire_put_field_u32(&fields, INTERFACE_PREFIX, (uint32_t)json_int(interface, "prefix", 24));
    }
    put_member(&fields, INTERFACE_GATEWAY, interface, "gateway");
    wire_put_field_u32(&fields, INTERFACE_MTU, (uint32_t)json_int(interface, "mtu", 0));
    wire_put_field(buffer, IDENTITY_INTERFACE, fields.data, fields.length);
}

static void put_host(struct strbuf *buffer, const cJSON *host)
{
    _cleanup_strbuf_ struct strbuf line = {0};
    const cJSON *name;
    strbuf_add_str(&line, json_string(host, "address", ""));
    cJSON_ArrayForEach(name, json_array(host, "names")) if (cJSON_IsString(name))
        strbuf_addf(&line, " %s", name->valuestring);
    wire_put_text(buffer, IDENTITY_HOST, strbuf_text(&line));
}

/* "SIGTERM", "TERM" or a number; SIGTERM for what is none. */
static uint32_t signal_number(const char *text)
{
    uint32_t number;
    const char *name = str_after_prefix(text, "SIG");
    if (str_to_u32(text, &number) == 0)
        return number;
    for (int candidate = 1; candidate < NSIG; candidate++) {
        const char *known = sigabbrev_np(candidate);
        if (known && streq(known, name ? name : text))
            return (uint32_t)candidate;
    }
    return SIGTERM;
}

static uint32_t mount_type(const char *name)
{
    return streq(name, "disk")    ? MOUNT_TYPE_DISK
           : streq(name, "share") ? MOUNT_TYPE_SHARE
                                  : MOUNT_TYPE_TMPFS;
}

static void put_mount(struct strbuf *buffer, const cJSON *mount)
{
    _cleanup_strbuf_ struct strbuf fields = {0};
    uint32_t flags = (json_bool(mount, "read_only", false) ? MOUNT_READ_ONLY : 0) |
                     (json_bool(mount, "fill", false) ? MOUNT_FILL : 0) |
                     (json_bool(mount, "file", false) ? MOUNT_FILE : 0);
    wire_put_field_u32(&fields, MOUNT_TYPE, mount_type(json_string(mount, "type", "")));
    put_member(&fields, MOUNT_DEVICE, mount, "device");
    put_member(&fields, MOUNT_PATH, mount, "path");
    put_member(&fields, MOUNT_SUBPATH, mount, "subpath");
    put_member(&fields, MOUNT_TARGET, mount, "target");
    wire_put_field_u32(&fields, MOUNT_FLAGS, flags);
    wire_put_field_u64(&fields, MOUNT_SIZE, (uint64_t)json_int(mount, "size", 0));
    wire_put_field_u32(&fields, MOUNT_MODE, (uint32_t)json_int(mount, "mode", 0));
    wire_put_field(buffer, IDENTITY_MOUNT, fields.data, fields.length);
}

static void put_file(struct strbuf *buffer, const struct vm_file *file)
{
    _cleanup_strbuf_ struct strbuf fields = {0};
    wire_put_text(&fields, FILE_TARGET, file->target);
    wire_put_text(&fields, FILE_USER, file->user);
    wire_put_text(&fields, FILE_GROUP, file->group);
    wire_put_field_u32(&fields, FILE_MODE, file->mode);
    wire_put_field(&fields, FILE_DATA, file->data, file->length);
    wire_put_field(buffer, IDENTITY_FILE, fields.data, fields.length);
    explicit_bzero(fields.data, fields.length);
}

void channel_identity_encode(const cJSON *identity, const struct vm_files *files,
                             struct strbuf *buffer)
{
    const cJSON *item;
    put_member(buffer, IDENTITY_INSTANCE, identity, "instance");
    put_member(buffer, IDENTITY_HOSTNAME, identity, "hostname");
    put_strings(buffer, IDENTITY_ARGUMENT, json_array(identity, "argv"));
    put_environment(buffer, json_object(identity, "environment"));
    put_member(buffer, IDENTITY_USER, identity, "user");
    put_member(buffer, IDENTITY_WORKING_DIR, identity, "working_dir");
    cJSON_ArrayForEach(item, json_array(identity, "interfaces")) put_interface(buffer, item);
    cJSON_ArrayForEach(item, json_array(identity, "hosts")) put_host(buffer, item);
    put_strings(buffer, IDENTITY_DNS, json_array(identity, "dns"));
    put_strings(buffer, IDENTITY_SEARCH, json_array(identity, "search"));
    wire_put_field_u64(buffer, IDENTITY_TIME_NS, (uint64_t)json_int(identity, "time_ns", 0));
    if (json_bool(identity, "tty", false))
        wire_put_field(buffer, IDENTITY_TTY, NULL, 0);
    if (json_bool(identity, "stdin_open", false))
        wire_put_field(buffer, IDENTITY_STDIN_OPEN, NULL, 0);
    wire_put_field_u32(buffer, IDENTITY_STOP_SIGNAL,
                       signal_number(json_string(identity, "stop_signal", "SIGTERM")));
    cJSON_ArrayForEach(item, json_array(identity, "mounts")) put_mount(buffer, item);
    for (size_t i = 0; files && i < files->list.count; i++)
        put_file(buffer, &files->list.items[i]);
    if (json_bool(identity, "read_only_root", false))
        wire_put_field(buffer, IDENTITY_READ_ONLY_ROOT, NULL, 0);
    if (json_bool(identity, "convert", false))
        wire_put_field(buffer, IDENTITY_CONVERT, NULL, 0);
}
