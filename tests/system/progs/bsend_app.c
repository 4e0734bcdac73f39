/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bsend_app.c - long buffered messages to a rank that is lost before it receives them.
 *
 *     bsend_app FOLDER bsend|ibsend|many|full|loop
 *
 * Rank 0 buffers messages for rank 1, which kills itself without having received any. Then it
 * detaches the buffer. The next process of rank 1, if there is one, receives them and says what it
 * got: "got N of N". Rank 0 says "detached SIZE"; each rank "the end".
 *
 *     bsend    one message       ibsend   the same by MPI_Ibsend
 *     many     many, to ranks 1 and 2 in turn; 2 receives them
 *     full     one that has no room: "refused: MPI_ERR_BUFFER"; then one that has
 *     loop     in FTMPI_Loop: what was buffered before the loss is void, rank 0 begins again
 */
#include <fcntl.h>
#include <mpi.h>
#include <mpi-ext.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ftmpi.h"

#define LONG_BYTES 1000000
#define MANY 40
#define ROOM 16000000
#define TAG 7
#define LATER_MS 500 /* rank 0 has buffered its messages by then */

static const char *folder, *way;
static int rank;

static void nap(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    nanosleep(&t, NULL);
}

static void die_once(void)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/died", folder);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd < 0)
        return;
    close(fd);
    nap(LATER_MS);
    kill(getpid(), SIGKILL);
    pause();
}

static int is_way(const char *name)
{
    return strcmp(way, name) == 0;
}

static int messages_n(void)
{
    return is_way("many") ? MANY : 1;
}

static int bytes_of(int i)
{
    return is_way("many") ? 100000 + i * 1001 : LONG_BYTES;
}

static void fill(char *bytes, int n, int i)
{
    for (int at = 0; at < n; at++)
        bytes[at] = (char) (at * 7 + i);
}

static void buffer_one(const char *bytes, int n, int to)
{
    MPI_Request request;

    if (!is_way("ibsend")) {
        MPI_Bsend(bytes, n, MPI_CHAR, to, TAG, MPI_COMM_WORLD);
        return;
    }
    MPI_Ibsend(bytes, n, MPI_CHAR, to, TAG, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
}

static void send_all(void)
{
    static char bytes[LONG_BYTES];

    for (int i = 0; i < messages_n(); i++)
        for (int to = 1; to <= (is_way("many") ? 2 : 1); to++) {
            fill(bytes, bytes_of(i), i);
            buffer_one(bytes, bytes_of(i), to);
        }
    memset(bytes, 0, sizeof bytes); /* it is the application's again */
}

static void overflow(void)
{
    char *bytes = calloc(2, ROOM);
    int class, rc;

    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    rc = MPI_Bsend(bytes, 2 * ROOM, MPI_CHAR, 1, TAG, MPI_COMM_WORLD);
    MPI_Error_class(rc, &class);
    if (class == MPI_ERR_BUFFER) {
        MPI_Bsend(bytes, ROOM / 2, MPI_CHAR, 1, TAG + 1, MPI_COMM_WORLD);
        rc = MPI_Bsend(bytes, ROOM - 4096, MPI_CHAR, 1, TAG + 1, MPI_COMM_WORLD);
        MPI_Error_class(rc, &class);
    }
    printf("refused: %s\n", class == MPI_ERR_BUFFER ? "MPI_ERR_BUFFER" : "not");
    free(bytes);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_ARE_FATAL);
}

static void receive_all(void)
{
    static char bytes[LONG_BYTES], expected[LONG_BYTES];
    int right = 0, n;
    MPI_Status status;

    for (int i = 0; i < messages_n(); i++) {
        MPI_Recv(bytes, LONG_BYTES, MPI_CHAR, 0, TAG, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_CHAR, &n);
        fill(expected, n, i);
        right += n == bytes_of(i) && memcmp(bytes, expected, (size_t) n) == 0
            && status.MPI_SOURCE == 0;
    }
    printf("rank %d got %d of %d\n", rank, right, messages_n());
}

static int body(const FTMPI_Repair_t *repair, void *arg)
{
    (void) arg;
    if (rank == 0) {
        void *buffer;
        int size;

        if (repair->repairs > 0)
            MPI_Buffer_detach(&buffer, &size);
        MPI_Buffer_attach(calloc(1, ROOM), ROOM);
        send_all();
    } else if (rank == 1) {
        die_once();
        receive_all();
    }
    MPI_Barrier(MPI_COMM_WORLD);
    return 0;
}

static void plain(void)
{
    if (rank == 0) {
        MPI_Buffer_attach(calloc(1, ROOM), ROOM);
        if (is_way("full"))
            overflow();
        else
            send_all();
        nap(2 * LATER_MS);
    } else if (rank == 1 && is_way("full")) {
        char *bytes = calloc(1, ROOM);

        nap(LATER_MS);
        MPI_Recv(bytes, ROOM, MPI_CHAR, 0, TAG + 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        free(bytes);
    } else if (rank == 1) {
        die_once();
        receive_all();
    } else if (is_way("many")) {
        receive_all();
    }
}

int main(int argc, char **argv)
{
    void *buffer;
    int size;

    MPI_Init(&argc, &argv);
    setvbuf(stdout, NULL, _IOLBF, 0);
    folder = argv[1];
    way = argc > 2 ? argv[2] : "bsend";
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (is_way("loop"))
        FTMPI_Loop(body, NULL);
    else
        plain();
    if (rank == 0) {
        MPI_Buffer_detach(&buffer, &size);
        printf("detached %d\n", size);
        free(buffer);
    }
    MPI_Finalize();
    printf("rank %d: the end\n", rank);
    return 0;
}
