/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bounded.h - PMIx's blocking calls, with an end.
 */
#ifndef FTM_BOUNDED_H
#define FTM_BOUNDED_H

#include <pmix.h>
#include <stdbool.h>
#include <stdint.h>

/* How long the PMIx calls that this thread makes (inside of MPI functions) may take. */
struct ftm_limits {
    int64_t deadline_ns;     /* FTM_NO_DEADLINE: none */
    const pmix_proc_t *peer; /* give up once it is gone; NULL: nobody in particular */
    const char ***envs;      /* for each program of a spawned job what its processes get too, a
                                list of "NAME=VALUE" up to a NULL; or NULL */
    pmix_nspace_t spawned;   /* gets the name of a job started meanwhile; its death counts too */
    bool refused;            /* a job was to be started, and the launcher has not done it */
    pmix_status_t gave_up;   /* of a call that did not end: PMIX_ERR_TIMEOUT or _PROC_ABORTED */
};

/* From here on, in this thread; NULL: no limits. Returns those before. */
struct ftm_limits *ftm_limit(struct ftm_limits *limits);

/* What to call in place of PMIx's functions; see preload.c for when.
 *   connect   ends with PMIX_ERR_PROC_ABORTED once one of procs has died
 *   fence     with PMIX_SUCCESS then: there is nobody left to wait for; gave_up says that it was so
 *   lookup    for one key
 * All end with PMIX_ERR_TIMEOUT at the limits' deadline. What PMIx answers later is thrown away. */
pmix_status_t ftm_connect(const pmix_proc_t procs[], size_t nprocs, const pmix_info_t info[],
                          size_t ninfo);
pmix_status_t ftm_fence(const pmix_proc_t procs[], size_t nprocs, const pmix_info_t info[],
                        size_t ninfo);
pmix_status_t ftm_lookup(pmix_pdata_t data[], size_t ndata, const pmix_info_t info[], size_t ninfo);
pmix_status_t ftm_spawn(const pmix_info_t job_info[], size_t ninfo, const pmix_app_t apps[],
                        size_t napps, pmix_nspace_t nspace);
int ftm_wants_fence(void);
int ftm_wants_lookup(void);
int ftm_wants_spawn(void);

#endif
