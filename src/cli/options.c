/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * options.c - FT's own options, in front of mpirun's.
 *
 * `ft run` is a thin front: what it does not know belongs to mpirun, so parsing ends at the first
 * word that is not FT's, and from there on nothing is looked at. getopt_long would read on and
 * reorder; hence a table and twenty lines of our own. Both `--pool n3` and `--pool=n3` are taken.
 *
 * Paths are made absolute: they travel to daemons with other working directories.
 */
#include "config.h"

#include "cli/options.h"

#include "common/hostlist.h"
#include "common/jobrequest.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char options_help[] =
    "  --spares N        N more ranks that wait to take a lost rank's place at once; they need slots\n"
    "                    as well, and are put on nodes of their own where there are any\n"
    "  --mode MODE       what becomes of a loss: report (default), retarget (default with\n"
    "                    --spares) or repair\n"
    "  --shrink          with --mode repair: go on with fewer ranks where nobody can be had for\n"
    "                    a lost one\n"
    "  --pool HOSTLIST   spare nodes that may join the job, e.g. n3,n4 or n[3-6]\n"
    "  --conf FILE       settings (ft.conf(5)); default $FT_CONF, else none\n"
    "  --events FILE     write the event log there instead of below\n"
    "                    ${XDG_STATE_HOME:-~/.local/state}/ft; also --event-log\n"
    "  --share           a surviving node of the job may take a lost node's place\n"
    "  --mpirun PATH     this mpirun; default $FT_MPIRUN, else mpirun in PATH\n"
    "  --no-preload      do not load libftmpi.so into the ranks\n";

struct option {
    const char *name;
    bool has_value;
    /* Returns 0, or -1 with `why` filled. */
    int (*take)(struct options *o, const char *value, char *why, size_t size);
};

static int take_pool(struct options *o, const char *value, char *why, size_t size)
{
    char reason[256];
    struct ft_hostlist *hosts = ft_hostlist_parse(value, reason, sizeof reason);
    size_t n = hosts ? ft_hostlist_count(hosts) : 0;

    if (!hosts)
        snprintf(why, size, "--pool %s: %s", value, reason);
    else if (n == 0)
        snprintf(why, size, "--pool '%s': it names no node", value);
    ft_hostlist_destroy(hosts);
    o->pool = value;
    return n ? 0 : -1;
}

/* The absolute form of a path; the file itself need not be there. */
static char *absolute(const char *path)
{
    char *cwd, *whole = NULL;

    if (path[0] == '/')
        return strdup(path);
    cwd = getcwd(NULL, 0);
    if (cwd && asprintf(&whole, "%s/%s", cwd, path) < 0)
        whole = NULL;
    free(cwd);
    return whole;
}

static int replace_path(char **where, const char *value, char *why, size_t size)
{
    char *whole = absolute(value);

    if (!whole) {
        snprintf(why, size, "%s: %s", value, strerror(errno));
        return -1;
    }
    free(*where);
    *where = whole;
    return 0;
}

static int take_conf(struct options *o, const char *value, char *why, size_t size)
{
    struct stat file;
    int fd = open(value, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &file) < 0) {
        snprintf(why, size, "--conf %s: %s", value, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    close(fd);
    if (S_ISDIR(file.st_mode)) {
        snprintf(why, size, "--conf %s: that is a folder; it takes a file", value);
        return -1;
    }
    return replace_path(&o->conf, value, why, size);
}

/* The file is made if it is missing, its folder is not. */
static int take_events(struct options *o, const char *value, char *why, size_t size)
{
    char *copy = strdup(value);
    struct stat file;
    int result = -1;

    if (!copy)
        snprintf(why, size, "--events %s: %s", value, strerror(errno));
    else if (stat(value, &file) == 0 && S_ISDIR(file.st_mode))
        snprintf(why, size, "--events %s: that is a folder; it takes a file", value);
    else if (access(value, F_OK) == 0 ? access(value, W_OK) < 0 : access(dirname(copy), W_OK) < 0)
        snprintf(why, size, "--events %s: it cannot be written: %s", value, strerror(errno));
    else
        result = replace_path(&o->events, value, why, size);
    free(copy);
    return result;
}

static int take_mpirun(struct options *o, const char *value, char *why, size_t size)
{
    (void) why;
    (void) size;
    o->mpirun = value;
    return 0;
}

static int take_shell(struct options *o, const char *value, char *why, size_t size)
{
    (void) why;
    (void) size;
    o->shell = value;
    return 0;
}

static int take_mode(struct options *o, const char *value, char *why, size_t size)
{
    o->mode = ft_mode_parse(value);
    if (o->mode)
        return 0;
    snprintf(why, size, "--ft=%s: there is no such mode; it is " FT_MODES, value);
    return -1;
}

static int take_run_mode(struct options *o, const char *value, char *why, size_t size)
{
    o->run_mode = ft_mode_parse(value);
    if (o->run_mode)
        return 0;
    snprintf(why, size, "--mode %s: there is no such mode; it is " FT_MODES, value);
    return -1;
}

static int take_spare_ranks(struct options *o, const char *value, char *why, size_t size)
{
    o->spare_ranks_given = true;
    if (ft_spares_parse(value, &o->spare_ranks) == 0)
        return 0;
    snprintf(why, size, "--spares %s: it takes a number of ranks from 0 to %d", value,
             FT_SPARES_MAX);
    return -1;
}

static int take_spares(struct options *o, const char *value, char *why, size_t size)
{
    if (ft_spares_parse(value, &o->spares) == 0)
        return 0;
    snprintf(why, size, "--ft-spares=%s: it takes a number of nodes from 0 to %d", value,
             FT_SPARES_MAX);
    return -1;
}

#define FLAG(name)                                                                         \
    static int take_##name(struct options *o, const char *value, char *why, size_t size)  \
    {                                                                                      \
        (void) value;                                                                      \
        (void) why;                                                                        \
        (void) size;                                                                       \
        o->name = true;                                                                    \
        return 0;                                                                          \
    }
FLAG(share)
FLAG(shrink)
FLAG(no_preload)
FLAG(verbose)
FLAG(help)
FLAG(version)

static const struct option table[] = {
    {"--pool", true, take_pool},
    {"--spares", true, take_spare_ranks},
    {"--mode", true, take_run_mode},
    {"--shrink", false, take_shrink},
    {"--conf", true, take_conf},
    {"--events", true, take_events},
    {"--event-log", true, take_events},
    {"--mpirun", true, take_mpirun},
    {"--share", false, take_share},
    {"--no-preload", false, take_no_preload},
    {"--help", false, take_help},
    {"-h", false, take_help},
    {"--version", false, take_version},
    {"-v", false, take_verbose},
};
static const struct option slurm_table[] = {
    {"--ft", false, take_mode},
    {"--ft-spares", true, take_spares},
    {"--conf", true, take_conf},
    {"--events", true, take_events},
    {"--share", false, take_share},
    {"--no-preload", false, take_no_preload},
};
static const struct option shell_option = {"--shell", true, take_shell};

static bool is_called(const struct option *option, const char *word, size_t length)
{
    return strlen(option->name) == length && strncmp(option->name, word, length) == 0;
}

/* The option that `word` is, with *value behind its '=' or NULL; NULL if it is none. */
static const struct option *find(const char *word, unsigned more, const char **value)
{
    size_t length = strcspn(word, "=");

    *value = word[length] == '=' ? word + length + 1 : NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (is_called(&table[i], word, length))
            return &table[i];
    return more & OPTIONS_SHELL && is_called(&shell_option, word, length) ? &shell_option : NULL;
}

/* What does not go together. */
static int check(const struct options *o, int at, char *why, size_t size)
{
    if (o->shrink && (!o->run_mode || strcmp(o->run_mode, "repair") != 0)) {
        snprintf(why, size, "--shrink says how --mode repair is to go on; it needs that mode");
        return -1;
    }
    if (o->spare_ranks == 0
        || (!o->no_preload && (!o->run_mode || strcmp(o->run_mode, "report") != 0)))
        return at;
    snprintf(why, size, o->no_preload
             ? "--spares needs the library that --no-preload leaves out: spares wait in it"
             : "--spares with --mode report: nothing would use them; it is retarget or repair");
    return -1;
}

int options_parse(struct options *o, int argc, char **argv, unsigned more, char *why, size_t size)
{
    int i = 1;

    memset(o, 0, sizeof *o);
    while (i < argc) {
        const char *value;
        const struct option *option = find(argv[i], more, &value);

        if (strcmp(argv[i], "--") == 0)
            return check(o, i + 1, why, size);
        if (!option)
            break;
        i++;
        if (!option->has_value && value) {
            snprintf(why, size, "%s takes no value", option->name);
            return -1;
        }
        if (option->has_value && !value && i < argc)
            value = argv[i++];
        if (option->has_value && (!value || !*value)) {
            snprintf(why, size, "%s needs a value", option->name);
            return -1;
        }
        if (option->take(o, value, why, size) < 0)
            return -1;
    }
    return check(o, i, why, size);
}

int options_take(struct options *o, const char *name, const char *value, char *why, size_t size)
{
    for (size_t i = 0; i < sizeof slurm_table / sizeof slurm_table[0]; i++) {
        if (strcmp(slurm_table[i].name, name) != 0)
            continue;
        if (slurm_table[i].has_value && (!value || !*value)) {
            snprintf(why, size, "%s needs a value", name);
            return -1;
        }
        return slurm_table[i].take(o, value, why, size);
    }
    snprintf(why, size, "%s: there is no such option", name);
    return -1;
}

void options_clear(struct options *o)
{
    free(o->conf);
    free(o->events);
    memset(o, 0, sizeof *o);
}
