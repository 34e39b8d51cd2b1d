/* Decoding of IDENTITY, see identity.h. */
#include "runtime/guest/identity.h"

#include "runtime/guest/protocol.h"
#include "runtime/guest/wire.h"

#include <errno.h>

static void identity_set_text(char **member, struct wire_reader *field)
{
    free(*member);
    *member = wire_get_text(field);
    if (!*member)
        *member = xstrdup("");
}

static void identity_add_text(char ***vector, struct wire_reader *field)
{
    char *text = wire_get_text(field);
    if (text)
        strv_add(vector, text);
}

static void interface_done(struct interface *interface)
{
    free(interface->name);
    free(interface->mac);
    strv_free(interface->gateways);
    for (size_t i = 0; i < interface->addresses.count; i++)
        free(interface->addresses.items[i].address);
    vec_done(&interface->addresses);
}

/* True where the field was sound. */
static bool interface_take_field(struct interface *interface, uint16_t tag,
                                 struct wire_reader *field)
{
    switch ((enum interface_tag)tag) {
    case INTERFACE_NAME:
        identity_set_text(&interface->name, field);
        break;
    case INTERFACE_MAC:
        identity_set_text(&interface->mac, field);
        break;
    case INTERFACE_ADDRESS:
        vec_add(&interface->addresses, (struct interface_address){.address = wire_get_text(field)});
        break;
    case INTERFACE_PREFIX:
        if (!interface->addresses.count)
            return false;
        interface->addresses.items[interface->addresses.count - 1].prefix = wire_get_u32(field);
        break;
    case INTERFACE_GATEWAY:
        identity_add_text(&interface->gateways, field);
        break;
    case INTERFACE_MTU:
        interface->mtu = wire_get_u32(field);
        break;
    }
    return !field->bad;
}

static bool identity_take_interface(struct identity *identity, struct wire_reader *reader)
{
    struct interface interface = {0};
    struct wire_reader field;
    uint16_t tag;
    bool good = true;
    while (good && wire_get_field(reader, &tag, &field))
        good = interface_take_field(&interface, tag, &field);
    good = good && !reader->bad && interface.name && interface.mac;
    if (good)
        vec_add(&identity->interfaces, interface);
    else
        interface_done(&interface);
    return good;
}

static bool mount_take_field(struct identity_mount *mount, uint16_t tag, struct wire_reader *field)
{
    switch ((enum mount_tag)tag) {
    case MOUNT_TYPE:
        mount->type = wire_get_u32(field);
        break;
    case MOUNT_DEVICE:
        identity_set_text(&mount->device, field);
        break;
    case MOUNT_PATH:
        identity_set_text(&mount->path, field);
        break;
    case MOUNT_SUBPATH:
        identity_set_text(&mount->subpath, field);
        break;
    case MOUNT_TARGET:
        identity_set_text(&mount->target, field);
        break;
    case MOUNT_FLAGS:
        mount->flags = wire_get_u32(field);
        break;
    case MOUNT_SIZE:
        mount->size = wire_get_u64(field);
        break;
    case MOUNT_MODE:
        mount->mode = wire_get_u32(field);
        break;
    }
    return !field->bad;
}

static bool identity_take_mount(struct identity *identity, struct wire_reader *reader)
{
    vec_add(&identity->mounts, (struct identity_mount){.device = xstrdup(""),
                                                       .path = xstrdup(""),
                                                       .subpath = xstrdup(""),
                                                       .target = xstrdup("")});
    struct identity_mount *mount = &identity->mounts.items[identity->mounts.count - 1];
    struct wire_reader field;
    uint16_t tag;
    bool good = true;
    while (good && wire_get_field(reader, &tag, &field))
        good = mount_take_field(mount, tag, &field);
    return good && !reader->bad && *mount->target == '/';
}

static bool file_take_field(struct identity_file *file, uint16_t tag, struct wire_reader *field)
{
    switch ((enum file_tag)tag) {
    case FILE_TARGET:
        identity_set_text(&file->target, field);
        break;
    case FILE_USER:
        identity_set_text(&file->user, field);
        break;
    case FILE_GROUP:
        identity_set_text(&file->group, field);
        break;
    case FILE_MODE:
        file->mode = wire_get_u32(field);
        break;
    case FILE_DATA:
        free(file->data);
        file->length = field->left;
        file->data = xmemdup(field->data, field->left);
        break;
    }
    return !field->bad;
}

static bool identity_take_file(struct identity *identity, struct wire_reader *reader)
{
    vec_add(
        &identity->files,
        (struct identity_file){.target = xstrdup(""), .user = xstrdup(""), .group = xstrdup("")});
    struct identity_file *file = &identity->files.items[identity->files.count - 1];
    struct wire_reader field;
    uint16_t tag;
    bool good = true;
    while (good && wire_get_field(reader, &tag, &field))
        good = file_take_field(file, tag, &field);
    return good && !reader->bad && *file->target == '/';
}

static bool identity_take_field(struct identity *identity, uint16_t tag, struct wire_reader *field)
{
    switch ((enum identity_tag)tag) {
    case IDENTITY_INSTANCE:
        identity_set_text(&identity->instance, field);
        break;
    case IDENTITY_HOSTNAME:
        identity_set_text(&identity->hostname, field);
        break;
    case IDENTITY_ARGUMENT:
        identity_add_text(&identity->argv, field);
        break;
    case IDENTITY_ENVIRONMENT:
        identity_add_text(&identity->environment, field);
        break;
    case IDENTITY_USER:
        identity_set_text(&identity->user, field);
        break;
    case IDENTITY_WORKING_DIR:
        identity_set_text(&identity->working_dir, field);
        break;
    case IDENTITY_INTERFACE:
        return identity_take_interface(identity, field);
    case IDENTITY_HOST:
        identity_add_text(&identity->hosts, field);
        break;
    case IDENTITY_DNS:
        identity_add_text(&identity->dns, field);
        break;
    case IDENTITY_SEARCH:
        identity_add_text(&identity->search, field);
        break;
    case IDENTITY_RESOLVER_OPTION:
        identity_add_text(&identity->resolver_options, field);
        break;
    case IDENTITY_DOMAIN:
        identity_set_text(&identity->domain, field);
        break;
    case IDENTITY_SYSCTL:
        identity_add_text(&identity->sysctls, field);
        break;
    case IDENTITY_TIME_NS:
        identity->time_ns = (int64_t)wire_get_u64(field);
        break;
    case IDENTITY_STOP_SIGNAL:
        identity->stop_signal = wire_get_u32(field);
        break;
    case IDENTITY_TTY:
        identity->tty = true;
        break;
    case IDENTITY_STDIN_OPEN:
        identity->stdin_open = true;
        break;
    case IDENTITY_MOUNT:
        return identity_take_mount(identity, field);
    case IDENTITY_FILE:
        return identity_take_file(identity, field);
    case IDENTITY_READ_ONLY_ROOT:
        identity->read_only_root = true;
        break;
    case IDENTITY_CONVERT:
        identity->convert = true;
        break;
    }
    return !field->bad;
}

int identity_decode(const void *data, size_t length, struct identity *ret_identity,
                    struct error *err)
{
    struct identity identity = {.instance = xstrdup(""),
                                .hostname = xstrdup(""),
                                .domain = xstrdup(""),
                                .user = xstrdup(""),
                                .working_dir = xstrdup("")};
    struct wire_reader reader = wire_read(data, length), field;
    uint16_t tag;
    bool good = true;
    while (good && wire_get_field(&reader, &tag, &field))
        good = identity_take_field(&identity, tag, &field);
    if (!good || reader.bad) {
        identity_done(&identity);
        return error_set(err, EPROTO, "the identity from the host cannot be read");
    }
    *ret_identity = identity;
    return 0;
}

void identity_forget_files(struct identity *identity)
{
    for (size_t i = 0; i < identity->files.count; i++) {
        struct identity_file *file = &identity->files.items[i];
        if (file->data)
            explicit_bzero(file->data, file->length);
        free(file->data);
        free(file->target);
        free(file->user);
        free(file->group);
    }
    vec_done(&identity->files);
}

void identity_done(struct identity *identity)
{
    free(identity->instance);
    free(identity->hostname);
    free(identity->domain);
    free(identity->user);
    free(identity->working_dir);
    strv_free(identity->argv);
    strv_free(identity->environment);
    strv_free(identity->hosts);
    strv_free(identity->dns);
    strv_free(identity->search);
    strv_free(identity->resolver_options);
    strv_free(identity->sysctls);
    for (size_t i = 0; i < identity->interfaces.count; i++)
        interface_done(&identity->interfaces.items[i]);
    vec_done(&identity->interfaces);
    for (size_t i = 0; i < identity->mounts.count; i++) {
        struct identity_mount *mount = &identity->mounts.items[i];
        free(mount->device);
        free(mount->path);
        free(mount->subpath);
        free(mount->target);
    }
    vec_done(&identity->mounts);
    identity_forget_files(identity);
    *identity = (struct identity){0};
}
