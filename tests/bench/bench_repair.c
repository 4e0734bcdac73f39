/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_repair.c - the MPI program of the repair benchmark: ranks that compute together, in steps
 * of which each ends with a collective.
 *
 *   ft run --mode=repair --spares S -n N ... bench_repair READY
 *
 * When they have done some steps the file READY is made, and somebody outside ends the last rank.
 * After the repair FTMPI_Loop calls step_by_step anew in all ranks, a spare among them; each notes
 * when. Rank 0 prints one line,
 *
 *   bench through=SECONDS mine=SECONDS noticed_ms=MS shrunk_ms=MS ... agreed_ms=MS
 *
 * through: the moment, since the epoch, at which the last rank was there; mine: at which rank 0
 * was, of which the steps are. All clocks are CLOCK_REALTIME of one machine.
 */
#include <mpi.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ftmpi.h"

#define PAUSE_US 200 /* between two steps: the virtual nodes share the cores of one machine */
#define ROUNDS 200   /* before READY */
#define GIVE_UP_S 30

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void surprise(const char *what)
{
    fprintf(stderr, "bench_repair: %s\n", what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || close(fd) < 0)
        surprise(path);
}

static int tell(const FTMPI_Repair_t *repair, double mine)
{
    const double *ms = repair->step_ms;
    double through;

    MPI_Reduce(&mine, &through, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    if (repair->rank != 0)
        return 0;
    printf("bench through=%.6f mine=%.6f noticed_ms=%.3f shrunk_ms=%.3f asked_ms=%.3f "
           "joined_ms=%.3f rebuilt_ms=%.3f agreed_ms=%.3f\n",
           through, mine, ms[FTMPI_STEP_NOTICED], ms[FTMPI_STEP_SHRUNK], ms[FTMPI_STEP_ASKED],
           ms[FTMPI_STEP_JOINED], ms[FTMPI_STEP_REBUILT], ms[FTMPI_STEP_AGREED]);
    fflush(stdout);
    return 0;
}

static int step_by_step(const FTMPI_Repair_t *repair, void *arg)
{
    double began_s = now_s();
    struct timespec pause = {0, PAUSE_US * 1000L};
    int one = 1, all = 0;

    if (repair->repairs > 0)
        return tell(repair, began_s);
    for (int i = 0; now_s() < began_s + GIVE_UP_S; i++) {
        MPI_Allreduce(&one, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        if (i == ROUNDS && repair->rank == 0)
            make_file(arg);
        nanosleep(&pause, NULL);
    }
    surprise("nobody was lost");
    return 1;
}

int main(int argc, char **argv)
{
    int rc;

    MPI_Init(&argc, &argv);
    if (argc != 2)
        surprise("usage: bench_repair READY");
    rc = FTMPI_Loop(step_by_step, argv[1]);
    MPI_Finalize();
    return rc;
}
