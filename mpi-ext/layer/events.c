/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * events.c - what PMIx tells of processes and nodes that are lost.
 *
 * An event handler beside Open MPI's own. It runs in PMIx's thread, so it notes (gone.c), queues a
 * report (runtime.c) and hands on: the chain of handlers goes on to Open MPI's, which raises the
 * MPI errors. Ours is put in front, because Open MPI's ends the chain.
 *
 *   in    PMIX_ERR_PROC_ABORTED, _ABORTED_BY_SIG, _TERM_WO_SYNC   a process died (affected proc)
 *         PMIX_EVENT_NODE_DOWN                                    a node was lost (its host name)
 *         PMIX_EVENT_NODE_OFFLINE                                 a node is going down: failing.c
 *         DEPARTING                                               a process of another job that we
 *                                                                 are connected to has come to its
 *                                                                 end
 *   out   DEPARTING, to the processes of other jobs that we are connected to
 */
#include "config.h"

#include "events.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "failing.h"
#include "gone.h"
#include "keep_sender.h"
#include "runtime.h"
#include "world.h"

/* Ours alone; PMIx leaves everything below PMIX_EXTERNAL_ERR_BASE to its users. */
#define DEPARTING (PMIX_EXTERNAL_ERR_BASE - 4654)

static atomic_bool listens;

static void note_died(const pmix_info_t info[], size_t ninfo)
{
    for (size_t i = 0; i < ninfo; i++)
        if (info[i].value.type == PMIX_PROC && PMIX_CHECK_KEY(&info[i], PMIX_EVENT_AFFECTED_PROC)
            && info[i].value.data.proc && ftm_gone_add(info[i].value.data.proc, FTM_DIED)) {
            ftm_world_died(info[i].value.data.proc); /* the application waits for it */
            ftm_report_process(info[i].value.data.proc);
            ftm_keep_sender_died(info[i].value.data.proc);
        }
}

static void note_node(const pmix_info_t info[], size_t ninfo, void (*note)(const char *node))
{
    for (size_t i = 0; i < ninfo; i++)
        if (info[i].value.type == PMIX_STRING && PMIX_CHECK_KEY(&info[i], PMIX_HOSTNAME)
            && info[i].value.data.string)
            note(info[i].value.data.string);
}

static void on_event(size_t handler, pmix_status_t status, const pmix_proc_t *source,
                     pmix_info_t info[], size_t ninfo, pmix_info_t *results, size_t nresults,
                     pmix_event_notification_cbfunc_fn_t hand_on, void *hand_on_data)
{
    (void) handler;
    (void) results;
    (void) nresults;
    if (status == DEPARTING && source)
        ftm_gone_add(source, FTM_DEPARTED);
    else if (status == PMIX_EVENT_NODE_DOWN)
        note_node(info, ninfo, ftm_report_node);
    else if (status == PMIX_EVENT_NODE_OFFLINE)
        note_node(info, ninfo, ftm_failing_add);
    else
        note_died(info, ninfo);
    if (hand_on)
        hand_on(status == DEPARTING ? PMIX_EVENT_ACTION_COMPLETE : PMIX_EVENT_NO_ACTION_TAKEN, NULL,
                0, NULL, NULL, hand_on_data);
}

static void on_registered(pmix_status_t status, size_t handler, void *data)
{
    (void) handler;
    (void) data;
    if (status != PMIX_SUCCESS)
        atomic_store(&listens, false);
}

void ftm_events_start(void)
{
    /* PMIx reads both after we have returned. */
    static pmix_status_t codes[] = {PMIX_ERR_PROC_ABORTED, PMIX_ERR_PROC_ABORTED_BY_SIG,
                                    PMIX_ERR_PROC_TERM_WO_SYNC, PMIX_EVENT_NODE_DOWN,
                                    PMIX_EVENT_NODE_OFFLINE, DEPARTING};
    static pmix_info_t info[2];
    bool first = true;

    if (!PMIx_Initialized() || atomic_exchange(&listens, true))
        return;
    PMIX_INFO_LOAD(&info[0], PMIX_EVENT_HDLR_PREPEND, &first, PMIX_BOOL);
    PMIX_INFO_LOAD(&info[1], PMIX_EVENT_HDLR_NAME, "FT", PMIX_STRING);
    PMIx_Register_event_handler(codes, sizeof codes / sizeof codes[0], info, 2, on_event,
                                on_registered, NULL);
}

void ftm_events_end(void)
{
    if (!PMIx_Initialized())
        atomic_store(&listens, false);
}

void ftm_events_depart(const pmix_proc_t procs[], size_t n)
{
    pmix_info_t info[2];
    pmix_data_array_t range = {.type = PMIX_PROC, .size = n, .array = (void *) procs};
    pmix_proc_t me;
    bool yes = true;

    if (n == 0 || PMIx_Init(&me, NULL, 0) != PMIX_SUCCESS) /* it is up: this only counts */
        return;
    PMIX_INFO_LOAD(&info[0], PMIX_EVENT_NON_DEFAULT, &yes, PMIX_BOOL);
    PMIX_INFO_LOAD(&info[1], PMIX_EVENT_CUSTOM_RANGE, &range, PMIX_DATA_ARRAY);
    PMIx_Notify_event(DEPARTING, &me, PMIX_RANGE_CUSTOM, info, 2, NULL, NULL);
    PMIX_INFO_DESTRUCT(&info[0]);
    PMIX_INFO_DESTRUCT(&info[1]);
    PMIx_Finalize(NULL, 0);
}
