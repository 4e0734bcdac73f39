/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mpirun.c - finds mpirun and refuses one that cannot do it, before anything is started.
 *
 * Called by run.c and doctor.c. `mpirun --version` takes 20 ms, ompi_info's answer about ULFM 150,
 * so the second question is asked only where the first answer leaves it open: another Open MPI than
 * the one that configure found (and looked into).
 */
#include "config.h"

#include "cli/mpirun.h"

#include "cli/capture.h"
#include "cli/cli.h"

#include "common/text.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_TIMEOUT_MS 20000
#define OPENMPI_MAJOR_MIN 5

/* 0, or an errno. */
static int startable(const char *path)
{
    struct stat file;

    if (stat(path, &file) < 0)
        return errno;
    if (!S_ISREG(file.st_mode) || access(path, X_OK) < 0)
        return EACCES;
    return 0;
}

static int locate(const char *path, char *found, size_t size)
{
    const char *dirs = getenv("PATH"), *end;
    int result = ENOENT, error;

    if (strchr(path, '/')) {
        if ((size_t) snprintf(found, size, "%s", path) >= size)
            return ENAMETOOLONG;
        return startable(path);
    }
    for (; dirs && *dirs; dirs = *end ? end + 1 : end) {
        end = dirs + strcspn(dirs, ":");
        if ((size_t) snprintf(found, size, "%.*s%s%s", (int) (end - dirs), dirs,
                              end == dirs ? "" : "/", path) >= size)
            continue;
        error = startable(found);
        if (error == 0)
            return 0;
        if (error == EACCES)
            result = EACCES;
    }
    return result;
}

int mpirun_parse_version(const char *text, char *version, size_t size)
{
    static const char mark[] = "(Open MPI) ";
    const char *at = strstr(text, mark);
    size_t n;

    if (!at)
        return -1;
    at += strlen(mark);
    n = strcspn(at, " \t\r\n");
    if (n == 0 || n >= size)
        return -1;
    memcpy(version, at, n);
    version[n] = '\0';
    return 0;
}

static int ask(char *const argv[], char *text, size_t size)
{
    struct capture *c = capture_start(argv, ASK_TIMEOUT_MS);
    int code = -1;

    if (!c)
        return -1;
    code = capture_wait(c);
    snprintf(text, size, "%s", capture_text(c));
    capture_destroy(c);
    return code;
}

/* Whether the ompi_info beside this mpirun (else the one in PATH) says that ULFM is compiled in. */
static bool has_ulfm(const struct mpirun *m)
{
    char info[sizeof m->path + 16], text[8192];
    char *slash;

    snprintf(info, sizeof info, "%s", m->path);
    slash = strrchr(info, '/');
    strcpy(slash ? slash + 1 : info, "ompi_info");
    if (startable(info) != 0)
        strcpy(info, "ompi_info");
    return ask((char *[]){info, (char[]){"-c"}, (char[]){"--parsable"}, NULL}, text, sizeof text)
               == 0
           && strstr(text, "ft_mpi_support:yes");
}

/* 0 if m->path is one that will do. */
static int examine(struct mpirun *m, char *why, size_t size)
{
    char text[1024];
    int code = ask((char *[]){m->path, (char[]){"--version"}, NULL}, text, sizeof text);

    m->version[0] = '\0';
    if (mpirun_parse_version(text, m->version, sizeof m->version) < 0) {
        if (code < 0)
            snprintf(why, size, "%s --version does not end well: %s", m->path, strerror(errno));
        else
            snprintf(why, size, "%s is not Open MPI's (it says: %.*s); name Open MPI's with "
                     "--mpirun or $FT_MPIRUN", m->path, (int) strcspn(text, "\n") % 200, text);
        return CLI_RUN_FAILED;
    }
    if (atoi(m->version) < OPENMPI_MAJOR_MIN) {
        snprintf(why, size, "%s is Open MPI %s; surviving a loss needs Open MPI %d or newer. Name "
                 "another one with --mpirun or $FT_MPIRUN", m->path, m->version, OPENMPI_MAJOR_MIN);
        return CLI_RUN_FAILED;
    }
    if (strcmp(m->version, FT_OPENMPI_VERSION) != 0 && !has_ulfm(m)) {
        snprintf(why, size, "%s is Open MPI %s without ULFM (ompi_info does not say "
                 "ft_mpi_support:yes); it has to be built with it", m->path, m->version);
        return CLI_RUN_FAILED;
    }
    return 0;
}

static int not_found(const char *name, int error, char *why, size_t size)
{
    if (error == EACCES) {
        snprintf(why, size, "%s cannot be started: it is not an executable file", name);
        return CLI_RUN_DENIED;
    }
    snprintf(why, size, "%s: %s; install Open MPI 5 (Debian: apt-get install openmpi-bin) or name "
             "its mpirun with --mpirun or $FT_MPIRUN", name,
             error == ENOENT ? "there is no such program" : strerror(error));
    return CLI_RUN_MISSING;
}

int mpirun_find(struct mpirun *m, const char *given, char *why, size_t size)
{
    const char *names[] = {"mpirun", "mpirun.openmpi"};
    size_t n = 2;
    int result = CLI_RUN_MISSING;

    if (!given || !*given)
        given = getenv("FT_MPIRUN");
    if (given && *given) {
        names[0] = given;
        n = 1;
    }
    for (size_t i = 0; i < n; i++) {
        char text[sizeof m->path + 2048];
        int error = locate(names[i], m->path, sizeof m->path);
        int code = error ? not_found(names[i], error, text, sizeof text)
                         : examine(m, text, sizeof text);
        if (code == 0)
            return 0;
        /* Of two that will not do, the first one's fault is told, unless it is missing. */
        if (i == 0 || (result == CLI_RUN_MISSING && code != CLI_RUN_MISSING)) {
            ft_text_copy(why, size, text);
            result = code;
        }
    }
    return result;
}
