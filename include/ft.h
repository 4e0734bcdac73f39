/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ft.h - the fault tolerance user API.
 *
 * A publisher that loses its subscriber's node asks the runtime what to use instead:
 *
 *     ftHandle_t ft;
 *     ftReply_t reply;
 *
 *     openFT(NULL, &ft);                                   // this node's unit
 *     ...MPI_Send to rank 2 returns an error...
 *     requestFT(ft, resourceError(ftRank(2), FT_SEND), &reply, 1000);
 *     if (requestFT(ft, findAlternative(ftRank(2), ftNeedAtLeast(ftAny())), &reply, 5000) == FT_OK)
 *         printf("use node %s instead\n", reply.alternative.node);
 *     closeFT(ft);
 *
 * Names follow the slides "Fault Tolerance User API" (use cases I and II; The FT User API I-III).
 * Resources, constraints and actions are plain values: copy them freely, nothing of them needs to
 * be freed. A maker that is given something unusable returns a value that carries the error;
 * requestFT then refuses it with FT_ERR_ACTION and says in reply->reason what is wrong with it.
 *
 * Threads: every function may be called from any thread, several threads may use one handle. They
 * need up to 64 KiB of stack.
 * Fork: a handle belongs to the process that opened it; in a child it answers FT_ERR_FORKED, and
 * closeFT there frees the child's copy without disturbing the parent.
 * Signals: no function is async-signal-safe. None raises, blocks or handles a signal, and a unit
 * that goes away raises no SIGPIPE. The library starts no thread, prints nothing, never exits.
 */
#ifndef FT_H
#define FT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

#define FT_NAME_MAX 256    /* bytes of a node, job, device name or path, its 0 included */
#define FT_EXCLUDE_MAX 2048 /* bytes of all excluded nodes' names together */
#define FT_DEVICES_MAX 4   /* kinds of devices that one constraint can ask for */
#define FT_TEXT_MAX 512    /* bytes of a text in a reply, its 0 included */
#define FT_WAIT_MAX_MS 3600000 /* longest wait for a node, ms */

/* ---------------------------------------------------------------- results */

/* What a call returns. FT_OK is 0, errors are negative, FT_PENDING is the only positive value. */
typedef enum {
    FT_PENDING = 1,       /* pollFT: not answered yet */
    FT_OK = 0,
    FT_ERR_ARG = -1,      /* an argument is NULL or out of its range */
    FT_ERR_HANDLE = -2,   /* the handle was never opened, or is closed */
    FT_ERR_ACTION = -3,   /* the action was not made well; reply->reason says what is wrong */
    FT_ERR_HOST = -4,     /* the FT host's name cannot be understood or resolved */
    FT_ERR_CONNECT = -5,  /* no unit answers at the FT host */
    FT_ERR_AUTH = -6,     /* the unit, or this process, could not prove who it is */
    FT_ERR_VERSION = -7,  /* the unit speaks another version of the protocol */
    FT_ERR_TIMEOUT = -8,  /* no answer within the time given */
    FT_ERR_LOST = -9,     /* the unit went away in the middle; the next request connects again */
    FT_ERR_NONE = -10,    /* there is no alternative; reply->reason and reply->hint say more */
    FT_ERR_UNKNOWN = -11, /* the runtime does not know this resource or decision */
    FT_ERR_DENIED = -12,  /* known, but not the caller's to ask about */
    FT_ERR_BUSY = -13,    /* a queue is full; try again when earlier requests are answered */
    FT_ERR_MEMORY = -14,  /* out of memory */
    FT_ERR_FORKED = -15,  /* the handle was opened by the parent of this process */
    FT_ERR_CANCELED = -16, /* cancelFT, or closeFT in another thread, ended the request */
    FT_ERR_PROTOCOL = -17, /* the unit sent something that cannot be understood */
    FT_ERR_SYSTEM = -18,  /* the operating system refused; errno says why */
    FT_ERR_UNFIT = -19    /* the alternative of this decision proved to be unusable: ask again */
} ftRetVal_t;

/* Says in one sentence what a result means.
 *   result   any value; one that is not of the enumeration gives "unknown result"
 * Returns a constant string, never NULL. */
const char *ftStrError(ftRetVal_t result);

/* Says why the latest call of this thread that failed did so, and what to do about it: the words
 * that reply->reason and reply->hint have, also for calls without a reply, such as openFT.
 * Returns a text of this thread, valid until its next call that fails; "" if none has. */
const char *ftLastError(void);

/* A time to wait, in milliseconds. 0: do not wait (the request is sent; asking again later gives
 * the answer). FT_FOREVER: as long as the unit is there. Other negative values are an error. The
 * unit, which is told the time, may say shortly before its end why there is no answer yet; if it
 * does not, the call returns at most 20 ms after it. */
typedef int64_t ftTimeout_t;
#define FT_FOREVER ((ftTimeout_t) -1)

/* ---------------------------------------------------------------- resources */

typedef enum {
    FT_NODE = 1, /* a computer, by its name */
    FT_RANK,     /* an MPI process, by its rank in its job */
    FT_PROCESS,  /* any process, by node and process id */
    FT_DEVICE,   /* a device of a node, by hwloc's name for it ("eth0", "cuda0", "nvme0n1") */
    FT_LINK,     /* the connection between two nodes */
    FT_STORAGE   /* storage that a node uses, by its path */
} ftKind_t;

/* A resource that a program uses and may lose. Made by the functions below; read freely. */
typedef struct {
    ftKind_t kind;
    char node[FT_NAME_MAX]; /* the node it is on; "" for a rank: the runtime knows where it ran */
    char job[FT_NAME_MAX];  /* of a rank: its job; "" is the caller's own job */
    int64_t number;         /* of a rank: the rank; of a process: its id */
    char name[FT_NAME_MAX]; /* of a device: its name; of a link: the other node; of storage: path */
    ftRetVal_t error;       /* FT_OK; else it is unusable, and name says why in words */
} ftResource_t;

/* Make a resource. Names are borrowed for the call and copied. A name that is NULL, empty or longer
 * than FT_NAME_MAX-1 bytes, or a negative rank or process id, gives a resource with .error set.
 *   ftRank     rank of the caller's own MPI job (in MPI_COMM_WORLD)
 *   ftRankOf   rank of another job, by its PMIx namespace */
ftResource_t ftNode(const char *node);
ftResource_t ftRank(int rank);
ftResource_t ftRankOf(const char *job, int rank);
ftResource_t ftProcess(const char *node, int64_t pid);
ftResource_t ftDevice(const char *node, const char *device);
ftResource_t ftLink(const char *node, const char *other_node);
ftResource_t ftStorage(const char *node, const char *path);

/* Writes a resource for people ("rank 2 of job prterun-n0-71@1", "device eth0 of node n3").
 *   R         the resource
 *   text      gets the text, always ended by 0, cut to size if need be; may be NULL if size is 0
 *   size      bytes at text
 * Returns the length of the whole text without its 0, as snprintf does. */
size_t ftResourceText(const ftResource_t *R, char *text, size_t size);

/* ---------------------------------------------------------------- usages */

/* What was being done with the resource when it failed (slide "The FT User API II"). */
typedef enum {
    FT_SEND = 1,
    FT_RECEIVE,
    FT_READ,
    FT_WRITE,
    FT_COMPUTE,
    FT_RELEASE
} ftUsage_t;

/* ---------------------------------------------------------------- constraints */

/* What an alternative must satisfy (slide "The FT User API III"). Start from ftAny and narrow:
 *     ftConstraint_t C = ftExclude(ftNeedMemory(ftAny(), 8ull << 30), "n3");
 * All parts must hold together. */
typedef struct {
    uint32_t cores_min;              /* 0: any number */
    uint64_t memory_min_bytes;       /* 0: any amount */
    char arch[32];                   /* as `uname -m` prints it; "": any */
    struct {
        char type[32];               /* "gpu", "network", "openfabrics", "storage", "coproc" */
        uint32_t count_min;
    } devices[FT_DEVICES_MAX];       /* used up to the first empty type */
    int at_least;                    /* 1: at least what R's node had, in everything above */
    int same_kind;                   /* 1: the same hardware topology as R's node */
    char excluded[FT_EXCLUDE_MAX];   /* nodes, separated by commas */
    int distance;                    /* -1: the nearest to `from` first; +1: the farthest; 0: any */
    ftResource_t from;               /* what near and far are measured from */
    char ladder[32];                 /* policy, see ftLadder; "": as ft.conf says */
    char when_none[32];              /* policy, see ftWhenNone; "": as ft.conf says */
    uint32_t wait_ms;                /* policy, see ftWaitUpTo; 0: as ft.conf says */
    ftRetVal_t error;                /* FT_OK; else it is unusable, and excluded says why */
} ftConstraint_t;

/* Make or narrow a constraint; C is taken and returned by value.
 *   ftAny           no demand at all
 *   ftNeedCores     at least this many cores (physical, as hwloc counts them); 1 or more
 *   ftNeedMemory    at least this much memory, in bytes; 1 or more
 *   ftNeedDevices   at least count devices of a type (see ftConstraint_t); 1 or more
 *   ftNeedArch      this architecture, e.g. "x86_64"
 *   ftNeedAtLeast   at least the cores, memory and devices, and the same architecture, that the
 *                   node of the lost resource had
 *   ftNeedSameKind  the same hardware topology as the node of the lost resource
 *   ftExclude       not this node (again for more nodes). Excluding the alternative that was given
 *                   asks for the next one
 *   ftNear, ftFar   prefer nodes near to (far from) R's node. Distance is by location in ft.conf
 *                   (same node, same rack, same row, other); a preference, never a demand
 * An unusable argument sets .error in the result; the first one is kept through later calls. */
ftConstraint_t ftAny(void);
ftConstraint_t ftNeedCores(ftConstraint_t C, int cores);
ftConstraint_t ftNeedMemory(ftConstraint_t C, uint64_t memory_bytes);
ftConstraint_t ftNeedDevices(ftConstraint_t C, const char *type, int count);
ftConstraint_t ftNeedArch(ftConstraint_t C, const char *arch);
ftConstraint_t ftNeedAtLeast(ftConstraint_t C);
ftConstraint_t ftNeedSameKind(ftConstraint_t C);
ftConstraint_t ftExclude(ftConstraint_t C, const char *node);
ftConstraint_t ftNear(ftConstraint_t C, const ftResource_t R);
ftConstraint_t ftFar(ftConstraint_t C, const ftResource_t R);

/* The policy of one request, where it is to be another than the administrator's or the user's in
 * ft.conf(5); the slides leave it to the runtime. As the others they narrow a constraint:
 *     C = ftWaitUpTo(ftWhenNone(C, "wait,share"), 60000);
 * Said twice, the later one counts. Two requests for the same lost resource that differ in it are
 * answered with the same alternative as long as that satisfies both.
 *   ftLadder     by which ways the resource manager may give a node, in this order, with commas
 *                between: "spares", nodes that the job has and keeps idle, "expand", a node that
 *                joins the job, "beside", an allocation beside it (rms_ladder)
 *   ftWhenNone   what to do when none is free, in this order, with commas between: "wait" for one,
 *                "share" a surviving node that is in use; and at the end "later", FT_ERR_NONE with
 *                the time when one is expected (reply->available_at_s), or "fewer", FT_ERR_NONE
 *                with the advice to go on without (reply->fewer). What is not named is not done
 *                (rms_when_none)
 *   ftWaitUpTo   wait so long for a node, in ms, 1 to FT_WAIT_MAX_MS (rms_timeout_ms). The T of
 *                requestFT does not bound it: that is how long the caller waits for the answer, and
 *                may ask again
 * How many nodes a job may get is not the request's to say: rms_nodes_max in ft.conf(5).
 * NULL, another word, one that is there twice, or one behind "later" or "fewer", and a time out of
 * its range set .error in the result, as above. */
ftConstraint_t ftLadder(ftConstraint_t C, const char *ways);
ftConstraint_t ftWhenNone(ftConstraint_t C, const char *steps);
ftConstraint_t ftWaitUpTo(ftConstraint_t C, ftTimeout_t wait_ms);

/* ---------------------------------------------------------------- actions */

/* A request that is ready to be sent. Opaque: made by the functions below and those of
 * ft_runtime.h, handed to requestFT or submitFT as often as wanted. Needs no freeing. */
typedef struct {
    uint32_t verb;
    ftRetVal_t error;          /* FT_OK; else text says what is wrong */
    ftResource_t resource;     /* a launcher's report on a whole job: only .job is used */
    ftUsage_t usage;
    ftConstraint_t constraint;
    uint64_t decision;
    int32_t code;
    char text[1024];           /* a port, a reason, a parent job: by verb */
    const void *borrowed;      /* processes of ftJobStarted */
    size_t borrowed_n;
} ftAction_t;

/* Report an error met while using one resource (slide "The FT User API II").
 *   R   the resource that failed
 *   U   what was being done with it
 * The request is answered FT_OK once the central unit has written it down; reply->event is its
 * number in the event log. Reporting again is harmless: it is counted, not repeated. */
ftAction_t resourceError(const ftResource_t R, const ftUsage_t U);

/* Find the (first) alternative resource which may be used instead of R and satisfies C (slide
 * "The FT User API III").
 *   R   the resource to be replaced, lost or about to be left
 *   C   what the alternative must satisfy; ftAny() if nothing
 * Asked twice, by whomever, the answer is the same as long as it holds; excluding it in C, or its
 * own loss, gives the next one. The alternative has been probed before it is answered. */
ftAction_t findAlternative(const ftResource_t R, ftConstraint_t C);

/* ---------------------------------------------------------------- replies */

/* How the alternative came about: the rungs of the ladder. A spare rank is tried first, as it runs
 * already; the others in this order. */
typedef enum {
    FT_BY_NOTHING = 0,
    FT_BY_REPAIR,     /* the resource is repaired where it is: the alternative is its own node */
    FT_BY_SPARE_RANK, /* a spare rank that waits in the job takes over */
    FT_BY_IDLE_NODE,  /* a node that the job already holds and does not use */
    FT_BY_NEW_NODE,   /* a node that the resource manager gave */
    FT_BY_SHARING     /* a surviving node that the job already uses */
} ftRung_t;

/* How a program gets to the alternative (ftmpi.h does it for MPI codes). */
typedef enum {
    FT_REACH_NOTHING = 0,
    FT_REACH_START,   /* nothing runs there yet: start the program on reply->alternative.node */
    FT_REACH_PORT,    /* connect to the port in reply->port */
    FT_REACH_RANK     /* send to rank reply->reach_rank of the job's own communicator */
} ftReach_t;

/* How long each step took, in ms; a step that was not needed is 0, one not known is negative. */
typedef struct {
    double known_ms;  /* the loss was known to the runtime this long before it was asked */
    double decide_ms; /* choosing candidates, waiting for the resource manager included */
    double probe_ms;  /* probing them */
    double total_ms;  /* from the arrival of the request at the central unit to its answer */
} ftSteps_t;

/* The answer to a request. Filled by requestFT and pollFT, whole, whatever they return: an error
 * that this library found leaves all fields but status, reason and hint zero; with one that the
 * runtime answered (such as FT_ERR_NONE), the others say what it knows. A plain value; needs no
 * freeing. */
typedef struct {
    ftRetVal_t status;        /* what requestFT returned */
    uint64_t event;           /* number of the entry in the event log, 0 if none */
    uint64_t decision;        /* the decision; equal for all who were given the same alternative */
    uint32_t epoch;           /* how many alternatives R has had, this one included */
    ftResource_t resource;    /* R as the runtime knows it, a rank with its job; kind 0 if none */
    char lost_node[FT_NAME_MAX]; /* the node that R was on */
    ftResource_t alternative; /* what to use instead; .kind is FT_NODE, or FT_RANK for a spare */
    ftRung_t rung;            /* how it came about */
    int repairable;           /* 1: R can be repaired in place, 0: not */
    char repair[FT_TEXT_MAX]; /* how, or why not */
    char match[FT_TEXT_MAX];  /* how the alternative satisfies the constraint */
    ftReach_t reach;          /* how to get there */
    int reach_rank;           /* FT_REACH_RANK: the rank */
    char port[1024];          /* FT_REACH_PORT: the port's name */
    int in_job;               /* 1: the launcher has a daemon on the alternative already */
    ftSteps_t steps;          /* where the time went */
    uint32_t probed;          /* how many candidates were probed, the one given included */
    int64_t available_at_s;   /* FT_ERR_NONE: when one becomes available (Unix time), 0: unknown */
    char reason[FT_TEXT_MAX]; /* after an error: what happened, to what */
    char hint[FT_TEXT_MAX];   /* after an error: what to do about it */
    int change;               /* of news of a node: an ftNodeChange_t, see ft_runtime.h */
    int fewer;                /* FT_ERR_NONE, 1: the policy is to go on without (ftWhenNone) */
} ftReply_t;

/* ---------------------------------------------------------------- requests */

/* An FT host: where the unit to talk to is.
 *   NULL          this node's unit: $FT_HOST if set (`ft run` sets it in each rank), else the
 *                 system's unit of this node, unix:/run/ft/noded.sock
 *   "unix:PATH"   a unit on this node, by its socket; it must run as root or as this user
 *   "HOST:PORT"   a unit elsewhere, by name or address ("[::1]:7400" for IPv6). The key that both
 *                 sides prove to have is in the file that $FT_KEY_FILE names: 64 hexadecimal
 *                 digits, in a file that nobody but this user (or root) can read */
typedef const char *ftHost_t;

/* A connection to an FT host. A small value; a closed or made-up one is recognised. */
typedef struct {
    uint64_t id;
} ftHandle_t;

/* Open a connection to an FT host; the resulting handle can be used in subsequent FT calls (slide
 * "The FT User API I").
 *   host     see ftHost_t; borrowed for the call
 *   handle   gets the handle; {0}, which is never a valid handle, after an error
 * Waits at most 5 s for the unit to answer (what the system takes to resolve a name comes on top).
 * A unit that is just starting is waited for: a socket that nobody listens at yet, and in a job's
 * session folder (/tmp/ft-*) also one that does not exist yet; elsewhere a socket that does not
 * exist is FT_ERR_CONNECT at once. A process can have 1024 handles open.
 * Errors: FT_ERR_ARG, FT_ERR_HOST, FT_ERR_CONNECT, FT_ERR_AUTH, FT_ERR_VERSION, FT_ERR_PROTOCOL,
 * FT_ERR_DENIED (the unit refuses this process), FT_ERR_BUSY (too many handles), FT_ERR_MEMORY,
 * FT_ERR_SYSTEM; ftLastError says more. After an error nothing is left open. To be closed by
 * closeFT. */
ftRetVal_t openFT(const ftHost_t host, ftHandle_t *handle);

/* Close a connection. Requests under way in other threads end with FT_ERR_CANCELED. The handle,
 * and the descriptor that descriptorFT gave, are invalid afterwards.
 *   handle   from openFT; in a child of the process that opened it, the child's copy is freed and
 *            the parent's goes on
 * Errors: FT_ERR_HANDLE if it is not open; nothing has changed then. */
ftRetVal_t closeFT(const ftHandle_t handle);

/* Request a service using an action created by the functions declared above (slides "The FT User
 * API II" and "III"), and wait for the answer.
 *   handle   from openFT
 *   A        the action
 *   res      gets the answer, see ftReply_t; must not be NULL
 *   T        how long to wait, see ftTimeout_t
 * Returns what res->status says; FT_ERR_ARG if res is NULL. After FT_ERR_TIMEOUT the runtime
 * goes on with what it was asked: a decision it comes to later is the answer when it is asked
 * again. After FT_ERR_LOST it is not known whether the request arrived; asking again is safe:
 * the next call connects again, once and without waiting for a unit to start (FT_ERR_CONNECT if
 * none is there). A thread that waits here is canceled (pthread_cancel) only after the call. */
ftRetVal_t requestFT(const ftHandle_t handle, const ftAction_t A, ftReply_t *res,
                     const ftTimeout_t T);

/* ---------------------------------------------------------------- requests without waiting */

/* A request under way. A small value; a finished, canceled or made-up one is recognised. */
typedef struct {
    uint64_t id;
} ftRequest_t;

/* Start a request and return at once.
 *   handle    from openFT
 *   A         the action
 *   T         after this time the request ends with FT_ERR_TIMEOUT; 0 is an error here
 *   request   gets the request; {0} after an error
 * At most 1024 requests of a handle are under way, those included that wait in requestFT and those
 * that are answered but not yet seen by pollFT; one more is refused with FT_ERR_BUSY. Each ends in
 * pollFT or cancelFT, or with its handle.
 * Errors: FT_ERR_ARG, FT_ERR_HANDLE, FT_ERR_FORKED, FT_ERR_ACTION, FT_ERR_BUSY, FT_ERR_CONNECT,
 * FT_ERR_MEMORY, FT_ERR_SYSTEM; ftLastError says more. What goes wrong later is pollFT's answer. */
ftRetVal_t submitFT(const ftHandle_t handle, const ftAction_t A, const ftTimeout_t T,
                    ftRequest_t *request);

/* Look whether a request is answered; never waits.
 *   handle    from openFT
 *   request   from submitFT; finished, and no longer valid, unless FT_PENDING is returned
 *   res       gets the answer as in requestFT; untouched while FT_PENDING
 * Errors: FT_ERR_ARG for a request that is not under way (res is filled); those of requestFT. */
ftRetVal_t pollFT(const ftHandle_t handle, const ftRequest_t request, ftReply_t *res);

/* A descriptor to wait on with poll, select or epoll for requests to be answered or run out of
 * time: when it is readable, call pollFT for the requests under way.
 *   handle       from openFT
 *   descriptor   gets it, the same one each time; it belongs to the handle, across losses of the
 *                connection too: never read, write or close it
 * Errors: FT_ERR_ARG, FT_ERR_HANDLE, FT_ERR_FORKED, FT_ERR_SYSTEM; *descriptor is -1 then. */
ftRetVal_t descriptorFT(const ftHandle_t handle, int *descriptor);

/* Give a request up. What the runtime was asked to do it may still do.
 *   handle    from openFT
 *   request   from submitFT; no longer valid afterwards
 * Errors: FT_ERR_ARG for a request that is not under way, FT_ERR_HANDLE, FT_ERR_FORKED. */
ftRetVal_t cancelFT(const ftHandle_t handle, const ftRequest_t request);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
