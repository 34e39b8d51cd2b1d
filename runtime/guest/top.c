/* The list of processes, see top.h and proc(5). */
#include "runtime/guest/top.h"

#include "base/alloc.h"
#include "runtime/guest/agent.h"
#include "runtime/guest/wire.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* Devices of terminals (the kernel's Documentation/admin-guide/devices.txt). */
#define TTY_MAJOR_SERIAL 4
#define TTY_MAJOR_PTS_FIRST 136
#define TTY_MAJOR_PTS_LAST 143

struct process {
    unsigned pid, parent;
    int tty;
    unsigned long long user_ticks, system_ticks, start_ticks;
    char name[64];
};

static ssize_t read_file(const char *path, char *data, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t length = read(fd, data, size - 1);
    close(fd);
    if (length >= 0)
        data[length] = '\0';
    return length;
}

/* /proc/PID/stat; the name in parentheses may hold anything, also parentheses. */
static bool process_read(unsigned pid, struct process *process)
{
    char path[64], text[1024];
    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    if (read_file(path, text, sizeof(text)) <= 0)
        return false;
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close || close < open)
        return false;
    *process = (struct process){.pid = pid};
    snprintf(process->name, sizeof(process->name), "%.*s", (int)(close - open - 1), open + 1);
    return sscanf(close + 1,
                  " %*c %u %*d %*d %d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d"
                  " %llu",
                  &process->parent, &process->tty, &process->user_ticks, &process->system_ticks,
                  &process->start_ticks) == 5;
}

/* Kernel threads are kthreadd's (2) children, or it. */
static bool is_ours(const struct process *process)
{
    return process->pid != (unsigned)getpid() && process->pid != 2 && process->parent != 2;
}

/* --- fields --------------------------------------------------------------------------------- */

static void put_user(struct strbuf *row, unsigned pid)
{
    char path[64], line[512], name[64] = "";
    struct stat status;
    snprintf(path, sizeof(path), "/proc/%u", pid);
    if (stat(path, &status) < 0)
        return;
    FILE *accounts = fopen("/etc/passwd", "re");
    while (accounts && !*name && fgets(line, sizeof(line), accounts)) {
        char user[64];
        unsigned uid;
        if (sscanf(line, "%63[^:]:%*[^:]:%u:", user, &uid) == 2 && uid == status.st_uid)
            memcpy(name, user, sizeof(name));
    }
    if (accounts)
        fclose(accounts);
    if (!*name)
        snprintf(name, sizeof(name), "%u", status.st_uid);
    wire_put_text(row, TOP_USER, name);
}

static void put_tty(struct strbuf *row, int tty)
{
    char name[32];
    unsigned in_major = minor((dev_t)tty), of = major((dev_t)tty);
    if (of >= TTY_MAJOR_PTS_FIRST && of <= TTY_MAJOR_PTS_LAST)
        snprintf(name, sizeof(name), "pts/%u", (of - TTY_MAJOR_PTS_FIRST) * 256 + in_major);
    else if (of == TTY_MAJOR_SERIAL)
        snprintf(name, sizeof(name), in_major >= 64 ? "ttyS%u" : "tty%u",
                 in_major >= 64 ? in_major - 64 : in_major);
    else
        return;
    wire_put_text(row, TOP_TTY, name);
}

static void put_command(struct strbuf *row, const struct process *process)
{
    char path[64], text[TOP_COMMAND_MAX];
    snprintf(path, sizeof(path), "/proc/%u/cmdline", process->pid);
    ssize_t length = read_file(path, text, sizeof(text));
    while (length > 0 && text[length - 1] == '\0')
        length--;
    for (ssize_t i = 0; i < length; i++)
        if (iscntrl((unsigned char)text[i]))
            text[i] = ' ';
    if (length <= 0)
        length = snprintf(text, sizeof(text), "[%s]", process->name);
    wire_put_field(row, TOP_COMMAND, text, (size_t)length);
}

/* Start times count from the boot (CLOCK_BOOTTIME). */
static int64_t boot_ms(void)
{
    struct timespec now, since_boot;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &since_boot);
    return (now.tv_sec - since_boot.tv_sec) * 1000 + (now.tv_nsec - since_boot.tv_nsec) / 1000000;
}

static void send_process(struct agent *agent, uint32_t stream, const struct process *process)
{
    _cleanup_strbuf_ struct strbuf row = {0};
    unsigned long long ms = 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
    wire_put_field_u32(&row, TOP_PID, process->pid);
    wire_put_field_u32(&row, TOP_PARENT, process->parent);
    put_user(&row, process->pid);
    put_tty(&row, process->tty);
    wire_put_field_u64(&row, TOP_STARTED_MS, (uint64_t)boot_ms() + process->start_ticks * ms);
    wire_put_field_u64(&row, TOP_CPU_MS, (process->user_ticks + process->system_ticks) * ms);
    put_command(&row, process);
    link_send(&agent->link, MESSAGE_TOP_PROCESS, stream, row.data, row.length);
}

/* --- the list ------------------------------------------------------------------------------- */

void top_start(struct agent *agent, const struct message *message)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    while (processes && (entry = readdir(processes))) {
        struct process process;
        unsigned pid = (unsigned)strtoul(entry->d_name, NULL, 10);
        if (pid && process_read(pid, &process) && is_ours(&process))
            send_process(agent, message->stream, &process);
    }
    if (processes)
        closedir(processes);
    link_send(&agent->link, MESSAGE_TOP_END, message->stream, NULL, 0);
}
