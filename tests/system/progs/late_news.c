/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * late_news.c - preloaded: Open MPI hears of a loss LATE_S seconds after all others in its process
 * have. (So it may be on a busy node, or where the connection that breaks is one of shared memory,
 * which does not.) PMIx calls its handlers one after the other, Open MPI's last. In all ranks, or in
 * rank LATE_RANK of the environment.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pmix.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LATE_S 3

typedef pmix_status_t register_fn(pmix_status_t codes[], size_t ncodes, pmix_info_t info[],
                                  size_t ninfo, pmix_notification_fn_t handler,
                                  pmix_hdlr_reg_cbfunc_t done, void *data);

static pmix_notification_fn_t handler_of_mpi;

static void late(size_t id, pmix_status_t status, const pmix_proc_t *source, pmix_info_t info[],
                 size_t ninfo, pmix_info_t *results, size_t nresults,
                 pmix_event_notification_cbfunc_fn_t hand_on, void *data)
{
    nanosleep(&(struct timespec){.tv_sec = LATE_S}, NULL);
    handler_of_mpi(id, status, source, info, ninfo, results, nresults, hand_on, data);
}

static bool is_meant(void)
{
    const char *wanted = getenv("LATE_RANK"), *rank = getenv("PMIX_RANK");

    return !wanted || (rank && strcmp(rank, wanted) == 0);
}

pmix_status_t PMIx_Register_event_handler(pmix_status_t codes[], size_t ncodes, pmix_info_t info[],
                                          size_t ninfo, pmix_notification_fn_t handler,
                                          pmix_hdlr_reg_cbfunc_t done, void *data)
{
    register_fn *next = (register_fn *) dlsym(RTLD_NEXT, "PMIx_Register_event_handler");

    for (size_t i = 0; i < ninfo && is_meant(); i++)
        if (PMIX_CHECK_KEY(&info[i], PMIX_EVENT_HDLR_NAME)
            && strstr(info[i].value.data.string, "ULFM")) {
            handler_of_mpi = handler;
            handler = late;
        }
    return next(codes, ncodes, info, ninfo, handler, done, data);
}
