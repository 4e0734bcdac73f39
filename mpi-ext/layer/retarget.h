/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * retarget.h - a rank of the world whose process is lost is given another one, by table.
 */
#ifndef FTM_RETARGET_H
#define FTM_RETARGET_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

/* The process of virtual rank v was `real`, and that is lost: make the table say who is in its
 * place now. Any thread; asks the runtime once for all threads. Bounded (FTM_RETARGET_MS). Returns
 * MPI_SUCCESS: the table has another process for v, the caller tries again; or an MPI error class,
 * whose words ftm_retarget_why has. */
int ftm_retarget(int v, int real);

/* FTMPI_Reach: the runtime says that the process `real` is in the place of the rank that had the
 * number `origin` when the job began. *v gets that rank's number now, under which the process is
 * reached; in the mode repair, once the world is repaired. Returns MPI_SUCCESS or an MPI error
 * class. */
int ftm_retarget_to(int origin, int real, int *v);

/* The lock under which a rank is replaced, and what is in flight with it asked again; recursive. */
void ftm_retarget_lock(void);
void ftm_retarget_unlock(void);

/* After that error: what happened to which rank, for people. */
void ftm_retarget_why(int v, char *why, size_t size);

/* All processes that are lost and not yet replaced, as known here: each is given a replacement, or
 * noted as lost for good.
 *   anybody   somebody here waits for MPI_ANY_SOURCE; else processes that would have to be started
 *             are left alone */
void ftm_retarget_lost(bool anybody);
/* The same, for who waits for whatever it is. */
void ftm_retarget_on_the_way(void);
/* There is one more of those. Never waits; any thread. */
void ftm_retarget_news(void);

/* An error class with words of ours, as an error code (of that class) to raise; the class itself if
 * no code can be had. */
int ftm_error_with_words(int class, const char *words);

#endif
