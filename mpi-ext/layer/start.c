/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * start.c - how a process is started in a lost one's place.
 *
 * Which program: FTMPI_Reach's caller says so; where the layer itself has a lost rank replaced it
 * is what this process is, with the arguments and in the folder in which it was started. They are
 * noted in MPI_Init, from /proc: a program may change its arguments, its folder and, if it is
 * installed anew meanwhile, the file that it was started from.
 *
 * By which name: as it was called, if that leads to the same file, else the file's own. A program
 * may look at its name, and at where it stands: Python, called through a link in a virtual
 * environment, finds that environment's packages by it.
 *
 * Called by reach.c (one process for one claim) and refill.c (in a repair).
 */
#include "config.h"

#include "start.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fresh.h"
#include "refill.h"
#include "who.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define COMMAND_LINE_MAX (1 << 21) /* Linux' own limit for all arguments together */

/* ---------------------------------------------------------------- which program */

static char command[PATH_MAX], folder[PATH_MAX];
static char **argv; /* into one piece of memory, at whose begin the first is */

/* /proc/self/cmdline, and a 0 behind it. NULL: it cannot be read. */
static char *read_line(size_t *n)
{
    FILE *file = fopen("/proc/self/cmdline", "re");
    size_t size = 4096, got;
    char *text = file ? malloc(size + 1) : NULL, *more;

    *n = 0;
    while (text && (got = fread(text + *n, 1, size - *n, file)) > 0) {
        *n += got;
        if (*n < size)
            continue;
        size *= 2;
        more = size <= COMMAND_LINE_MAX ? realloc(text, size + 1) : NULL;
        if (!more)
            free(text);
        text = more;
    }
    if (file)
        fclose(file);
    if (text)
        text[*n] = '\0';
    return text;
}

static char **split(char *text, size_t n)
{
    size_t count = 0, i = 0;
    char **list;

    for (const char *at = text; at < text + n; at += strlen(at) + 1)
        count++;
    list = calloc(count + 2, sizeof *list);
    for (char *at = text; list && at < text + n; at += strlen(at) + 1)
        list[i++] = at;
    return list;
}

/* Is it the file that this process runs? */
static bool is_ours(const char *path)
{
    struct stat ours, its;

    return stat("/proc/self/exe", &ours) == 0 && stat(path, &its) == 0 && S_ISREG(its.st_mode)
        && ours.st_dev == its.st_dev && ours.st_ino == its.st_ino;
}

/* Puts folder and name together, as an absolute path; false: it leads elsewhere. */
static bool try_path(const char *in, size_t n, const char *name, char path[PATH_MAX])
{
    const char *from = n > 0 && in[0] == '/' ? "" : folder;
    int length = snprintf(path, PATH_MAX, "%s%s%.*s%s%s", from, *from ? "/" : "", (int) n, in,
                          n > 0 ? "/" : "", name);

    return length < PATH_MAX && is_ours(path);
}

/* Where the program stands by the name that it was called by; false: not to be found. */
static bool find_called(const char *name, char path[PATH_MAX])
{
    const char *at = getenv("PATH");
    size_t n;

    if (name[0] == '/')
        return strlen(name) < PATH_MAX && is_ours(strcpy(path, name));
    if (strchr(name, '/'))
        return try_path("", 0, name, path);
    for (; name[0] != '\0' && at && *at != '\0'; at += n + (at[n] == ':')) {
        n = strcspn(at, ":");
        if (n < PATH_MAX && try_path(at, n, name, path))
            return true;
    }
    return false;
}

void ftm_start_note_program(void)
{
    char called[PATH_MAX];
    ssize_t length;
    size_t n;
    char *line;

    if (argv)
        return;
    length = readlink("/proc/self/exe", command, sizeof command - 1);
    if (length <= 0)
        return;
    command[length] = '\0';
    if (!getcwd(folder, sizeof folder))
        folder[0] = '\0';
    line = read_line(&n);
    argv = line ? split(line, n) : NULL;
    if (!argv)
        free(line);
    else if (argv[0] && find_called(argv[0], called))
        memcpy(command, called, sizeof command);
}

const struct ftm_program *ftm_start_program(void)
{
    static struct ftm_program program;

    if (!argv)
        return NULL;
    program = (struct ftm_program){command, argv + 1, folder};
    return &program;
}

/* ---------------------------------------------------------------- its environment */

/* What one process, one node or one login has of its own, or what the launcher gives each process.
 * All else (what the job script, a wrapper or `mpirun -x` set) belongs to the program, and its
 * stand-in gets it too. A name that ends in _ stands for all that begin so. */
static const char *const not_passed_on[] = {
    "PMIX_", "PRTE_", "OMPI_", "PMI_", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", FTM_WHO_ENV,
    FTM_JOIN_ENV, FTM_FRESH_ENV, "_", "HOSTNAME", "PWD", "OLDPWD", "SHLVL", "TMPDIR", "TMP", "TEMP",
    "XDG_", "SSH_", "DBUS_", "DISPLAY", "XAUTHORITY", "TERM", "COLUMNS", "LINES", "LS_COLORS",
    "INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "SLURM_", "SLURMD_", "PBS_", "LSB_",
    "HWLOC_", "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK", "GOMP_CPU_AFFINITY",
};

static bool is_passed_on(const char *variable)
{
    size_t n = strcspn(variable, "=");

    if (n == 0 || variable[n] == '\0')
        return false;
    for (size_t i = 0; i < sizeof not_passed_on / sizeof not_passed_on[0]; i++) {
        size_t m = strlen(not_passed_on[i]);
        bool is_prefix = m > 1 && not_passed_on[i][m - 1] == '_';

        if (strncmp(variable, not_passed_on[i], m) == 0 && (is_prefix || n == m))
            return false;
    }
    return true;
}

const char **ftm_start_environment(const char *const own[])
{
    size_t n = 0, m = 0, kept = 0;
    const char **list;

    while (environ[n])
        n++;
    while (own[m])
        m++;
    list = calloc(n + m + 1, sizeof *list);
    if (!list)
        return NULL;
    for (size_t i = 0; i < m; i++)
        list[kept++] = own[i];
    for (size_t i = 0; i < n; i++)
        if (is_passed_on(environ[i]))
            list[kept++] = environ[i];
    return list;
}

/* ---------------------------------------------------------------- where */

/* A node that the launcher does not have yet is added to its own; a full one is shared. PRRTE
 * counts slots and cores apart: to go beyond the slots is OVERSUBSCRIBE, which also leaves the
 * process unbound; and a node whose cores are all bound to is still refused unless they may be
 * overloaded. Both are said, so that what the runtime has decided is not decided again there. */
void ftm_start_place(MPI_Info info, const char *node, bool in_job)
{
    if (!in_job)
        PMPI_Info_set(info, "PMIX_ADD_HOST", node);
    PMPI_Info_set(info, "PMIX_HOST", node);
    PMPI_Info_set(info, "PMIX_MAPBY", ":OVERSUBSCRIBE");
    PMPI_Info_set(info, "PMIX_BINDTO", "none:overload-allowed");
}
