/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Publishers and subscribers in plain MPI: the programs of retarget's tests. They know nothing of
 * FT, name no spare, handle no error.
 *
 *   retarget_app FOLDER WAY [comm=world|dup|split|cart|group] [rule=error] [steps=N] [bytes=N]
 *                [late] [die=RANK@STEP]...
 *
 * WAY:
 *   send, ssend       rank 0 sends each step's number to all others, blocking
 *   isend             non-blocking, MPI_Waitall each step
 *   window            non-blocking, up to 8 steps under way, MPI_Waitany
 *   start             persistent requests, of a type that is freed before they are started
 *   again             a persistent buffered send to rank 2 only, started again and again before rank 2
 *                     receives: Open MPI then makes another request of it, under another handle
 *   gather            all others send to rank 0, which receives from MPI_ANY_SOURCE
 *   igather           the same with MPI_Irecv from MPI_ANY_SOURCE and MPI_Testsome
 *   pgather           the same, with a persistent receive from MPI_ANY_SOURCE
 *   probe, mprobe     the same, with MPI_Probe or MPI_Mprobe first
 *   ranks             as gather, rank 0 has one MPI_Irecv from each, and MPI_Waitany
 *   batch, newest     the same with several from each, and MPI_Waitall; at first MPI_Wait for the
 *                     newest from each
 *   reused            as gather, from each rank in turn, after non-blocking receives, whose handles
 *                     are given back: one of them is in use by a barrier of ranks 0 and 1, to which
 *                     rank 1 comes at its end
 *   held              the last rank sends one message, and dies; rank 0 has received it, but waits for
 *                     another one, and looks at it only when that rank has been replaced
 *   barrier           send, and a barrier at the end
 *
 * late: a replacement makes the communicator when all others have come to MPI_Finalize.
 *
 * A rank dies (SIGKILL) in the step of its first `die`; a later one is for its replacement. The
 * file FOLDER/died.RANK.K says that its K-th process has. What each process received it writes to
 * FOLDER/got.RANK.K, a line a message: "source step". A message is the step's number, again and
 * again; one that is damaged, or whose sender is not whom the status says, ends the process with 3.
 */
#include <mpi.h>
#include <mpi-ext.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TAG 7
#define TAG_STOP 8
#define UNDER_WAY 8
#define BATCH 4
#define RANKS_MAX 64
#define DEATHS_MAX 8

struct death {
    int rank, step;
};

static const char *folder, *way;
static int rank, size, steps = 200, life; /* life: the how-manieth process of this rank */
static int n_numbers = 4;
static struct death deaths[DEATHS_MAX];
static int n_deaths;
static MPI_Comm comm = MPI_COMM_WORLD, pair = MPI_COMM_NULL; /* pair: ranks 0 and 1, of "reused" */
static FILE *got;
static int dies_late; /* with the next message to it under way */

static void fail(const char *what, int a, int b)
{
    fprintf(stderr, "retarget_app: rank %d: %s (%d, %d)\n", rank, what, a, b);
    _exit(3);
}

static void name(char *path, size_t n, const char *what, int of, int k)
{
    snprintf(path, n, "%s/%s.%d.%d", folder, what, of, k);
}

static void pause_ms(int ms)
{
    struct timespec time = {0, ms * 1000000L};

    nanosleep(&time, NULL);
}

static void maybe_die(int step)
{
    char path[512];
    FILE *file;
    int k = 0;

    for (int i = 0; i < n_deaths; i++) {
        if (deaths[i].rank != rank || k++ != life || deaths[i].step != step)
            continue;
        name(path, sizeof path, "died", rank, life);
        file = fopen(path, "w");
        fclose(file);
        fflush(got);
        if (dies_late)
            pause_ms(200);
        raise(SIGKILL);
    }
}

/* A message: who, step, and the step's number to the end. */
static void fill(int *message, int step)
{
    message[0] = rank;
    for (int i = 1; i < n_numbers; i++)
        message[i] = step;
}

static void take(const int *message, const MPI_Status *status)
{
    int n;

    MPI_Get_count(status, MPI_INT, &n);
    if (n != n_numbers)
        fail("a message of another length", n, n_numbers);
    if (message[0] != status->MPI_SOURCE)
        fail("the status names another sender", message[0], status->MPI_SOURCE);
    for (int i = 2; i < n_numbers; i++)
        if (message[i] != message[1])
            fail("a damaged message", message[i], message[1]);
    fprintf(got, "%d %d\n", message[0], message[1]);
    fflush(got);
}

static int *buffer(int n)
{
    int *memory = calloc((size_t) n * (size_t) n_numbers, sizeof *memory);

    if (!memory)
        fail("no memory", 0, 0);
    return memory;
}

/* ---------------------------------------------------------------- rank 0 publishes */

static void publish_blocking(void)
{
    int *message = buffer(1);

    for (int step = 1; step <= steps; step++) {
        fill(message, step);
        for (int to = 1; to < size; to++)
            if (strcmp(way, "ssend") == 0)
                MPI_Ssend(message, n_numbers, MPI_INT, to, TAG, comm);
            else
                MPI_Send(message, n_numbers, MPI_INT, to, TAG, comm);
        pause_ms(1);
    }
    free(message);
}

/* With rule=error: one has failed, the others have not, and are waited for. */
static void note_error(int n, MPI_Request requests[], const MPI_Status statuses[])
{
    char path[512];
    FILE *file;
    int class;

    for (int i = 0; i < n; i++) {
        if (statuses[i].MPI_ERROR == MPI_SUCCESS || statuses[i].MPI_ERROR == MPI_ERR_PENDING)
            continue;
        MPI_Error_class(statuses[i].MPI_ERROR, &class);
        if (class != MPIX_ERR_PROC_FAILED || requests[i] != MPI_REQUEST_NULL)
            fail("another error, or its request is still there", class, i);
        name(path, sizeof path, "errors", i + 1, 0);
        file = fopen(path, "a");
        fprintf(file, "%d\n", class);
        fclose(file);
    }
    MPI_Waitall(n, requests, MPI_STATUSES_IGNORE);
}

static void publish_nonblocking(void)
{
    int *message = buffer(1);
    MPI_Request requests[RANKS_MAX];
    MPI_Status statuses[RANKS_MAX];

    for (int step = 1; step <= steps; step++) {
        fill(message, step);
        for (int to = 1; to < size; to++)
            MPI_Isend(message, n_numbers, MPI_INT, to, TAG, comm, &requests[to - 1]);
        if (MPI_Waitall(size - 1, requests, statuses) != MPI_SUCCESS)
            note_error(size - 1, requests, statuses);
        pause_ms(1);
    }
    free(message);
}

static void publish_window(void)
{
    int *messages = buffer(UNDER_WAY * size), used = 0, at;
    MPI_Request requests[UNDER_WAY * RANKS_MAX];
    MPI_Datatype type;

    for (int i = 0; i < UNDER_WAY * size; i++)
        requests[i] = MPI_REQUEST_NULL;
    for (int step = 1; step <= steps; step++)
        for (int to = 1; to < size; to++) {
            at = used++;
            if (at >= UNDER_WAY * size)
                MPI_Waitany(UNDER_WAY * size, requests, &at, MPI_STATUS_IGNORE);
            fill(messages + at * n_numbers, step);
            MPI_Type_contiguous(n_numbers, MPI_INT, &type);
            MPI_Type_commit(&type);
            MPI_Isend(messages + at * n_numbers, 1, type, to, TAG, comm, &requests[at]);
            MPI_Type_free(&type);
        }
    MPI_Waitall(UNDER_WAY * size, requests, MPI_STATUSES_IGNORE);
    free(messages);
}

static void publish_persistent(void)
{
    int *message = buffer(1);
    MPI_Request requests[RANKS_MAX];
    MPI_Datatype type;

    MPI_Type_contiguous(n_numbers, MPI_INT, &type);
    MPI_Type_commit(&type);
    for (int to = 1; to < size; to++)
        MPI_Send_init(message, 1, type, to, TAG, comm, &requests[to - 1]);
    MPI_Type_free(&type);
    for (int step = 1; step <= steps; step++) {
        fill(message, step);
        MPI_Startall(size - 1, requests);
        MPI_Waitall(size - 1, requests, MPI_STATUSES_IGNORE);
        pause_ms(1);
    }
    for (int to = 1; to < size; to++)
        MPI_Request_free(&requests[to - 1]);
    free(message);
}

static void publish(void)
{
    if (strcmp(way, "isend") == 0)
        publish_nonblocking();
    else if (strcmp(way, "window") == 0)
        publish_window();
    else if (strcmp(way, "start") == 0)
        publish_persistent();
    else
        publish_blocking();
    for (int to = 1; to < size; to++)
        MPI_Send(NULL, 0, MPI_INT, to, TAG_STOP, comm);
}

static void subscribe(void)
{
    int *message = buffer(1);
    MPI_Request request;
    MPI_Status status;
    int persistent = strcmp(way, "start") == 0, done;

    if (persistent)
        MPI_Recv_init(message, n_numbers, MPI_INT, 0, MPI_ANY_TAG, comm, &request);
    for (;;) {
        if (persistent) {
            MPI_Start(&request);
            MPI_Wait(&request, &status);
        } else if (strcmp(way, "isend") == 0) {
            MPI_Irecv(message, n_numbers, MPI_INT, 0, MPI_ANY_TAG, comm, &request);
            for (done = 0; !done;)
                MPI_Test(&request, &done, &status);
        } else {
            MPI_Recv(message, n_numbers, MPI_INT, 0, MPI_ANY_TAG, comm, &status);
        }
        if (status.MPI_TAG == TAG_STOP)
            break;
        take(message, &status);
        maybe_die(message[1]);
    }
    if (persistent)
        MPI_Request_free(&request);
    free(message);
}

/* ---------------------------------------------------------------- a handle that changes */

/* AGAIN messages are started before `go`, at which rank 2 receives them, and dies: so none is off Open
 * MPI's hands when the next is started. Two faults of Open MPI 5.0.7 are not looked at here: where one is
 * started again after it was received, something else is sent; and where a large one is never
 * received, MPI_Buffer_detach and MPI_Finalize wait for it for ever. */
#define AGAIN 8

static void start_again(void)
{
    int *message = buffer(1), changes = 0, bytes = 4 * AGAIN * (n_numbers * 4 + MPI_BSEND_OVERHEAD);
    void *attached = malloc((size_t) bytes);
    MPI_Request request, was;

    if (!attached || MPI_Buffer_attach(attached, bytes) != MPI_SUCCESS)
        fail("no buffer to send from", bytes, 0);
    MPI_Bsend_init(message, n_numbers, MPI_INT, 2, TAG, comm, &request);
    for (int step = 1; step <= 2 * AGAIN; step++) {
        fill(message, step);
        was = request;
        MPI_Start(&request);
        changes += request != was;
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        if (step % AGAIN == 0)
            MPI_Send(NULL, 0, MPI_INT, 2, TAG_STOP, comm);
        if (step == AGAIN)
            MPI_Recv(NULL, 0, MPI_INT, 2, TAG_STOP, comm, MPI_STATUS_IGNORE);
    }
    if (changes < AGAIN - 1)
        fail("the handle stayed what it was", changes, AGAIN - 1);
    MPI_Request_free(&request);
    free(message);
}

static void receive_again(void)
{
    int *message = buffer(1);
    MPI_Status status;

    if (life > 0)
        MPI_Send(NULL, 0, MPI_INT, 0, TAG_STOP, comm); /* it is there */
    MPI_Recv(NULL, 0, MPI_INT, 0, TAG_STOP, comm, MPI_STATUS_IGNORE);
    do {
        MPI_Recv(message, n_numbers, MPI_INT, 0, TAG, comm, &status);
        take(message, &status);
        maybe_die(message[1]);
    } while (message[1] < 2 * AGAIN);
    free(message);
}

static void again(void)
{
    if (rank == 0)
        start_again();
    else if (rank == 2)
        receive_again();
}

/* ---------------------------------------------------------------- rank 0 gathers */

/* Each of the others sends its steps, then a stop. */
static void send_steps(void)
{
    MPI_Request barrier = MPI_REQUEST_NULL;
    int *message = buffer(1);

    for (int step = 1; step <= steps; step++) {
        fill(message, step);
        MPI_Send(message, n_numbers, MPI_INT, 0, TAG, comm);
        maybe_die(step);
        pause_ms(1);
    }
    for (int i = 0; i < (strcmp(way, "batch") == 0 || strcmp(way, "newest") == 0 ? BATCH : 1); i++)
        MPI_Send(NULL, 0, MPI_INT, 0, TAG_STOP, comm);
    if (pair != MPI_COMM_NULL)
        MPI_Ibarrier(pair, &barrier);
    MPI_Wait(&barrier, MPI_STATUS_IGNORE);
    free(message);
}

static void receive_one(int *message, MPI_Status *status)
{
    MPI_Message matched;
    int n;

    if (strcmp(way, "probe") == 0) {
        MPI_Probe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, status);
        MPI_Recv(message, n_numbers, MPI_INT, status->MPI_SOURCE, status->MPI_TAG, comm, status);
    } else if (strcmp(way, "mprobe") == 0) {
        MPI_Mprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &matched, status);
        MPI_Get_count(status, MPI_INT, &n);
        if (n != (status->MPI_TAG == TAG ? n_numbers : 0))
            fail("the probe's status has another length", n, n_numbers);
        MPI_Mrecv(message, n_numbers, MPI_INT, &matched, status);
    } else {
        MPI_Recv(message, n_numbers, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, status);
    }
}

static void gather_blocking(void)
{
    int *message = buffer(1), stops = 0;
    MPI_Status status;

    while (stops < size - 1) {
        receive_one(message, &status);
        if (status.MPI_TAG == TAG_STOP)
            stops++;
        else
            take(message, &status);
    }
    free(message);
}

static void gather_nonblocking(void)
{
    int *messages = buffer(UNDER_WAY), stops = 0, n, which[UNDER_WAY];
    MPI_Request requests[UNDER_WAY];
    MPI_Status statuses[UNDER_WAY];

    for (int i = 0; i < UNDER_WAY; i++)
        MPI_Irecv(messages + i * n_numbers, n_numbers, MPI_INT, MPI_ANY_SOURCE, TAG, comm,
                  &requests[i]);
    while (stops < size - 1) {
        int flag;

        MPI_Testsome(UNDER_WAY, requests, &n, which, statuses);
        for (int k = 0; k < n; k++) {
            int i = which[k];

            take(messages + i * n_numbers, &statuses[k]);
            MPI_Irecv(messages + i * n_numbers, n_numbers, MPI_INT, MPI_ANY_SOURCE, TAG, comm,
                      &requests[i]);
        }
        MPI_Iprobe(MPI_ANY_SOURCE, TAG_STOP, comm, &flag, &statuses[0]);
        if (flag) {
            MPI_Recv(NULL, 0, MPI_INT, statuses[0].MPI_SOURCE, TAG_STOP, comm, MPI_STATUS_IGNORE);
            stops++;
        }
    }
    /* What was sent before the last stop is here by now, and may be more than the receives. */
    for (int tries = 0; tries < 1000; tries++) {
        MPI_Testsome(UNDER_WAY, requests, &n, which, statuses);
        for (int k = 0; k < n && n != MPI_UNDEFINED; k++) {
            take(messages + which[k] * n_numbers, &statuses[k]);
            MPI_Irecv(messages + which[k] * n_numbers, n_numbers, MPI_INT, MPI_ANY_SOURCE, TAG,
                      comm, &requests[which[k]]);
        }
    }
    for (int i = 0; i < UNDER_WAY; i++)
        if (requests[i] != MPI_REQUEST_NULL) {
            MPI_Cancel(&requests[i]);
            MPI_Wait(&requests[i], &statuses[i]);
            MPI_Test_cancelled(&statuses[i], &n);
            if (!n)
                fail("a receive for which nothing was sent was not cancelled", i, 0);
        }
    free(messages);
}

static void gather_persistent(void)
{
    int *message = buffer(1), stops = 0;
    MPI_Request request;
    MPI_Status status;

    MPI_Recv_init(message, n_numbers, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, comm, &request);
    while (stops < size - 1) {
        MPI_Start(&request);
        MPI_Wait(&request, &status);
        if (status.MPI_TAG == TAG_STOP)
            stops++;
        else
            take(message, &status);
    }
    MPI_Request_free(&request);
    free(message);
}

static void gather_ranks(void)
{
    int *messages = buffer(size), stops = 0, i;
    MPI_Request requests[RANKS_MAX];
    MPI_Status status;

    requests[0] = MPI_REQUEST_NULL;
    for (int from = 1; from < size; from++)
        MPI_Irecv(messages + from * n_numbers, n_numbers, MPI_INT, from, MPI_ANY_TAG, comm,
                  &requests[from]);
    while (stops < size - 1) {
        MPI_Waitany(size, requests, &i, &status);
        if (status.MPI_TAG == TAG_STOP) {
            stops++;
            continue;
        }
        take(messages + i * n_numbers, &status);
        MPI_Irecv(messages + i * n_numbers, n_numbers, MPI_INT, i, MPI_ANY_TAG, comm, &requests[i]);
    }
    free(messages);
}

/* The next messages of all who have not stopped. Returns how many those are now. */
static int gather_batch(int *messages, int is_over[])
{
    MPI_Request requests[BATCH * RANKS_MAX];
    MPI_Status statuses[BATCH * RANKS_MAX] = {0}, newest[BATCH * RANKS_MAX];
    int left = 0;

    for (int i = 0; i < BATCH * size; i++) {
        requests[i] = MPI_REQUEST_NULL;
        if (!is_over[i / BATCH])
            MPI_Irecv(messages + i * n_numbers, n_numbers, MPI_INT, i / BATCH, MPI_ANY_TAG, comm,
                      &requests[i]);
    }
    for (int i = BATCH - 1; strcmp(way, "newest") == 0 && i < BATCH * size; i += BATCH)
        if (!is_over[i / BATCH])
            MPI_Wait(&requests[i], &statuses[i]);
    memcpy(newest, statuses, sizeof newest);
    MPI_Waitall(BATCH * size, requests, statuses);
    for (int i = BATCH - 1; strcmp(way, "newest") == 0 && i < BATCH * size; i += BATCH)
        statuses[i] = newest[i];
    for (int from = 1; from < size; from++) {
        int over = is_over[from];

        for (int i = from * BATCH; !over && i < (from + 1) * BATCH; i++)
            if (statuses[i].MPI_TAG == TAG_STOP)
                is_over[from] = 1;
            else
                take(messages + i * n_numbers, &statuses[i]);
        left += !is_over[from];
    }
    return left;
}

static void gather_batches(void)
{
    int *messages = buffer(BATCH * size), is_over[RANKS_MAX] = {1};

    while (gather_batch(messages, is_over) > 0)
        ;
    free(messages);
}

/* From each rank in turn; the handles may be anybody's after that. Returns how many have stopped. */
static int gather_some(int *message, int is_over[])
{
    MPI_Request requests[BATCH * RANKS_MAX];
    int *messages = buffer(BATCH), n = 0;
    MPI_Status status;

    for (int from = 1; from < size; from++) {
        for (int i = 0; i < BATCH; i++)
            MPI_Irecv(i == 0 ? message : messages + i * n_numbers, n_numbers, MPI_INT, from,
                      MPI_ANY_TAG, comm, &requests[i]);
        for (int i = 0; i < BATCH; i++) {
            MPI_Wait(&requests[i], &status);
            if (status.MPI_TAG == TAG_STOP)
                is_over[from] = 1, n++;
            else
                take(i == 0 ? message : messages + i * n_numbers, &status);
        }
    }
    free(messages);
    return n;
}

static void make_pair(void)
{
    static const int both[] = {0, 1};
    MPI_Group world, group;

    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_incl(world, 2, both, &group);
    MPI_Comm_create_group(MPI_COMM_WORLD, group, TAG, &pair);
    MPI_Group_free(&group);
    MPI_Group_free(&world);
}

static void gather_in_turn(void)
{
    int *message = buffer(1), is_over[RANKS_MAX] = {1}, stops = 0;
    MPI_Request barrier = MPI_REQUEST_NULL;
    MPI_Status status;

    stops = gather_some(message, is_over);
    MPI_Ibarrier(pair, &barrier); /* takes the handle that was given back last, rank 3's */
    while (stops < size - 1)
        for (int from = 1; from < size; from++) {
            if (is_over[from])
                continue;
            MPI_Recv(message, n_numbers, MPI_INT, from, MPI_ANY_TAG, comm, &status);
            if (status.MPI_TAG == TAG_STOP)
                is_over[from] = 1, stops++;
            else
                take(message, &status);
        }
    MPI_Wait(&barrier, MPI_STATUS_IGNORE);
    free(message);
}

static void gather(void)
{
    if (strcmp(way, "igather") == 0)
        gather_nonblocking();
    else if (strcmp(way, "reused") == 0)
        gather_in_turn();
    else if (strcmp(way, "pgather") == 0)
        gather_persistent();
    else if (strcmp(way, "ranks") == 0)
        gather_ranks();
    else if (strcmp(way, "batch") == 0 || strcmp(way, "newest") == 0)
        gather_batches();
    else
        gather_blocking();
}

static void hold(void)
{
    int *message = buffer(1);
    MPI_Request first, other;
    MPI_Status status;
    char path[512];

    if (rank == 0) {
        MPI_Irecv(message, n_numbers, MPI_INT, MPI_ANY_SOURCE, TAG, comm, &first);
        MPI_Irecv(NULL, 0, MPI_INT, MPI_ANY_SOURCE, TAG_STOP, comm, &other);
        MPI_Wait(&other, MPI_STATUS_IGNORE);
        MPI_Wait(&first, &status);
        take(message, &status);
    } else if (rank == 1) {
        name(path, sizeof path, "got", size - 1, 1);
        while (access(path, F_OK) != 0)
            pause_ms(1);
        MPI_Send(NULL, 0, MPI_INT, 0, TAG_STOP, comm);
    } else if (rank == size - 1 && life == 0) {
        fill(message, 1);
        MPI_Ssend(message, n_numbers, MPI_INT, 0, TAG, comm); /* it is there */
        maybe_die(1);
    }
    free(message);
}

/* ---------------------------------------------------------------- */

/* Errors are returned, and those of what was in flight are counted: see FOLDER/errors.RANK. */
static void choose_rule(void)
{
    MPI_Info info;

    MPI_Info_create(&info);
    MPI_Info_set(info, "ftmpi_in_flight", "error");
    MPI_Comm_set_info(comm, info);
    MPI_Info_free(&info);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
}

static void make_group(void)
{
    MPI_Group world, ours;
    int range[1][3] = {{0, size - 1, 1}};

    MPI_Comm_group(MPI_COMM_WORLD, &world);
    MPI_Group_range_incl(world, 1, range, &ours);
    MPI_Comm_create_group(MPI_COMM_WORLD, ours, 5, &comm);
    MPI_Group_free(&ours);
    MPI_Group_free(&world);
}

/* Of the last step before MPI_Finalize they write; a moment later they are in it. */
static void await_ends(void)
{
    const struct timespec moment = {.tv_sec = 1};
    char path[512];

    name(path, sizeof path, "died", rank, 0);
    if (access(path, F_OK) != 0)
        return;
    for (int other = 0; other < size; other++) {
        name(path, sizeof path, "done", other, 0);
        while (other != rank && access(path, F_OK) != 0)
            usleep(1000);
    }
    nanosleep(&moment, NULL);
}

static void make_comm(const char *kind)
{
    int dims[1], periods[1] = {1}, coords[1], left, right;

    if (strcmp(kind, "dup") == 0) {
        MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    } else if (strcmp(kind, "group") == 0) {
        make_group();
    } else if (strcmp(kind, "split") == 0) { /* all of them, the other way round, but for rank 0 */
        MPI_Comm_split(MPI_COMM_WORLD, 0, rank == 0 ? -1000 : -rank, &comm);
    } else if (strcmp(kind, "cart") == 0) {
        dims[0] = size;
        MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &comm);
        MPI_Comm_rank(comm, &rank);
        MPI_Cart_coords(comm, rank, 1, coords);
        MPI_Cart_shift(comm, 0, 1, &left, &right);
        if (coords[0] != rank || right != (rank + 1) % size || left != (rank + size - 1) % size)
            fail("the Cartesian neighbours are wrong", left, right);
    }
    MPI_Comm_rank(comm, &rank);
    MPI_Comm_size(comm, &size);
}

static void parse(int argc, char **argv)
{
    const char *kind = "world", *rule = "repost";
    int is_late = 0;

    if (argc < 3)
        exit(2);
    folder = argv[1];
    way = argv[2];
    for (int i = 3; i < argc; i++) {
        if (strncmp(argv[i], "comm=", 5) == 0)
            kind = argv[i] + 5;
        else if (strncmp(argv[i], "rule=", 5) == 0)
            rule = argv[i] + 5;
        else if (strncmp(argv[i], "steps=", 6) == 0)
            steps = atoi(argv[i] + 6);
        else if (strncmp(argv[i], "bytes=", 6) == 0)
            n_numbers = atoi(argv[i] + 6) / (int) sizeof(int);
        else if (strcmp(argv[i], "late") == 0)
            is_late = 1;
        else if (n_deaths < DEATHS_MAX
                 && sscanf(argv[i], "die=%d@%d", &deaths[n_deaths].rank, &deaths[n_deaths].step)
                        == 2)
            n_deaths++;
        else
            exit(2);
    }
    if (size > RANKS_MAX)
        exit(2);
    if (is_late)
        await_ends();
    make_comm(kind);
    dies_late = strcmp(rule, "error") == 0;
    if (dies_late)
        choose_rule();
}

int main(int argc, char **argv)
{
    char path[512];
    int gathers;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    parse(argc, argv);
    do
        name(path, sizeof path, "died", rank, life);
    while (access(path, F_OK) == 0 && ++life);
    name(path, sizeof path, "got", rank, life);
    got = fopen(path, "w");
    if (!got)
        fail("no file for what is received", 0, 0);
    gathers = strstr(way, "gather") || strstr(way, "probe") || strcmp(way, "ranks") == 0
              || strcmp(way, "batch") == 0 || strcmp(way, "newest") == 0
              || strcmp(way, "reused") == 0;
    if (strcmp(way, "reused") == 0 && rank < 2)
        make_pair();
    if (strcmp(way, "held") == 0)
        hold();
    else if (strcmp(way, "again") == 0)
        again();
    else if (gathers)
        rank == 0 ? gather() : send_steps();
    else
        rank == 0 ? publish() : subscribe();
    if (strcmp(way, "barrier") == 0)
        MPI_Barrier(comm);
    fclose(got);
    name(path, sizeof path, "done", rank, life);
    fclose(fopen(path, "w"));
    MPI_Finalize();
    return 0;
}
