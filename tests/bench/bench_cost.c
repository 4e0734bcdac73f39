/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_cost.c - what a call costs while nothing fails, on two ranks.
 *
 *     bench_cost BYTES...
 *
 * It works in blocks of about BLOCK_MS. Every other block calls Open MPI's functions past whatever
 * stands before them (the preloaded layer, if it is there), by their addresses in libmpi: the two
 * kinds of blocks see the same machine, the same connections and the same memory. For each case and
 * size rank 0 prints
 *
 *     bench case=pingpong bytes=8 us=0.312 direct_us=0.309 blocks=48
 *
 * us: of one operation (a round trip halved, a message of a window, a reduction), the median over
 * the blocks as a program calls them; direct_us: over the others.
 */
#include <dlfcn.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MS 1.0
#define BLOCKS 48     /* of each kind, */
#define BLOCKS_MIN 16 /* fewer if that takes longer than */
#define CASE_MAX_S 2.0
#define WINDOW 64  /* messages on their way at once */

struct calls {
    int (*send)(const void *, int, MPI_Datatype, int, int, MPI_Comm);
    int (*recv)(void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Status *);
    int (*isend)(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);
    int (*irecv)(void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);
    int (*waitall)(int, MPI_Request[], MPI_Status[]);
    int (*allreduce)(const void *, void *, int, MPI_Datatype, MPI_Op, MPI_Comm);
};

static const struct calls called = {MPI_Send,  MPI_Recv,    MPI_Isend,
                                    MPI_Irecv, MPI_Waitall, MPI_Allreduce};
static struct calls direct;
static MPI_Comm pair; /* of the direct calls: all ranks but spares, whatever the real world is */
static int rank, bytes;
static char *out, *in;

typedef void work_fn(const struct calls *call, MPI_Comm comm, long n);

static void pingpong(const struct calls *call, MPI_Comm comm, long n)
{
    for (long i = 0; i < n; i++) {
        if (rank == 0)
            call->send(out, bytes, MPI_CHAR, 1, 1, comm);
        call->recv(in, bytes, MPI_CHAR, 1 - rank, 1, comm, MPI_STATUS_IGNORE);
        if (rank == 1)
            call->send(out, bytes, MPI_CHAR, 0, 1, comm);
    }
}

static void msgrate(const struct calls *call, MPI_Comm comm, long n)
{
    MPI_Request requests[WINDOW];

    for (long i = 0; i < n; i += WINDOW) {
        for (int j = 0; j < WINDOW; j++)
            if (rank == 0)
                call->isend(out, bytes, MPI_CHAR, 1, 1, comm, &requests[j]);
            else
                call->irecv(in + (size_t) j * (size_t) bytes, bytes, MPI_CHAR, 0, 1, comm,
                            &requests[j]);
        call->waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
        if (rank == 0)
            call->recv(in, 1, MPI_CHAR, 1, 2, comm, MPI_STATUS_IGNORE);
        else
            call->send(out, 1, MPI_CHAR, 0, 2, comm);
    }
}

static void allreduce(const struct calls *call, MPI_Comm comm, long n)
{
    for (long i = 0; i < n; i++)
        call->allreduce(out, in, bytes / (int) sizeof(double), MPI_DOUBLE, MPI_SUM, comm);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static double median(double values[], int n)
{
    qsort(values, (size_t) n, sizeof *values, by_value);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static double block_us(work_fn *work, const struct calls *call, MPI_Comm comm, long n)
{
    double start;

    direct.allreduce(MPI_IN_PLACE, in, 1, MPI_CHAR, MPI_BOR, pair); /* both begin together */
    start = MPI_Wtime();
    work(call, comm, n);
    return (MPI_Wtime() - start) * 1e6;
}

/* How many operations a block takes, the same on both ranks. */
static long calibrate(work_fn *work, long least)
{
    long n = least;
    double us = 0;

    block_us(work, &called, MPI_COMM_WORLD, n); /* connects, touches the memory */
    for (;;) {
        us = block_us(work, &called, MPI_COMM_WORLD, n);
        MPI_Bcast(&us, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD);
        if (us >= BLOCK_MS * 1000 / 2)
            return n;
        n *= 2;
    }
}

static int find_direct(void)
{
    void *libmpi = dlopen("libmpi.so.40", RTLD_LAZY | RTLD_NOLOAD);
    const char *names[] = {"PMPI_Send",  "PMPI_Recv",    "PMPI_Isend",
                           "PMPI_Irecv", "PMPI_Waitall", "PMPI_Allreduce"};

    for (size_t i = 0; libmpi && i < sizeof names / sizeof *names; i++) {
        void *found = dlsym(libmpi, names[i]);

        memcpy((char *) &direct + i * sizeof found, &found, sizeof found);
        if (!found)
            return -1;
    }
    return libmpi ? 0 : -1;
}

static const struct {
    const char *name;
    work_fn *work;
    long least;    /* operations in a block */
    double halves; /* of an operation */
} cases[] = {{"pingpong", pingpong, 1, 2}, {"msgrate", msgrate, WINDOW, 1},
             {"allreduce", allreduce, 1, 1}};

/* On a machine that is busy with other things. Both ranks say the same. */
static int takes_too_long(double start)
{
    char yes = rank == 0 && MPI_Wtime() - start > CASE_MAX_S;

    direct.allreduce(MPI_IN_PLACE, &yes, 1, MPI_CHAR, MPI_BOR, pair);
    return yes;
}

static void measure(size_t which)
{
    static double us[BLOCKS], direct_us[BLOCKS];
    work_fn *work = cases[which].work;
    double start = MPI_Wtime();
    long n = calibrate(work, cases[which].least);
    int blocks;

    for (blocks = 0; blocks < BLOCKS; blocks++) { /* ABBA */
        int i = blocks, direct_first = i & 1;

        if (i >= BLOCKS_MIN && takes_too_long(start))
            break;

        if (direct_first)
            direct_us[i] = block_us(work, &direct, pair, n);
        us[i] = block_us(work, &called, MPI_COMM_WORLD, n);
        if (!direct_first)
            direct_us[i] = block_us(work, &direct, pair, n);
    }
    if (rank == 0)
        printf("bench case=%s bytes=%d us=%.5f direct_us=%.5f blocks=%d\n", cases[which].name, bytes,
               median(us, blocks) / (double) n / cases[which].halves,
               median(direct_us, blocks) / (double) n / cases[which].halves, blocks);
}

int main(int argc, char *argv[])
{
    int most = 0;

    for (int i = 1; i < argc; i++)
        most = atoi(argv[i]) > most ? atoi(argv[i]) : most;
    if (most <= 0)
        return 2;
    out = calloc(1, (size_t) most + 8);
    in = calloc(WINDOW, (size_t) most + 8);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (!out || !in || find_direct() != 0)
        MPI_Abort(MPI_COMM_WORLD, 2);
    MPI_Comm_dup(MPI_COMM_WORLD, &pair);
    for (int i = 1; i < argc; i++)
        for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
            bytes = atoi(argv[i]);
            measure(which);
        }
    MPI_Comm_free(&pair);
    return MPI_Finalize() == MPI_SUCCESS ? 0 : 1;
}
