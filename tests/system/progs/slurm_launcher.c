/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm_launcher.c - a launcher of nothing that attaches to this node's unit, and asks for nodes as
 * it is told to, for the job that its environment names (SLURM_JOB_ID).
 *
 *     slurm_launcher SESSION    takes lines of standard input, and answers each by one:
 *
 *         get          "get STATUS NODE REASON": one node more, for this launcher
 *         give NODE    "give STATUS REASON"
 *         end          it takes leave and ends, as at the end of standard input
 *
 * STATUS is the number of an ftRetVal_t. As any launcher it says which node it is on, and waits for
 * news all the time; killed, it has not taken leave.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ft_runtime.h"

#define TIMEOUT_MS 30000
#define LOOK_EACH_MS 100

static void say(const char *what, ftRetVal_t rc, const ftReply_t *reply)
{
    printf("%s %d %s %s\n", what, (int) rc, rc == FT_OK ? reply->resource.node : "-",
           reply->reason);
    fflush(stdout);
}

/* False: it was told to end. */
static bool obey(ftHandle_t unit, char *line)
{
    ftReply_t reply;

    memset(&reply, 0, sizeof reply);
    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "get") == 0)
        say("get", requestFT(unit, ftAcquireNode(ftAny()), &reply, TIMEOUT_MS), &reply);
    else if (strncmp(line, "give ", 5) == 0)
        say("give", requestFT(unit, ftGiveBackNode(line + 5), &reply, TIMEOUT_MS), &reply);
    return strcmp(line, "end") != 0;
}

/* Whatever it hears it is not concerned by; what counts is that it waits. */
static ftRetVal_t wait_for_news(ftHandle_t unit, ftRequest_t *news, bool begins)
{
    ftReply_t heard;

    memset(&heard, 0, sizeof heard);
    if (!begins && pollFT(unit, *news, &heard) == FT_PENDING)
        return FT_OK;
    return submitFT(unit, ftNextNews(heard.decision), -1, news);
}

static void serve(ftHandle_t unit)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char line[400];
    ftRequest_t news;
    ftRetVal_t rc = wait_for_news(unit, &news, true);

    setvbuf(stdin, NULL, _IONBF, 0);
    while (rc == FT_OK) {
        if (poll(&input, 1, LOOK_EACH_MS) > 0 &&
            (fgets(line, sizeof line, stdin) == NULL || !obey(unit, line)))
            return;
        rc = wait_for_news(unit, &news, false);
    }
    fprintf(stderr, "slurm_launcher: no news: %s\n", ftLastError());
}

int main(int argc, char **argv)
{
    char node[FT_NAME_MAX] = "";
    ftHandle_t unit;
    ftReply_t reply;

    if (argc != 2 || gethostname(node, sizeof node - 1) != 0)
        return 2;
    if (openLauncherFT(NULL, argv[1], &unit) != FT_OK) {
        fprintf(stderr, "slurm_launcher: %s\n", ftLastError());
        return 1;
    }
    requestFT(unit, ftNodeChanged(node, 0, FT_NODE_JOINED, "test"), &reply, TIMEOUT_MS);
    serve(unit);
    requestFT(unit, ftNodeChanged(node, 0, FT_NODE_LEFT, "test"), &reply, TIMEOUT_MS);
    closeFT(unit);
    return 0;
}
