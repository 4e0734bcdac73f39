/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_places.h - who this process is to those that keep state, and where they all are.
 */
#ifndef FTM_KEEP_PLACES_H
#define FTM_KEEP_PLACES_H

#include <pmix.h>

#include "keep_partner.h"
#include "keep_wire.h"

/* Whose state a process has: a rank of the application's world, whichever process that is now.
 * Ranks have the numbers here that they had when the job began, also after the world was shrunk. */
struct ftm_keep_who {
    pmix_nspace_t job; /* whose ranks they are: of who replaces one, that one's */
    int rank, n;       /* the rank; how many the job has, without spares */
    uint32_t epoch;    /* how many processes the rank has had before this one */
};

/* After MPI_Init. False with why (for people): a process without a rank. */
bool ftm_keep_who(struct ftm_keep_who *who, char *why, size_t size);

struct ftm_keep_places;

/* Asks where all ranks of the job are; may wait (5 s at the most). NULL with errno ENOMEM. What
 * cannot be learnt is a place of its own, "?RANK". */
struct ftm_keep_places *ftm_keep_places_create(const struct ftm_keep_who *who);
void ftm_keep_places_destroy(struct ftm_keep_places *places);

/* keep_partner.h's order for a rank, of who->n - 1. 0, or -1 with errno ENOMEM. */
int ftm_keep_places_order(const struct ftm_keep_places *places, int rank, int order[]);

/* The name of this process's own node, as cards have it. */
void ftm_keep_own_node(char name[FTM_KEEP_NODE_MAX]);

/* How far a node is from that one. */
enum ftm_keep_distance ftm_keep_node_distance(const char *node);

/* Tells all processes of the session where this one serves. 0, or -1 with why. May wait 5 s. */
int ftm_keep_publish(const struct ftm_keep_who *who, const struct ftm_keep_card *card, char *why,
                     size_t size);

enum ftm_keep_found {
    FTM_KEEP_FOUND,
    FTM_KEEP_NOT_YET, /* it lives, as far as is known, and has not published */
    FTM_KEEP_GONE,    /* published, and known to be dead */
    FTM_KEEP_NO_ANSWER
};

/* Where the process number `epoch` of a rank serves, and which process that is. May wait until
 * deadline_ns. */
enum ftm_keep_found ftm_keep_find(const struct ftm_keep_who *who, int rank, uint32_t epoch,
                                  struct ftm_keep_card *card, pmix_proc_t *proc,
                                  int64_t deadline_ns);

/* Is that process known to be dead, or at its program's end? */
bool ftm_keep_is_gone(const pmix_proc_t *proc);

/* Is a rank's process of the first hour gone, as far as is known? It may never have published. A
 * replacement has not heard of those who were lost before its time: it takes all for gone. */
bool ftm_keep_first_is_gone(const struct ftm_keep_who *who, int rank);

/* How many processes a rank has had before the one that is in its place now, at the least. */
uint32_t ftm_keep_known_epoch(int rank);

#endif
