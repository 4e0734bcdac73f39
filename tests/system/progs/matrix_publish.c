/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * matrix_publish FOLDER - a publisher and its subscribers in plain MPI, for mode retarget.
 *
 * Rank 0 sends the number of each step to all others, which send it back with who they are. When
 * the test has seen enough (matrix_record.h) it tells them, takes a goodbye from each, and ends.
 *
 * A subscriber sees each step from its first one on, each once. The publisher sees a subscriber's
 * steps in order, and nothing more of a process once one that came after it has spoken: what a
 * replaced one still says must not arrive. Where that is not so, the process ends with 3.
 */
#include <mpi.h>
#include <stdio.h>

#include "matrix_record.h"

enum { TAG_STEP = 1, TAG_ECHO, TAG_END, TAG_GOODBYE };

struct echo {
    int rank, life, step;
};

static int rank, size;
static struct echo heard[RECORD_RANKS_MAX]; /* of each, the last */

static void take(const struct echo *echo, const MPI_Status *status)
{
    struct echo *before = &heard[status->MPI_SOURCE];

    if (echo->rank != status->MPI_SOURCE)
        record_fail("the status names another sender", echo->rank, status->MPI_SOURCE);
    if (echo->life < before->life)
        record_fail("a replaced process was heard", echo->rank, echo->life);
    if (echo->life == before->life && echo->step <= before->step)
        record_fail("steps came back out of order", before->step, echo->step);
    *before = *echo;
}

static void take_echoes(void)
{
    for (;;) {
        struct echo echo;
        MPI_Status status;
        int flag;

        MPI_Iprobe(MPI_ANY_SOURCE, TAG_ECHO, MPI_COMM_WORLD, &flag, &status);
        if (!flag)
            return;
        MPI_Recv(&echo, 3, MPI_INT, MPI_ANY_SOURCE, TAG_ECHO, MPI_COMM_WORLD, &status);
        take(&echo, &status);
    }
}

static void take_goodbye(int from)
{
    for (;;) {
        struct echo echo;
        MPI_Status status;

        MPI_Recv(&echo, 3, MPI_INT, from, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        if (status.MPI_TAG == TAG_GOODBYE)
            return;
        take(&echo, &status);
    }
}

static void publish(void)
{
    int step;

    for (step = 1; !record_end_wanted(); step++) {
        for (int to = 1; to < size; to++)
            MPI_Send(&step, 1, MPI_INT, to, TAG_STEP, MPI_COMM_WORLD);
        take_echoes();
        record_step(step);
        record_pause();
    }
    for (int to = 1; to < size; to++)
        MPI_Send(&step, 1, MPI_INT, to, TAG_END, MPI_COMM_WORLD);
    for (int from = 1; from < size; from++)
        take_goodbye(from);
    printf("all %d ranks are right\n", size);
}

static void subscribe(int life)
{
    struct echo echo = {.rank = rank, .life = life};

    for (;;) {
        MPI_Status status;
        int step;

        MPI_Recv(&step, 1, MPI_INT, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        if (status.MPI_TAG == TAG_END)
            break;
        if (echo.step > 0 && step != echo.step + 1)
            record_fail("a step did not come after the one before", step, echo.step);
        echo.step = step;
        MPI_Send(&echo, 3, MPI_INT, 0, TAG_ECHO, MPI_COMM_WORLD);
        record_step(step);
    }
    MPI_Send(&echo, 3, MPI_INT, 0, TAG_GOODBYE, MPI_COMM_WORLD);
}

int main(int argc, char **argv)
{
    int life;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc < 2 || size > RECORD_RANKS_MAX)
        record_fail("matrix_publish FOLDER", argc, size);
    life = record_begin(argv[1], rank);
    if (rank == 0)
        publish();
    else
        subscribe(life);
    MPI_Finalize();
    return 0;
}
