/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * threads_app.c - several threads of a rank are in MPI calls when another rank is lost.
 *
 *   threads_app FOLDER retarget RANK@STEP
 *   threads_app FOLDER callback RANK@STEP
 *
 * retarget   MPI_THREAD_MULTIPLE, THREADS threads in rank 0, each with a tag of its own. Each gets
 *            numbers from all other ranks, by several MPI_Irecv at a time and MPI_Waitall or, in
 *            odd threads, MPI_Wait, newest first; and answers each batch. Rank RANK kills itself
 *            after it has sent its STEP-th number; its replacement sends from 1 again. What each
 *            thread got it writes to FOLDER/got.THREAD, a line a number: "rank number"; -1 is the
 *            rank's end.
 * callback   FTMPI_Set_callback. One thread of each rank compares over the world where all are,
 *            another sends numbers round a ring. RANK kills itself in round STEP. Whichever thread
 *            the repair interrupts, all ranks begin again with both, and come to the end. Each writes
 *            FOLDER/repaired.RANK: "repairs N callbacks N new 0|1".
 */
#include <mpi.h>
#include <mpi-ext.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ftmpi.h"

#define THREADS 4
#define BATCH 4
#define STEPS 60
#define RANKS_MAX 16
#define TAG_NUMBER 100
#define TAG_ANSWER 200
#define ROUNDS 60

static const char *folder;
static int rank, size, victim, victim_step;

static void fail(const char *what, int a, int b)
{
    fprintf(stderr, "threads_app: rank %d: %s (%d, %d)\n", rank, what, a, b);
    _exit(3);
}

static void pause_ms(int ms)
{
    struct timespec time = {0, ms * 1000000L};

    nanosleep(&time, NULL);
}

static FILE *file_of(const char *what, int number)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.%d", folder, what, number);
    file = fopen(path, "a");
    if (!file)
        fail("no file", number, 0);
    return file;
}

/* Only the first process of the rank does. */
static void maybe_die(int step)
{
    char path[512];
    FILE *died;

    if (rank != victim || step != victim_step)
        return;
    snprintf(path, sizeof path, "%s/died", folder);
    died = fopen(path, "wx");
    if (died)
        raise(SIGKILL);
}

/* ---------------------------------------------------------------- retarget */

/* The next numbers of one rank. Returns 0 after its end. */
static int get_batch(int tag, int from, int newest_first, FILE *got)
{
    MPI_Request requests[BATCH];
    MPI_Status statuses[BATCH];
    int numbers[BATCH], goes_on = 1;

    for (int i = 0; i < BATCH; i++)
        MPI_Irecv(&numbers[i], 1, MPI_INT, from, TAG_NUMBER + tag, MPI_COMM_WORLD, &requests[i]);
    for (int i = BATCH - 1; newest_first && i >= 0; i--)
        MPI_Wait(&requests[i], &statuses[i]);
    if (!newest_first)
        MPI_Waitall(BATCH, requests, statuses);
    for (int i = 0; i < BATCH; i++) {
        if (statuses[i].MPI_SOURCE != from || statuses[i].MPI_TAG != TAG_NUMBER + tag)
            fail("another sender, or tag", statuses[i].MPI_SOURCE, statuses[i].MPI_TAG);
        if (goes_on)
            fprintf(got, "%d %d\n", from, numbers[i]);
        goes_on = goes_on && numbers[i] != -1;
    }
    fflush(got);
    return goes_on;
}

static void *gather(void *data)
{
    int tag = (int) (long) data, is_over[RANKS_MAX] = {1}, left = size - 1;
    FILE *got = file_of("got", tag);
    MPI_Request answer;

    while (left > 0)
        for (int from = 1; from < size; from++) {
            if (is_over[from])
                continue;
            if (!get_batch(tag, from, tag % 2, got)) {
                is_over[from] = 1;
                left--;
                continue;
            }
            MPI_Isend(&tag, 1, MPI_INT, from, TAG_ANSWER + tag, MPI_COMM_WORLD, &answer);
            MPI_Wait(&answer, MPI_STATUS_IGNORE);
        }
    fclose(got);
    return NULL;
}

/* To each thread of rank 0. Answers are not waited for: a replacement gets fewer. */
static void send_numbers(void)
{
    int end = -1;

    for (int step = 1; step <= STEPS; step++) {
        for (int tag = 0; tag < THREADS; tag++)
            MPI_Send(&step, 1, MPI_INT, 0, TAG_NUMBER + tag, MPI_COMM_WORLD);
        maybe_die(step);
        pause_ms(1);
    }
    for (int i = 0; i < BATCH; i++)
        for (int tag = 0; tag < THREADS; tag++)
            MPI_Send(&end, 1, MPI_INT, 0, TAG_NUMBER + tag, MPI_COMM_WORLD);
}

static void retarget(void)
{
    pthread_t threads[THREADS];

    if (rank != 0) {
        send_numbers();
        return;
    }
    for (long t = 0; t < THREADS; t++)
        if (pthread_create(&threads[t], NULL, gather, (void *) t) != 0)
            fail("no thread", (int) t, 0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
}

/* ---------------------------------------------------------------- callback */

static atomic_int callbacks, stop, ring_failed, ring_done;
static int attempt;
static MPI_Comm ring;

static int on_repair(const FTMPI_Repair_t *repair, void *data)
{
    (void) repair;
    (void) data;
    atomic_fetch_add(&callbacks, 1);
    return FTMPI_RETURN_ERROR;
}

/* Of one round. What was sent in an attempt that was given up has another tag. */
static int exchange(int round, int *got)
{
    int left = (rank + size - 1) % size, right = (rank + 1) % size, done = 0, rc;
    MPI_Request requests[2] = {MPI_REQUEST_NULL, MPI_REQUEST_NULL};

    rc = MPI_Irecv(got, 1, MPI_INT, left, attempt, ring, &requests[0]);
    if (rc == MPI_SUCCESS)
        rc = MPI_Isend(&round, 1, MPI_INT, right, attempt, ring, &requests[1]);
    while (rc == MPI_SUCCESS && !done && !atomic_load(&stop))
        rc = MPI_Testall(2, requests, &done, MPI_STATUSES_IGNORE);
    if (rc == MPI_SUCCESS && !done) { /* nobody answers any more */
        MPI_Cancel(&requests[0]);
        rc = MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    }
    return rc;
}

static void *go_round(void *data)
{
    int got = -1, rc;

    (void) data;
    for (int round = 0; round < ROUNDS && !atomic_load(&stop); round++) {
        rc = exchange(round, &got);
        if (rc != MPI_SUCCESS) {
            if (rc != MPIX_ERR_PROC_FAILED)
                fail("an error that is none of a loss", rc, round);
            atomic_store(&ring_failed, 1);
            return NULL;
        }
        if (!atomic_load(&stop) && got != round)
            fail("another round's number", got, round);
        pause_ms(1);
    }
    atomic_store(&ring_done, 1);
    return NULL;
}

/* A thread that was in no call during the repair is told nothing, and goes on in the new world: so
 * all say in each round where they are. Returns 0: all are through; else there is another attempt. */
static int compare(void)
{
    for (int round = 0;; round++) {
        int mine[6] = {attempt, -attempt, round, -round, atomic_load(&ring_failed),
                       !atomic_load(&ring_done)}, most[6];
        int rc = MPI_Allreduce(mine, most, 6, MPI_INT, MPI_MAX, MPI_COMM_WORLD);

        if (rc != MPI_SUCCESS && rc != MPIX_ERR_PROC_FAILED)
            fail("an error that is none of a loss", rc, round);
        if (rc != MPI_SUCCESS) {
            attempt++;
            return 1;
        }
        if (most[0] != -most[1] || most[2] != -most[3] || most[4]) {
            attempt = most[0] + 1;
            return 1;
        }
        if (round >= ROUNDS && !most[5])
            return 0;
        maybe_die(round);
        pause_ms(1);
    }
}

static int both(void)
{
    pthread_t thread;
    int again;

    atomic_store(&stop, 0);
    atomic_store(&ring_failed, 0);
    atomic_store(&ring_done, 0);
    if (pthread_create(&thread, NULL, go_round, NULL) != 0)
        fail("no thread", 0, 0);
    again = compare();
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    return again;
}

static void callback(void)
{
    FTMPI_Repair_t repair;
    FILE *file;

    MPI_Comm_dup(MPI_COMM_WORLD, &ring);
    FTMPI_Set_callback(on_repair, NULL);
    do {
        while (both())
            ;
    } while (FTMPI_Settle() != MPI_SUCCESS);
    FTMPI_Last_repair(&repair);
    file = file_of("repaired", rank);
    fprintf(file, "repairs %d callbacks %d new %d\n", repair.repairs, atomic_load(&callbacks),
            repair.is_replacement);
    fclose(file);
}

int main(int argc, char **argv)
{
    int provided;

    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (argc != 4 || provided != MPI_THREAD_MULTIPLE || size > RANKS_MAX
        || sscanf(argv[3], "%d@%d", &victim, &victim_step) != 2)
        fail("threads_app FOLDER retarget|callback RANK@STEP", argc, provided);
    folder = argv[1];
    if (strcmp(argv[2], "callback") == 0)
        callback();
    else
        retarget();
    MPI_Finalize();
    return 0;
}
