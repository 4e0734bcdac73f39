/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * notice.c - a few bytes to other processes of the job, by PMIx's events.
 *
 * Events reach a process whatever it does just now, and are answered in PMIx's own thread. There
 * PMIx_Notify_event waits for PMIx's lock, which PMIx_Finalize holds until the daemon has said
 * goodbye, by that same thread: a question that came at that moment left the process hanging for
 * ever. So nothing is sent while PMIx_Finalize runs (preload.c stands in front of it), and that
 * begins once nothing is being sent. What is lost is asked again, of those that are still there.
 *
 *   in    replay.c, headcount.c: questions and answers; preload.c: PMIx_Finalize
 *   out   PMIx_Notify_event
 */
#include "config.h"

#include "notice.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 3

struct notice {
    pmix_info_t info[WORDS];
    pmix_proc_t to[];
};

static pthread_rwlock_t may_send = PTHREAD_RWLOCK_INITIALIZER;

static void on_sent(pmix_status_t status, void *data)
{
    struct notice *notice = data;

    (void) status;
    for (int i = 0; i < WORDS; i++)
        PMIX_INFO_DESTRUCT(&notice->info[i]);
    free(notice);
}

static struct notice *write_down(const char *key, const pmix_proc_t to[], size_t n,
                                 const void *bytes, size_t size)
{
    struct notice *notice = calloc(1, sizeof *notice + n * sizeof *to);
    pmix_data_array_t range = {.type = PMIX_PROC, .size = n};
    pmix_byte_object_t object = {(char *) bytes, size};
    bool yes = true;

    if (!notice)
        return NULL;
    memcpy(notice->to, to, n * sizeof *to);
    range.array = notice->to;
    PMIX_INFO_LOAD(&notice->info[0], PMIX_EVENT_NON_DEFAULT, &yes, PMIX_BOOL);
    PMIX_INFO_LOAD(&notice->info[1], PMIX_EVENT_CUSTOM_RANGE, &range, PMIX_DATA_ARRAY);
    PMIX_INFO_LOAD(&notice->info[2], key, &object, PMIX_BYTE_OBJECT);
    return notice;
}

void ftm_notice_send(pmix_status_t code, const char *key, const pmix_proc_t *me,
                     const pmix_proc_t to[], size_t n, const void *bytes, size_t size)
{
    struct notice *notice = write_down(key, to, n, bytes, size);
    pmix_status_t status = PMIX_ERR_INIT;

    if (!notice)
        return;
    if (pthread_rwlock_tryrdlock(&may_send) == 0) {
        status = PMIx_Notify_event(code, me, PMIX_RANGE_CUSTOM, notice->info, WORDS, on_sent,
                                   notice);
        pthread_rwlock_unlock(&may_send);
    }
    if (status != PMIX_SUCCESS)
        on_sent(status, notice);
}

pmix_status_t ftm_notice_finalize(ftm_pmix_finalize_fn *next, const pmix_info_t info[],
                                  size_t ninfo)
{
    pmix_status_t status;

    pthread_rwlock_wrlock(&may_send);
    status = next(info, ninfo);
    pthread_rwlock_unlock(&may_send);
    return status;
}
