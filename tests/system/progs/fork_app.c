/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fork_app.c - children of a rank that runs the layer, while another thread of it is in a call.
 *
 * Rank 0 keeps state, which nobody takes: the others do not. So a thread of it waits for its commit,
 * in the layer. Meanwhile rank 0 forks a child for each thing that one may do, and prints what has
 * become of it: "child WHAT: CODE", or "child WHAT: hangs". CODE is 0 if all went as it says here.
 *
 *     exit       ends by exit(3), with all that libraries do then
 *     refused    each FTMPI_ call fails at once, and FTMPI_Last_error says why
 *     loop       FTMPI_Loop does not call its function
 *     local      MPI_Comm_rank, _size, MPI_Initialized: as in the parent
 *     runtime    opens a connection of its own to the runtime (openFT), and closes it
 *     thread     the same as refused, from a thread of the child's
 *     system     system(3)
 *
 * Then all ranks communicate once more, and end.
 */
#include <errno.h>
#include <mpi.h>
#include <mpi-ext.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ft.h"
#include "ftmpi.h"

#define HANGS_MS 5000
#define STEP_MS 10
#define SETTLED_MS 300 /* the thread is in its call by then */
#define WAIT_MS 2500   /* so long it is there; shorter than the time that a partner is waited for */

static int rank, size;

static void nap(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

static void *wait_for_commit(void *unused)
{
    (void) unused;
    if (FTMPI_Commit_wait(WAIT_MS) != MPI_ERR_PENDING)
        printf("the commit is not waited for\n");
    return NULL;
}

/* ---------------------------------------------------------------- what children do */

static int body(const FTMPI_Repair_t *repair, void *arg)
{
    (void) repair;
    *(int *) arg = 1;
    return MPI_SUCCESS;
}

static int called(const FTMPI_Repair_t *repair, void *arg)
{
    (void) repair;
    (void) arg;
    return FTMPI_RETURN_ERROR;
}

static int refused(void)
{
    static char buffer[8];
    FTMPI_Standin_t standin;
    FTMPI_Repair_t repair;
    FTMPI_Kept_t kept;
    MPI_Comm comm;
    size_t bytes = sizeof buffer;
    int version;

    if (FTMPI_Keep("other", buffer, sizeof buffer) != MPI_ERR_OTHER)
        return 1;
    if (!strstr(FTMPI_Last_error(), "fork"))
        return 2;
    if (FTMPI_Commit(5) != MPI_ERR_OTHER || FTMPI_Commit_begin(5) != MPI_ERR_OTHER
        || FTMPI_Commit_end() != MPI_ERR_OTHER || FTMPI_Commit_wait(FT_FOREVER) != MPI_ERR_OTHER)
        return 3;
    if (FTMPI_Fetch(0, FT_FOREVER, &version) != MPI_ERR_OTHER
        || FTMPI_Fetch_buffer(0, "x", 0, buffer, &bytes, FT_FOREVER) != MPI_ERR_OTHER
        || FTMPI_Kept(0, FT_FOREVER, &kept) != MPI_ERR_OTHER
        || FTMPI_Fetch_common(FT_FOREVER, &version) != MPI_ERR_OTHER || version != -1)
        return 4;
    if (FTMPI_Set_callback(called, NULL) != MPI_ERR_OTHER || FTMPI_Settle() != MPI_ERR_OTHER
        || FTMPI_Last_repair(&repair) != MPI_ERR_OTHER)
        return 5;
    if (FTMPI_Standin(&standin) != MPI_ERR_OTHER || FTMPI_Next_peer(FT_FOREVER, &comm) != MPI_ERR_OTHER
        || comm != MPI_COMM_NULL || FTMPI_Is_failing(ftRank(0)) != 0)
        return 6;
    return 0;
}

static void *refused_in_thread(void *code)
{
    *(int *) code = refused();
    return NULL;
}

static int do_thread(void)
{
    pthread_t thread;
    int code = 9;

    if (pthread_create(&thread, NULL, refused_in_thread, &code) != 0)
        return 8;
    pthread_join(thread, NULL);
    return code;
}

static int do_exit(void)
{
    exit(0);
}

static int do_loop(void)
{
    int ran = 0;

    return FTMPI_Loop(body, &ran) == MPI_ERR_OTHER && !ran ? 0 : 1;
}

static int do_local(void)
{
    int r = -1, n = -1, up = 0;

    MPI_Comm_rank(MPI_COMM_WORLD, &r);
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    MPI_Initialized(&up);
    return r == rank && n == size && up ? 0 : 1;
}

static int do_runtime(void)
{
    ftHandle_t ft;

    if (openFT(NULL, &ft) != FT_OK)
        return 1;
    return closeFT(ft) == FT_OK ? 0 : 2;
}

static int do_system(void)
{
    return system("exit 0");
}

static int do_finalize(void)
{
    return MPI_Finalize();
}

static const struct {
    const char *name;
    int (*run)(void);
} doings[] = {{"exit", do_exit},       {"refused", refused},       {"loop", do_loop},
              {"local", do_local},     {"runtime", do_runtime},    {"thread", do_thread},
              {"system", do_system},   {"finalize", do_finalize}};

/* ---------------------------------------------------------------- their parent */

static void fork_one(const char *name, int (*run)(void))
{
    pid_t child = fork();
    int status = 0, left_ms = HANGS_MS;

    if (child == 0)
        _exit(run());
    while (waitpid(child, &status, WNOHANG) == 0 && left_ms > 0) {
        nap(STEP_MS);
        left_ms -= STEP_MS;
    }
    if (left_ms > 0) {
        printf("child %s: %d\n", name, WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status);
        return;
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    printf("child %s: hangs\n", name);
}

static void fork_all(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof doings / sizeof *doings; i++)
        for (int wanted = 1; wanted < argc; wanted++)
            if (strcmp(argv[wanted], doings[i].name) == 0)
                fork_one(doings[i].name, doings[i].run);
}

static void fork_in_the_middle(int argc, char **argv)
{
    static int state = 1;
    pthread_t thread;

    if (FTMPI_Keep("state", &state, sizeof state) != MPI_SUCCESS || FTMPI_Commit(0) != MPI_SUCCESS
        || pthread_create(&thread, NULL, wait_for_commit, NULL) != 0) {
        printf("nothing is kept: %s\n", FTMPI_Last_error());
        return;
    }
    nap(SETTLED_MS);
    fork_all(argc, argv);
    pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
    int provided, sum = 0;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    setvbuf(stdout, NULL, _IOLBF, 0);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank == 0)
        fork_in_the_middle(argc, argv);
    MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    if (rank == 0)
        printf("after that: sum %d of %d ranks\n", sum, size);
    MPI_Finalize();
    return 0;
}
