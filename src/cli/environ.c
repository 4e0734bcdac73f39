/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * environ.c - options + installation -> variables. `ft run` sets them, `ft env` prints them: there
 * is no second list.
 *
 * What each is for (pmix-plugin/prrte/README.md has the launcher's side):
 *
 *   PRTE_MCA_errmgr_ft_runtime    the component brings up the units with the job
 *   PRTE_MCA_errmgr_ft_preload    library for the ranks; "none" with --no-preload (PRRTE 3.0.8
 *                                 crashes on an empty value, and it may be set already)
 *   PRTE_MCA_errmgr_ft_spare_ranks, FT_MODE   --spares, --mode; in a job of Slurm's with spare nodes
 *                                 both may be there already, or follow from the nodes
 *   FT_REPAIR_SHRINK                          --shrink
 *   FT_LOCATIONS                  where the ft.conf's nodes are, for the library in the ranks
 *   FT_RSH_AGENT                  in a job of Slurm: how the central unit reaches other nodes
 *   PRTE_MCA_errmgr_ft_always, SLURM_NO_KILL, FT_MODE, FT_SPARES   for jobs of Slurm
 *                                 (pmix-plugin/slurm/variables.c says what for)
 *   FT_POOL, FT_CONF, FT_EVENTS, FT_SHARE   settings of the private central unit, which inherits
 *                                 the launcher's environment
 *   PRTE_MCA_errmgr_ft_noded, PRTE_MCA_errmgr_ft_centrald, FT_NODED   the daemons, where they are
 *                                 not in the folders that configure was given; the last one is for
 *                                 the central unit, which starts them on the spare nodes
 *   PRTE_PKGLIBDIR, PRTE_MCA_prte_launch_agent   the component, where it is not in the folder that
 *                                 PRRTE looks into by itself: for the launcher, and by way of
 *                                 ft-prted for its daemons
 *
 * All of them are read by the launcher on mpirun's node; the component carries to the other nodes
 * what they need. There is nothing secret in them: the session's key never is in an environment.
 */
#include "config.h"

#include "cli/environ.h"

#include "cli/locations.h"
#include "common/jobrequest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy of the value; NULL: no variable. */
static int add(struct environ_list *list, const char *name, const char *value)
{
    if (!value)
        return 0;
    if (list->n == ENVIRON_MAX) {
        errno = E2BIG;
        return -1;
    }
    list->variables[list->n].name = name;
    list->variables[list->n].value = strdup(value);
    if (!list->variables[list->n].value)
        return -1;
    list->n++;
    return 0;
}

/* The same with a value that was just made: it is freed here, NULL is out of memory. */
static int add_owned(struct environ_list *list, const char *name, char *value)
{
    int result = value ? add(list, name, value) : -1;

    free(value);
    return result;
}

static int add_settings(struct environ_list *list, const struct options *options,
                        const struct install *install)
{
    const char *preload = options->no_preload ? "none" : install->preload;

    if (add(list, "PRTE_MCA_errmgr_ft_runtime", "1") < 0
        || add(list, "PRTE_MCA_errmgr_ft_preload", preload) < 0
        || add(list, "FT_POOL", options->pool) < 0 || add(list, "FT_CONF", options->conf) < 0
        || add(list, "FT_EVENTS", options->events) < 0
        || add(list, "FT_SHARE", options->share ? "1" : NULL) < 0)
        return -1;
    return 0;
}

/* In a job of Slurm, other nodes are reached by its means. Of `ft sbatch` and `ft salloc`: what ft
 * run has on mpirun's command line is in the environment. */
static int add_slurm(struct environ_list *list, const struct options *options,
                     const struct install *install, char *(*get)(const char *name))
{
    char spares[16];

    if ((options->mode || get("SLURM_JOB_ID")) && !get("FT_RSH_AGENT")
        && add(list, "FT_RSH_AGENT", install->srun) < 0)
        return -1;
    if (!options->mode)
        return 0;
    snprintf(spares, sizeof spares, "%u", options->spares);
    if (add(list, "PRTE_MCA_errmgr_ft_always", "1") < 0 || add(list, "SLURM_NO_KILL", "") < 0
        || add(list, "FT_MODE", options->mode) < 0
        || add(list, "FT_SPARES", options->spares > 0 ? spares : NULL) < 0)
        return -1;
    return 0;
}

/* Spare ranks are the launcher's business, the mode is that of the library in the ranks. A job of
 * Slurm's may have a mode already. --spares 0 is said too: there it is not the same as nothing. */
static int add_spares(struct environ_list *list, const struct options *options,
                      char *(*get)(const char *name))
{
    const char *mode = options->run_mode;
    char spares[16];

    snprintf(spares, sizeof spares, "%u", options->spare_ranks);
    if (!mode && options->spare_ranks > 0 && !ft_mode_mends(get("FT_MODE")))
        mode = ft_mode_of(NULL, options->spare_ranks);
    return add(list, "PRTE_MCA_errmgr_ft_spare_ranks", options->spare_ranks_given ? spares : NULL)
                       < 0
                   || add(list, "FT_MODE", mode) < 0
                   || add(list, "FT_REPAIR_SHRINK", options->shrink ? "1" : NULL) < 0
               ? -1 : 0;
}

/* What the user has set himself stays. */
static int add_locations(struct environ_list *list, const struct options *options,
                         char *(*get)(const char *name))
{
    const char *conf = options->conf ? options->conf : get("FT_CONF");
    char *locations = conf && !get("FT_LOCATIONS") ? locations_of(conf) : NULL;
    int result = add(list, "FT_LOCATIONS", locations);

    free(locations);
    return result;
}

static int add_daemons(struct environ_list *list, const struct install *install)
{
    if (install->kind == INSTALL_AS_CONFIGURED)
        return 0;
    if (add(list, "FT_NODED", install->noded) < 0
        || add(list, "PRTE_MCA_errmgr_ft_noded", install->noded) < 0
        || add(list, "PRTE_MCA_errmgr_ft_centrald", install->centrald) < 0)
        return -1;
    return 0;
}

/* The component's folder, then those that PRRTE would look into without us: PRTE_PKGLIBDIR takes
 * the place of PRRTE's own folder. That one is named only where it holds something, for with a
 * folder in the list that is not there PRRTE finds nothing at all. */
static char *component_dirs(const struct install *install, char *(*get)(const char *name))
{
    const char *before = get("PRTE_PKGLIBDIR");
    size_t n = strlen(install->component_dir);
    char *dirs;

    if (!before || !*before)
        before = install_prrte_has_components(FT_PRTE_PKGLIBDIR) ? FT_PRTE_PKGLIBDIR : "";
    if (strncmp(before, install->component_dir, n) == 0 && (before[n] == ':' || before[n] == '\0'))
        return strdup(before); /* set by `ft env` */
    return asprintf(&dirs, "%s%s%s", install->component_dir, *before ? ":" : "", before) < 0 ? NULL
                                                                                          : dirs;
}

/* PRRTE splits the launch agent at blanks, and has no quoting for it. */
static int add_component(struct environ_list *list, const struct install *install,
                         char *(*get)(const char *name))
{
    char *dirs, *agent;

    if (install_is_where_prrte_looks(install))
        return 0;
    if (strpbrk(install->prted, " \t") || strpbrk(install->component_dir, " \t:")) {
        errno = EINVAL;
        return -1;
    }
    dirs = component_dirs(install, get);
    if (!dirs || asprintf(&agent, "%s %s", install->prted, dirs) < 0)
        agent = NULL;
    if (add_owned(list, "PRTE_PKGLIBDIR", dirs) < 0) {
        free(agent);
        return -1;
    }
    return add_owned(list, "PRTE_MCA_prte_launch_agent", agent);
}

int environ_make(struct environ_list *list, const struct options *options,
                 const struct install *install, char *(*get)(const char *name))
{
    memset(list, 0, sizeof *list);
    if (add_settings(list, options, install) < 0 || add_slurm(list, options, install, get) < 0
        || add_spares(list, options, get) < 0 || add_locations(list, options, get) < 0
        || add_daemons(list, install) < 0
        || add_component(list, install, get) < 0)
        return -1;
    return 0;
}

const char *environ_value(const struct environ_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->variables[i].name, name) == 0)
            return list->variables[i].value;
    return NULL;
}

int environ_set(const struct environ_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (setenv(list->variables[i].name, list->variables[i].value, 1) < 0)
            return -1;
    return 0;
}

void environ_clear(struct environ_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->variables[i].value);
    memset(list, 0, sizeof *list);
}
