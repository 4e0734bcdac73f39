/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ft_prrte.h - what the files of the PRRTE component ask of each other.
 *
 * The component lives in prterun (rank 0 of the daemons, "the master") and in every prted. All of
 * it runs on PRRTE's event thread, but for the PMIx upcalls in modex.c, which shift to it at once.
 *
 *   component.c   the MCA component: parameters, which PRRTE it dares to enter
 *   survive.c     master: a daemon is lost -> node down, its processes dead, the job goes on
 *   abort.c       master: a process called abort, and its job ends
 *   exited.c      everywhere: who exits without MPI_Finalize is lost
 *   starting.c    master: daemons that do not come up
 *   job.c         master: which jobs asked for fault tolerance, their children, their exit code
 *   spares.c      master: nodes of the allocation that are kept as spares
 *   waiting.c     master: warm spare ranks of a job
 *   slots.c       master: the slot of a process that failed is free at once
 *   slurm.c       master: daemons on nodes that Slurm gave
 *   hosts.c       master: spawns onto nodes that a resource manager gave
 *   routing.c     which daemons are lost, and a routing tree that no loss can break
 *   silence.c     everywhere: a peer that says nothing any more is noticed in seconds
 *   event.c       master: PMIx events to all processes
 *   collective.c  master: collectives of the daemons that wait for a lost one
 *   repair.c      everywhere: fence and connect, as PRRTE 3.0.8 meant them
 *   modex.c       everywhere: nobody waits for data of a process on a lost node
 *   orphan.c      everywhere: processes do not outlive their daemon
 *   keep.c        prted: a job is known on a node as long as it runs anywhere
 *   daemon.c      prted: learns from the master which daemons are lost
 *   units.c       starts this node's unit and, on the master, the private central unit
 *   words.c       what the units say that are started here
 *   ranks.c       everywhere: tells this node's unit which processes are here
 *   serve.c       everywhere: PMIx's requests for nodes, on their way to the master
 *   alloc.c       master: what becomes of them
 *   asks.c        master: what it asks the central unit for them
 *   report.c      master: tells the central unit what the launcher knows
 *   news.c        master: hears from it what the launcher does not know
 */
#ifndef FT_PRRTE_H
#define FT_PRRTE_H

#include "prte_config.h"

#include "constants.h"
#include "types.h"

#include "src/class/pmix_list.h"
#include "src/class/pmix_pointer_array.h"
#include "src/mca/base/pmix_mca_base_var.h"
#include "src/mca/errmgr/errmgr.h"
#include "src/mca/grpcomm/base/base.h"
#include "src/mca/grpcomm/grpcomm.h"
#include "src/mca/plm/plm_types.h"
#include "src/mca/state/state.h"
#include "src/pmix/pmix-internal.h"
#include "src/rml/rml.h"
#include "src/runtime/prte_globals.h"
#include "src/util/attr.h"
#include "src/util/name_fns.h"
#include "src/util/pmix_output.h"
#include "src/util/proc_info.h"

/* Message tags of our own, above PRRTE's. */
#define FTP_TAG_LOST (PRTE_RML_TAG_MAX + 17)  /* master -> all: these daemons are lost */
#define FTP_EXIT_FORSAKEN 86 /* a daemon that lost its master; ft-srun knows it */
#define FTP_TAG_UNITS (PRTE_RML_TAG_MAX + 18)   /* master -> daemon: the unit to start or to use */
#define FTP_TAG_NO_UNIT (PRTE_RML_TAG_MAX + 19) /* daemon -> master: my node has none: why */
#define FTP_TAG_ALLOC (PRTE_RML_TAG_MAX + 20)     /* daemon -> master: a process asks for nodes */
#define FTP_TAG_ALLOCATED (PRTE_RML_TAG_MAX + 21) /* master -> daemon: the answer */

/* ---- component.c */

/* The parameters, errmgr_ft_*; strings belong to the MCA system and are never NULL. */
struct ftp_params {
    bool runtime;   /* bring up the units for this launcher's jobs */
    bool always;    /* all of them are tolerant, as with --with-ft ulfm */
    char *noded;    /* path of ft-noded */
    char *centrald; /* path of ft-centrald */
    char *system;   /* "auto", "none", or the system's unit to use as an FT host */
    const char *preload; /* library to load into the ranks; "": none */
    int start_timeout_s; /* that a new daemon may take to report */
    int spare_ranks; /* that wait in each job, beside its ranks; negative: as spare nodes allow */
    int silence_ms; /* a daemon that is silent for so long is lost; 0: PRRTE's own way */
    int verbose;
};
extern struct ftp_params ftp_params;

/* Says something if errmgr_ft_verbose is at least `level`; silent by default. */
void ftp_say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts one framed text in front of the user, on the launcher's stderr. Only what the user must know
 * and cannot learn elsewhere. */
void ftp_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- hooks (component.c): callbacks of PRRTE's state machines and messages, replaced; they return
 * what stood there, NULL if nothing did */

prte_state_cbfunc_t ftp_hook_job_state(prte_job_state_t state, prte_state_cbfunc_t ours);
prte_state_cbfunc_t ftp_hook_proc_state(prte_proc_state_t state, prte_state_cbfunc_t ours);
prte_rml_buffer_callback_fn_t ftp_hook_receive(prte_rml_tag_t tag,
                                               prte_rml_buffer_callback_fn_t ours);

/* ---- survive.c */

int ftp_survive_init(void);

/* A daemon is lost: all that follows from it, see there. */
void ftp_survive_loss(prte_proc_t *daemon, prte_proc_state_t state);

/* The central unit declared a node lost: the same, if a daemon of ours is there. */
void ftp_survive_declared(const char *node, const char *why);

/* A daemon that nothing runs under is not needed any more: its node is left, in order. */
void ftp_survive_leave(prte_proc_t *daemon);

/* ---- abort.c */

/* Is it the end of its job if a process of this tolerant one calls abort? */
bool ftp_abort_ends(const prte_job_t *job);
/* Has the job that spawned this one, or one before that, been ended so? */
bool ftp_abort_has_ended(const prte_job_t *job);
bool ftp_abort_happened(void); /* of any job of this launcher */
/* Kills a job's processes. */
void ftp_abort_terminate(const prte_job_t *job);
/* It has: stock's handler of that is called so that it ends the job, and all that it spawned. */
void ftp_abort(prte_job_t *job, prte_state_cbfunc_t stock, int fd, short args, void *caddy);

/* ---- exited.c */

int ftp_exited_init(void);

/* ---- growth.c: one job at a time makes the machine grow */
void ftp_growth_start(void);            /* once PRRTE's own parts are chosen */
bool ftp_growth_hold(prte_job_t *job);  /* true: it waits, and will come to LAUNCH_DAEMONS again */
void ftp_growth_begun(prte_job_t *job, pmix_rank_t daemons_before); /* after LAUNCH_DAEMONS */
void ftp_growth_over(const prte_job_t *job); /* its daemons have reported, or it has failed */

/* ---- hosts.c */

void ftp_hosts_start(void);          /* once PRRTE's own receives are posted */
void ftp_hosts_want(prte_job_t *job); /* a job's INIT: what it names gets a daemon */

/* ---- starting.c */

void ftp_starting_start(void);              /* once PRRTE's own receives are posted */
void ftp_starting_watch(pmix_rank_t first); /* daemons from this rank on were started just now */
void ftp_starting_lose(prte_proc_t *daemon);

/* ---- job.c */

int ftp_job_init(void);

/* Whether a job asked to go on without processes that it loses. */
bool ftp_job_is_tolerant(const prte_job_t *job);

/* Whether a job has not ended yet; the daemons' own job never counts. */
bool ftp_job_is_active(const prte_job_t *job);

/* Whether all processes of a job were started; a job that is lost earlier fails to start. */
bool ftp_job_has_started(const prte_job_t *job);

/* The job that a job was spawned by, the daemons' own for those of mpirun; NULL: it is not known. */
prte_job_t *ftp_job_spawner(const prte_job_t *job);

/* Whether who spawned it has ended: nobody waits for it, and it would wait for ever. */
bool ftp_job_is_orphan(const prte_job_t *job);

/* Whether the launcher is to go on if it loses a daemon now. */
bool ftp_job_any_tolerant(void);

/* A process of a tolerant job ended, in whatever way; called once for each. */
void ftp_job_process_ended(prte_proc_t *proc);

/* It exited without MPI_Finalize: its code is the job's, if that has none yet. */
void ftp_job_process_exited(prte_job_t *job, const prte_proc_t *proc);

/* The launcher's exit status as the jobs left it; what the end of a lost daemon's ssh did to it is
 * undone. */
void ftp_job_restore_exit_status(void);

/* ---- spares.c */

/* Once PRRTE knows the allocation: finds the nodes in it that are spares. Those on which no ranks are
 * to wait are taken out of it. */
void ftp_spares_keep_back(void);

/* Before the first daemons are started: some are on the nodes for spare ranks, whatever --host says. */
void ftp_spares_start(prte_job_t *daemons);

/* Whether a node is in PRRTE's pool for spare ranks alone, and how many such nodes there are. */
bool ftp_spares_has(const prte_node_t *node);
int ftp_spares_count(void);

void ftp_spares_fini(void);

/* ---- waiting.c */

/* Before a job is mapped: adds its spare ranks, and tells its processes how many these are. False: it
 * cannot have them, and was told why. */
bool ftp_waiting_add(prte_job_t *job);
void ftp_waiting_mapped(const prte_job_t *job); /* afterwards */

/* ---- slots.c */

/* Another process can be mapped where this one failed. */
void ftp_slots_free(prte_proc_t *proc);

/* ---- routing.c */

/* The daemon of this rank is lost, for ever. */
void ftp_routing_lose(pmix_rank_t rank);
/* The same, but what was just sent to it still goes out: it may be there, and hear it. */
void ftp_routing_lose_soon(pmix_rank_t rank);
bool ftp_routing_is_lost(pmix_rank_t rank);

/* The lost daemons, in the order of their loss; *n of them. Borrowed until the next loss. */
const pmix_rank_t *ftp_routing_lost(size_t *n);

/* Master: make the tree flat, before the first daemons are started. */
void ftp_routing_flatten(void);
bool ftp_routing_is_flat(void);

/* The tree was computed anew: take the lost daemons out of it again. */
void ftp_routing_prune(void);

/* ---- silence.c */

/* Limits how long the peers of this process's connections may be silent. */
void ftp_silence_limit(void);

/* A TCP connection of this process, -1 if it has none. */
int ftp_silence_connection(void);

/* ---- event.c */

/* Tells every process of every job that a node is down. */
void ftp_event_node_down(const prte_node_t *node, pmix_rank_t daemon);

/* Tells every process of every job that a node is going down. */
void ftp_event_node_failing(const char *node, const char *why);

/* Tells the other tolerant jobs that a process of one failed; PRRTE tells its own job. */
void ftp_event_process_failed(const prte_proc_t *proc, pmix_status_t code);

/* Tells every daemon but this one which daemons are lost. */
void ftp_event_tell_daemons(void);

/* ---- collective.c */

int ftp_collective_init(void);
void ftp_collective_start(void); /* once PRRTE's own receives are posted */
void ftp_collective_lose(pmix_rank_t rank);
void ftp_collective_fini(void);

/* ---- repair.c, modex.c, orphan.c, keep.c, daemon.c */

void ftp_orphan_init(void);
void ftp_orphan_fini(void);

void ftp_repair_init(void);
void ftp_repair_fini(void);
void ftp_modex_init(void);
void ftp_modex_fini(void);
void ftp_modex_lose(pmix_rank_t rank);
int ftp_keep_init(void);
int ftp_daemon_init(void);
void ftp_daemon_fini(void);

/* The daemon's object, or NULL. */
prte_proc_t *ftp_daemon_of(pmix_rank_t rank);

/* The latest daemon on the node of that name, as the launcher, the node itself or the units call
 * it; NULL if there is none. */
prte_proc_t *ftp_daemon_on(const char *node);

/* Nothing is mapped to the node of a lost daemon any more. */
void ftp_daemon_mark_down(prte_proc_t *daemon);

#endif
