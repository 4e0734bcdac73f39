/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * records.h - what each outstanding request was asked to do: a table by handle.
 *
 * Open MPI takes requests from a pool and uses their handles again, so a handle's record is written
 * over, never removed: the table grows to the greatest number of requests that were ever
 * outstanding at once, and no further. One cache line is written for a request, and looked at when
 * it is over; the caller has the lock.
 */
#ifndef FTM_RECORDS_H
#define FTM_RECORDS_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "requests.h"

/* In the place of a process. */
#define FTM_FIRST_HOUR (-1) /* the one of the first hour of `peer` */
#define FTM_ANYBODY (-2)

struct ftm_record {
    MPI_Request key;
    const void *buf;
    MPI_Datatype type;
    MPI_Comm comm; /* the application's */
    MPI_Comm on;   /* the real one it was posted on */
    MPI_Request next; /* it was asked again, as this; MPI_REQUEST_NULL: it was not */
    uint64_t number;  /* in the order of posting */
    enum ftm_kind kind;
    int count, peer, tag; /* as the application asked, peer being its rank on comm */
    int real;             /* the process that it is bound to, or FTM_FIRST_HOUR, FTM_ANYBODY */
    int from;             /* whose message it is known to be, a rank on comm; -1 */
    int failed;           /* not asked again: the error it ends with */
    bool active;          /* not completed; a persistent one: started */
    bool soft;            /* no request of Open MPI's yet (soft.h) */
    bool by_layer;        /* the handle is one of soft.c's */
    bool cancelled;       /* by the application */
    bool ended;           /* soft, and cancelled: Open MPI has its end */
    bool once;            /* persistent, but started as a receive of its own: `next` is that */
    bool over;            /* asked again, and that was over at once */
    bool freed;           /* Open MPI has freed the handle, because of an error */
};

/* How it is kept: what every message has, in one cache line, written while nothing has failed; and
 * the whole record, which only what has been asked again, or has been touched since, needs. */
struct ftm_noted {
    MPI_Request key;
    const void *buf;
    MPI_Datatype type;
    MPI_Comm comm;
    uint64_t number;
    int count, peer, tag;
    uint16_t kind;
    bool active;
    bool whole; /* the record is the whole one, but for number, type and active */
} __attribute__((aligned(64)));

struct ftm_records {
    struct ftm_noted *places;
    struct ftm_record *wholes; /* beside the places; NULL until the first is written */
    size_t size;               /* a power of two */
    size_t used;
    uint64_t last_number;
};

static inline size_t ftm_records_hash(const struct ftm_records *records, MPI_Request key)
{
    return ((uint64_t) (uintptr_t) key * UINT64_C(0x9E3779B97F4A7C15) >> 24) & (records->size - 1);
}

/* NULL: there is none. */
static inline struct ftm_noted *ftm_records_find(const struct ftm_records *records, MPI_Request key)
{
    size_t i = ftm_records_hash(records, key);

    while (records->places[i].key && records->places[i].key != key)
        i = (i + 1) & (records->size - 1);
    return records->places[i].key ? &records->places[i] : NULL;
}

/* Is what the application was given first still what is in flight? Then it is over now.
 *   noted   its note, or NULL */
static inline bool ftm_records_over(const struct ftm_records *records, struct ftm_noted *noted)
{
    if (!noted || !noted->active)
        return true;
    if (__builtin_expect(noted->whole, 0)
        && records->wholes[noted - records->places].next != MPI_REQUEST_NULL)
        return false;
    noted->active = false;
    return true;
}

static inline bool ftm_records_done(const struct ftm_records *records, MPI_Request key)
{
    return ftm_records_over(records, ftm_records_find(records, key));
}

/* False: out of memory. */
bool ftm_records_begin(struct ftm_records *records);
void ftm_records_end(struct ftm_records *records);

/* The place for a handle, new or to be written over by the caller. Valid until the next call. NULL:
 * out of memory; that request is not asked again then. */
struct ftm_noted *ftm_records_place(struct ftm_records *records, MPI_Request key);

/* Writes a whole record, as a new one with the next number; false: out of memory. */
bool ftm_records_write(struct ftm_records *records, const struct ftm_record *record);
/* Writes it over the one of its key, if there is one. */
void ftm_records_change(struct ftm_records *records, MPI_Request key,
                        const struct ftm_record *record);
/* The record that is kept there. */
struct ftm_record ftm_records_read(const struct ftm_records *records,
                                   const struct ftm_noted *noted);

/* Copies of the active records that `wanted` wants, in the order of posting; to be freed. Returns
 * how many; *found is NULL if none, or out of memory. */
size_t ftm_records_list(const struct ftm_records *records,
                        bool (*wanted)(const struct ftm_record *record, const void *data),
                        const void *data, struct ftm_record **found);

#endif
