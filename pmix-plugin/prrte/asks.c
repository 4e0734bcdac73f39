/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * asks.c - on the master: requests to the central unit that are answered later.
 *
 * alloc.c asks for nodes and gives them back; the connection is report.c's, which calls here when
 * it is readable and when it is gone. Bounded: ASKS_MAX under way.
 */
#include <string.h>

#include "alloc.h"
#include "report.h"

#define ASKS_MAX 128

static struct {
    bool used;
    ftRequest_t request;
    ftp_heard_fn heard;
    void *arg;
} asks[ASKS_MAX];

bool ftp_asks_can(void)
{
    return ftp_report_central() != NULL;
}

bool ftp_asks_submit(ftAction_t action, ftTimeout_t timeout_ms, ftp_heard_fn heard, void *arg)
{
    const ftHandle_t *central = ftp_report_central();
    int i = 0;

    while (i < ASKS_MAX && asks[i].used)
        i++;
    if (central == NULL || i == ASKS_MAX
        || submitFT(*central, action, timeout_ms, &asks[i].request) != FT_OK)
        return false;
    asks[i].used = true;
    asks[i].heard = heard;
    asks[i].arg = arg;
    return true;
}

void ftp_asks_drop(void *arg)
{
    const ftHandle_t *central = ftp_report_central();

    for (int i = 0; i < ASKS_MAX; i++) {
        if (!asks[i].used || asks[i].arg != arg)
            continue;
        asks[i].used = false;
        if (central != NULL)
            cancelFT(*central, asks[i].request);
    }
}

ftRetVal_t ftp_asks_take(void)
{
    const ftHandle_t *central = ftp_report_central();

    for (int i = 0; i < ASKS_MAX && central != NULL; i++) {
        ftReply_t reply;
        ftRetVal_t rc;

        if (!asks[i].used)
            continue;
        rc = pollFT(*central, asks[i].request, &reply);
        if (rc == FT_PENDING)
            continue;
        asks[i].used = false;
        asks[i].heard(asks[i].arg, rc, &reply);
        if (rc == FT_ERR_LOST || rc == FT_ERR_CONNECT)
            return rc;
    }
    return FT_OK;
}

void ftp_asks_forget(void)
{
    ftReply_t reply;

    memset(&reply, 0, sizeof reply);
    reply.status = FT_ERR_LOST;
    strcpy(reply.reason, "the fault tolerance unit is gone");
    for (int i = 0; i < ASKS_MAX; i++) {
        if (!asks[i].used)
            continue;
        asks[i].used = false;
        asks[i].heard(asks[i].arg, FT_ERR_LOST, &reply);
    }
}
