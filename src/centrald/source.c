/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.c - chooses the resource manager's backend, and gathers what it needs to know.
 *
 * Called when a reign is made, or gets another plan. Reads the plan (rms, rms_ladder, ...) and, of
 * the environment that the launcher left, what tells a job of Slurm: SLURM_JOB_ID, and FT_MODE, as
 * a job that is only to report failures (sbatch --ft=report) gets no node. Everything else is the
 * backend's.
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

#define HELPER "ft-rms-slurm"
#define PMIX_HELPER "ft-rms-pmix"

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

/* Where it was installed; else beside this program, as after a move of the whole (SBIN/../libexec). */
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

/* Whether nodes come from Slurm: 1, 0, or -1 and why they cannot although they are to. */
static int wants_slurm(const struct ft_plan *plan, bool is_system, char helper[PATH_MAX], char *why,
                       size_t size)
{
    bool must = strcmp(plan->rms, "slurm") == 0;
    const char *mode = getenv("FT_MODE");

    if (strcmp(plan->rms, "pool") == 0 || strcmp(plan->rms, "pmix") == 0 || (mode != NULL && strcmp(mode, "report") == 0))
        return 0;
    if (is_system || slurm_job() == 0) {
        snprintf(why, size, "rms = \"slurm\" is for the central unit of a job in a Slurm allocation "
                 "(SLURM_JOB_ID); leave it out elsewhere");
        return must ? -1 : 0;
    }
    if (find_helper(HELPER, helper))
        return 1;
    snprintf(why, size, "%s/" HELPER " is not there: ft was built without libslurm, or its part for "
             "Slurm is not installed", FT_PKGLIBEXECDIR);
    if (must)
        return -1;
    ft_log_warning("no nodes from Slurm: %s", why);
    return 0;
}

/* From the launcher's own PMIx server; the launcher is what started this program. */
static struct ft_rms *make_pmix(bool is_system, uv_loop_t *loop, const struct ft_rms_events *events,
                                void *arg, char *why, size_t size)
{
    char helper[PATH_MAX];
    struct ft_rms_config config = {.loop = loop,
                                   .pmix = {.helper = helper, .server = (long) getppid()}};
    struct ft_rms *rms;

    if (is_system) {
        snprintf(why, size, "rms = \"pmix\" is for the central unit of a job: a system's has no "
                 "launcher to ask");
        return NULL;
    }
    if (!find_helper(PMIX_HELPER, helper)) {
        snprintf(why, size, "%s/" PMIX_HELPER " is not there: it belongs to ft's installation",
                 FT_PKGLIBEXECDIR);
        return NULL;
    }
    rms = ft_rms_create("pmix", &config, events, arg);
    if (rms == NULL)
        snprintf(why, size, "the resource manager (pmix): %s", strerror(errno));
    return rms;
}

struct ft_rms *ft_source_make(const struct ft_plan *plan, bool is_system, uv_loop_t *loop,
                              const struct ft_rms_events *events, void *arg, char *why,
                              size_t size)
{
    size_t n = ft_hostlist_count(plan->pool);
    const char **names = strcmp(plan->rms, "pmix") != 0 ? calloc(n + 1, sizeof *names) : NULL;
    char helper[PATH_MAX] = "";
    struct ft_rms_config config = {.pool = names, .pool_n = n, .loop = loop};
    struct ft_rms *rms = NULL;
    int slurm = wants_slurm(plan, is_system, helper, why, size);

    if (strcmp(plan->rms, "pmix") == 0)
        return make_pmix(is_system, loop, events, arg, why, size);
    if (slurm < 0 || names == NULL) {
        if (names == NULL)
            snprintf(why, size, "out of memory");
        free(names);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        names[i] = ft_hostlist_at(plan->pool, i);
    config.slurm = (struct ft_rms_slurm_config){
        .job = slurm_job(), .timeout_ms = plan->central.rms_timeout_ms, .helper = helper,
        .watch_ms = plan->rms_watch_ms,
        .partition = plan->rms_partition[0] != '\0' ? plan->rms_partition : NULL};
    if (ft_rms_ladder_parse(plan->rms_ladder, config.slurm.ladder) == 0)
        rms = ft_rms_create(slurm ? "slurm" : "pool", &config, events, arg);
    free(names);
    if (rms == NULL)
        snprintf(why, size, "the resource manager (%s): %s", slurm ? "Slurm" : "the pool of spares",
                 strerror(errno));
    else if (slurm)
        ft_log_info("nodes come from Slurm, for its job %" PRIu32 ": %s", config.slurm.job,
                    plan->rms_ladder);
    return rms;
}
