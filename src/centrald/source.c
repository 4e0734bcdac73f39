/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.c - chooses the resource manager's backend, and gathers what it needs to know.
 *
 * Called by spares.c when a reign is made, or gets another plan. Reads the plan (rms, rms_ladder,
 * ...) and, of the environment that the launcher left, what tells a job of Slurm: SLURM_JOB_ID, and
 * FT_MODE, as a job that is only to report failures (sbatch --ft=report) gets no node. Everything
 * else is the backend's. A job's launcher is this program's parent; so "pmix" asks that.
 */
#include "centrald/source.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/hostlist.h"
#include "common/log.h"

#define SLURM_HELPER "ft-rms-slurm"
#define PMIX_HELPER "ft-rms-pmix"

enum source { NOWHERE = -1, POOL, SLURM, PMIX };

static const char *const backends[] = {[POOL] = "pool", [SLURM] = "slurm", [PMIX] = "pmix"};

/* Slurm's number of the job around this process, 0: none. */
static uint32_t slurm_job(void)
{
    const char *text = getenv("SLURM_JOB_ID");
    char *end;
    unsigned long id;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return 0;
    id = strtoul(text, &end, 10);
    return *end == '\0' && id < UINT32_MAX ? (uint32_t) id : 0;
}

/* Where it was installed; else beside this program, as after a move of the whole
 * (SBIN/../libexec). */
static bool find_helper(const char *name, char path[PATH_MAX])
{
    char self[PATH_MAX - 64];
    ssize_t n;

    snprintf(path, PATH_MAX, "%s/%s", FT_PKGLIBEXECDIR, name);
    if (access(path, X_OK) == 0)
        return true;
    n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    snprintf(path, PATH_MAX, "%s/../libexec/ft/%s", self, name);
    return access(path, X_OK) == 0;
}

/* ---------------------------------------------------------------- which one */

static bool can_slurm(bool is_system, char helper[PATH_MAX], char *why, size_t size)
{
    if (is_system || slurm_job() == 0) {
        snprintf(why, size, "rms = \"slurm\" is for the central unit of a job in a Slurm allocation "
                            "(SLURM_JOB_ID); leave it out elsewhere");
        return false;
    }
    if (find_helper(SLURM_HELPER, helper))
        return true;
    snprintf(why, size, "%s/" SLURM_HELPER " is not there: ft was built without libslurm, or its "
                        "part for Slurm is not installed", FT_PKGLIBEXECDIR);
    return false;
}

static bool can_pmix(bool is_system, char helper[PATH_MAX], char *why, size_t size)
{
    if (is_system) {
        snprintf(why, size, "rms = \"pmix\" is for the central unit of a job: a system's has no "
                            "launcher to ask");
        return false;
    }
    if (find_helper(PMIX_HELPER, helper))
        return true;
    snprintf(why, size, "%s/" PMIX_HELPER " is not there: it belongs to ft's installation",
             FT_PKGLIBEXECDIR);
    return false;
}

/* NOWHERE, and why, if the one that ft.conf names cannot be. */
static enum source choose(const struct ft_plan *plan, bool is_system, char helper[PATH_MAX],
                          char *why, size_t size)
{
    const char *mode = getenv("FT_MODE");

    if (strcmp(plan->rms, "pmix") == 0)
        return can_pmix(is_system, helper, why, size) ? PMIX : NOWHERE;
    if (strcmp(plan->rms, "pool") == 0 || (mode != NULL && strcmp(mode, "report") == 0))
        return POOL;
    if (can_slurm(is_system, helper, why, size))
        return SLURM;
    if (strcmp(plan->rms, "slurm") == 0)
        return NOWHERE;
    if (!is_system && slurm_job() != 0)
        ft_log_warning("no nodes from Slurm: %s", why);
    return POOL;
}

/* ---------------------------------------------------------------- making it */

static int slurm_config(struct ft_rms_slurm_config *config, const struct ft_plan *plan)
{
    config->job = slurm_job();
    config->timeout_ms = plan->central.rms_timeout_ms;
    config->watch_ms = plan->rms_watch_ms;
    config->partition = plan->rms_partition[0] != '\0' ? plan->rms_partition : NULL;
    return ft_rms_ladder_parse(plan->rms_ladder, config->ladder);
}

struct ft_rms *ft_source_make(const struct ft_plan *plan, bool is_system, uv_loop_t *loop,
                              const struct ft_rms_events *events, void *arg, char *why,
                              size_t size)
{
    char helper[PATH_MAX] = "";
    enum source source = choose(plan, is_system, helper, why, size);
    size_t n = ft_hostlist_count(plan->pool);
    const char **names;
    struct ft_rms_config config = {.pool_n = n,
                                   .loop = loop,
                                   .slurm.helper = helper,
                                   .pmix = {.helper = helper, .server = (long) getppid()}};
    struct ft_rms *rms = NULL;

    if (source == NOWHERE)
        return NULL;
    names = calloc(n + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < n; i++)
        names[i] = ft_hostlist_at(plan->pool, i);
    config.pool = names;
    if (names != NULL && slurm_config(&config.slurm, plan) == 0)
        rms = ft_rms_create(backends[source], &config, events, arg);
    free(names);
    if (rms == NULL)
        snprintf(why, size, "the resource manager (%s): %s", backends[source], strerror(errno));
    else if (source == SLURM)
        ft_log_info("nodes come from Slurm, for its job %" PRIu32 ": %s", config.slurm.job,
                    plan->rms_ladder);
    return rms;
}
