/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plain_app WAY FOLDER [die=RANK@STEP]... [late=STEPS] [slow=MS] [ignore] [alone] - plain MPI on MPI_COMM_WORLD,
 * blocking sends and receives and collectives, that knows nothing of losses and handles no error.
 *
 *   workers   the others ask rank 0 for work and bring results; at the end rank 0 gives out again
 *             what nobody has brought
 *   converge  each rank goes half the way to the mean of all, until nobody is far from it: where it
 *             stands does not matter, and all see the end in the same collective
 *   count     a number of MPI_Allreduce, as many in each rank; late: of who began later
 *             ignore: MPI_ERRORS_RETURN, and it goes on whatever they return; FOLDER/error.RANK
 *             has the words of the latest error
 *   barriers  the same of MPI_Barrier
 *   message   each step begins with a message from rank 0 to rank 2 that is too large to be sent before
 *             it is waited for, and says which step it is; then all are in a collective.
 *             slow: rank 0 comes to the message so long after rank 2 has died
 *   after     each step is a collective, and then such a message: who begins anew begins with the
 *             collective, which rank 0, in the message to it, never joins
 *   halo      each step neighbours exchange messages, every 20th is followed by a collective, and one
 *             is before the first. alone: without any collective
 *   order     two messages from rank 0 to rank 2, of which the first is under way when that is lost:
 *             it comes first
 *   follow    as many steps as rank 0 says there are; who began later is slow, so that the others,
 *             which need nothing of it in the end, are at their ends long before
 *
 * The first process of a rank dies (SIGKILL) in that step; FOLDER/died.RANK says so. Where all take
 * the same collectives, it dies once all others are through with those of the step before. (What it
 * has sent there may be on its way still, and who knows of its death does not wait for that: then
 * some have completed a collective which others cannot.) FOLDER/step.RANK says how far one is.
 */
#include <math.h>
#include <mpi.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TASKS 300
#define COUNT 150
#define ALONE 100 /* from this step on nobody needs the others */
#define SLOW_MS 25
#define NEAR 1e-9
#define STEPS_MAX 100000
#define END_S 60
#define LARGE 4000000 /* bytes */

enum { TAG_ASK = 1, TAG_RESULT, TAG_TASK, TAG_END, TAG_STEP };

static int rank, size;
static const char *folder;
static char **words;
static int n_words;

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
}

static void say_step(int step)
{
    char path[512], place[600];
    FILE *file;

    snprintf(path, sizeof path, "%s/step.%d", folder, rank);
    snprintf(place, sizeof place, "%s.new", path);
    file = fopen(place, "w");
    if (!file)
        return;
    fprintf(file, "%d\n", step);
    fclose(file);
    rename(place, path);
}

static bool is_in_step(int other, int step)
{
    char path[512];
    FILE *file;
    int at = 0;

    snprintf(path, sizeof path, "%s/step.%d", folder, other);
    file = fopen(path, "r");
    if (!file)
        return false;
    if (fscanf(file, "%d", &at) != 1)
        at = 0;
    fclose(file);
    return at >= step;
}

static bool has_begun_anew(int other)
{
    char path[512];

    snprintf(path, sizeof path, "%s/died.%d", folder, other);
    return access(path, F_OK) == 0;
}

/* Those aside that count from their replacement on. */
static void await_others(int step)
{
    for (int other = 0; other < size; other++)
        while (other != rank && !has_begun_anew(other) && !is_in_step(other, step))
            pause_ms(1);
}

static void maybe_die(int step, bool together)
{
    char path[512];
    int who, when;

    if (together && n_words > 0)
        say_step(step);

    snprintf(path, sizeof path, "%s/died.%d", folder, rank);
    for (int i = 0; i < n_words; i++) {
        FILE *file;

        if (sscanf(words[i], "die=%d@%d", &who, &when) != 2 || who != rank || when != step
            || access(path, F_OK) == 0)
            continue;
        if (together)
            await_others(step);
        file = fopen(path, "w");
        if (file)
            fclose(file);
        raise(SIGKILL);
    }
}

static int give_out(void)
{
    long results[TASKS] = {0};
    int left = TASKS, next = 0, wrong = 0;

    while (left > 0) {
        long message[2];
        MPI_Status status;

        MPI_Recv(message, 2, MPI_LONG, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        if (status.MPI_TAG == TAG_RESULT && results[message[0]] == 0) {
            results[message[0]] = message[1];
            left--;
        }
        while (left > 0 && results[next % TASKS] != 0)
            next++;
        message[0] = next++ % TASKS;
        if (left > 0)
            MPI_Send(message, 1, MPI_LONG, status.MPI_SOURCE, TAG_TASK, MPI_COMM_WORLD);
        else
            MPI_Send(message, 1, MPI_LONG, status.MPI_SOURCE, TAG_END, MPI_COMM_WORLD);
    }
    for (int others = size - 2; others > 0; others--) { /* each asks once more */
        long message[2];
        MPI_Status status;

        MPI_Recv(message, 2, MPI_LONG, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        MPI_Send(message, 1, MPI_LONG, status.MPI_SOURCE, TAG_END, MPI_COMM_WORLD);
    }
    for (long i = 0; i < TASKS; i++)
        wrong += results[i] != i * i + 1;
    return wrong;
}

static int work(void)
{
    long message[2] = {0, 0};
    MPI_Status status;

    MPI_Send(message, 2, MPI_LONG, 0, TAG_ASK, MPI_COMM_WORLD);
    for (int step = 1;; step++) {
        MPI_Recv(message, 1, MPI_LONG, 0, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        if (status.MPI_TAG == TAG_END)
            return 0;
        maybe_die(step, false);
        pause_ms(2);
        message[1] = message[0] * message[0] + 1;
        MPI_Send(message, 2, MPI_LONG, 0, TAG_RESULT, MPI_COMM_WORLD);
    }
}

static int converge(void)
{
    double own = rank, sum, far = 1, distance;

    for (int step = 1; far > NEAR && step < STEPS_MAX; step++) {
        maybe_die(step, true);
        pause_ms(2);
        MPI_Allreduce(&own, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        distance = fabs(own - sum / size);
        own = (own + sum / size) / 2;
        MPI_Allreduce(&distance, &far, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    }
    return far > NEAR;
}

/* Those who ignore it hear of it here. */
static bool is_well(int rc)
{
    char path[512], text[MPI_MAX_ERROR_STRING];
    FILE *file;
    int length;

    if (rc == MPI_SUCCESS)
        return true;
    snprintf(path, sizeof path, "%s/error.%d", folder, rank);
    file = fopen(path, "w");
    if (!file || MPI_Error_string(rc, text, &length) != MPI_SUCCESS)
        exit(3);
    fprintf(file, "%s\n", text);
    fclose(file);
    return false;
}

static int count(void)
{
    int own = rank, sum, steps = COUNT, wrong = 0;

    for (int i = 0; i < n_words && has_begun_anew(rank); i++)
        sscanf(words[i], "late=%d", &steps);
    for (int step = 1; step <= steps; step++) {
        maybe_die(step, true);
        pause_ms(2);
        if (is_well(MPI_Allreduce(&own, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD)))
            wrong += sum != size * (size - 1) / 2;
    }
    return wrong;
}

static int barriers(void)
{
    for (int step = 1; step <= COUNT; step++) {
        maybe_die(step, true);
        pause_ms(2);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    return 0;
}

/* Once, in rank 0, in the step in which rank 2 dies. */
static void come_late(int step)
{
    int who, when, ms = 0;
    bool is_now = false;

    for (int i = 0; i < n_words; i++) {
        sscanf(words[i], "slow=%d", &ms);
        is_now = is_now || (sscanf(words[i], "die=%d@%d", &who, &when) == 2 && when == step);
    }
    while (is_now && !has_begun_anew(2))
        pause_ms(1);
    for (int i = 0; is_now && i < ms; i++)
        pause_ms(1);
}

static int message(void)
{
    static int letter[LARGE / sizeof(int)];
    int step = 1, last;

    while (step <= COUNT) {
        maybe_die(step, true);
        pause_ms(2);
        if (rank == 0) {
            come_late(step);
            letter[0] = step;
            MPI_Send(letter, LARGE, MPI_BYTE, 2, TAG_STEP, MPI_COMM_WORLD);
        } else if (rank == 2) {
            MPI_Recv(letter, LARGE, MPI_BYTE, 0, TAG_STEP, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            step = letter[0];
        }
        last = step;
        MPI_Allreduce(&last, &step, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        step++;
    }
    return step != COUNT + 1;
}

static int after(void)
{
    static int letter[LARGE / sizeof(int)];
    int own = rank, sum;

    for (int step = 1; step <= COUNT; step++) {
        MPI_Allreduce(&own, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
        maybe_die(step, true);
        pause_ms(2);
        if (rank == 0)
            MPI_Send(letter, LARGE, MPI_BYTE, 2, TAG_STEP, MPI_COMM_WORLD);
        else if (rank == 2)
            MPI_Recv(letter, LARGE, MPI_BYTE, 0, TAG_STEP, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    return 0;
}

static int halo(void)
{
    int others[2] = {(rank + size - 1) % size, (rank + 1) % size}, got[2], sum;
    bool is_alone = false;
    MPI_Request requests[2];

    for (int i = 0; i < n_words; i++)
        is_alone = is_alone || strcmp(words[i], "alone") == 0;
    sum = rank;
    if (!is_alone)
        MPI_Bcast(&sum, 1, MPI_INT, 0, MPI_COMM_WORLD);
    for (int step = 1; step <= COUNT; step++) {
        maybe_die(step, false);
        pause_ms(2);
        for (int i = 0; i < 2; i++)
            MPI_Irecv(&got[i], 1, MPI_INT, others[i], TAG_STEP, MPI_COMM_WORLD, &requests[i]);
        for (int i = 0; i < 2; i++)
            MPI_Send(&step, 1, MPI_INT, others[i], TAG_STEP, MPI_COMM_WORLD);
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        if (!is_alone && step % 20 == 0)
            MPI_Allreduce(&got[0], &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    }
    return 0;
}

static int order(void)
{
    static int letter[LARGE / sizeof(int)];
    MPI_Request first = MPI_REQUEST_NULL;
    MPI_Status status;
    int wrong = 0, bytes;

    if (rank == 0)
        MPI_Isend(letter, LARGE, MPI_BYTE, 2, TAG_STEP, MPI_COMM_WORLD, &first);
    maybe_die(1, true);
    if (rank == 0) {
        while (!has_begun_anew(2))
            pause_ms(1);
        pause_ms(500); /* it has been heard of */
        MPI_Send(letter, 1, MPI_INT, 2, TAG_STEP, MPI_COMM_WORLD);
        MPI_Wait(&first, MPI_STATUS_IGNORE);
        MPI_Recv(&wrong, 1, MPI_INT, 2, TAG_RESULT, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    } else if (rank == 2) {
        MPI_Recv(letter, LARGE, MPI_BYTE, 0, TAG_STEP, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_BYTE, &bytes);
        MPI_Recv(letter, LARGE, MPI_BYTE, 0, TAG_STEP, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        wrong = bytes != LARGE;
        MPI_Send(&wrong, 1, MPI_INT, 0, TAG_RESULT, MPI_COMM_WORLD);
    }
    return wrong;
}

static int follow(void)
{
    int step = 1, last, ms = has_begun_anew(rank) ? SLOW_MS : 2;

    while (step <= COUNT) {
        maybe_die(step, true);
        pause_ms(ms);
        last = step;
        if (step < ALONE)
            MPI_Allreduce(&last, &step, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
        else
            MPI_Bcast(&step, 1, MPI_INT, 0, MPI_COMM_WORLD);
        step++;
    }
    return step != COUNT + 1;
}

static int work_in_way(const char *way)
{
    if (strcmp(way, "workers") == 0)
        return rank == 0 ? give_out() : work();
    if (strcmp(way, "converge") == 0)
        return converge();
    if (strcmp(way, "barriers") == 0)
        return barriers();
    if (strcmp(way, "message") == 0)
        return message();
    if (strcmp(way, "after") == 0)
        return after();
    if (strcmp(way, "halo") == 0)
        return halo();
    if (strcmp(way, "order") == 0)
        return order();
    return strcmp(way, "follow") == 0 ? follow() : count();
}

int main(int argc, char **argv)
{
    int wrong;

    if (argc < 3)
        return 2;
    alarm(END_S); /* a test that goes wrong ends, too */
    folder = argv[2];
    words = argv + 3;
    n_words = argc - 3;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int i = 0; i < n_words; i++)
        if (strcmp(words[i], "ignore") == 0)
            MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    wrong = work_in_way(argv[1]);
    if (rank == 0)
        printf("%s: %d wrong\n", argv[1], wrong);
    MPI_Finalize();
    return wrong != 0;
}
