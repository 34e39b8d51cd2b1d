/* See process.h. */
#include "base/process.h"

#include "base/alloc.h"
#include "base/fs.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

/* False: no such process. */
static bool read_stat(pid_t pid, char *ret_state, struct process_id *ret_id)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    _cleanup_free_ char *text = NULL;
    if (pid <= 0 || fs_read_file(path, 4096, &text, NULL, NULL) < 0)
        return false;
    /* Field 2 is the program's name in parentheses and may hold anything: count from the last ')'.
     * State is field 3, the start time field 22. */
    const char *rest = strrchr(text, ')');
    unsigned long long start_time;
    if (!rest || sscanf(rest + 1,
                        " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                        "%*s %llu",
                        ret_state, &start_time) != 2)
        return false;
    *ret_id = (struct process_id){.pid = pid, .start_time = start_time};
    return true;
}

int process_identify(pid_t pid, struct process_id *ret_id)
{
    char state;
    struct process_id id;
    if (!read_stat(pid, &state, &id) || state == 'Z' || state == 'X')
        return -ESRCH;
    *ret_id = id;
    return 0;
}

bool process_is_stopped(const struct process_id *id)
{
    char state;
    struct process_id now;
    return read_stat(id->pid, &state, &now) && now.start_time == id->start_time && state == 'T';
}

bool process_is_alive(const struct process_id *id)
{
    struct process_id now;
    return process_identify(id->pid, &now) == 0 && now.start_time == id->start_time;
}

int process_open(const struct process_id *id)
{
    if (id->pid <= 0)
        return -ESRCH;
    int fd = (int)syscall(SYS_pidfd_open, id->pid, 0);
    if (fd < 0)
        return -errno;
    /* Only now can the pid no longer change hands unnoticed: look who has it. */
    if (!process_is_alive(id)) {
        close(fd);
        return -ESRCH;
    }
    return fd;
}

int process_signal(const struct process_id *id, int signal_number)
{
    _cleanup_close_ int fd = process_open(id);
    if (fd < 0)
        return fd;
    return syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0) < 0 ? -errno : 0;
}

/* Splits /proc/PID/cmdline (strings, each with its NUL) in place. */
static char **split_arguments(char *text, size_t length)
{
    char **argv = NULL;
    for (size_t start = 0; start < length; start += strlen(text + start) + 1)
        strv_add(&argv, xstrndup(text + start, length - start));
    return argv;
}

void process_scan(const char *program, bool (*visit)(pid_t pid, char **argv, void *userdata),
                  void *userdata)
{
    DIR *proc = opendir("/proc");
    bool stop = false;
    for (struct dirent *entry; proc && !stop && (entry = readdir(proc));) {
        uint32_t pid;
        if (str_to_u32(entry->d_name, &pid) < 0)
            continue;
        char path[64];
        snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
        _cleanup_free_ char *text = NULL;
        size_t length;
        if (fs_read_file(path, 1 << 20, &text, &length, NULL) < 0 || length == 0)
            continue;
        const char *slash = strrchr(text, '/');
        if (!str_after_prefix(slash ? slash + 1 : text, program))
            continue;
        _cleanup_strv_ char **argv = split_arguments(text, length);
        stop = visit((pid_t)pid, argv, userdata);
    }
    if (proc)
        closedir(proc);
}
