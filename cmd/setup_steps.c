/* See setup_steps.h: which steps there are, and whether the host has them already. */
#include "cmd/setup_steps.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/paths.h"
#include "cmd/daemon_scope.h"
#include "cmd/daemon_start.h"
#include "cmd/run_program.h"

#include <grp.h>
#include <stdlib.h>

#define SYSCTL_FILE "/etc/sysctl.d/60-vmstead.conf"
#define UNIT_FOLDER "/etc/systemd/system"
#define FILE_LIMIT 65536

/* systemd/'s files (setup_units.S), with a placeholder for where the programs are. */
extern const char setup_unit_socket[], setup_unit_service[], setup_unit_guests[];
#define PROGRAMS_PLACEHOLDER "@CMAKE_INSTALL_FULL_BINDIR@"

static const struct {
    const char *name, *text;
} units[] = {
    {"vmstead.socket", setup_unit_socket},
    {"vmstead.service", setup_unit_service},
    {"vmstead-guests.service", setup_unit_guests},
};

/* --- steps ------------------------------------------------------------------------------------ */

void setup_steps_done(struct setup_steps *steps)
{
    for (size_t i = 0; i < steps->list.count; i++) {
        struct setup_step *step = &steps->list.items[i];
        for (size_t j = 0; j < step->actions.count; j++) {
            strv_free(step->actions.items[j].argv);
            free(step->actions.items[j].path);
            free(step->actions.items[j].text);
        }
        vec_done(&step->actions);
        free(step->reason);
    }
    vec_done(&steps->list);
}

/* Takes reason. */
static struct setup_step *add_step(struct setup_steps *steps, const char *name,
                                   enum setup_state state, char *reason)
{
    vec_add(&steps->list, (struct setup_step){.name = name, .state = state, .reason = reason});
    return &steps->list.items[steps->list.count - 1];
}

static void add_command(struct setup_step *step, const char *const *argv)
{
    vec_add(&step->actions, (struct setup_action){.argv = strv_copy(argv)});
}
#define ADD_COMMAND(step, ...) add_command(step, (const char *const[]){__VA_ARGS__, NULL})

/* Takes text. */
static void add_file(struct setup_step *step, const char *path, char *text)
{
    vec_add(&step->actions, (struct setup_action){.path = xstrdup(path), .text = text});
}

static char *this_program(void)
{
    char *program = realpath("/proc/self/exe", NULL);
    return program ? program : xstrdup("/usr/local/bin/vmstead");
}

static bool has_text(const char *path, const char *text)
{
    _cleanup_free_ char *there = NULL;
    return fs_read_file(path, FILE_LIMIT, &there, NULL, NULL) == 0 && streq(there, text);
}

/* --- group ------------------------------------------------------------------------------------ */

/* A daemon that runs has looked for the group when it came. */
static void look_at_group(struct setup_steps *steps)
{
    if (getgrnam(PATHS_GROUP)) {
        add_step(steps, "group", SETUP_THERE,
                 xstrdup("the group '" PATHS_GROUP "' is there; who is in it may use the daemon"));
        return;
    }
    struct setup_step *step =
        add_step(steps, "group", SETUP_NEEDED,
                 xstrdup("members of '" PATHS_GROUP "' may use the daemon, which makes them as "
                         "powerful as root: usermod -aG " PATHS_GROUP " USER"));
    ADD_COMMAND(step, "groupadd", "--system", PATHS_GROUP);
    _cleanup_json_ cJSON *daemon = NULL;
    _cleanup_free_ char *self = this_program();
    if (daemon_describe(&daemon, NULL) == 0)
        ADD_COMMAND(step, self, "daemon", "--restart");
}

/* --- forwarding ------------------------------------------------------------------------------- */

static void look_at_forwarding(struct setup_steps *steps)
{
    static const char text[] =
        "# vmstead: virtual machines reach the world, and are reached, by forwarding. IPv6's is\n"
        "# switched on with the first network that has it, because it takes accept_ra with it.\n"
        "net.ipv4.ip_forward = 1\n";
    if (has_text(SYSCTL_FILE, text) && has_text("/proc/sys/net/ipv4/ip_forward", "1\n")) {
        add_step(steps, "forwarding", SETUP_THERE,
                 xstrdup("'" SYSCTL_FILE "' sets net.ipv4.ip_forward, and it is 1"));
        return;
    }
    struct setup_step *step = add_step(steps, "forwarding", SETUP_NEEDED,
                                       xstrdup("the host forwards, also after a restart"));
    add_file(step, SYSCTL_FILE, xstrdup(text));
    ADD_COMMAND(step, "sysctl", "-q", "-p", SYSCTL_FILE);
}

/* --- units ------------------------------------------------------------------------------------ */

/* The unit as `cmake --install` would write it for programs that are where ours are. */
static char *make_unit(const char *text)
{
    struct strbuf unit = {0};
    _cleanup_free_ char *folder = this_program();
    *strrchr(folder, '/') = '\0';
    for (const char *hole; (hole = strstr(text, PROGRAMS_PLACEHOLDER));
         text = hole + strlen(PROGRAMS_PLACEHOLDER)) {
        strbuf_add(&unit, text, (size_t)(hole - text));
        strbuf_add_str(&unit, folder);
    }
    strbuf_add_str(&unit, text);
    return strbuf_take(&unit);
}

/* Where a package or `cmake --install` put it (systemd.unit(5)); NULL: nowhere. */
static char *find_installed(const char *name)
{
    static const char *const folders[] = {"/usr/local/lib/systemd/system",
                                          "/usr/lib/systemd/system", "/lib/systemd/system"};
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        char *path = xasprintf("%s/%s", folders[i], name);
        if (fs_exists(path))
            return path;
        free(path);
    }
    return NULL;
}

/* True: it is written, and systemd must read it. What an administrator changes belongs into a
 * drop-in (systemctl edit). */
static bool look_at_unit(struct setup_steps *steps, const char *name, const char *text)
{
    _cleanup_free_ char *installed = find_installed(name);
    _cleanup_free_ char *own = xasprintf(UNIT_FOLDER "/%s", name), *unit = make_unit(text);
    if (has_text(own, unit) || (installed && !fs_exists(own))) {
        add_step(steps, name, SETUP_THERE,
                 xasprintf("'%s' is there", fs_exists(own) ? own : installed));
        return false;
    }
    struct setup_step *step =
        add_step(steps, name, SETUP_NEEDED, xstrdup("written for the programs where they are now"));
    add_file(step, own, TAKE_PTR(unit));
    return true;
}

static bool is_answered_with_yes(const char *question, const char *unit)
{
    int status;
    return run_program((const char *const[]){"systemctl", question, "--quiet", unit, NULL}, true,
                       &status, NULL) == 0 &&
           status == 0;
}

static bool are_enabled(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (!is_answered_with_yes("is-enabled", units[i].name))
            return false;
    return is_answered_with_yes("is-active", units[0].name);
}

/* A daemon that a command started holds the lock and the socket's path: it leaves first. */
static bool is_in_the_way(void)
{
    _cleanup_json_ cJSON *daemon = NULL;
    return daemon_describe(&daemon, NULL) == 0 && !json_bool(daemon, "systemd", false);
}

static void look_at_enabling(struct setup_steps *steps, bool written)
{
    if (!written && are_enabled()) {
        add_step(steps, "enabled", SETUP_THERE,
                 xstrdup("the daemon starts with the host, and systemd listens for it"));
        return;
    }
    struct setup_step *step =
        add_step(steps, "enabled", SETUP_NEEDED,
                 xstrdup("the daemon starts with the host; VMs do not depend on its restarts"));
    ADD_COMMAND(step, "systemctl", "daemon-reload");
    _cleanup_free_ char *self = this_program();
    if (is_in_the_way())
        ADD_COMMAND(step, self, "daemon", "--stop");
    ADD_COMMAND(step, "systemctl", "enable", "--now", units[0].name, units[1].name, units[2].name);
}

static void look_at_units(struct setup_steps *steps)
{
    bool written = false;
    if (!daemon_scope_is_booted()) {
        add_step(steps, "units", SETUP_SKIPPED,
                 xstrdup("this host was not booted with systemd: commands start the daemon by "
                         "themselves; before the host goes down: vmstead daemon --shutdown"));
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        written = look_at_unit(steps, units[i].name, units[i].text) || written;
    look_at_enabling(steps, written);
}

void setup_look(struct setup_steps *steps)
{
    look_at_group(steps);
    look_at_forwarding(steps);
    look_at_units(steps);
}
