/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * headcount.h - how far the ranks have come: how many collectives on the world each has begun, and
 * whether it is at its end, or waits. A rank says so although it is blocked in MPI.
 */
#ifndef FTM_HEADCOUNT_H
#define FTM_HEADCOUNT_H

#include <pmix.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "standstill.h"

/* What a process says of itself when it is asked. Within one number of repairs it only goes on. */
enum ftm_standing {
    FTM_SILENT, /* nothing: it has no rank */
    FTM_APART,  /* it does not count like the others yet: it joins them in its next collective */
    FTM_COUNTS, /* its number can be compared with those of all that say as many repairs */
    FTM_AT_END, /* in MPI_Finalize, and waits there for the others */
    FTM_PASSED  /* and knows that all have come there */
};

/* Listens for the question; never waits. */
void ftm_headcount_begin(void);
void ftm_headcount_end(void);

/* From here on this is said, by rank v; and now at once to one that waits for it (ftm_headcount_ask).
 */
void ftm_headcount_stand(enum ftm_standing standing, int v, int repairs);
/* The same standing: it has passed. */
void ftm_headcount_pass(void);

/* It is in a repair, which waits for all; or that is over. (ftm_headcount_stand: it is.) */
void ftm_headcount_hold(bool is_held);

/* It waits for a message with that rank (negative: anybody), which is its wait of that number; this
 * is said until then (gone.h's clock). */
void ftm_headcount_block(int peer, uint32_t wait, int64_t until_ns);

/* The name of this process for PMIx; false: it is not known. */
bool ftm_headcount_name(pmix_proc_t *me);

/* Asks these processes. Never waits.
 *   is_waiting   for them to come as far as this one; it is asked again within FTM_ASKED_MS */
void ftm_headcount_ask(const pmix_proc_t to[], size_t n, bool is_waiting);
#define FTM_ASKED_MS 1000

/* To one that has asked and waits: what this process would answer now. */
void ftm_headcount_tell(void);

/* Has a rank (*v) said that it is at work, and has begun more than `completed` collectives, after so
 * many repairs? */
bool ftm_headcount_is_beyond(int repairs, uint64_t completed, int *v);

/* Has rank v said that it has begun so many, or that it begins no more, or that it does not count?
 * If not, *heard_ns is when it was heard last (gone.h's clock); 0: never. */
bool ftm_headcount_is_there(int v, int repairs, uint64_t begun, int64_t *heard_ns);

/* Has a rank said, a short time ago, that it waits for others to begin not more than `begun`, and is
 * it less than `below`? Which one: -1, none. */
int ftm_headcount_who_waits(int repairs, uint64_t begun, int below);

/* What rank v has said, since then (gone.h's clock), that it does; it acts, if nothing. */
struct ftm_state ftm_headcount_state(int v, int64_t since_ns);

/* Has anybody said that it has passed? */
bool ftm_headcount_has_passed(int repairs);

#endif
