/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * completion.h - one request of the application's: is it over, and what has become of it? For the
 * functions that wait for one (completion_one.c) or for several (completion_all.c,
 * completion_some.c).
 *
 * MPI_ERR_* are not raised by these, but by ftm_request_raise.
 */
#ifndef FTM_COMPLETION_H
#define FTM_COMPLETION_H

#include <mpi.h>
#include <stdbool.h>

#include "posting.h"
#include "pt2pt.h"
#include "world.h"

bool ftm_record_is_persistent(const struct ftm_record *record);

/* Not to be waited for: no request, or a persistent one that is not started. */
bool ftm_request_is_inactive(MPI_Request request);

/* Is it ours to look after? *last gets the last of its chain. */
bool ftm_request_is_known(MPI_Request request, struct ftm_record *last);

/* Looks at a known request, once, and asks it again if its process is lost. True: it is complete.
 *   last   the last of its chain, as it is after that */
bool ftm_request_settle(MPI_Request request, struct ftm_record *last);

/* One look at any request of the application's. Returns its error if it is over. */
int ftm_request_look(MPI_Request *request, bool *done, MPI_Status *status);

/* What became of a request in a call of Open MPI's.
 *   was       the handle before the call
 *   request   where it stands now
 *   rc        its own error
 *   done      gets whether it is over */
int ftm_request_after(MPI_Request was, MPI_Request *request, int rc, bool *done,
                      MPI_Status *status);

/* The same, after a call for one request; the error is raised. */
int ftm_request_after_one(MPI_Request was, MPI_Request *request, int rc, bool *done,
                          MPI_Status *status);

/* Raises the error of a request, as its record was before it was completed. */
int ftm_request_raise(const struct ftm_record *record, bool is_record, int rc);

/* The application's rank of whom a receive was from, into the status; false: a process that has
 * been replaced. */
bool ftm_request_translate(const struct ftm_record *record, MPI_Status *status);

/* As if there were no request. */
void ftm_request_no_status(MPI_Status *status);

/* Gives one back to Open MPI, or to soft.c. */
void ftm_request_give_back(const struct ftm_record *record);

/* Is Open MPI's own waiting not to be used? */
static inline bool ftm_requests_are_slow(void)
{
    return ftm_changed || ftm_requests_threads;
}

/* Open MPI has completed it, with this status, where it is not slow. True: that is all there is to
 * it; false: ftm_request_after is to look at it. Nobody marks what is over before anybody has read
 * the records (requests.c). */
extern bool ftm_requests_marking;
static inline bool ftm_request_is_over(MPI_Request was, const MPI_Status *status)
{
    struct ftm_noted *noted;

    if (LIKELY(!ftm_requests_marking) || !ftm_requests_noted.places)
        return ftm_plain(status);
    noted = ftm_records_find(&ftm_requests_noted, was);
    /* The status of a collective's has no source, that of an MPI_Comm_idup nothing at all. */
    return (noted && noted->kind == FTM_COLLECTIVE ? true : ftm_plain(status))
           && ftm_records_over(&ftm_requests_noted, noted);
}

/* Around a look at a request, or a change of it: with threads, one at a time. Not where the world
 * is repaired: there nothing is asked again, and a look may end in FTMPI_Loop. leave gets what
 * enter has returned. */
bool ftm_requests_enter(void);
void ftm_requests_leave(bool entered);

#endif
