/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_loss.c - the MPI program of the benchmarks: one loss, and the time of each step after it.
 *
 *   bench_loss rank READY KILLED   the last rank kills itself, once its peer's receive is posted
 *   bench_loss node READY          somebody outside crashes the last rank's node
 *   bench_loss fresh READY         the same, and rank 0 goes on with a stand-in on a fresh node
 *   bench_loss empty               starts and ends
 *
 * Rank 0 is the one whose time counts. It makes the file READY when all are in position; a victim
 * that dies by its own hand writes the moment into KILLED. Rank 0 then prints one line,
 *
 *   bench NAME=SECONDS ...     moments since the epoch, and NAME_ms=MILLISECONDS for durations
 *
 * and everybody ends in order. All clocks are CLOCK_REALTIME of one machine. Nothing here is
 * checked twice: any surprise is said on stderr and ends the job with code 1.
 */
#include <mpi.h>
#include <mpi-ext.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ft.h"
#include "ftmpi.h"

enum { TAG_HELLO = 1, TAG_NEVER, TAG_END, TAG_FIRST };
#define SETTLE_MS 200
#define ASK_TIMEOUT_MS 20000
#define REACH_TIMEOUT_MS 30000

static int rank, size;

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void surprise(const char *what, const char *text)
{
    fprintf(stderr, "bench_loss: rank %d: %s: %s\n", rank, what, text);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static void expect(int rc, const char *what)
{
    char text[MPI_MAX_ERROR_STRING];
    int n;

    if (rc == MPI_SUCCESS)
        return;
    MPI_Error_string(rc, text, &n);
    surprise(what, text);
}

static void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) < 0)
        surprise(path, "cannot be written");
}

/* The connection between the two is in use before the loss, as in a job that has been running. */
static void shake_hands(void)
{
    int last = size - 1, word = 0;

    if (rank == 0)
        expect(MPI_Recv(&word, 1, MPI_INT, last, TAG_HELLO, MPI_COMM_WORLD, MPI_STATUS_IGNORE),
               "the first message");
    if (rank == last)
        expect(MPI_Send(&word, 1, MPI_INT, 0, TAG_HELLO, MPI_COMM_WORLD), "the first message");
    expect(MPI_Barrier(MPI_COMM_WORLD), "the barrier");
}

/* Waits for the loss of the last rank; the moment at which it was known here. */
static double see_loss(const char *ready)
{
    MPI_Request request;
    double at;
    int word, rc, class;

    expect(MPI_Irecv(&word, 1, MPI_INT, size - 1, TAG_NEVER, MPI_COMM_WORLD, &request),
           "MPI_Irecv");
    write_file(ready, "ready\n");
    rc = MPI_Wait(&request, MPI_STATUS_IGNORE);
    at = now_s();
    if (rc == MPI_SUCCESS)
        surprise("the last rank", "it lives");
    MPI_Error_class(rc, &class);
    if (class != MPIX_ERR_PROC_FAILED && class != MPIX_ERR_PROC_FAILED_PENDING)
        expect(rc, "not the error of a lost process");
    return at;
}

static void send_everybody_home(void)
{
    int word = 0;

    for (int i = 1; i < size - 1; i++)
        expect(MPI_Send(&word, 1, MPI_INT, i, TAG_END, MPI_COMM_WORLD), "the last message");
}

/* Looks once a millisecond: it stands for a node with cores of its own, and the virtual nodes share
 * those of one machine. */
static void wait_to_be_sent_home(void)
{
    MPI_Request request;
    int word, there = 0;

    expect(MPI_Irecv(&word, 1, MPI_INT, 0, TAG_END, MPI_COMM_WORLD, &request), "MPI_Irecv");
    while (!there) {
        expect(MPI_Test(&request, &there, MPI_STATUS_IGNORE), "the last message");
        if (!there)
            sleep_ms(1);
    }
}

/* Never returns. */
static void be_victim(const char *killed)
{
    char text[64];

    if (killed) {
        sleep_ms(SETTLE_MS);
        snprintf(text, sizeof text, "%.6f\n", now_s());
        write_file(killed, text);
        raise(SIGKILL);
    }
    for (;;)
        pause();
}

static void ask(ftHandle_t ft, ftAction_t action, const char *what, ftReply_t *reply)
{
    if (requestFT(ft, action, reply, ASK_TIMEOUT_MS) != FT_OK)
        surprise(what, reply->reason);
}

/* After the loss: report, ask, reach, send; the stand-in answers with the moment of arrival. */
static void retarget(ftHandle_t ft, char **argv, double error_s)
{
    double reported_s, answered_s, reached_s, step_ms[2], first_s = 0;
    ftReply_t reply;
    MPI_Comm comm;
    int to;

    ask(ft, resourceError(ftRank(size - 1), FT_RECEIVE), "resourceError", &reply);
    reported_s = now_s();
    ask(ft, findAlternative(ftRank(size - 1), ftNeedAtLeast(ftAny())), "findAlternative", &reply);
    answered_s = now_s();
    expect(FTMPI_Reach(ft, &reply, argv[0], argv + 1, REACH_TIMEOUT_MS, &comm, &to, step_ms),
           "FTMPI_Reach");
    reached_s = now_s();
    expect(MPI_Send(&reached_s, 1, MPI_DOUBLE, to, TAG_FIRST, comm), "sending to the stand-in");
    expect(MPI_Recv(&first_s, 1, MPI_DOUBLE, to, TAG_FIRST, comm, MPI_STATUS_IGNORE),
           "the stand-in's answer");
    printf("bench error=%.6f reported=%.6f answered=%.6f reached=%.6f first=%.6f decide_ms=%.3f "
           "probe_ms=%.3f claim_ms=%.3f start_ms=%.3f node=%s\n",
           error_s, reported_s, answered_s, reached_s, first_s, reply.steps.decide_ms,
           reply.steps.probe_ms, step_ms[0], step_ms[1], reply.alternative.node);
    expect(FTMPI_Leave(&comm), "FTMPI_Leave");
}

static void be_standin(FTMPI_Standin_t *me)
{
    double word;

    expect(MPI_Recv(&word, 1, MPI_DOUBLE, 0, TAG_FIRST, me->comm, MPI_STATUS_IGNORE),
           "the first message");
    word = now_s();
    expect(MPI_Send(&word, 1, MPI_DOUBLE, 0, TAG_FIRST, me->comm), "the answer");
    expect(FTMPI_Leave(&me->comm), "FTMPI_Leave");
}

/* Rank 0 of `fresh`. The connection to the unit is there before the loss, too. */
static void observe_and_retarget(char **argv)
{
    ftHandle_t ft;
    ftRetVal_t rc = openFT(NULL, &ft);

    if (rc != FT_OK)
        surprise("openFT", ftStrError(rc));
    retarget(ft, argv, see_loss(argv[2]));
    closeFT(ft);
}

static void observe(int fresh, char **argv)
{
    if (fresh)
        observe_and_retarget(argv);
    else
        printf("bench error=%.6f\n", see_loss(argv[2]));
    fflush(stdout);
    send_everybody_home();
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    FTMPI_Standin_t me;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (strcmp(mode, "empty") == 0)
        return MPI_Finalize();
    if (argc < 3 || (strcmp(mode, "rank") == 0 && argc < 4))
        surprise("usage", "bench_loss rank READY KILLED | node READY | fresh READY | empty");
    expect(FTMPI_Standin(&me), "FTMPI_Standin");
    if (me.is_standin) {
        be_standin(&me);
        return MPI_Finalize();
    }
    if (size < 2)
        surprise("usage", "two ranks at least");
    shake_hands();
    if (rank == 0)
        observe(strcmp(mode, "fresh") == 0, argv);
    else if (rank == size - 1)
        be_victim(strcmp(mode, "rank") == 0 ? argv[3] : NULL);
    else
        wait_to_be_sent_home();
    return MPI_Finalize();
}
