/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * install.c - where the component, libftmpi.so and the daemons are.
 *
 * Called by run.c, env.c, doctor.c and version.c. Three cases, told apart by where the program `ft`
 * itself is (or by $FT_PREFIX):
 *
 *   as configured   it is in the bindir of configure: the folders are those of configure
 *   moved           it is in another folder that ends as bindir ends below the prefix (/usr/bin
 *                   of a staged installation, an environment module, a container's mount): what
 *                   was below the old prefix is below the new one
 *   build tree      it is in BUILD/src/cli, and BUILD holds config.status
 *
 * The folders of configure come in as FT_PREFIX_DIR, FT_BINDIR, FT_SBINDIR, FT_LIBDIR,
 * FT_PKGLIBEXECDIR and FT_PRTELIBDIR; where PRRTE itself looks, as FT_PRTE_PKGLIBDIR.
 */
#include "config.h"

#include "cli/install.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COMPONENT "prte_mca_errmgr_ft.so"
#define PRELOAD "libftmpi.so"

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Cuts `end` off `path`; false if it does not end so. */
static bool cut_end(char *path, const char *end)
{
    if (!ends_with(path, end))
        return false;
    path[strlen(path) - strlen(end)] = '\0';
    return true;
}

static void cut_name(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash)
        *slash = '\0';
}

static bool is_build_tree(const char *path)
{
    char status[PATH_MAX];

    return snprintf(status, sizeof status, "%s/config.status", path) < (int) sizeof status
           && access(status, F_OK) == 0;
}

/* `path` of configure below a prefix that has moved; outside of it, as it is. */
static char *below(const char *prefix, const char *path, const char *name)
{
    size_t n = strlen(FT_PREFIX_DIR);
    bool inside = strncmp(path, FT_PREFIX_DIR, n) == 0 && (path[n] == '/' || path[n] == '\0');
    char *whole;

    if (asprintf(&whole, "%s%s/%s", inside ? prefix : "", inside ? path + n : path, name) < 0)
        return NULL;
    return whole;
}

static void fill_installed(struct install *in, const char *prefix)
{
    in->kind = strcmp(prefix, FT_PREFIX_DIR) == 0 ? INSTALL_AS_CONFIGURED : INSTALL_MOVED;
    in->component = below(prefix, FT_PRTELIBDIR, COMPONENT);
    in->preload = below(prefix, FT_LIBDIR, PRELOAD);
    in->noded = below(prefix, FT_SBINDIR, "ft-noded");
    in->centrald = below(prefix, FT_SBINDIR, "ft-centrald");
    in->prted = below(prefix, FT_PKGLIBEXECDIR, "ft-prted");
    in->srun = below(prefix, FT_PKGLIBEXECDIR, "ft-srun");
}

static char *in_folder(const char *folder, const char *path)
{
    char *whole;

    return asprintf(&whole, "%s/%s", folder, path) < 0 ? NULL : whole;
}

static void fill_build_tree(struct install *in, const char *build)
{
    in->kind = INSTALL_BUILD_TREE;
    in->component = in_folder(build, "pmix-plugin/prrte/.libs/" COMPONENT);
    in->prted = in_folder(build, "pmix-plugin/prrte/ft-prted");
    in->srun = in_folder(build, "pmix-plugin/slurm/ft-srun");
    in->preload = in_folder(build, "mpi-ext/.libs/" PRELOAD);
    in->noded = in_folder(build, "src/noded/ft-noded");
    in->centrald = in_folder(build, "src/centrald/ft-centrald");
}

/* The prefix or build folder that `self` belongs to, in `root`. Returns whether it is a build's. */
static bool find_root(char *root, size_t size, const char *self)
{
    const char *bin = FT_BINDIR;
    size_t n = strlen(FT_PREFIX_DIR);

    snprintf(root, size, "%s", self);
    cut_name(root);
    cut_end(root, "/.libs");
    if (cut_end(root, "/src/cli") && is_build_tree(root))
        return true;
    snprintf(root, size, "%s", self);
    cut_name(root);
    if (strncmp(bin, FT_PREFIX_DIR, n) != 0 || strcmp(root, bin) == 0 || !cut_end(root, bin + n))
        snprintf(root, size, "%s", FT_PREFIX_DIR);
    return false;
}

int install_find(struct install *in, const char *self, const char *prefix)
{
    char root[PATH_MAX];
    bool build;

    memset(in, 0, sizeof *in);
    if (prefix && *prefix) {
        if (!realpath(prefix, root))
            return -1;
        build = is_build_tree(root);
    } else {
        build = find_root(root, sizeof root, self);
    }
    if (build)
        fill_build_tree(in, root);
    else
        fill_installed(in, root);
    if (in->component && (in->component_dir = strdup(in->component)))
        cut_name(in->component_dir);
    return in->component_dir && in->prted && in->srun && in->preload && in->noded && in->centrald ? 0 : -1;
}

int install_find_own(struct install *in)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    /* Without /proc: what configure said. */
    if (n < 0)
        n = snprintf(self, sizeof self, "%s/ft", FT_BINDIR);
    self[n] = '\0';
    return install_find(in, self, getenv("FT_PREFIX"));
}

void install_clear(struct install *in)
{
    free(in->component);
    free(in->component_dir);
    free(in->prted);
    free(in->srun);
    free(in->preload);
    free(in->noded);
    free(in->centrald);
    memset(in, 0, sizeof *in);
}

bool install_is_where_prrte_looks(const struct install *in)
{
    return strcmp(in->component_dir, FT_PRTE_PKGLIBDIR) == 0;
}

bool install_prrte_has_components(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool found = false;

    while (dir && !found && (entry = readdir(dir)))
        found = strncmp(entry->d_name, "prte_mca_", 9) == 0 && ends_with(entry->d_name, ".so")
                && strcmp(entry->d_name, COMPONENT) != 0;
    if (dir)
        closedir(dir);
    return found;
}

int install_missing(const struct install *in, bool preload, char *text, size_t size)
{
    const struct {
        const char *path;
        int mode;
    } files[] = {{in->component, R_OK},
                 {in->noded, X_OK},
                 {in->centrald, X_OK},
                 {install_is_where_prrte_looks(in) ? NULL : in->prted, X_OK},
                 {preload ? in->preload : NULL, R_OK}};
    size_t used = 0;
    int missing = 0;

    if (size)
        *text = '\0';
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!files[i].path || access(files[i].path, files[i].mode) == 0)
            continue;
        if (used < size)
            used += (size_t) snprintf(text + used, size - used, "%s%s (%s)", missing ? ", " : "",
                                      files[i].path, strerror(errno));
        missing++;
    }
    return missing;
}
