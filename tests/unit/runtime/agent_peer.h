/* The real agent as an ordinary process, behind a stand-in for QEMU's chardev: a process that
 * listens on a Unix socket and carries bytes, one client at a time, and that loses them as QEMU
 * does when a client goes: what was on the way, and what the guest writes while nobody is there.
 * The agent's port tells it as virtio_console does (a read of 0), also when the news comes too
 * late. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct agent_peer {
    char path[64];
    pid_t agent, relay;
    struct agent_peer_shared {
        volatile uint32_t cuts;
        volatile uint32_t cut_after; /* ends a connection after about that many bytes; 0: never */
    } * shared;
};

void agent_peer_start(struct agent_peer *peer);
/* The agent's exit status, once it has "powered off"; -1 where it did not within the time. */
int agent_peer_wait(struct agent_peer *peer, uint64_t timeout_ms);
void agent_peer_stop(struct agent_peer *peer);
