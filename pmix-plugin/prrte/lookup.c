/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lookup.c - owns the questions to Slurm which of the user's jobs has a node.
 *
 * A node that is not of the allocation that the launcher began with was got by somebody since: by the
 * central unit, as an allocation beside the job or one that joined it, or by the user. slurm.c starts
 * a daemon there and has to name the job. squeue is asked, a process for each node, off the loop.
 *
 * Among several jobs: the one that the launcher runs in (a node may have joined it), one that was got
 * for it ("ft-JOBID"), the newest.
 */
#define _GNU_SOURCE
#include "lookup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spawn.h"
#include "src/util/pmix_path.h"
#include "words.h"

#define LOOKUP_TIMEOUT_S 10

typedef struct lookup {
    pmix_rank_t rank;         /* of the daemon that is to be started */
    pid_t squeue;
    ftp_words_t *words;
    ftp_looked_up_fn heard;
    struct lookup *next;
} lookup_t;

static lookup_t *lookups;     /* under way */

static const char *own_job(void)
{
    const char *id = getenv("SLURM_JOB_ID");

    return id != NULL ? id : getenv("SLURM_JOBID");
}

/* From "71 ft-64; 70 shell": 71, if this is 64. False: none. */
static bool choose(const char *jobs, char *chosen, size_t size)
{
    const char *own = own_job();
    char mark[64];
    int best = 0;
    unsigned long long newest = 0;

    snprintf(mark, sizeof mark, "ft-%s", own != NULL ? own : "?");
    for (const char *at = jobs; at != NULL; at = strchr(at, ';')) {
        char id[24], name[128] = "";
        unsigned long long number;
        int grade;

        at += strspn(at, "; ");
        if (sscanf(at, "%23[0-9] %127[^;]", id, name) < 1)
            continue;
        number = strtoull(id, NULL, 10);
        grade = own != NULL && strcmp(id, own) == 0 ? 3 : strcmp(name, mark) == 0 ? 2 : 1;
        if (grade < best || (grade == best && number < newest))
            continue;
        best = grade;
        newest = number;
        snprintf(chosen, size, "%s", id);
    }
    return best > 0;
}

static void drop(lookup_t *lookup)
{
    lookup_t **link = &lookups;

    while (*link != NULL && *link != lookup)
        link = &(*link)->next;
    if (*link != NULL)
        *link = lookup->next;
    free(lookup);
}

static void on_said(void *arg, ftp_words_end_t how, char *text)
{
    lookup_t *lookup = (lookup_t *) arg, asked = *lookup;
    char id[24], why[FTP_WORDS_MAX + 128];
    const char *own = own_job();

    if (how == FTP_WORDS_LATE)
        kill(lookup->squeue, SIGKILL);
    drop(lookup);
    if (how != FTP_WORDS_LATE && choose(text, id, sizeof id)) {
        ftp_say(2, "daemon %u's node is of Slurm's job %s (%s)", asked.rank, id, text);
        asked.heard(asked.rank, own != NULL && strcmp(own, id) == 0 ? NULL : id, NULL);
        return;
    }
    if (how == FTP_WORDS_LATE)
        snprintf(why, sizeof why,
                 "which Slurm job has the node is not known: squeue did not answer within %d s",
                 LOOKUP_TIMEOUT_S);
    else
        snprintf(why, sizeof why, "no running Slurm job of this user has the node (squeue: \"%s\")",
                 text);
    asked.heard(asked.rank, NULL, why);
}

void ftp_lookup(pmix_rank_t rank, ftp_looked_up_fn heard)
{
    char *program = pmix_path_findv((char *) "squeue", X_OK, environ, NULL);
    char *argv[] = {program, (char *) "--noheader", (char *) "--me", (char *) "--states=RUNNING",
                    (char *) "--format=%A %j", (char *) "--nodelist",
                    ftp_daemon_of(rank)->node->name, NULL};
    lookup_t *lookup = calloc(1, sizeof *lookup);
    ftp_spawned_t child;
    char why[256];
    int rc = program == NULL ? ENOENT : lookup == NULL ? ENOMEM : ftp_spawn(&child, argv);

    free(program);
    if (rc == 0) {
        close(child.to);
        lookup->rank = rank;
        lookup->heard = heard;
        lookup->squeue = child.pid;
        lookup->next = lookups;
        lookups = lookup;
        lookup->words = ftp_words_listen(child.from, NULL, LOOKUP_TIMEOUT_S, on_said, lookup);
        if (lookup->words != NULL)
            return;
        drop(lookup);
        lookup = NULL;
        rc = ENOMEM;
    }
    free(lookup);
    snprintf(why, sizeof why, "which Slurm job has the node cannot be asked (squeue): %s",
             strerror(rc));
    heard(rank, NULL, why);
}

void ftp_lookup_fini(void)
{
    while (lookups != NULL) {
        kill(lookups->squeue, SIGKILL);
        ftp_words_stop(lookups->words);
        drop(lookups);
    }
}
