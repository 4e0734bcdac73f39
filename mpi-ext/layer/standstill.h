/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * standstill.h - who can never go on, by what each rank has said twice that it waits for.
 */
#ifndef FTM_STANDSTILL_H
#define FTM_STANDSTILL_H

#include <stdbool.h>
#include <stdint.h>

enum ftm_doing {
    FTM_ACTS,          /* or nothing is known of it */
    FTM_WAITS_FOR_ONE, /* in a message, for rank `peer` */
    FTM_WAITS_FOR_ANY, /* in a message, for whoever sends it */
    FTM_WAITS_FOR_ALL, /* in a repair, to which all have to come */
    FTM_DOES_NO_MORE   /* in MPI_Finalize */
};

struct ftm_state {
    enum ftm_doing what;
    int peer;         /* a rank of the world */
    uint32_t wait;    /* which one of that process's waits */
    uint32_t process; /* a rank may be another one the next time */
};

/* From what all n ranks said the first time, and a good while later (`now`): those that can never
 * go on stay in `now` as they are, the others act. */
void ftm_standstill(const struct ftm_state before[], struct ftm_state now[], int n);

#endif
