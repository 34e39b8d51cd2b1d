/* See agent_peer.h. */
#include "agent_peer.h"

#include "runtime/guest/agent.h"
#include "runtime/guest/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- the agent ------------------------------------------------------------------------------ */

static int set_up(struct identity *identity, struct error *err)
{
    if (strcmp(identity->instance, "broken") == 0)
        return error_set(err, ENODEV, "interface \"eth0\": the virtual machine has no such NIC");
    return 0;
}

/* Orphans are ours (PR_SET_CHILD_SUBREAPER), as they are PID 1's in a guest: ends them. */
static void kill_children(void)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    int pid;
    while (file && fscanf(file, "%d", &pid) == 1)
        kill(pid, SIGKILL);
    if (file)
        fclose(file);
}

static void do_nothing(void) {}

static void run_agent(int port)
{
    static const struct agent_platform platform = {
        .set_up = set_up, .kill_all = kill_children, .power_off = do_nothing};
    static struct agent agent;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (agent_init(&agent, port, &platform) < 0)
        _exit(99);
    agent_run(&agent);
    agent_done(&agent);
    exit(0); /* not _exit(): leaks are to be found here, too */
}

/* --- the relay ------------------------------------------------------------------------------ */

struct relay {
    struct agent_peer_shared *shared;
    int listener, port, client;
    uint64_t seed;
    uint64_t left; /* bytes until the cut */
    bool news;     /* the guest does not know the client yet */
};

static uint64_t relay_random(struct relay *relay, uint64_t limit)
{
    relay->seed = relay->seed * 6364136223846793005u + 1442695040888963407u;
    return (relay->seed >> 33) % limit;
}

/* The guest's next read gives 0, as virtio_console's does while it believes the host to be away.
 * What is behind an empty packet waits until it has been read: the port wakes its reader at an edge
 * only. */
static void relay_tell_away(struct relay *relay)
{
    struct timespec pause = {.tv_nsec = 100000};
    int unread = 1;
    send(relay->port, "", 0, MSG_NOSIGNAL);
    for (int i = 0; i < 10000 && ioctl(relay->port, SIOCOUTQ, &unread) == 0 && unread > 0; i++)
        nanosleep(&pause, NULL);
}

static void relay_cut(struct relay *relay)
{
    char lost[FRAME_SIZE_MAX];
    close(relay->client);
    relay->client = -1;
    relay->shared->cuts++;
    relay_tell_away(relay);
    while (recv(relay->port, lost, sizeof(lost), MSG_DONTWAIT) > 0)
        ;
}

static void relay_accept(struct relay *relay)
{
    relay->client = accept(relay->listener, NULL, NULL);
    relay->left = UINT64_MAX;
    relay->news = true;
}

static void relay_plan_cut(struct relay *relay)
{
    uint32_t about = relay->shared->cut_after;
    if (about && relay->left == UINT64_MAX)
        relay->left = 1 + relay_random(relay, 2 * (uint64_t)about);
}

static void relay_carry(struct relay *relay, int from, int to)
{
    char data[2 * FRAME_SIZE_MAX]; /* all that the agent writes in one go */
    ssize_t length = recv(from, data, from == relay->port ? sizeof(data) : 8192, 0);
    if (length <= 0 && from == relay->port)
        _exit(0);
    if (length <= 0)
        return relay_cut(relay);
    relay_plan_cut(relay);
    uint64_t part = (uint64_t)length < relay->left ? (uint64_t)length : relay->left;
    if (to >= 0 && send(to, data, part, MSG_NOSIGNAL) < 0 && to == relay->client)
        return relay_cut(relay);
    if (to == relay->port && relay->news) /* HELLO overtakes the news of its sender */
        relay_tell_away(relay);
    relay->news = relay->news && to != relay->port;
    if (relay->client >= 0 && relay->left != UINT64_MAX)
        relay->left -= part;
    if (relay->client >= 0 && !relay->left)
        relay_cut(relay);
}

static void run_relay(struct relay *relay)
{
    for (;;) {
        struct pollfd fds[] = {{.fd = relay->port, .events = POLLIN},
                               {.fd = relay->client, .events = POLLIN},
                               {.fd = relay->client < 0 ? relay->listener : -1, .events = POLLIN}};
        poll(fds, 3, -1);
        if (fds[0].revents)
            relay_carry(relay, relay->port, relay->client);
        if (fds[1].revents && relay->client >= 0)
            relay_carry(relay, relay->client, relay->port);
        if (fds[2].revents)
            relay_accept(relay);
    }
}

/* --- both ----------------------------------------------------------------------------------- */

static pid_t start_child(void)
{
    pid_t pid = fork();
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

void agent_peer_start(struct agent_peer *peer)
{
    int ends[2];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(peer->path, sizeof(peer->path), "agent-%d.sock", (int)getpid());
    memcpy(address.sun_path, peer->path, strlen(peer->path) + 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* agent_peer_stop() ends what the agent leaves behind */
    peer->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct relay relay = {.shared = peer->shared, .client = -1, .seed = 7};
    relay.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(peer->path);
    if (bind(relay.listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(relay.listener, 1) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        abort();
    relay.port = ends[0];
    peer->agent = start_child();
    if (peer->agent == 0) {
        close(ends[0]);
        close(relay.listener);
        fcntl(ends[1], F_SETFL, O_NONBLOCK);
        run_agent(ends[1]);
    }
    close(ends[1]);
    peer->relay = start_child();
    if (peer->relay == 0)
        run_relay(&relay);
    close(ends[0]);
    close(relay.listener);
}

int agent_peer_wait(struct agent_peer *peer, uint64_t timeout_ms)
{
    struct timespec pause = {.tv_nsec = 10000000};
    for (uint64_t waited = 0; waited <= timeout_ms; waited += 10) {
        int status;
        if (waitpid(peer->agent, &status, WNOHANG) == peer->agent) {
            peer->agent = 0;
            return status;
        }
        nanosleep(&pause, NULL);
    }
    return -1;
}

void agent_peer_stop(struct agent_peer *peer)
{
    pid_t pids[] = {peer->agent, peer->relay};
    for (int i = 0; i < 2; i++) {
        if (!pids[i])
            continue;
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    kill_children();
    while (waitpid(-1, NULL, 0) > 0)
        kill_children();
    unlink(peer->path);
    munmap(peer->shared, 4096);
}
