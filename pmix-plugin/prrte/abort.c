/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * abort.c - on the master: a process called abort, and its job ends.
 *
 * Who calls: survive.c, when a process of a tolerant job called abort: by MPI_Abort, or because an
 * error met MPI_ERRORS_ARE_FATAL.
 *
 * In a job that asked for fault tolerance stock PRRTE takes that for the loss of one process, and
 * tells the others so by a code that Open MPI 5.0.7 does not listen to: who waits for that process
 * waits for ever. But it is the end of all that was asked for. So for this one event the job is none
 * that goes on, stock code ends it with the code of who called, and what it spawned ends with it; what
 * is just being spawned is not started (job.c), or ends as soon as it runs.
 *
 * A job that was spawned by another tolerant one is lost to that one only (survive.c tells it): it may
 * be a replacement that could not even start. (MPI_Abort of MPI_COMM_SELF is the end of one process
 * in the other cases, too: the preloaded library sees to that.)
 */
#include "ft_prrte.h"

#include "src/mca/plm/plm.h"

#define GENERATIONS_MAX 1000 /* of jobs that spawned each other */

static bool comes_from(const prte_job_t *job, const prte_job_t *ancestor)
{
    for (int i = 0; job != NULL && job != ancestor && i < GENERATIONS_MAX; i++)
        job = ftp_job_spawner(job);
    return job == ancestor;
}

bool ftp_abort_has_ended(const prte_job_t *job)
{
    for (int i = 0; job != NULL && i < GENERATIONS_MAX; i++) {
        job = ftp_job_spawner(job);
        if (job != NULL && PRTE_FLAG_TEST(job, PRTE_JOB_FLAG_ABORTED))
            return true;
    }
    return false;
}

void ftp_abort_terminate(const prte_job_t *job)
{
    pmix_pointer_array_t procs;
    prte_proc_t all;

    PMIX_CONSTRUCT(&procs, pmix_pointer_array_t);
    pmix_pointer_array_init(&procs, 1, 1, 1);
    PMIX_CONSTRUCT(&all, prte_proc_t);
    PMIX_LOAD_PROCID(&all.name, job->nspace, PMIX_RANK_WILDCARD);
    pmix_pointer_array_add(&procs, &all);
    prte_plm.terminate_procs(&procs);
    PMIX_DESTRUCT(&procs);
    PMIX_DESTRUCT(&all);
}

static void end_descendants(const prte_job_t *job)
{
    for (int i = 0; i < prte_job_data->size; i++) {
        prte_job_t *other = (prte_job_t *) pmix_pointer_array_get_item(prte_job_data, i);

        if (other != NULL && other != job && ftp_job_is_active(other) && comes_from(other, job))
            ftp_abort_terminate(other);
    }
}

static bool happened;

bool ftp_abort_happened(void)
{
    return happened;
}

/* Takes an attribute away; true: it was there. */
static bool take(prte_job_t *job, prte_attribute_key_t key)
{
    bool was = prte_get_attribute(&job->attributes, key, NULL, PMIX_BOOL);

    prte_remove_attribute(&job->attributes, key);
    return was;
}

static void give_back(prte_job_t *job, prte_attribute_key_t key, bool was)
{
    bool yes = true;

    if (was)
        prte_set_attribute(&job->attributes, key, PRTE_ATTR_GLOBAL, &yes, PMIX_BOOL);
}

bool ftp_abort_ends(const prte_job_t *job)
{
    return !ftp_job_is_tolerant(ftp_job_spawner(job));
}

void ftp_abort(prte_job_t *job, prte_state_cbfunc_t stock, int fd, short args, void *caddy)
{
    bool is_recoverable = take(job, PRTE_JOB_RECOVERABLE);
    bool is_continuous = take(job, PRTE_JOB_CONTINUOUS);
    int first_code = job->exit_code;

    happened = true;
    ftp_say(1, "a process of job %s called abort: the job ends", job->nspace);
    stock(fd, args, caddy);
    if (first_code != 0)
        job->exit_code = first_code;
    give_back(job, PRTE_JOB_RECOVERABLE, is_recoverable);
    give_back(job, PRTE_JOB_CONTINUOUS, is_continuous);
    end_descendants(job);
}
