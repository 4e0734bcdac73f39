/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * install.h - where the other parts of FT are: installed, moved as a whole, or in a build tree.
 */
#ifndef FT_CLI_INSTALL_H
#define FT_CLI_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

enum install_kind {
    INSTALL_AS_CONFIGURED, /* in the folders that configure was given */
    INSTALL_MOVED,         /* the whole prefix is elsewhere */
    INSTALL_BUILD_TREE     /* nothing is installed: all from the build folder */
};

struct install {
    enum install_kind kind;
    char *component;     /* PRRTE's component, prte_mca_errmgr_ft.so */
    char *component_dir; /* the folder it is in */
    char *prted;         /* ft-prted, which starts PRRTE's daemon with a component_dir of ours */
    char *preload;       /* libftmpi.so */
    char *srun;          /* ft-srun, in jobs of Slurm what ssh is elsewhere */
    char *noded;
    char *centrald;
};

/* Finds them.
 *   self     path of the running program `ft`
 *   prefix   $FT_PREFIX or NULL: the prefix to use, or a build folder (one that holds
 *            config.status), whatever `self` is
 *   in       filled; to be given to install_clear, after an error as well
 * Only makes the paths; whether the files are there is the caller's to see.
 * Returns 0, or -1 with errno. */
int install_find(struct install *in, const char *self, const char *prefix);

/* The same for this process: /proc/self/exe and $FT_PREFIX. */
int install_find_own(struct install *in);

void install_clear(struct install *in);

/* Whether PRRTE looks for components in component_dir by itself. */
bool install_is_where_prrte_looks(const struct install *in);

/* Whether a folder holds components of PRRTE, other than FT's. */
bool install_prrte_has_components(const char *folder);

/* Says what is missing of what a job needs, with the paths; "" if nothing.
 * Returns the number of missing files. */
int install_missing(const struct install *in, bool preload, char *text, size_t size);

#endif
