/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_app.c - the program of the tests of repair: steps of computation, each with collectives and
 * messages on the world and on communicators made from it, all of whose results are checked.
 *
 *     repair_app FOLDER WAY [OPTION]...
 *
 *     WAY        loop       FTMPI_Loop
 *                callback   FTMPI_Set_callback, the interrupted call returns an error
 *                repeat     FTMPI_Set_callback, the interrupted call is done again; allreduce only, of
 *                           which rank 0 says in which step it is
 *                return     MPI_ERRORS_RETURN
 *                plain      knows nothing; the same
 *     steps=N    100
 *     comms=0    none but the world
 *     keep=0     no kept state: each repair begins with step 0 again
 *     pause=MS   between two steps
 *     die=R@S    rank R kills itself at step S; more than one may be given, each happens once; those
 *                of one step when all of them have come to it
 *     late=R@MS  rank R is killed MS milliseconds after the first death
 *     end=R      rank R kills itself after its last step, instead of coming to the end
 *     early=R    rank R kills itself between MPI_Init and the loop
 *     init=R     rank R kills itself as soon as MPI_Init has returned
 *     slow=R@MS  rank R computes for so long in each step
 *     gap=MS     whoever is no replacement waits so long between each step's collective and its messages
 *     big=BYTES  messages of so many
 *     told=1     rank 0 first tells each of the others in which step it is, and waits until it hears
 *                that (plain)
 *     pending=1  requests are under way when a rank dies
 *
 * FOLDER/unfetched has a line of each rank that could not go back to a commit, and begins anew.
 * FOLDER/computes.0 is there after some steps. FOLDER/log.RANK gets a line for each repair that the
 * rank has seen, FOLDER/end what rank 0 has computed. Exit code 3 and a line on stderr: a result was wrong.
 */
#include <mpi.h>
#include <mpi-ext.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ftmpi.h"

#define DEATHS_MAX 16

struct moment {
    int rank, at;
};

static const char *folder, *way;
static int steps = 100, with_comms = 1, with_keep = 1, pause_ms, gap_ms, pending, told, big = 8;
static struct moment deaths[DEATHS_MAX], late = {-1, 0}, slow = {-1, 0};
static int deaths_n, end_rank = -1, early_rank = -1, init_rank = -1;

static int rank, n;
static MPI_Comm dup_comm = MPI_COMM_NULL, half = MPI_COMM_NULL, grid = MPI_COMM_NULL;

static struct {
    int step;
    double sum;
} state;
static char *out, *in;

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}

static void nap(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

static void note(const char *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(const char *file, const char *format, ...)
{
    char path[512], line[512];
    va_list list;
    int fd, length;

    va_start(list, format);
    length = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    snprintf(path, sizeof path, "%s/%s", folder, file);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (fd < 0 || write(fd, line, (size_t) length) != length)
        exit(4);
    close(fd);
}

static void wrong(const char *what, double got, double expected)
{
    fprintf(stderr, "repair_app: rank %d, step %d: %s is %g, not %g\n", rank, state.step, what, got,
            expected);
    exit(3);
}

static void check(const char *what, double got, double expected)
{
    if (got != expected)
        wrong(what, got, expected);
}

/* ---------------------------------------------------------------- dying */

/* True in the first process that comes here. */
static int is_first(const char *what, int i)
{
    char path[512];
    int fd;

    snprintf(path, sizeof path, "%s/%s.%d", folder, what, i);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void die(void)
{
    note("deaths", "%d %.3f\n", rank, now_ms());
    kill(getpid(), SIGKILL);
    pause();
}

/* Nobody is lost before the others are here, too, outside of MPI: a repair that began earlier would
 * have them among its survivors. */
static void die_together(int step)
{
    char path[512];

    for (int i = 0; i < deaths_n; i++) {
        snprintf(path, sizeof path, "%s/died.%d", folder, i);
        while (deaths[i].at == step && access(path, F_OK) != 0)
            nap(1);
    }
    die();
}

static void die_if_it_is_time(void)
{
    for (int i = 0; i < deaths_n; i++)
        if (deaths[i].rank == rank && deaths[i].at == state.step && is_first("died", i))
            die_together(state.step);
}

/* A child of this process kills it some time after the first death. */
static void expect_late_death(void)
{
    char command[1024];

    snprintf(command, sizeof command,
             "p=%d; while [ ! -e %s/deaths ] && kill -0 $p; do sleep 0.002; done; sleep %d.%03d; "
             "[ -e %s/late ] || { : >%s/late; kill -9 $p; }",
             (int) getpid(), folder, late.at / 1000, late.at % 1000, folder, folder);
    if (fork() == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *) NULL);
        _exit(127);
    }
}

/* ---------------------------------------------------------------- communicators */

static void make_comms(void)
{
    int dims[1] = {0}, periods[1] = {1};

    if (!with_comms)
        return;
    MPI_Comm_dup(MPI_COMM_WORLD, &dup_comm);
    MPI_Comm_split(MPI_COMM_WORLD, rank % 2, -rank, &half);
    MPI_Dims_create(n, 1, dims);
    MPI_Cart_create(MPI_COMM_WORLD, 1, dims, periods, 0, &grid);
}

/* ---------------------------------------------------------------- one step */

#define TRY(call)                                                                                  \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != MPI_SUCCESS)                                                                    \
            return rc_;                                                                            \
    } while (0)

static int ring(MPI_Comm comm, const char *what)
{
    int size, me, left, right;
    MPI_Request requests[2];

    MPI_Comm_size(comm, &size);
    MPI_Comm_rank(comm, &me);
    left = (me + size - 1) % size;
    right = (me + 1) % size;
    memset(out, 0, (size_t) big);
    *(int *) (void *) out = me * 1000 + state.step;
    TRY(MPI_Irecv(in, big, MPI_BYTE, left, 7, comm, &requests[0]));
    TRY(MPI_Isend(out, big, MPI_BYTE, right, 7, comm, &requests[1]));
    TRY(MPI_Waitall(2, requests, MPI_STATUSES_IGNORE));
    check(what, *(int *) (void *) in, left * 1000 + state.step);
    return MPI_SUCCESS;
}

/* To rank 0 from all, in any order. */
static int gather_any(MPI_Comm comm)
{
    MPI_Status status;
    int size, me, value, sum = 0;

    MPI_Comm_size(comm, &size);
    MPI_Comm_rank(comm, &me);
    if (me != 0)
        return MPI_Send(&me, 1, MPI_INT, 0, 9, comm);
    for (int i = 1; i < size; i++) {
        TRY(MPI_Recv(&value, 1, MPI_INT, MPI_ANY_SOURCE, 9, comm, &status));
        check("a status's source", status.MPI_SOURCE, value);
        sum += value;
    }
    check("the sum from anybody", sum, size * (size - 1) / 2);
    return MPI_SUCCESS;
}

static int compare_half(void)
{
    int size, me, value, expected = 0;

    MPI_Comm_size(half, &size);
    MPI_Comm_rank(half, &me);
    for (int r = rank % 2; r < n; r += 2)
        expected += r;
    check("the size of the half", size, (n - rank % 2 + 1) / 2);
    check("the rank in the half", me, size - 1 - rank / 2);
    TRY(MPI_Allreduce(&rank, &value, 1, MPI_INT, MPI_SUM, half));
    check("the half's sum", value, expected);
    return MPI_SUCCESS;
}

static int neighbours(void)
{
    int left, right, got = -1;

    MPI_Cart_shift(grid, 0, 1, &left, &right);
    check("the grid's right", right, (rank + 1) % n);
    TRY(MPI_Sendrecv(&rank, 1, MPI_INT, right, 5, &got, 1, MPI_INT, left, 5, grid,
                     MPI_STATUS_IGNORE));
    check("from the grid's left", got, left);
    return MPI_SUCCESS;
}

static int tell_others(void)
{
    if (rank != 0)
        return MPI_Recv(&state.step, 1, MPI_INT, 0, 11, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (int r = 1; r < n; r++)
        TRY(MPI_Ssend(&state.step, 1, MPI_INT, r, 11, MPI_COMM_WORLD));
    return MPI_SUCCESS;
}

static bool is_replacement(void)
{
    FTMPI_Repair_t repair;

    return FTMPI_Last_repair(&repair) == MPI_SUCCESS && repair.is_replacement;
}

static int compute(void)
{
    bool is_plain = strcmp(way, "plain") == 0 || strcmp(way, "repeat") == 0;
    double mine[2] = {rank + 1, rank == 0 ? state.step : 0}, sum[2];

    die_if_it_is_time();
    if (slow.rank == rank)
        nap(slow.at);
    if (told)
        TRY(tell_others());
    TRY(MPI_Allreduce(mine, sum, 2, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD));
    check("the sum", sum[0], n * (n + 1) / 2.0);
    if (is_plain) /* a program that a process can join anywhere: rank 0 says where all are */
        state.step = (int) sum[1];
    check("rank 0's step", sum[1], state.step);
    if (gap_ms && !is_replacement())
        nap(gap_ms);
    if (!is_plain) {
        TRY(ring(MPI_COMM_WORLD, "the world's ring"));
        TRY(gather_any(MPI_COMM_WORLD));
        if (with_comms) {
            TRY(ring(dup_comm, "the duplicate's ring"));
            TRY(compare_half());
            TRY(neighbours());
        }
    }
    state.sum += sum[0];
    state.step++;
    if (state.step == 5 && rank == 1)
        is_first("computes", 0);
    if (pause_ms)
        nap(pause_ms);
    return MPI_SUCCESS;
}

/* ---------------------------------------------------------------- all steps */

static void note_repair(const FTMPI_Repair_t *repair)
{
    char file[32];
    double all = 0;

    for (int i = 0; i < FTMPI_STEPS; i++)
        all += repair->step_ms[i];
    snprintf(file, sizeof file, "log.%d", rank);
    note(file, "%d %d of %d before %d lost %d first %d new %d step %d ms %.2f", repair->repairs,
         repair->rank, repair->world_n, repair->before_n, repair->lost_n,
         repair->lost_n ? repair->lost[0] : -1, repair->is_replacement, state.step, all);
    for (int i = 0; i < FTMPI_STEPS; i++)
        note(file, " %.2f", repair->step_ms[i]);
    note(file, " at %.3f\n", now_ms());
}

static int go_back(const FTMPI_Repair_t *repair)
{
    int version = -1, rc = MPI_ERR_OTHER;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    if (repair->repairs == 0)
        return MPI_SUCCESS;
    if (with_keep)
        rc = FTMPI_Fetch_common(10000, &version);
    if (rc == MPIX_ERR_PROC_FAILED)
        return rc;
    if (rc != MPI_SUCCESS && with_keep)
        note("unfetched", "%d %s\n", rank, FTMPI_Last_error());
    if (rc != MPI_SUCCESS)
        memset(&state, 0, sizeof state);
    else
        check("the fetched step", state.step, version);
    note_repair(repair);
    return MPI_SUCCESS;
}

static int all_steps(void)
{
    while (state.step < steps) {
        TRY(compute());
        if (with_keep && FTMPI_Commit(state.step) != MPI_SUCCESS)
            note("uncommitted", "%d %d %s\n", rank, state.step, FTMPI_Last_error());
    }
    return MPI_SUCCESS;
}

static int body(const FTMPI_Repair_t *repair, void *arg)
{
    (void) arg;
    go_back(repair);
    if (pending) { /* never matched: it must not be written to after a repair */
        static MPI_Request requests[4];
        static char lost[4][64];

        for (int i = 0; i < 4; i++)
            MPI_Irecv(lost[i], 64, MPI_BYTE, (rank + 1) % n, 100 + i, MPI_COMM_WORLD, &requests[i]);
        all_steps();
        for (int i = 0; i < 4; i++) {
            MPI_Cancel(&requests[i]);
            MPI_Wait(&requests[i], MPI_STATUS_IGNORE);
        }
        return state.step;
    }
    all_steps();
    return state.step;
}

static int on_repair(const FTMPI_Repair_t *repair, void *arg)
{
    ++*(int *) arg;
    if (strcmp(way, "repeat") != 0)
        return FTMPI_RETURN_ERROR;
    note_repair(repair);
    return FTMPI_REPEAT;
}

/* For the ways in which calls return errors. */
static void try_again_and_again(int *called)
{
    FTMPI_Repair_t repair;
    int rc;

    do {
        FTMPI_Last_repair(&repair);
        rc = go_back(&repair);
        if (rc == MPI_SUCCESS)
            rc = all_steps();
        if (rc == MPI_SUCCESS)
            rc = FTMPI_Settle();
        if (rc != MPI_SUCCESS && rc != MPIX_ERR_PROC_FAILED) {
            fprintf(stderr, "repair_app: rank %d: error %d\n", rank, rc);
            exit(3);
        }
    } while (rc != MPI_SUCCESS);
    FTMPI_Last_repair(&repair);
    if (strcmp(way, "callback") == 0 && !repair.is_replacement && *called < (repair.repairs > 0))
        wrong("the callbacks' number", *called, repair.repairs);
}

static void parse(int argc, char **argv)
{
    folder = argv[1];
    way = argv[2];
    for (int i = 3; i < argc; i++) {
        struct moment *moment = &deaths[deaths_n < DEATHS_MAX ? deaths_n : 0];

        if (sscanf(argv[i], "die=%d@%d", &moment->rank, &moment->at) == 2)
            deaths_n++;
        else if (sscanf(argv[i], "late=%d@%d", &late.rank, &late.at) != 2
                 && sscanf(argv[i], "slow=%d@%d", &slow.rank, &slow.at) != 2
                 && sscanf(argv[i], "steps=%d", &steps) != 1
                 && sscanf(argv[i], "comms=%d", &with_comms) != 1
                 && sscanf(argv[i], "keep=%d", &with_keep) != 1
                 && sscanf(argv[i], "pause=%d", &pause_ms) != 1
                 && sscanf(argv[i], "gap=%d", &gap_ms) != 1
                 && sscanf(argv[i], "end=%d", &end_rank) != 1
                 && sscanf(argv[i], "early=%d", &early_rank) != 1
                 && sscanf(argv[i], "init=%d", &init_rank) != 1
                 && sscanf(argv[i], "big=%d", &big) != 1
                 && sscanf(argv[i], "told=%d", &told) != 1
                 && sscanf(argv[i], "pending=%d", &pending) != 1)
            exit(2);
    }
}

int main(int argc, char **argv)
{
    FTMPI_Repair_t repair = {0};
    int called = 0;

    if (argc < 3)
        return 2;
    parse(argc, argv);
    out = malloc((size_t) big);
    in = malloc((size_t) big);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    if (rank == init_rank && is_first("init", 0))
        die();
    FTMPI_Last_repair(&repair);
    if (rank == late.rank && !repair.is_replacement)
        expect_late_death();
    if (strcmp(way, "plain") == 0 || strcmp(way, "repeat") == 0)
        with_comms = with_keep = 0;
    make_comms();
    if (with_keep)
        FTMPI_Keep("state", &state, sizeof state);
    if (rank == early_rank && is_first("early", 0))
        die();
    if (strcmp(way, "loop") == 0) {
        check("the loop's value", FTMPI_Loop(body, NULL), steps);
    } else if (strcmp(way, "plain") == 0) {
        all_steps();
    } else {
        if (strcmp(way, "return") == 0)
            MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
        else
            FTMPI_Set_callback(on_repair, &called);
        try_again_and_again(&called);
    }
    if (rank == end_rank && is_first("ended", 0))
        die();
    MPI_Finalize();
    if (rank == 0)
        note("end", "%d %.0f of %d\n", state.step, state.sum, n);
    free(out);
    free(in);
    return 0;
}
