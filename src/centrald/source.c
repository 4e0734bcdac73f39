/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * source.c - chooses the resource manager's backend, and gathers what it needs to know.
 *
 * Called by purveyors.c when a reign is made, or gets another plan, and for each session of a system
 * that runs in a job of Slurm. Reads the plan (rms, rms_ladder, ...). Of a job's own central unit
 * the environment that the launcher left tells the job of Slurm (common/slurmjob.c); of a session its
 * launcher has told it. Everything else is the backend's. A job's launcher is this program's
 * parent; so "pmix" asks that.
 *
 * Slurm is asked in the name of the job's user: a system's central unit that is not root can do so
 * for its own user only.
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
#include "common/slurmjob.h"

#define SLURM_HELPER "ft-rms-slurm"
#define PMIX_HELPER "ft-rms-pmix"

enum source { NOWHERE = -1, POOL, SLURM, PMIX };

static const char *const backends[] = {[POOL] = "pool", [SLURM] = "slurm", [PMIX] = "pmix"};

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

static bool find_slurm_helper(char helper[PATH_MAX], char *why, size_t size)
{
    if (find_helper(SLURM_HELPER, helper))
        return true;
    snprintf(why, size, "%s/" SLURM_HELPER " is not there: ft was built without libslurm, or its "
                        "part for Slurm is not installed", FT_PKGLIBEXECDIR);
    return false;
}

static bool can_slurm(char helper[PATH_MAX], char *why, size_t size)
{
    if (ft_slurm_job() != 0)
        return find_slurm_helper(helper, why, size);
    snprintf(why, size, "rms = \"slurm\" is for a job in a Slurm allocation (SLURM_JOB_ID), or for "
                        "a system; leave it out elsewhere");
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

/* Of a system: what its sessions get that are in no job of Slurm. */
static enum source choose_for_system(const struct ft_plan *plan, char helper[PATH_MAX], char *why,
                                     size_t size)
{
    return strcmp(plan->rms, "slurm") != 0 || find_slurm_helper(helper, why, size) ? POOL : NOWHERE;
}

/* NOWHERE, and why, if the one that ft.conf names cannot be. */
static enum source choose(const struct ft_plan *plan, bool is_system, char helper[PATH_MAX],
                          char *why, size_t size)
{
    if (strcmp(plan->rms, "pmix") == 0)
        return can_pmix(is_system, helper, why, size) ? PMIX : NOWHERE;
    if (is_system)
        return choose_for_system(plan, helper, why, size);
    if (strcmp(plan->rms, "pool") == 0)
        return POOL;
    if (can_slurm(helper, why, size))
        return SLURM;
    if (strcmp(plan->rms, "slurm") == 0)
        return NOWHERE;
    if (ft_slurm_job() != 0)
        ft_log_warning("no nodes from Slurm: %s", why);
    return POOL;
}

/* ---------------------------------------------------------------- making it */

static int slurm_config(struct ft_rms_slurm_config *config, const struct ft_plan *plan)
{
    config->timeout_ms = plan->central.rms_timeout_ms;
    config->watch_ms = plan->rms_watch_ms;
    config->drain = plan->rms_drain;
    config->give_time_max_s = plan->rms_give_time_max_s;
    config->partition = plan->rms_partition[0] != '\0' ? plan->rms_partition : NULL;
    return ft_ways_parse(plan->rms_ladder, config->ladder);
}

/* With a list of names as its pool. */
static struct ft_rms *make(enum source source, struct ft_rms_config *config,
                           const struct ft_hostlist *pool, const struct ft_rms_events *events,
                           void *arg, char *why, size_t size)
{
    size_t n = pool != NULL ? ft_hostlist_count(pool) : 0;
    const char **names = calloc(n + 1, sizeof *names);
    struct ft_rms *rms = NULL;

    for (size_t i = 0; names != NULL && i < n; i++)
        names[i] = ft_hostlist_at(pool, i);
    config->pool = names;
    config->pool_n = n;
    if (names != NULL)
        rms = ft_rms_create(backends[source], config, events, arg);
    if (rms == NULL)
        snprintf(why, size, "the resource manager (%s): %s", backends[source], strerror(errno));
    free(names);
    return rms;
}

struct ft_rms *ft_source_make(const struct ft_plan *plan, bool is_system, uv_loop_t *loop,
                              const struct ft_rms_events *events, void *arg, char *why,
                              size_t size)
{
    char helper[PATH_MAX] = "";
    enum source source = choose(plan, is_system, helper, why, size);
    struct ft_rms_config config = {.nodes_max = plan->rms_nodes_max,
                                   .loop = loop,
                                   .slurm = {.job = ft_slurm_job(), .helper = helper},
                                   .pmix = {.helper = helper, .server = (long) getppid()}};
    struct ft_rms *rms;

    if (source == NOWHERE)
        return NULL;
    if (slurm_config(&config.slurm, plan) != 0) {
        snprintf(why, size, "rms_ladder = \"%s\" is no ladder", plan->rms_ladder);
        return NULL;
    }
    rms = make(source, &config, plan->pool, events, arg, why, size);
    if (rms != NULL && source == SLURM)
        ft_log_info("nodes come from Slurm, for its job %" PRIu32 ": %s", config.slurm.job,
                    plan->rms_ladder);
    return rms;
}

/* ---------------------------------------------------------------- of a system's sessions */

bool ft_source_is_slurm(const struct ft_plan *plan)
{
    return strcmp(plan->rms, "auto") == 0 || strcmp(plan->rms, "slurm") == 0;
}

struct ft_rms *ft_source_for_session(const struct ft_plan *plan,
                                     const struct ft_source_session *session, uv_loop_t *loop,
                                     const struct ft_rms_events *events, void *arg, char *why,
                                     size_t size)
{
    char helper[PATH_MAX] = "";
    struct ft_rms_config config = {
        .nodes_max = plan->rms_nodes_max,
        .loop = loop,
        .slurm = {.job = session->slurm_job, .helper = helper, .many = true,
                  .becomes = session->uid != geteuid(), .uid = session->uid}};
    struct ft_hostlist *spares = NULL;
    struct ft_rms *rms = NULL;

    if (config.slurm.becomes && geteuid() != 0) {
        snprintf(why, size, "ft-centrald runs as user %u, and can ask Slurm in no other's name than "
                            "its own: have it run as root", (unsigned) geteuid());
        return NULL;
    }
    if (!find_slurm_helper(helper, why, size))
        return NULL;
    if (slurm_config(&config.slurm, plan) != 0) {
        snprintf(why, size, "rms_ladder = \"%s\" is no ladder", plan->rms_ladder);
        return NULL;
    }
    config.slurm.watch_ms = 0; /* the system has one watch, of all nodes */
    /* Names only: what is claimed is no more than it looks. */
    if (session->spares != NULL && strpbrk(session->spares, "[]") == NULL)
        spares = ft_hostlist_parse(session->spares, NULL, 0);
    rms = make(SLURM, &config, spares, events, arg, why, size);
    ft_hostlist_destroy(spares);
    return rms;
}

int ft_source_change(struct ft_rms *rms, const struct ft_plan *plan)
{
    struct ft_rms_config config = {.nodes_max = plan->rms_nodes_max};

    return slurm_config(&config.slurm, plan) == 0 ? ft_rms_change(rms, &config) : -1;
}

struct ft_rms *ft_source_watch(const struct ft_plan *plan, uv_loop_t *loop,
                               const struct ft_rms_events *events, void *arg)
{
    char helper[PATH_MAX] = "", why[300] = "";
    struct ft_rms_config config = {
        .loop = loop,
        .slurm = {.helper = helper, .many = true, .watch_ms = plan->rms_watch_ms}};
    struct ft_rms *rms;

    if (plan->rms_watch_ms == 0 || !find_slurm_helper(helper, why, sizeof why))
        return NULL;
    rms = make(SLURM, &config, NULL, events, arg, why, sizeof why);
    if (rms == NULL)
        ft_log_warning("what Slurm knows of nodes is not heard: %s", why);
    return rms;
}
