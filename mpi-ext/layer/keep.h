/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep.h - state for the replacement: what ftmpi.h's section of that name calls.
 */
#ifndef FTM_KEEP_H
#define FTM_KEEP_H

#include <stdint.h>

#include "ftmpi.h"

/* The functions of ftmpi.h, for libftmpi.so's entries. */
struct ftm_keep_hooks {
    int (*keep)(const char *name, void *buffer, size_t bytes);
    int (*commit)(int version);
    int (*commit_begin)(int version);
    int (*commit_end)(void);
    int (*commit_wait)(ftTimeout_t T);
    int (*fetch)(int version, ftTimeout_t T, int *fetched);
    int (*fetch_buffer)(int rank, const char *name, int version, void *buffer, size_t *bytes,
                        ftTimeout_t T);
    int (*kept)(int rank, ftTimeout_t T, FTMPI_Kept_t *kept);
    int (*fetch_common)(ftTimeout_t T, int *version); /* keep_common.c */
    const char *(*last_error)(void);
};

extern const struct ftm_keep_hooks ftm_keep_hooks;

/* ---------------------------------------------------------------- fetching in two steps
 *
 * Nothing is changed before the last one. All return an MPI error class, with words for
 * FTMPI_Last_error. */

/* The newest commit of this process's rank whose version is `limit` or less: of its own memory, or
 * of where it is kept. MPI_SUCCESS and *version, -1 if there is none. */
int ftm_keep_newest(int limit, int64_t deadline_ns, int *version);

/* Gets that commit here, whole, and holds its names and sizes against the buffers. Held until it is
 * taken, or another one is got. */
int ftm_keep_get(int version, int64_t deadline_ns);

/* Sets the buffers to what was got. */
int ftm_keep_take(void);

/* Sets what FTMPI_Last_error says; returns `error`. */
int ftm_keep_fail(int error, const char *words);

/* Before MPI goes down: ends the threads, gives all memory back. */
void ftm_keep_end(void);

#endif
