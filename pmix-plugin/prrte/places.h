/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * places.h - where a job's ranks and spare ranks are to lie: the nodes it may use, with their slots.
 */
#ifndef FTP_PLACES_H
#define FTP_PLACES_H

#include "ft_prrte.h"

#define FTP_PLACES_MAX 4096

/* A node that the job may use. */
struct ftp_place {
    prte_node_t *node;
    bool for_spares; /* for spare ranks alone (spares.c) */
    int slots;       /* that are free for the job */
    int most;        /* processes of it that its mapping puts there; no more than slots */
    int ranks, spares; /* that are laid there */
    bool held;       /* while the job is mapped; what PRRTE's node had before: */
    int32_t before_slots, before_used;
};

struct ftp_places {
    struct ftp_place list[FTP_PLACES_MAX]; /* those for spare ranks are the last ones */
    int n;
};

/* How a mapping goes over the nodes. */
enum ftp_order { FTP_NODE_AFTER_NODE, FTP_ROUND_THE_NODES, FTP_OWN_ORDER /* a file's, a list's */ };
enum ftp_order ftp_places_order(const prte_job_t *job);

/* Whether the job may have more processes than slots. */
bool ftp_places_may_exceed(const prte_job_t *job);

/* Finds them: in the order in which PRRTE fills them, within the program's --host or hostfile; and
 * the nodes for spare ranks, whatever that says. */
void ftp_places_find(struct ftp_places *places, const prte_job_t *job, prte_app_context_t *app);

/* The slots of the nodes that are for spare ranks alone, or of the others. */
int ftp_places_slots(const struct ftp_places *places, bool for_spares);

/* How many ranks mpirun starts if it is not told how many. */
int ftp_places_ranks(const struct ftp_places *places);

/* Lays n ranks on the nodes that are not for spare ranks alone, and then the spare ranks: on those
 * that are, in turn; else one on each node without ranks, again and again; what is left beside the
 * last ranks. spares negative: on each node for spare ranks as many as the fullest other node has
 * ranks. Returns the number of spare ranks. */
int ftp_places_lay(struct ftp_places *places, int n, int spares, enum ftp_order order);

/* While the job is mapped, the nodes have no other slots than those that were laid; then all again. */
void ftp_places_hold(struct ftp_places *places, bool hold);

/* The same for a job without spare ranks: the nodes for these have no slots, all others theirs. */
void ftp_places_hold_spares(struct ftp_places *places);

/* The laid ones as --host has them: "n0:2,n1:1,n4:1", to be freed. NULL: out of memory. */
char *ftp_places_hosts(const struct ftp_places *places);

#endif
