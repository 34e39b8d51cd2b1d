/* `vmstead cp`: files between the host and guests, either way, as tars through the daemon. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "cmd/copy_guest.h"
#include "cmd/copy_stream.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/target.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 131072

struct cp_values {
    bool all, archive, follow;
    int64_t index;
};

static const struct option_row rows[] = {
    {"all", 0, OPTION_FLAG, offsetof(struct cp_values, all), NULL, NULL, 0, 0,
     "Copy into all virtual machines of the service, those of run, too"},
    {"archive", 'a', OPTION_FLAG, offsetof(struct cp_values, archive), NULL, NULL, 0, 0,
     "Keep owners: uid and gid as at the source"},
    {"follow-link", 'L', OPTION_FLAG, offsetof(struct cp_values, follow), NULL, NULL, 0, 0,
     "Copy what a symbolic link leads to, where the source is one"},
    {"index", 0, OPTION_NUMBER, offsetof(struct cp_values, index), "N", NULL, 0, 10000,
     "Which virtual machine of the service"},
};

/* One copy: where the bytes go by, for the progress. */
struct copy {
    const struct cp_values *values;
    const struct client *client;
    struct progress *progress;
    const char *instance;
    struct connection connection;
    int64_t bytes;
    uint64_t started_ms, shown_ms;
};

static void report(struct copy *copy, const char *state, const char *text)
{
    uint64_t now_ms = clock_monotonic_ms();
    _cleanup_json_ cJSON *event = cJSON_CreateObject();
    json_set_string(event, "type", "step");
    json_set_string(event, "kind", "copy");
    json_set_string(event, "name", copy->instance);
    json_set_string(event, "verb", "ensure");
    json_set_string(event, "state", state);
    json_set_string(event, "text", text);
    json_set_int(event, "elapsed_ms", (int64_t)(now_ms - copy->started_ms));
    json_set_int(event, "current", copy->bytes);
    json_set_string(event, "unit", "B");
    progress_event(copy->progress, event, now_ms);
    progress_tick(copy->progress, now_ms);
    copy->shown_ms = now_ms;
}

static void count(struct copy *copy, size_t bytes)
{
    copy->bytes += (int64_t)bytes;
    if (clock_monotonic_ms() >= copy->shown_ms + PROGRESS_TICK_MS)
        report(copy, "working", "Copying");
}

/* --- into a guest --------------------------------------------------------------------------- */

static int send_piece(void *userdata, const void *data, size_t length, struct error *err)
{
    struct copy *copy = userdata;
    count(copy, length);
    return connection_send(&copy->connection, data, length, err);
}

/* `cp - SERVICE:DIR`: the archive as it is. */
static int send_stdin(struct copy *copy, struct error *err)
{
    char data[READ_SIZE];
    for (;;) {
        ssize_t length = read(STDIN_FILENO, data, sizeof(data));
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return error_set(err, errno, "cannot read standard input: %s", strerror(errno));
        if (length == 0)
            return 0;
        int r = send_piece(copy, data, (size_t)length, err);
        if (r < 0)
            return r;
    }
}

/* The daemon's answer says more than the pipe that broke. */
static int conclude_put(struct copy *copy, int sent, struct error *err)
{
    _cleanup_error_ struct error answer = {0};
    if (sent == 0)
        sent = connection_send(&copy->connection, NULL, 0, err);
    if (sent < 0 && sent != -EPIPE)
        return sent;
    int r = connection_answer(&copy->connection, &answer);
    if (r < 0) {
        error_done(err);
        return error_move(err, &answer);
    }
    return sent;
}

static enum copy_kind host_kind(const char *path, bool follow)
{
    struct stat status;
    if ((follow ? stat(path, &status) : lstat(path, &status)) < 0)
        return COPY_MISSING;
    return S_ISDIR(status.st_mode) ? COPY_FOLDER : COPY_FILE;
}

static int put(struct copy *copy, const char *source, const struct copy_place *place,
               struct error *err)
{
    const struct copy_sink sink = {send_piece, copy};
    int r = copy_guest_put(copy->client, copy->instance, place->folder, copy->values->archive,
                           &copy->connection, err);
    if (r < 0)
        return r;
    r = source ? copy_pack(source, place->name, copy->values->follow, &sink, err)
               : send_stdin(copy, err);
    return conclude_put(copy, r, err);
}

static int copy_in(struct copy *copy, const char *source, const char *target, struct error *err)
{
    enum copy_kind kind;
    _cleanup_free_ char *resolved = NULL;
    struct copy_place place = {0};
    int r = copy_guest_stat(copy->client, copy->instance, target, &kind, &resolved, err);
    if (r < 0)
        return r;
    if (streq(source, "-")) {
        if (kind != COPY_FOLDER)
            return error_set(err, ENOTDIR, "%s:%s is no folder: an archive is unpacked in one",
                             copy->instance, target);
        place.folder = TAKE_PTR(resolved);
        r = put(copy, NULL, &place, err);
    } else {
        bool slash = str_ends_with(source, "/") || str_ends_with(source, "/.");
        bool add_slash = str_ends_with(target, "/") && !str_ends_with(resolved, "/");
        _cleanup_free_ char *end = xasprintf("%s%s", resolved, add_slash ? "/" : "");
        r = copy_place_find(source, host_kind(source, copy->values->follow || slash), end, kind,
                            &place, err);
        if (r == 0)
            r = put(copy, source, &place, err);
    }
    copy_place_done(&place);
    return r;
}

/* --- out of a guest ------------------------------------------------------------------------- */

typedef int copy_piece_fn(void *userdata, const char *data, size_t length, struct error *err);

static int write_stdout(void *userdata, const char *data, size_t length, struct error *err)
{
    (void)userdata;
    return output_write(data, length, err);
}

static int write_unpacked(void *userdata, const char *data, size_t length, struct error *err)
{
    return copy_unpack_feed(userdata, data, length, err);
}

static int receive(struct copy *copy, const char *source, copy_piece_fn *write, void *userdata,
                   struct error *err)
{
    _cleanup_strbuf_ struct strbuf data = {0};
    int r = copy_guest_get(copy->client, copy->instance, source, &copy->connection, err);
    while (r == 0) {
        r = connection_receive(&copy->connection, &data, err);
        if (r < 0 || data.length == 0)
            return r;
        count(copy, data.length);
        r = write(userdata, data.data, data.length, err);
    }
    return r;
}

static int unpack(struct copy *copy, const char *source, const struct copy_place *place,
                  struct error *err)
{
    _cleanup_(copy_unpack_freep) struct copy_unpack *unpacked = NULL;
    int r = copy_unpack_new(place->folder, place->name, copy->values->archive, &unpacked, err);
    if (r == 0)
        r = receive(copy, source, write_unpacked, unpacked, err);
    return r < 0 ? r : copy_unpack_finish(unpacked, err);
}

static int copy_out(struct copy *copy, const char *source, const char *target, struct error *err)
{
    enum copy_kind kind;
    _cleanup_free_ char *resolved = NULL;
    struct copy_place place = {0};
    int r = copy_guest_stat(copy->client, copy->instance, source, &kind, &resolved, err);
    const char *from = copy->values->follow && r == 0 ? resolved : source;
    if (r == 0 && streq(target, "-"))
        return kind == COPY_MISSING
                   ? error_set(err, ENOENT, "no such file or folder: %s:%s", copy->instance, source)
                   : receive(copy, from, write_stdout, NULL, err);
    if (r == 0)
        r = copy_place_find(source, kind, target, host_kind(target, true), &place, err);
    _cleanup_free_ char *trimmed = copy_path_trim(from);
    if (r == 0)
        r = unpack(copy, trimmed, &place, err);
    copy_place_done(&place);
    return r;
}

/* --- the command ---------------------------------------------------------------------------- */

/* service and path of the guest's side, path of the host's. */
struct direction {
    char *service, *guest, *host;
    bool into;
};

static void direction_done(struct direction *direction)
{
    free(direction->service);
    free(direction->guest);
    free(direction->host);
}

static int find_direction(char *const *operands, struct direction *ret, struct error *err)
{
    _cleanup_free_ char *source_service = NULL, *source = NULL, *target_service = NULL,
                        *target = NULL;
    copy_path_split(operands[0], &source_service, &source);
    copy_path_split(operands[1], &target_service, &target);
    if (source_service && target_service)
        return error_set(err, EINVAL,
                         "copying between services is not supported: copy to the host first, or "
                         "use 'vmstead cp %s - | vmstead cp - %s'",
                         operands[0], operands[1]);
    if (!source_service && !target_service)
        return error_set(err, EINVAL,
                         "neither '%s' nor '%s' names a service: use SERVICE:PATH for one of them",
                         operands[0], operands[1]);
    ret->into = target_service != NULL;
    ret->service = ret->into ? TAKE_PTR(target_service) : TAKE_PTR(source_service);
    ret->guest = ret->into ? TAKE_PTR(target) : TAKE_PTR(source);
    ret->host = ret->into ? TAKE_PTR(source) : TAKE_PTR(target);
    if (!*ret->guest)
        return error_set(err, EINVAL, "the path behind '%s:' is empty", ret->service);
    return 0;
}

static int copy_one(const struct invocation *invocation, const struct client *client,
                    const struct direction *direction, const cJSON *instance, struct error *err)
{
    bool to_stdout = !direction->into && streq(direction->host, "-");
    _cleanup_(progress_freep) struct progress *progress =
        progress_new(to_stdout ? "quiet" : invocation->global->progress, "Copying");
    struct copy copy = {.values = invocation->values,
                        .client = client,
                        .progress = progress,
                        .instance = json_string(instance, "Name", ""),
                        .connection = CONNECTION_NONE,
                        .started_ms = clock_monotonic_ms()};
    int r = direction->into ? copy_in(&copy, direction->host, direction->guest, err)
                            : copy_out(&copy, direction->guest, direction->host, err);
    report(&copy, r == 0 ? "done" : "error", r == 0 ? "Copied" : "Error");
    connection_done(&copy.connection);
    return r;
}

/* --all, and only into guests. */
static int copy_all(const struct invocation *invocation, const struct direction *direction,
                    struct error *err)
{
    char *const words[] = {direction->service, NULL};
    _cleanup_targets_ struct targets targets = {0};
    _cleanup_json_ cJSON *instances = NULL;
    int r = target_find(invocation, words, 1, &targets, err);
    if (r == 0)
        r = targets_instances(&targets, TARGET_ONEOFFS, &instances, err);
    if (r == 0 && cJSON_GetArraySize(instances) == 0)
        r = error_set(err, ENOENT, "service \"%s\" is not running", direction->service);
    if (r == 0 && cJSON_GetArraySize(instances) > 1 && streq(direction->host, "-"))
        r = error_set(err, EINVAL, "standard input can only be read once: without --all");
    const cJSON *instance;
    cJSON_ArrayForEach(instance, instances)
    {
        if (r == 0)
            r = copy_one(invocation, targets.client, direction, instance, err);
    }
    return r;
}

static int run(const struct invocation *invocation, struct error *err)
{
    const struct cp_values *values = invocation->values;
    struct direction direction = {0};
    _cleanup_(client_freep) struct client *client = NULL;
    _cleanup_json_ cJSON *instance = NULL;
    int r = find_direction(invocation->operands, &direction, err);
    if (r == 0 && values->all && direction.into) {
        r = copy_all(invocation, &direction, err);
    } else if (r == 0) {
        r = target_find_one(invocation, direction.service, values->index, &client, &instance, err);
        if (r == 0)
            r = copy_one(invocation, client, &direction, instance, err);
    }
    direction_done(&direction);
    return r;
}

const struct command command_cp = {
    .name = "cp",
    .arguments = "SERVICE:SRC DEST|- / SRC|- SERVICE:DEST",
    .summary = "Copy files and folders between the host and a service",
    .details =
        "As cp -r does: into a folder that is there, else under the new name, whose folder must\n"
        "be there; SRC/. means what is in SRC. '-' is a tar on standard input or output.\n"
        "Without --archive files belong to root in the guest, and to us on the host. SERVICE\n"
        "may be a virtual machine's name or ID.",
    .examples = "  vmstead cp ./site/. web:/var/www/html\n"
                "  vmstead cp db:/tmp/dump.sql .\n"
                "  vmstead cp web:/etc/nginx - | tar t",
    .options = OPTION_ROWS(rows),
    .values_size = sizeof(struct cp_values),
    .operand_minimum = 2,
    .operand_maximum = 2,
    .run = run,
};
