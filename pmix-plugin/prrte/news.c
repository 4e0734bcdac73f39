/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * news.c - on the master: what the central unit knows of this launcher's nodes.
 *
 * One request is always under way (ftNextNews), answered when there is something to say:
 *
 *     FT_NODE_LOST      the node is silent and was declared lost: it is lost here, too, exactly as
 *                       if its connection had broken (survive.c), only seconds earlier
 *     FT_NODE_FAILING   the node is going down, or is to be left: the processes of the jobs are
 *                       told (event.c), so that those who send there can go elsewhere before it is
 *                       lost
 *     FT_NODE_WELL      it is not: nothing to do; who has gone elsewhere stays there
 *     about no node     another central unit leads, and wants to hear all that there is (report.c)
 *
 * Called by report.c, which owns the connection.
 */
#include "news.h"

#include "ft_prrte.h"
#include "report.h"

static ftRequest_t request;
static bool is_asked;
static uint64_t heard; /* number of the latest one */

ftRetVal_t ftp_news_ask(ftHandle_t central)
{
    ftRetVal_t rc;

    if (is_asked)
        return FT_OK;
    rc = submitFT(central, ftNextNews(heard), FT_FOREVER, &request);
    is_asked = rc == FT_OK;
    return rc;
}

void ftp_news_forget(void)
{
    is_asked = false;
}

static void act_on(const ftReply_t *news)
{
    const char *node = news->resource.node;

    if (news->resource.kind != FT_NODE) {
        if (heard != 0 || news->decision != 0)
            ftp_report_again();
        return;
    }
    switch (news->change) {
    case FT_NODE_LOST:
        ftp_survive_declared(node, news->reason);
        break;
    case FT_NODE_FAILING:
        ftp_say(1, "node %s is going down: %s", node, news->reason);
        ftp_event_node_failing(node, news->reason);
        break;
    default:
        ftp_say(1, "news %llu of node %s: %d (%s)", (unsigned long long) news->decision, node,
                news->change, news->reason);
        break;
    }
}

ftRetVal_t ftp_news_take(ftHandle_t central)
{
    ftReply_t news;
    ftRetVal_t rc = FT_OK;

    while (rc == FT_OK && is_asked) {
        rc = pollFT(central, request, &news);
        if (rc == FT_PENDING)
            return FT_OK;
        is_asked = false;
        if (rc == FT_OK) {
            act_on(&news);
            heard = news.decision;
            rc = ftp_news_ask(central);
        }
    }
    return rc;
}
