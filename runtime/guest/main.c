/* vmstead-agent: PID 1 of every guest that boots from a root file system image. It boots anonymous,
 * says HELLO when the host does, becomes what the identity says, runs one service, and powers off
 * when that has ended and the host knows. */
#include "runtime/guest/agent.h"
#include "runtime/guest/boot.h"
#include "runtime/guest/console.h"
#include "runtime/guest/etc_files.h"
#include "runtime/guest/mounts.h"
#include "runtime/guest/netconf.h"
#include "runtime/guest/rootfs.h"
#include "runtime/guest/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Execs have three descriptors each, and they are many. */
#define AGENT_FILES 65536

static void write_sysctl(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, value, strlen(value)) < 0)
        console_write("cannot write %s: %s\n", path, strerror(errno));
    close(fd);
}

static int set_up_guest(struct identity *identity, struct error *err)
{
    struct timespec now = {.tv_sec = (time_t)(identity->time_ns / 1000000000),
                           .tv_nsec = (long)(identity->time_ns % 1000000000)};
    if (identity->time_ns > 0 && clock_settime(CLOCK_REALTIME, &now) < 0)
        return error_set(err, errno, "cannot set the clock: %s", strerror(errno));
    if (sethostname(identity->hostname, strlen(identity->hostname)) < 0)
        return error_set(err, errno, "cannot set the hostname \"%s\": %s", identity->hostname,
                         strerror(errno));
    if (*identity->domain && setdomainname(identity->domain, strlen(identity->domain)) < 0)
        return error_set(err, errno, "cannot set the domain name \"%s\": %s", identity->domain,
                         strerror(errno));
    int result = rootfs_enter(identity, err);
    if (result == 0)
        result = etc_files_write(identity, err);
    if (result == 0)
        result = mounts_place(identity, err);
    if (result == 0)
        result = netconf_apply(identity, err);
    if (result == 0)
        result = sysctl_apply(identity->sysctls, err);
    return result;
}

static void kill_all(void)
{
    kill(-1, SIGKILL);
}

static void power_off(void)
{
    kill(-1, SIGKILL);
    rootfs_leave();
    reboot(RB_POWER_OFF);
}

static const struct agent_platform platform = {
    .set_up = set_up_guest,
    .convert = mounts_convert,
    .kill_all = kill_all,
    .power_off = power_off,
};

/* Three descriptors that are nothing: no other may become 0, 1 or 2, and no service gets the
 * kernel's console, which it has opened for us. */
static void open_stdio(void)
{
    int fd = open("/dev/null", O_RDWR);
    for (int i = 0; fd >= 0 && i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
}

/* What is the same in every guest is done before one of them has an identity. */
static int prepare_guest(struct error *err)
{
    boot_load_modules();
    /* As Docker sets them in every container: a service needs no privilege for port 80 or ping. */
    write_sysctl("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    write_sysctl("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
    return netconf_bring_up_loopback(err);
}

static int run(struct error *err)
{
    static struct agent agent;
    struct rlimit files = {AGENT_FILES, 524288};
    int port;
    int result = boot_mount(err);
    if (result < 0)
        return result;
    open_stdio();
    setrlimit(RLIMIT_NOFILE, &files);
    reboot(RB_DISABLE_CAD); /* Ctrl-Alt-Del becomes SIGINT */
    result = prepare_guest(err);
    if (result == 0)
        result = boot_open_port(&port, err);
    if (result == 0)
        result = agent_init(&agent, port, &platform);
    if (result < 0)
        return result;
    agent_run(&agent);
    return 0;
}

int main(void)
{
    _cleanup_error_ struct error err = {0};
    if (getpid() != 1) {
        fprintf(stderr, "vmstead-agent: this is the init program of a vmstead guest\n");
        return 2;
    }
    if (run(&err) < 0)
        console_write("%s\n", error_text(&err));
    power_off();
    return 1;
}
