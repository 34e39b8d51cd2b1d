/* The queue of changes and its runs; see internal.h. */
#include "network/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "network/conntrack.h"
#include "network/fault.h"
#include "network/firewall.h"
#include "network/link.h"
#include "network/obstacle.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <sys/stat.h>

/* One trip to the thread pool with copies of all it needs. */
struct run {
    uv_work_t work;
    struct network *network;
    struct change *changes;
    struct desired desired;
    struct sysctl_list restore; /* the last network is gone: settings to put back */
    bool restored;
    bool repairs;        /* the watch has seen something: was anything missing? */
    bool look_is_enough; /* where the look finds nothing, there is nothing to do */
    char *fault;         /* what was missing */
    char **obstacles;
    struct error error;
};

static const char *const phase_names[] = {
    [CHANGE_WAITING] = "waiting", [CHANGE_APPLYING] = "applying", [CHANGE_UNDOING] = "undoing"};
static_assert(ARRAY_SIZE(phase_names) == CHANGE_PHASE_COUNT, "a name for each phase");

static void set_phase(struct change *change, enum change_phase phase)
{
    log_debug("%s/%s: %s -> %s", change->operation->kind, change->operation->name,
              phase_names[change->phase], phase_names[phase]);
    change->phase = phase;
}

struct change *change_new(struct network *network, struct operation *operation,
                          const struct change_steps *steps)
{
    struct change *change = new0(struct change);
    change->network = network;
    change->operation = operation;
    change->steps = steps;
    change->tap_fd = -1;
    return change;
}

static void end_change(struct change *change, cJSON *result)
{
    operation_done(change->operation, result, &change->error);
    if (change->tap_fd >= 0 && change->error.code != 0)
        close(change->tap_fd);
    error_done(&change->error);
    free(change);
}

char *change_current_scope(void)
{
    struct stat namespace = {0};
    stat("/proc/self/ns/net", &namespace);
    return xasprintf("%s %llu", clock_boot_id(), (unsigned long long)namespace.st_ino);
}

/* --- a run ---------------------------------------------------------------------------------- */

static void run_free(struct run *run)
{
    desired_done(&run->desired);
    sysctl_list_done(&run->restore);
    error_done(&run->error);
    free(run->fault);
    strv_free(run->obstacles);
    free(run);
}

struct settings {
    char *scope;
    struct sysctl_list list;
};

static int save_settings(struct store *store, void *userdata, struct error *err)
{
    const struct settings *settings = userdata;
    return tables_save_settings(store, settings->scope, &settings->list, err);
}

/* Before the first network: the host's settings as they are go into the store. Those of an earlier
 * boot or another namespace mean nothing here. */
static int record_settings(struct network *network, struct error *err)
{
    _cleanup_free_ char *scope = change_current_scope(), *saved = tables_read_scope(network->store);
    if (streq(scope, saved))
        return 0;
    struct settings settings = {.scope = scope};
    int r = sysctl_collect(&settings.list, err);
    if (r == 0)
        r = tables_commit(network->store, save_settings, &settings, err);
    sysctl_list_done(&settings.list);
    return r;
}

static int prepare_run(struct run *run, struct error *err)
{
    struct network *network = run->network;
    int r = tables_read_desired(network->store, network->root_id, &run->desired, err);
    if (r < 0)
        return r;
    run->desired.relay_own = network->applied.relay_own; /* a run may only look */
    if (run->desired.networks.count > 0)
        return record_settings(network, err);
    _cleanup_free_ char *scope = change_current_scope(), *saved = tables_read_scope(network->store);
    return streq(scope, saved) ? tables_read_settings(network->store, &run->restore, err) : 0;
}

/* Links before rules on the way up: no rule is missing for a guest that is not there yet. Rules
 * stay until the links are gone on the way down. Loop or pool: touches nothing but the run. */
static void change_host(struct run *run)
{
    bool any = run->desired.networks.count > 0;
    int r =
        any ? sysctl_enable(desired_has_ipv6(&run->desired), &run->desired.relay_own, &run->error)
            : 0;
    if (r == 0)
        r = link_apply(&run->desired, &run->error);
    if (r == 0)
        r = firewall_apply(&run->desired, &run->error);
    if (r == 0)
        conntrack_forget_stale(&run->desired);
    if (r == 0 && !any && !link_other_root_exists(run->desired.root_id))
        run->restored = sysctl_restore(&run->restore, &run->error) == 0;
    for (struct change *change = run->changes; r == 0 && change; change = change->next)
        if (*change->tap.name && change->phase == CHANGE_APPLYING)
            link_open_tap(&change->tap, &change->tap_fd, &change->error);
}

static void run_on_host(struct run *run)
{
    if (run->repairs)
        run->fault = fault_find(&run->desired);
    if (run->repairs && !run->fault && !run->look_is_enough)
        run->fault = xstrdup("its nftables rules were touched");
    if (run->fault || !run->repairs || run->changes)
        change_host(run);
    if (run->error.code == 0 && run->desired.networks.count > 0)
        run->obstacles = obstacle_describe_all(run->desired.root_id);
    malloc_trim(0); /* libnftables leaves 2 MB of free heap behind, a fifth of the daemon */
}

static int forget_settings(struct store *store, void *userdata, struct error *err)
{
    (void)userdata;
    return tables_forget_settings(store, err);
}

/* Whoever brings something up hears it; the log has each once. */
static void tell_obstacles(struct run *run)
{
    struct network *network = run->network;
    for (size_t i = 0; run->obstacles && run->obstacles[i]; i++) {
        const char *text = run->obstacles[i];
        if (!strv_contains(network->obstacles, text))
            log_warning("%s", text);
        for (struct change *change = run->changes; change; change = change->next)
            if (change->operation->verb == OPERATION_ENSURE)
                operation_warning(change->operation, text);
    }
    strv_free(network->obstacles);
    network->obstacles = TAKE_PTR(run->obstacles);
}

/* A bridge that was made again has another number, which the host's resolver knows it by. */
static void retell_dns(const struct network_row *row, void *userdata)
{
    network_tell_dns(userdata, row, NULL);
}

void change_carry_ports(struct network *network)
{
    const struct desired *applied = &network->applied;
    for (size_t i = 0; i < applied->ports.count; i++)
        publish_carry(network->publish, &applied->ports.items[i], applied->relay_own);
}

/* Whatever the run got done: the next one starts from the rows again. */
static void settle_run(struct run *run)
{
    struct network *network = run->network;
    desired_done(&network->applied);
    network->applied = run->desired;
    run->desired = (struct desired){0};
    change_carry_ports(network);
    if (run->restored && run->restore.count > 0)
        tables_commit(network->store, forget_settings, NULL, NULL);
    tell_obstacles(run);
    bool any = network->applied.networks.count > 0 || run->error.code != 0;
    repair_after_run(network->repair, any);
    if (!run->fault)
        return;
    repair_report(network->repair, run->fault, run->error.code ? error_text(&run->error) : NULL);
    tables_each_network(network->store, retell_dns, network);
}

/* --- the queue ------------------------------------------------------------------------------ */

static void start_run(struct network *network);

/* Back in line to be taken back; the run that does it ends it with the error it has now. */
static void undo_change(struct change *change)
{
    if (change->steps->undo && change->made)
        change->steps->undo(change);
    if (change->tap_fd >= 0)
        close(TAKE_FD(change->tap_fd));
    change->next = NULL;
    set_phase(change, CHANGE_UNDOING);
    *change->network->last = change;
    change->network->last = &change->next;
}

static void change_advance(struct change *change, const struct error *run_error)
{
    cJSON *result = NULL;
    switch (change->phase) {
    case CHANGE_APPLYING:
        if (run_error->code != 0 && change->error.code == 0)
            error_copy(&change->error, run_error);
        if (change->error.code == 0)
            change->steps->finish(change, &result, &change->error);
        if (change->error.code != 0)
            undo_change(change);
        else
            end_change(change, result);
        break;
    case CHANGE_UNDOING:
        if (run_error->code != 0)
            log_warning("%s '%s': taking it back: %s", change->operation->kind,
                        change->operation->name, error_text(run_error));
        end_change(change, NULL);
        break;
    case CHANGE_WAITING:
    case CHANGE_PHASE_COUNT:
        break;
    }
}

static void end_run(struct run *run)
{
    struct network *network = run->network;
    settle_run(run);
    for (struct change *change = run->changes, *next; change; change = next) {
        next = change->next;
        change_advance(change, &run->error);
    }
    run_free(run);
    network->run = NULL; /* only now: what was queued meanwhile goes together */
    start_run(network);
}

static void on_run_work(uv_work_t *work)
{
    run_on_host(work->data);
}

static void on_run_done(uv_work_t *work, int status)
{
    struct run *run = work->data;
    if (status < 0 && run->error.code == 0)
        error_set(&run->error, ECANCELED, "cancelled before the networks were changed");
    end_run(run);
}

static struct run *run_new(struct network *network)
{
    struct run *run = new0(struct run);
    run->network = network;
    run->work.data = run;
    run->changes = network->first;
    network->first = NULL;
    network->last = &network->first;
    for (struct change *change = run->changes; change; change = change->next)
        if (change->phase == CHANGE_WAITING)
            set_phase(change, CHANGE_APPLYING);
    repair_before_run(network->repair);
    if (!run->changes) /* what changes things has nothing to compare with */
        run->repairs = repair_take(network->repair, &run->look_is_enough);
    return run;
}

static void start_run(struct network *network)
{
    bool is_wanted = network->first || repair_is_due(network->repair);
    if (network->run || !is_wanted)
        return;
    struct run *run = network->run = run_new(network);
    if (prepare_run(run, &run->error) < 0)
        end_run(run);
    else
        uv_queue_work(network->loop, &run->work, on_run_work, on_run_done);
}

void change_queue(struct change *change)
{
    struct network *network = change->network;
    *network->last = change;
    network->last = &change->next;
    start_run(network);
}

void change_queue_repair(struct network *network)
{
    start_run(network);
}

int change_apply_now(struct network *network, struct error *err)
{
    struct run *run = new0(struct run);
    run->network = network;
    repair_before_run(network->repair);
    if (prepare_run(run, &run->error) == 0)
        run_on_host(run);
    settle_run(run);
    int r = run->error.code ? error_move(err, &run->error) : 0;
    run_free(run);
    return r;
}
