/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lookup.c - owns the questions to Slurm which of the user's jobs has a node.
 *
 * A node that is not of the allocation that the launcher began with was got by somebody since: by the
 * central unit, as an allocation beside the job or one that joined it, or by the user. slurm.c starts
 * a daemon there and has to name the job. squeue is asked, a process for each node, off the loop; again,
 * if Slurm's controller did not answer (it may be restarting), for as long as daemons have to start.
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
#include <time.h>
#include <unistd.h>

#include "spawn.h"
#include "src/util/pmix_path.h"
#include "words.h"

#define ANSWER_S 10 /* squeue's; it has a limit of its own, Slurm's MessageTimeout */
#define AGAIN_MS 500
#define NO_ANSWER "slurm_load_jobs error" /* squeue: the controller did not answer it */

typedef struct lookup {
    pmix_rank_t rank;   /* of the daemon that is to be started */
    pid_t squeue;
    ftp_words_t *words; /* NULL: it is to be asked again */
    prte_event_t again;
    time_t end_s;       /* not again after that */
    ftp_looked_up_fn heard;
    struct lookup *next;
} lookup_t;

static lookup_t *lookups; /* under way */

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

static time_t now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void give_up(lookup_t *lookup, const char *why)
{
    lookup_t asked = *lookup;

    drop(lookup);
    asked.heard(asked.rank, NULL, why);
}

static void ask(lookup_t *lookup);

static void on_again(int fd, short what, void *cbdata)
{
    (void) fd;
    (void) what;
    ask((lookup_t *) cbdata);
}

static void ask_again(lookup_t *lookup)
{
    const struct timeval pause = {.tv_usec = AGAIN_MS * 1000};

    prte_event_evtimer_set(prte_event_base, &lookup->again, on_again, lookup);
    prte_event_evtimer_add(&lookup->again, &pause);
}

static void on_said(void *arg, ftp_words_end_t how, char *text)
{
    lookup_t *lookup = (lookup_t *) arg, asked = *lookup;
    char id[24], why[FTP_WORDS_MAX + 128];
    const char *own = own_job();
    bool unanswered = how == FTP_WORDS_LATE || strstr(text, NO_ANSWER) != NULL;

    lookup->words = NULL;
    if (how == FTP_WORDS_LATE)
        kill(lookup->squeue, SIGKILL);
    if (!unanswered && choose(text, id, sizeof id)) {
        drop(lookup);
        ftp_say(2, "daemon %u's node is of Slurm's job %s (%s)", asked.rank, id, text);
        asked.heard(asked.rank, own != NULL && strcmp(own, id) == 0 ? NULL : id, NULL);
        return;
    }
    snprintf(why, sizeof why,
             unanswered ? "which Slurm job has the node is not known (squeue: \"%s\")"
                        : "no running Slurm job of this user has the node (squeue: \"%s\")", text);
    if (!unanswered || now_s() >= lookup->end_s) {
        give_up(lookup, why);
        return;
    }
    ftp_say(1, "%s: asked again", why);
    ask_again(lookup);
}

static void ask(lookup_t *lookup)
{
    prte_proc_t *daemon = ftp_daemon_of(lookup->rank);
    char *program = pmix_path_findv((char *) "squeue", X_OK, environ, NULL);
    char *argv[] = {program, (char *) "--noheader", (char *) "--me", (char *) "--states=RUNNING",
                    (char *) "--format=%A %j", (char *) "--nodelist", daemon->node->name, NULL};
    ftp_spawned_t child;
    char why[256];
    int rc = program == NULL ? ENOENT : ftp_spawn(&child, argv);

    free(program);
    if (rc == 0) {
        close(child.to);
        lookup->squeue = child.pid;
        lookup->words = ftp_words_listen(child.from, NULL, ANSWER_S, on_said, lookup);
        if (lookup->words != NULL)
            return;
        rc = ENOMEM;
    }
    snprintf(why, sizeof why, "which Slurm job has the node cannot be asked (squeue): %s",
             strerror(rc));
    give_up(lookup, why);
}

void ftp_lookup(pmix_rank_t rank, ftp_looked_up_fn heard)
{
    lookup_t *lookup = calloc(1, sizeof *lookup);

    if (lookup == NULL) {
        heard(rank, NULL, strerror(ENOMEM));
        return;
    }
    lookup->rank = rank;
    lookup->heard = heard;
    lookup->end_s = now_s() + ftp_params.start_timeout_s;
    lookup->next = lookups;
    lookups = lookup;
    ask(lookup);
}

void ftp_lookup_fini(void)
{
    while (lookups != NULL) {
        if (lookups->words != NULL) {
            kill(lookups->squeue, SIGKILL);
            ftp_words_stop(lookups->words);
        } else {
            prte_event_del(&lookups->again);
        }
        drop(lookups);
    }
}
