/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * road_impostor.c - a process that says it is the launcher of a session which is not its own.
 *
 *     road_impostor SESSION     prints what becomes of a report and of a question for news: a line
 *                               each, "report STATUS" and "news STATUS" with the number of an
 *                               ftRetVal_t
 */
#include <stdio.h>

#include "ft_runtime.h"

#define TIMEOUT_MS 5000

int main(int argc, char **argv)
{
    char job[FT_NAME_MAX];
    ftHandle_t unit;
    ftReply_t reply;
    ftRetVal_t rc;

    if (argc != 2)
        return 2;
    snprintf(job, sizeof job, "%s@1", argv[1]);
    rc = openLauncherFT(NULL, argv[1], &unit);
    if (rc != FT_OK) {
        fprintf(stderr, "road_impostor: %s\n", ftLastError());
        return 1;
    }
    rc = requestFT(unit, ftJobEnded(job, 0), &reply, TIMEOUT_MS);
    printf("report %d\n", (int) rc);
    rc = requestFT(unit, ftNextNews(0), &reply, TIMEOUT_MS);
    printf("news %d\n", (int) rc);
    closeFT(unit);
    return 0;
}
