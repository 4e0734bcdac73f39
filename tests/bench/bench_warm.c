/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_warm.c - the MPI program of the warm benchmarks: an ordinary publisher and its subscriber.
 *
 *   ft run --spares S -n N ... bench_warm READY
 *
 * Rank 0 sends to the last rank, again and again, with default error handlers; the others wait to
 * be sent home. When the last rank is in position the file READY is made, and somebody outside ends
 * that rank, or its node. Whoever has its place then gets the next message, and tells rank 0 when;
 * rank 0 prints one line,
 *
 *   bench NAME=SECONDS ...     moments since the epoch
 *
 * and everybody ends in order. All clocks are CLOCK_REALTIME of one machine. Nothing here knows of
 * losses but for FTMPI_Standin, by which the one in the place knows that it is there to be
 * measured.
 */
#include <mpi.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ftmpi.h"

enum { TAG_WORK = 1, TAG_HERE, TAG_END };
#define PAUSE_US 100   /* between two messages: the virtual nodes share the cores of one machine */
#define ROUNDS 200     /* before READY */
#define GIVE_UP_S 30

/* What the one in the place tells. */
struct here {
    double woken_s;   /* MPI_Init returned */
    double first_s;   /* its first message was there */
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void pause_us(int us)
{
    struct timespec t = {0, us * 1000L};

    nanosleep(&t, NULL);
}

static void surprise(const char *what)
{
    fprintf(stderr, "bench_warm: %s\n", what);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || close(fd) < 0)
        surprise(path);
}

/* Sends until the one in the place has told when it got the first message. */
static void publish(int to, const char *ready)
{
    double began_s = now_s(), word;
    struct here here;
    int there = 0;

    for (int i = 0; !there; i++) {
        word = now_s();
        MPI_Send(&word, 1, MPI_DOUBLE, to, TAG_WORK, MPI_COMM_WORLD);
        MPI_Iprobe(to, TAG_HERE, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
        if (i == ROUNDS)
            make_file(ready);
        if (now_s() > began_s + GIVE_UP_S)
            surprise("nobody took the last rank's place");
        pause_us(PAUSE_US);
    }
    MPI_Recv(&here, sizeof here, MPI_BYTE, to, TAG_HERE, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    word = -1;
    MPI_Send(&word, 1, MPI_DOUBLE, to, TAG_WORK, MPI_COMM_WORLD);
    printf("bench woken=%.6f first=%.6f\n", here.woken_s, here.first_s);
    fflush(stdout);
}

/* Until the word that ends it. */
static void subscribe(void)
{
    struct here here = {.woken_s = now_s()};
    FTMPI_Standin_t me;
    double word;

    FTMPI_Standin(&me);
    do {
        MPI_Recv(&word, 1, MPI_DOUBLE, 0, TAG_WORK, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        if (me.is_standin && here.first_s == 0) {
            here.first_s = now_s();
            MPI_Send(&here, sizeof here, MPI_BYTE, 0, TAG_HERE, MPI_COMM_WORLD);
        }
    } while (word >= 0);
}

/* Looks once a millisecond, as it stands for a node with cores of its own. */
static void wait_to_be_sent_home(void)
{
    int there = 0, word;

    while (!there) {
        MPI_Iprobe(0, TAG_END, MPI_COMM_WORLD, &there, MPI_STATUS_IGNORE);
        pause_us(1000);
    }
    MPI_Recv(&word, 1, MPI_INT, 0, TAG_END, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

int main(int argc, char **argv)
{
    int rank, size, word = 0;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc != 2 || size < 2)
        surprise("usage: bench_warm READY, with two ranks at least");
    if (rank == 0) {
        publish(size - 1, argv[1]);
        for (int i = 1; i < size - 1; i++)
            MPI_Send(&word, 1, MPI_INT, i, TAG_END, MPI_COMM_WORLD);
    } else if (rank == size - 1) {
        subscribe();
    } else {
        wait_to_be_sent_home();
    }
    return MPI_Finalize();
}
