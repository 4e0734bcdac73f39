/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * late_connect.c - preloaded: PMIx_Connect_nb is called LATE_S seconds late.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pmix.h>
#include <time.h>

#define LATE_S 4

typedef pmix_status_t connect_fn(const pmix_proc_t procs[], size_t nprocs,
                                 const pmix_info_t info[], size_t ninfo, pmix_op_cbfunc_t done,
                                 void *data);

pmix_status_t PMIx_Connect_nb(const pmix_proc_t procs[], size_t nprocs, const pmix_info_t info[],
                              size_t ninfo, pmix_op_cbfunc_t done, void *data)
{
    connect_fn *next = (connect_fn *) dlsym(RTLD_NEXT, "PMIx_Connect_nb");

    nanosleep(&(struct timespec){.tv_sec = LATE_S}, NULL);
    return next(procs, nprocs, info, ninfo, done, data);
}
