/* The wire between the daemon (host) and vmstead-agent (guest): this header is its manual. Both
 * ends include it; frame.h and link.h carry it out, agent.c and ../channel.c give it meaning.
 *
 * The carrier is a byte pipe (the virtio-serial port PROTOCOL_PORT_NAME) that loses bytes silently,
 * at any place, whenever the host side goes away. All integers are little-endian.
 *
 * FRAME: 40 bytes of header, then `length` bytes of payload (at most FRAME_PAYLOAD_MAX)
 *    0 u32 magic            "VMSA"
 *    4 u8  type             enum message_type
 *    5 u8  flags            FRAME_MORE: the message goes on in the next frame;
 *                           FRAME_SUM: what is called payload CRC is frame_sum() of the payload
 *    6 u16 zero
 *    8 u32 stream           0, or the stream of the message; chosen by the host, used once
 *   12 u32 length           of the payload
 *   16 u64 sequence         counts up by one from 1 per direction and session; 0 in the four link
 *                           messages (HELLO, WELCOME, ACK, RESYNC), which are never resent
 *   24 u64 acknowledged     the last sequence that this side has taken in order
 *   32 u32 payload CRC      zlib's crc32 of the payload
 *   36 u32 header CRC       zlib's crc32 of the 36 bytes before
 *
 * SESSION AND NONCE. A session is one life of the daemon's channel object; a nonce is one attempt
 * at a handshake. Within a session messages arrive in order, exactly once, over any number of lost
 * connections: each side keeps what it has sent until the other has acknowledged it. With a new
 * session both sequences start again at 1, the guest ends all execs, and goes back in its log to
 * what the HELLO says is stored.
 *
 * HANDSHAKE
 *  1. The host sends HELLO and then FRAME_SIZE_MAX zeros. The zeros complete any frame that was cut
 *     off before, in whose payload HELLO would otherwise be swallowed.
 *  2. The guest, on a bad CRC, steps one byte on and hunts for the magic: it finds HELLO, forgets
 *     what it was about to write, and answers WELCOME with the same nonce.
 *  3. The host discards everything until a WELCOME with its own nonce. Then both sides resend what
 *     the other's `received` does not cover.
 * The host repeats HELLO while no WELCOME comes (same nonce: harmless twice). A host that finds a
 * damaged frame or a gap in the sequence handshakes again; a guest asks for that with RESYNC.
 *
 * ACKNOWLEDGING. Every frame carries it; a side that has nothing to send sends an ACK after
 * LINK_ACK_FRAMES frames or LINK_ACK_BYTES bytes. There is no timer: an idle link is silent.
 *
 * STREAMS. One of the ..._START messages opens a stream, the guest's last message or ABANDON closes
 * it. What comes for a stream that is not open is ignored: its end was on the way.
 *
 * CREDITS. A stream has a window of bytes each way: STREAM_WINDOW of an exec's stdin, and of its
 * stdout and stderr together, COPY_WINDOW of COPY_ENTRY and COPY_DATA. The sender counts down, the
 * receiver gives back with CREDIT what its reader has taken, so that a reader that is stuck holds
 * up nobody else. Log records in flight (sent, without LOG_ACK) are bounded by LOG_WINDOW.
 *
 * COPIES. Names in COPY_ENTRY are relative paths without "." and ".." components, but for "."
 * alone, the root of the copy; hard links name an entry that came before. Entries come parents
 * first. Both sides take the other's names for hostile.
 *
 * TAGGED FIELDS (IDENTITY, ..._START, COPY_ENTRY, TOP_PROCESS, INSPECT_FACT): a row of {u16 tag,
 * u32 length, bytes}; unknown tags are skipped, so that an agent and a daemon of neighbouring
 * versions understand each other. */
#pragma once

#include <stdint.h>

#define PROTOCOL_PORT_NAME "vmstead.agent"
#define PROTOCOL_VERSION 1u

#define FRAME_MAGIC 0x41534d56u /* "VMSA" */
#define FRAME_HEADER_SIZE 40u
#define FRAME_PAYLOAD_MAX 32768u
#define FRAME_SIZE_MAX (FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX)
#define FRAME_MORE 1u
#define FRAME_SUM 2u

/* Bounds on a message that is put together from several frames. */
#define MESSAGE_TO_GUEST_MAX (4u << 20)
#define MESSAGE_TO_HOST_MAX FRAME_PAYLOAD_MAX

#define LINK_ACK_FRAMES 64u
#define LINK_ACK_BYTES 65536u
#define STREAM_WINDOW (256u << 10)
#define COPY_WINDOW (1u << 20)
#define LOG_WINDOW (1u << 20)

enum message_type {
    /* Link messages, outside the sequence. */
    MESSAGE_HELLO = 1,   /* host: link_hello */
    MESSAGE_WELCOME = 2, /* guest: link_hello */
    MESSAGE_ACK = 3,     /* either: no payload, the header says it all */
    MESSAGE_RESYNC = 4,  /* guest: no payload; something was lost, please say HELLO */

    /* Host to guest. */
    MESSAGE_IDENTITY = 16,       /* tagged, enum identity_tag; once in a guest's life */
    MESSAGE_LOG_ACK = 17,        /* u64: every record up to this one is stored */
    MESSAGE_SHUTDOWN = 18,       /* u32 signal, u64 timeout_ms: signal, later SIGKILL */
    MESSAGE_SERVICE_SIGNAL = 19, /* u32 signal */
    MESSAGE_REPORT_ACK = 20,     /* FAILED or EXITED is stored: the guest may power off */
    MESSAGE_EXEC_START = 21,     /* tagged, enum exec_tag; opens the stream */
    MESSAGE_EXEC_STDIN = 22,     /* bytes */
    MESSAGE_EXEC_EOF = 23,       /* end of stdin */
    MESSAGE_EXEC_RESIZE = 24,    /* u16 rows, u16 columns */
    MESSAGE_EXEC_SIGNAL = 25,    /* u32 signal, to the process group */
    MESSAGE_ABANDON = 26,        /* nobody listens: SIGHUP for an exec; closes the stream */
    MESSAGE_PROBE_START = 27,    /* tagged, enum probe_tag; opens the stream */
    MESSAGE_TOP_START = 28,      /* opens the stream */
    MESSAGE_ATTACH_START = 29,   /* tagged, enum attach_tag; opens the stream. Then as an exec's */
    MESSAGE_COPY_OUT_START = 30, /* tagged, enum copy_tag; opens the stream */
    MESSAGE_COPY_IN_START = 31,  /* tagged, enum copy_tag; opens the stream */
    MESSAGE_COPY_END = 32,       /* copy in: there are no more entries */
    MESSAGE_INSPECT_START = 33,  /* tagged, enum inspect_tag; opens the stream */

    /* Guest to host. */
    MESSAGE_STARTED = 48,     /* the service's process runs */
    MESSAGE_FAILED = 49,      /* u32 exit code, text: it could not be started */
    MESSAGE_EXITED = 50,      /* u32 exit code, u32 flags (EXITED_...); after the last log record */
    MESSAGE_LOG = 51,         /* one or more records, see below */
    MESSAGE_EXEC_STDOUT = 52, /* bytes */
    MESSAGE_EXEC_STDERR = 53, /* bytes */
    MESSAGE_EXEC_EXIT = 54,   /* u32 exit code; closes the stream */
    MESSAGE_PROBE_END = 55,   /* u8 probe_verdict, u32 exit code, output; closes the stream */
    MESSAGE_TOP_PROCESS = 56, /* tagged, enum top_tag; one process */
    MESSAGE_TOP_END = 57,     /* closes the stream */
    MESSAGE_COPY_STAT = 58,   /* copy out: tagged, enum entry_tag: what the path is */
    MESSAGE_COPY_DONE = 59,   /* u32 errno (0: all is well), text; closes the stream */
    MESSAGE_INSPECT_FACT = 60, /* tagged, enum fact_tag; one fact */
    MESSAGE_INSPECT_END = 61,  /* closes the stream */

    /* Either way. */
    MESSAGE_CREDIT = 80,     /* u32 bytes that may be sent on this stream in addition */
    MESSAGE_COPY_ENTRY = 81, /* tagged, enum entry_tag */
    MESSAGE_COPY_DATA = 82,  /* bytes of the regular file whose entry came last */
};

#define EXITED_OOM 1u /* the kernel had no memory and killed it */

/* HELLO and WELCOME: u32 version, u32 flags, u64 session, u64 nonce, u64 received, u64 log.
 * received: the last sequence taken in this session. log: in HELLO the last record that is stored,
 * in WELCOME the newest one there is. */
#define LINK_HELLO_SIZE 40u
#define WELCOME_FRESH 1u       /* flag: the agent has no identity yet */
#define WELCOME_NEW_SESSION 2u /* flag: the guest has not seen this session before */
#define HELLO_SUMS 4u          /* flag of both: FRAME_SUM is understood, and may be used to us */

/* A log record, one or more lines of one stream with newlines between them: u64 sequence of the
 * first line (lines count from 1 over the guest's life; a gap is what the ring dropped), u64 time
 * in ns since 1970, u32 length of the text, u8 stream (1 stdout, 2 stderr), u8 partial (the last
 * line goes on in the next record of that stream), text. After a reconnect a record may come again
 * of which the host has stored the first lines. */
#define LOG_RECORD_HEADER_SIZE 22u
#define LOG_TEXT_MAX 16384u

enum identity_tag {
    IDENTITY_INSTANCE = 1,     /* text */
    IDENTITY_HOSTNAME = 2,     /* text */
    IDENTITY_ARGUMENT = 3,     /* text, once per argument */
    IDENTITY_ENVIRONMENT = 4,  /* "K=V", once per variable */
    IDENTITY_USER = 5,         /* "user[:group]", names or numbers */
    IDENTITY_WORKING_DIR = 6,  /* text */
    IDENTITY_INTERFACE = 7,    /* tagged, enum interface_tag; once per NIC */
    IDENTITY_HOST = 8,         /* a line of /etc/hosts: "ADDRESS NAME..." */
    IDENTITY_DNS = 9,          /* a nameserver's address */
    IDENTITY_SEARCH = 10,      /* a search domain */
    IDENTITY_TIME_NS = 11,     /* u64, ns since 1970 */
    IDENTITY_STOP_SIGNAL = 12, /* u32; what the agent sends when the machine's button is pressed */
    IDENTITY_TTY = 13,         /* empty; the service has a terminal */
    IDENTITY_STDIN_OPEN = 14,  /* empty; its stdin is kept open */
    IDENTITY_DOMAIN = 15,      /* text */
    IDENTITY_SYSCTL = 16,      /* "K=V", once per kernel parameter */
    IDENTITY_RESOLVER_OPTION = 17, /* of resolv.conf(5) */
    IDENTITY_MOUNT = 32,           /* tagged, enum mount_tag; once per mount, parents first */
    IDENTITY_FILE = 33,            /* tagged, enum file_tag; once per config or secret */
    IDENTITY_READ_ONLY_ROOT = 34,  /* empty */
    IDENTITY_CONVERT = 35          /* empty: there is no root and no service; the first mount's
                                      content is copied to the second's, then EXITED 0 or FAILED */
};

enum interface_tag {
    INTERFACE_NAME = 1,    /* text */
    INTERFACE_MAC = 2,     /* "02:..." */
    INTERFACE_ADDRESS = 3, /* text, IPv4 or IPv6 */
    INTERFACE_PREFIX = 4,  /* u32, belongs to the address before it */
    INTERFACE_GATEWAY = 5, /* text, IPv4 or IPv6; absent: no default route of that family */
    INTERFACE_MTU = 6      /* u32 */
};

enum mount_type {
    MOUNT_TYPE_DISK = 1,  /* ext4 on a virtio-blk device with this serial */
    MOUNT_TYPE_SHARE = 2, /* virtiofs with this tag */
    MOUNT_TYPE_TMPFS = 3
};

/* What a volume shows of its device. */
#define VOLUME_CONTENT "_data"

enum mount_tag {
    MOUNT_TYPE = 1,    /* u32, enum mount_type */
    MOUNT_DEVICE = 2,  /* text: serial or tag */
    MOUNT_PATH = 3,    /* text, of the host's making: what is mounted, below the device's root */
    MOUNT_SUBPATH = 4, /* text, of the user's making: below that, and not to be left */
    MOUNT_TARGET = 5,  /* text, absolute */
    MOUNT_FLAGS = 6,   /* u32 */
    MOUNT_SIZE = 7,    /* u64, bytes of a tmpfs; 0: Linux's default */
    MOUNT_MODE = 8     /* u32, of a tmpfs */
};
#define MOUNT_READ_ONLY 1u
#define MOUNT_FILL 2u /* where it is empty, the image's content at the target is copied there */
#define MOUNT_FILE 4u /* a file, not a folder */

enum file_tag {
    FILE_TARGET = 1, /* text, absolute */
    FILE_USER = 2,   /* text, name or number */
    FILE_GROUP = 3,  /* text, name or number */
    FILE_MODE = 4,   /* u32 */
    FILE_DATA = 5    /* bytes */
};

enum exec_tag {
    EXEC_ARGUMENT = 1,     /* text, once per argument */
    EXEC_ENVIRONMENT = 2,  /* "K=V" added to the service's */
    EXEC_USER = 3,         /* absent: the service's */
    EXEC_WORKING_DIR = 4,  /* absent: the service's */
    EXEC_TTY = 5,          /* u16 rows, u16 columns; absent: three pipes */
    EXEC_ATTACH_STDIN = 6, /* empty; absent: the process reads end-of-file */
    EXEC_DETACH = 7        /* empty; EXEC_EXIT 0 as soon as it runs, no stream besides */
};

enum attach_tag {
    ATTACH_OUTPUT = 1, /* empty; the terminal's output comes on this stream */
    ATTACH_REPLAY = 2, /* empty; what it has said so far comes first */
};

/* One of the first four, and the deadline. */
enum probe_tag {
    PROBE_ARGUMENT = 1,  /* text, once per argument */
    PROBE_HTTP_URL = 2,  /* text, "http://..." */
    PROBE_TCP_PORT = 3,  /* u32 */
    PROBE_TIMEOUT_MS = 4 /* u32 */
};
enum probe_verdict { PROBE_SAYS_GOOD = 0, PROBE_SAYS_BAD = 1, PROBE_SAYS_NOTHING = 2 };
#define PROBE_OUTPUT_LIMIT 4096u

enum top_tag {
    TOP_PID = 1,        /* u32 */
    TOP_PARENT = 2,     /* u32 */
    TOP_USER = 3,       /* text */
    TOP_TTY = 4,        /* text; absent: none */
    TOP_STARTED_MS = 5, /* u64, since 1970 */
    TOP_CPU_MS = 6,     /* u64 */
    TOP_COMMAND = 7     /* text; arguments with blanks between */
};
#define TOP_COMMAND_MAX 4096u

/* What the guest is to try, each any number of times, INSPECT_QUESTIONS_MAX together. */
enum inspect_tag {
    INSPECT_PING = 1, /* an address */
    INSPECT_NAME = 2  /* a name for the nameserver */
};
#define INSPECT_QUESTIONS_MAX 32u

enum fact_kind {
    FACT_INTERFACE = 1,  /* name, mac, up */
    FACT_ADDRESS = 2,    /* name (of the NIC), text, prefix */
    FACT_ROUTE = 3,      /* name (of the NIC), text: the gateway of a default route */
    FACT_NAMESERVER = 4, /* text: the first */
    FACT_LISTENER = 5,   /* text: the address, port, udp */
    FACT_PING = 6,       /* name: what was asked; failure, or elapsed */
    FACT_RESOLVED = 7    /* name: what was asked; failure, or text: an address, and elapsed */
};
enum fact_tag {
    FACT_KIND = 1,       /* u32 */
    FACT_NAME = 2,       /* text */
    FACT_TEXT = 3,       /* text, an address */
    FACT_MAC = 4,        /* text */
    FACT_PREFIX = 5,     /* u32 */
    FACT_PORT = 6,       /* u32 */
    FACT_UP = 7,         /* empty */
    FACT_UDP = 8,        /* empty */
    FACT_FAILURE = 9,    /* text */
    FACT_ELAPSED_US = 10 /* u64 */
};

enum copy_tag {
    COPY_PATH = 1,         /* text */
    COPY_FOLLOW = 2,       /* empty; out: a symlink at the path's end is followed */
    COPY_ONLY_STAT = 3,    /* empty; out */
    COPY_NO_OVERWRITE = 4, /* empty; in: nothing replaces a folder, no folder replaces anything */
    COPY_KEEP_OWNERS = 5   /* empty; in: else everything is root's */
};

enum entry_tag {
    ENTRY_NAME = 1,      /* text */
    ENTRY_MODE = 2,      /* u32, st_mode */
    ENTRY_SIZE = 3,      /* u64, of a regular file: so much COPY_DATA follows */
    ENTRY_UID = 4,       /* u32 */
    ENTRY_GID = 5,       /* u32 */
    ENTRY_MTIME_NS = 6,  /* u64 */
    ENTRY_LINK = 7,      /* text: a symlink's target */
    ENTRY_HARD_LINK = 8, /* text: the name of an earlier entry; no data follows */
    ENTRY_DEVICE = 9,    /* u64: u32 major, u32 minor */
    ENTRY_XATTR = 10     /* text name, NUL, value */
};
/* An entry's longest encoding, xattrs that would not fit left out. */
#define ENTRY_MAX FRAME_PAYLOAD_MAX
