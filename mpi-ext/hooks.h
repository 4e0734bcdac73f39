/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hooks.h - what libftmpi.so (preload.c) and its second half, ftmpi_layer.so (layer/), know of each
 * other. Both are built and installed together; FTM_HOOKS_VERSION catches a mix.
 *
 * Each hook gets the function that the application's call would have reached without us (`next`):
 * that of a tool loaded behind us, or of Open MPI. A hook calls it exactly once, unless it says
 * otherwise.
 */
#ifndef FTM_HOOKS_H
#define FTM_HOOKS_H

#include <mpi.h>
#include <pmix.h>

#include "ftmpi.h"

#define FTM_HOOKS_VERSION 2
#define FTM_HOOKS_SYMBOL "ftm_hooks"

typedef int ftm_finalize_fn(void);
typedef int ftm_session_fn(MPI_Session *session);
typedef int ftm_comm_fn(MPI_Comm *comm);
typedef pmix_status_t ftm_procs_fn(const pmix_proc_t procs[], size_t nprocs,
                                   const pmix_info_t info[], size_t ninfo);
typedef pmix_status_t ftm_lookup_fn(pmix_pdata_t data[], size_t ndata, const pmix_info_t info[],
                                    size_t ninfo);
typedef pmix_status_t ftm_spawn_fn(const pmix_info_t job_info[], size_t ninfo,
                                   const pmix_app_t apps[], size_t napps, pmix_nspace_t nspace);

struct ftm_hooks {
    int version;

    void (*before_init)(void);
    void (*after_init)(void); /* only if MPI is up now */
    int (*finalize)(ftm_finalize_fn *next);
    int (*session_finalize)(ftm_session_fn *next, MPI_Session *session);
    int (*comm_disconnect)(ftm_comm_fn *next, MPI_Comm *comm);

    ftm_procs_fn *pmix_connect; /* these four never call `next`: */
    ftm_procs_fn *pmix_fence;   /* they use PMIx's functions that do not block */
    ftm_lookup_fn *pmix_lookup;
    ftm_spawn_fn *pmix_spawn;
    int (*wants_fence)(void);   /* 1 if the hook is to be called, 0 for `next` */
    int (*wants_lookup)(void);
    int (*wants_spawn)(void);

    int (*reach)(ftHandle_t ft, const ftReply_t *reply, const char *command, char *argv[],
                 ftTimeout_t T, MPI_Comm *comm, int *rank, double step_ms[2]);
    int (*standin)(FTMPI_Standin_t *who);
    int (*next_peer)(ftTimeout_t T, MPI_Comm *comm);
    int (*leave)(MPI_Comm *comm);
    int (*is_failing)(const ftResource_t *resource);
};

#endif
