/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * posting.h - what requests.c, moving.c, completion*.c, persistent.c and soft.c know of each other.
 */
#ifndef FTM_POSTING_H
#define FTM_POSTING_H

#include <mpi.h>
#include <stdbool.h>

#include "derived.h"
#include "records.h"

/* Writes a record, for a request that has just been posted. */
void ftm_record_note(const struct ftm_record *record);
/* A copy of a handle's record; of the last one of its chain. False: there is none. */
bool ftm_record_of(MPI_Request request, struct ftm_record *record);
bool ftm_record_last(MPI_Request request, struct ftm_record *record);
void ftm_record_change(MPI_Request request, const struct ftm_record *record);

/* Open MPI has completed it. False: but it has been asked again meanwhile, so it is not over. */
bool ftm_record_done_locked(MPI_Request request);
extern struct ftm_records ftm_requests_noted;
extern bool ftm_requests_threads; /* then they need requests.c's lock */
static inline bool ftm_record_done(MPI_Request request)
{
    if (__builtin_expect(ftm_requests_threads || !ftm_requests_noted.places, 0))
        return ftm_record_done_locked(request);
    return ftm_records_done(&ftm_requests_noted, request);
}

/* Before the records are read, or requests are made that they do not tell apart from those in them:
 * marks what is over; from now on ftm_record_done does. To be called before the call of Open MPI's
 * that makes such a request, or right after one that has completed some, or freed them, with
 *   handles   those that were the application's before that call */
void ftm_requests_catch_up(int count, const MPI_Request handles[]);

/* ftm_records_list of all, under the lock. */
size_t ftm_records_active(bool (*wanted)(const struct ftm_record *record, const void *data),
                          const void *data, struct ftm_record **found);

/* The process it is bound to, or FTM_ANYBODY. */
int ftm_record_process(const struct ftm_record *record);

/* Is it what Open MPI gives for a send that is over at once? There is no record of that. */
bool ftm_request_is_nothing(MPI_Request request);

/* The error in Open MPI's own status of a completed request. */
int ftm_request_error(MPI_Request request);

/* Posts and notes, once something has changed. Errors are to be raised. */
int ftm_post_send(const struct ftm_comm *c, enum ftm_kind kind, const void *buf, int count,
                  MPI_Datatype type, int dest, int tag, MPI_Request *request);
int ftm_post_matched(const struct ftm_comm *c, const struct ftm_record *asked, MPI_Message *message,
                     int from, int real, MPI_Request *request);
int ftm_persistent_again(const struct ftm_comm *c, const struct ftm_record *was,
                         MPI_Request *request);

/* Gives a request of a persistent one's chain back; see persistent.c. */
void ftm_persistent_free(MPI_Request request);

#endif
