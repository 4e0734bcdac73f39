/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * variables.c - what a job with --ft has in its environment, so that a plain mpirun is enough.
 *
 * The same that `ft run` sets (src/cli/environ.c says what each is for; a system test holds the two
 * lists together), and what stands in for the words that `ft run` puts on mpirun's command line:
 *
 *   PRTE_MCA_errmgr_ft_always   every job of a launcher is tolerant, as with --with-ft ulfm
 *   SLURM_NO_KILL               "": for steps what --no-kill is for the allocation
 *   FT_RSH_AGENT                ft-srun: other nodes are reached with srun, not with ssh
 *   FT_MODE                     --ft=MODE, for whoever acts differently (libftmpi, the units)
 *   FT_SPARES                   so many nodes at the end of the allocation are spares: for spare ranks,
 *                               or idle, by FT_MODE
 *
 * The job's shell is not touched: what is to be preloaded is named to the launcher, which loads it
 * into the ranks alone. Nothing here is secret.
 */
#include "config.h"

#include "variables.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMPONENT "prte_mca_errmgr_ft.so"
#define PATH_SIZE 1024

static const char *const names[] = {
    "PRTE_MCA_errmgr_ft_runtime", "PRTE_MCA_errmgr_ft_always", "PRTE_MCA_errmgr_ft_preload",
    "PRTE_MCA_errmgr_ft_noded", "PRTE_MCA_errmgr_ft_centrald", "PRTE_MCA_prte_launch_agent",
    "PRTE_PKGLIBDIR", "FT_NODED", "FT_RSH_AGENT", "FT_SBATCH", "FT_MODE",
    "FT_SPARES", "FT_SPARE_NODES", "SLURM_NO_KILL"};

/* Where the parts of FT are. */
struct places {
    char component_dir[PATH_SIZE];
    char preload[PATH_SIZE];
    char noded[PATH_SIZE];
    char centrald[PATH_SIZE];
    char prted[PATH_SIZE];
    char srun[PATH_SIZE];
};

/* `path` of configure, below a prefix that has moved; outside of it, as it is. */
static void place(char *whole, const char *prefix, const char *path, const char *name)
{
    size_t n = strlen(FT_PREFIX_DIR);
    int inside = prefix && strncmp(path, FT_PREFIX_DIR, n) == 0 && (path[n] == '/' || !path[n]);

    snprintf(whole, PATH_SIZE, "%s%s%s%s", inside ? prefix : "", inside ? path + n : path,
             name[0] ? "/" : "", name);
}

static void find_places(struct places *at, const char *prefix)
{
    place(at->component_dir, prefix, FT_PRTELIBDIR, "");
    place(at->preload, prefix, FT_LIBDIR, "libftmpi.so");
    place(at->noded, prefix, FT_SBINDIR, "ft-noded");
    place(at->centrald, prefix, FT_SBINDIR, "ft-centrald");
    place(at->prted, prefix, FT_PKGLIBEXECDIR, "ft-prted");
    place(at->srun, prefix, FT_PKGLIBEXECDIR, "ft-srun");
}

/* Without one of these a job would only seem to be protected. */
static int look(const struct places *at, char *why, size_t size)
{
    char component[PATH_SIZE + sizeof COMPONENT];
    const struct {
        const char *path;
        int mode;
    } files[] = {{component, R_OK}, {at->preload, R_OK}, {at->noded, X_OK}, {at->centrald, X_OK},
                 {at->srun, X_OK}};

    snprintf(component, sizeof component, "%s/" COMPONENT, at->component_dir);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (access(files[i].path, files[i].mode) == 0)
            continue;
        snprintf(why, size, "FT is not installed as the plugin expects it: %s: %s", files[i].path,
                 strerror(errno));
        return -1;
    }
    return 0;
}

/* Whether PRRTE keeps components of its own as files: its folder has to stay in the list then, and
 * must not be in it otherwise (see component_dirs in src/cli/environ.c). */
static bool has_components(void)
{
    DIR *dir = opendir(FT_PRTE_PKGLIBDIR);
    struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir)))
        found = strncmp(entry->d_name, "prte_mca_", 9) == 0
                && strcmp(entry->d_name, COMPONENT) != 0;
    if (dir)
        closedir(dir);
    return found;
}

/* Where PRRTE does not look by itself, or the daemons are not where the component expects them. */
static int put_places(const struct places *at, const char *prefix, variables_put *put, void *arg)
{
    char dirs[2 * PATH_SIZE], agent[3 * PATH_SIZE + 2];
    int result = 0;

    if (prefix && strcmp(prefix, FT_PREFIX_DIR) != 0)
        result = put(arg, "FT_NODED", at->noded, 0)
                 | put(arg, "PRTE_MCA_errmgr_ft_noded", at->noded, 0)
                 | put(arg, "PRTE_MCA_errmgr_ft_centrald", at->centrald, 0);
    if (strcmp(at->component_dir, FT_PRTE_PKGLIBDIR) == 0)
        return result;
    snprintf(dirs, sizeof dirs, "%s%s%s", at->component_dir, has_components() ? ":" : "",
             has_components() ? FT_PRTE_PKGLIBDIR : "");
    snprintf(agent, sizeof agent, "%s %s", at->prted, dirs);
    return result | put(arg, "PRTE_PKGLIBDIR", dirs, 0)
           | put(arg, "PRTE_MCA_prte_launch_agent", agent, 0);
}

int variables_set(const struct variables_asked *asked, variables_put *put, void *arg, char *why,
                  size_t size)
{
    struct places at;
    int result;

    find_places(&at, asked->prefix);
    if (look(&at, why, size) < 0)
        return -1;
    result = put(arg, "PRTE_MCA_errmgr_ft_runtime", "1", 0)
             | put(arg, "PRTE_MCA_errmgr_ft_always", "1", 0)
             | put(arg, "PRTE_MCA_errmgr_ft_preload", at.preload, 0)
             | put(arg, "FT_RSH_AGENT", at.srun, 0)
             | put_places(&at, asked->prefix, put, arg) | put(arg, "SLURM_NO_KILL", "", 1)
             | put(arg, "FT_MODE", asked->mode, 1);
    if (asked->spares && asked->spares[0] && strcmp(asked->spares, "0") != 0)
        result |= put(arg, "FT_SPARES", asked->spares, 1);
    if (result == 0)
        return 0;
    snprintf(why, size, "the job's environment cannot be changed");
    return -1;
}

void variables_forget(void)
{
    const char *by = getenv("FT_SBATCH"); /* the process that `ft sbatch` was before it became us */

    if (!getenv("PRTE_MCA_errmgr_ft_always") || (by && strtol(by, NULL, 10) == (long) getpid()))
        return;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unsetenv(names[i]);
}
