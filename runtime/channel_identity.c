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

/* "K=V" of each member. */
static void put_pairs(struct strbuf *buffer, uint16_t tag, const cJSON *object)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (!cJSON_IsString(item))
            continue;
        _cleanup_strbuf_ struct strbuf text = {0};
        strbuf_addf(&text, "%s=%s", item->string, item->valuestring);
        wire_put_text(buffer, tag, strbuf_text(&text));
    }
}

static void put_address(struct strbuf *fields, const char *address, int64_t prefix)
{
    if (!address)
        return;
    wire_put_text(fields, INTERFACE_ADDRESS, address);
    wire_put_field_u32(fields, INTERFACE_PREFIX, (uint32_t)prefix);
}

/* Link-local addresses: 169.254.0.0/16 (RFC 3927), fe80::/64 (RFC 4291 section 2.5.6). */
static void put_interface(struct strbuf *buffer, const cJSON *interface)
{
    const cJSON *item;
    _cleanup_strbuf_ struct strbuf fields = {0};
    put_member(&fields, INTERFACE_NAME, interface, "name");
    put_member(&fields, INTERFACE_MAC, interface, "mac");
    put_address(&fields, json_string(interface, "address", NULL),
                json_int(interface, "prefix", 24));
    put_address(&fields, json_string(interface, "address6", NULL),
                json_int(interface, "prefix6", 64));
    cJSON_ArrayForEach(item, json_array(interface, "link_local")) if (cJSON_IsString(item))
        put_address(&fields, item->valuestring, strchr(item->valuestring, ':') ? 64 : 16);
    put_member(&fields, INTERFACE_GATEWAY, interface, "gateway");
    put_member(&fields, INTERFACE_GATEWAY, interface, "gateway6");
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
    put_pairs(buffer, IDENTITY_ENVIRONMENT, json_object(identity, "environment"));
    put_member(buffer, IDENTITY_USER, identity, "user");
    put_member(buffer, IDENTITY_WORKING_DIR, identity, "working_dir");
    cJSON_ArrayForEach(item, json_array(identity, "interfaces")) put_interface(buffer, item);
    cJSON_ArrayForEach(item, json_array(identity, "hosts")) put_host(buffer, item);
    put_strings(buffer, IDENTITY_DNS, json_array(identity, "dns"));
    put_strings(buffer, IDENTITY_SEARCH, json_array(identity, "search"));
    put_strings(buffer, IDENTITY_RESOLVER_OPTION, json_array(identity, "dns_options"));
    put_member(buffer, IDENTITY_DOMAIN, identity, "domainname");
    put_pairs(buffer, IDENTITY_SYSCTL, json_object(identity, "sysctls"));
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
