/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hooks.h - what libftmpi.so (preload.c) and its second half, ftmpi_layer.so (layer/), know of each
 * other. Both are built and installed together; FTM_HOOKS_VERSION catches a mix.
 *
 * For the few functions at which the layer comes in and goes there is a hook each. It gets the
 * function that the application's call would have reached without us (`next`): that of a tool
 * loaded behind us, or of Open MPI. A hook calls it exactly once, unless it says otherwise.
 *
 * For all others there are two tables, one entry for each function: the jump that MPI_X of
 * libftmpi.so makes (`entries`), and that of PMPI_X (`profiling`). An entry leads to the next
 * library's function of that name until the layer replaces it: with its wrapper in `profiling`,
 * and in `entries` too, unless a tool stands between (ftm_wrappers_put in layer/wrap.c).
 */
#ifndef FTM_HOOKS_H
#define FTM_HOOKS_H

#include <mpi.h>
#include <pmix.h>

#include "ftmpi.h"

#define FTM_HOOKS_VERSION 8
#define FTM_HOOKS_SYMBOL "ftm_hooks"

struct ftm_functions; /* functions.h, generated */

/* The function of that name that would have been called without us; NULL if there is none. */
typedef void *ftm_next_fn(const char *symbol);

/* What libftmpi.so gives the layer. Lives as long as the process. */
struct ftm_preload {
    ftm_next_fn *next;
    struct ftm_functions *entries;   /* what MPI_X leads to */
    struct ftm_functions *profiling; /* what PMPI_X leads to */
};

typedef int ftm_finalize_fn(void);
typedef int ftm_session_fn(MPI_Session *session);
typedef int ftm_comm_fn(MPI_Comm *comm);
typedef int ftm_abort_fn(MPI_Comm comm, int code);
typedef pmix_status_t ftm_pmix_finalize_fn(const pmix_info_t info[], size_t ninfo);
typedef pmix_status_t ftm_procs_fn(const pmix_proc_t procs[], size_t nprocs,
                                   const pmix_info_t info[], size_t ninfo);
typedef pmix_status_t ftm_lookup_fn(pmix_pdata_t data[], size_t ndata, const pmix_info_t info[],
                                    size_t ninfo);
typedef pmix_status_t ftm_spawn_fn(const pmix_info_t job_info[], size_t ninfo,
                                   const pmix_app_t apps[], size_t napps, pmix_nspace_t nspace);

/* Open MPI's, inside: what is done for a request of a communicator that is being made, and how that
 * is noted. */
typedef int ftm_step_fn(void *request);
typedef int ftm_append_fn(void *request, ftm_step_fn *step, MPI_Request parts[], int n);

struct ftm_hooks {
    int version;

    /* Once, before any other: 1 if the layer can work with this MPI, 0: step aside. */
    int (*begin)(const struct ftm_preload *preload);

    void (*before_init)(void);
    void (*after_init)(void); /* only if MPI is up now */
    int (*is_up)(void);       /* 1 from then on, until MPI goes down; called in a child of fork */
    int (*finalize)(ftm_finalize_fn *next);
    int (*session_finalize)(ftm_session_fn *next, MPI_Session *session);
    int (*comm_disconnect)(ftm_comm_fn *next, MPI_Comm *comm);
    int (*abort_is_own)(MPI_Comm comm); /* 1: MPI_Abort of it ends this process alone */

    ftm_procs_fn *pmix_connect; /* these four never call `next`: */
    ftm_procs_fn *pmix_fence;   /* they use PMIx's functions that do not block */
    ftm_lookup_fn *pmix_lookup;
    ftm_spawn_fn *pmix_spawn;
    pmix_status_t (*pmix_finalize)(ftm_pmix_finalize_fn *next, const pmix_info_t info[],
                                   size_t ninfo);
    int (*wants_fence)(void);   /* 1 if the hook is to be called, 0 for `next` */
    int (*wants_lookup)(void);
    int (*wants_spawn)(void);

    int (*reach)(ftHandle_t ft, const ftReply_t *reply, const char *command, char *argv[],
                 ftTimeout_t T, MPI_Comm *comm, int *rank, double step_ms[2]);
    int (*standin)(FTMPI_Standin_t *who);
    int (*next_peer)(ftTimeout_t T, MPI_Comm *comm);
    int (*leave)(MPI_Comm *comm);
    int (*is_failing)(const ftResource_t *resource);
    int (*append)(ftm_append_fn *next, void *request, ftm_step_fn *step, MPI_Request parts[],
                  int n); /* layer/among.h */
    const struct ftm_keep_hooks *keep; /* state for the replacement: layer/keep.h */
    const struct ftm_loop_hooks *loop; /* a world made whole: layer/loop.h */
};

#endif
