/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that loses a rank in the middle of a call that makes a communicator: in each of the
 * steps that Open MPI does inside. The test's program of calls that must not leave anybody waiting.
 *
 *     cut_short FOLDER CALL DEATHS@FIRST        in mode repair
 *     cut_short FOLDER CALL VICTIM STEP         in mode retarget
 *
 *     CALL   create, merge: MPI_Intercomm_create of the world's two halves, and MPI_Intercomm_merge
 *            dup, info, split, part: MPI_Comm_dup, _dup_with_info, _split and _create of what
 *            MPI_Intercomm_create has made
 *            group: MPI_Comm_create_group of all but the first rank
 *
 * A new communicator gets its number, and then is activated, by functions of Open MPI's that any
 * library may stand in front of, as this program does: a rank ends itself (SIGKILL) as it comes to
 * the k-th of those in the call. The others are in it, or come to it.
 *
 * In mode repair it does that over and over, with FTMPI_Loop: first the second half's first rank,
 * then the last one, in the step FIRST; both in the next one, and so on, until there were DEATHS, or
 * the call has no such step. At the end each rank writes FOLDER/end.RANK: "ok REPAIRS".
 *
 * In mode retarget it is one rank, in one step. All others come back from the call: with
 * MPIX_ERR_PROC_FAILED, or with success. They exchange messages, and write FOLDER/end.RANK: "ok
 * failed", or "ok made".
 *
 * What is wrong it says, and ends with 3.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mpi.h>
#include <mpi-ext.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ftmpi.h"

typedef int number_fn(void *made, void *parent, void *bridge, const void *arg0, const void *arg1,
                      bool sends_first, int mode, void **request);
typedef int activate_fn(void **made, void *parent, void *bridge, const void *arg0,
                        const void *arg1, bool sends_first, int mode, void **request);

#define EXPORT __attribute__((visibility("default")))

EXPORT int ompi_comm_nextcid_nb(void *made, void *parent, void *bridge, const void *arg0,
                                const void *arg1, bool sends_first, int mode, void **request);
EXPORT int ompi_comm_activate_nb(void **made, void *parent, void *bridge, const void *arg0,
                                 const void *arg1, bool sends_first, int mode, void **request);

static const char *folder, *call;
static int rank, n, deaths, first, steps_left; /* this rank dies when that comes down to 0 */

static void fail(const char *what, int is)
{
    fprintf(stderr, "cut_short: rank %d: %s: %d\n", rank, what, is);
    exit(3);
}

/* ---------------------------------------------------------------- in Open MPI's place */

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found)
        fail(name, 0);
    return found;
}

static void maybe_die(void)
{
    if (steps_left > 0 && --steps_left == 0)
        raise(SIGKILL);
}

int ompi_comm_nextcid_nb(void *made, void *parent, void *bridge, const void *arg0,
                         const void *arg1, bool sends_first, int mode, void **request)
{
    number_fn *number;

    *(void **) &number = next("ompi_comm_nextcid_nb");
    maybe_die();
    return number(made, parent, bridge, arg0, arg1, sends_first, mode, request);
}

int ompi_comm_activate_nb(void **made, void *parent, void *bridge, const void *arg0,
                          const void *arg1, bool sends_first, int mode, void **request)
{
    activate_fn *activate;

    *(void **) &activate = next("ompi_comm_activate_nb");
    maybe_die();
    return activate(made, parent, bridge, arg0, arg1, sends_first, mode, request);
}

/* ---------------------------------------------------------------- the calls */

static bool is_upper(void)
{
    return rank >= n / 2;
}

static MPI_Group group_of(MPI_Comm comm, int leave_out)
{
    MPI_Group all, group;

    MPI_Comm_group(comm, &all);
    MPI_Group_excl(all, leave_out >= 0, &leave_out, &group);
    MPI_Group_free(&all);
    return group;
}

static int join_halves(MPI_Comm half, MPI_Comm *inter)
{
    return MPI_Intercomm_create(half, 0, MPI_COMM_WORLD, is_upper() ? 0 : n / 2, 5, inter);
}

static int make_from(MPI_Comm inter, MPI_Comm *made)
{
    MPI_Group group = group_of(inter, -1);
    int rc = strcmp(call, "merge") == 0  ? MPI_Intercomm_merge(inter, is_upper(), made)
             : strcmp(call, "dup") == 0  ? MPI_Comm_dup(inter, made)
             : strcmp(call, "info") == 0 ? MPI_Comm_dup_with_info(inter, MPI_INFO_NULL, made)
             : strcmp(call, "part") == 0 ? MPI_Comm_create(inter, group, made)
                                         : MPI_Comm_split(inter, 0, rank, made);

    MPI_Group_free(&group);
    return rc;
}

static int make_group(MPI_Comm *made)
{
    MPI_Group group = group_of(MPI_COMM_WORLD, 0);
    int rc = rank == 0 ? MPI_SUCCESS : MPI_Comm_create_group(MPI_COMM_WORLD, group, 5, made);

    MPI_Group_free(&group);
    return rc;
}

static bool is(const char *name)
{
    return strcmp(call, name) == 0;
}

/* The call, and what it needs; `step`: in which this rank is to die, 0: in none. What is made is in
 * made[0], what it was made from in the others. */
static int do_call(int step, MPI_Comm made[3])
{
    int rc;

    made[0] = made[1] = made[2] = MPI_COMM_NULL;
    if (!is("group"))
        MPI_Comm_split(MPI_COMM_WORLD, is_upper(), rank, &made[2]);
    if (!is("group") && !is("create"))
        join_halves(made[2], &made[1]);
    steps_left = step;
    rc = is("group")    ? make_group(&made[0])
         : is("create") ? join_halves(made[2], &made[0])
                        : make_from(made[1], &made[0]);
    steps_left = 0;
    return rc;
}

/* What was made has the processes that it should, and they can talk: of an intercommunicator each
 * group gets the other's sum. */
static void check(MPI_Comm made)
{
    int inter = 0, sum = 0, one = 1, expected = is("group") ? n - 1 : n;

    if (made == MPI_COMM_NULL) {
        if (!is("group") || rank != 0)
            fail("nothing was made", rank);
        return;
    }
    MPI_Comm_test_inter(made, &inter);
    if (inter != (!is("group") && !is("merge")))
        fail("is an intercommunicator", inter);
    MPI_Allreduce(&one, &sum, 1, MPI_INT, MPI_SUM, made);
    if (sum != (inter ? n / 2 : expected))
        fail("so many answer", sum);
    one = rank;
    if (is("merge")) { /* the lower ranks first */
        MPI_Comm_rank(made, &sum);
        if (sum != rank)
            fail("merged as", sum);
    }
}

static void write_end(const char *what, int number)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/end.%d", folder, rank);
    file = fopen(path, "w");
    if (!file)
        fail(path, 0);
    fprintf(file, "ok %s", what);
    fprintf(file, number < 0 ? "\n" : "%d\n", number);
    fclose(file);
}

/* ---------------------------------------------------------------- mode repair */

static int body(const FTMPI_Repair_t *repair, void *arg)
{
    int victim = repair->repairs % 2 == 0 ? n / 2 : n - 1;
    int step = rank == victim && repair->repairs < deaths ? repair->repairs / 2 + first : 0;
    MPI_Comm made[3];

    (void) arg;
    do_call(step, made);
    MPI_Barrier(MPI_COMM_WORLD);
    check(made[0]);
    for (int i = 0; i < 3; i++)
        if (made[i] != MPI_COMM_NULL)
            MPI_Comm_free(&made[i]);
    return 0;
}

static void repair(void)
{
    FTMPI_Repair_t last;

    FTMPI_Loop(body, NULL);
    FTMPI_Last_repair(&last);
    write_end("", last.repairs);
}

/* ---------------------------------------------------------------- mode retarget */

/* All but the victim, in a ring. */
static void talk(int victim)
{
    int after = (rank + 1) % n, before = (rank + n - 1) % n, word = rank;

    after = after == victim ? (after + 1) % n : after;
    before = before == victim ? (before + n - 1) % n : before;
    if (MPI_Sendrecv_replace(&word, 1, MPI_INT, after, 1, before, 1, MPI_COMM_WORLD,
                             MPI_STATUS_IGNORE)
            != MPI_SUCCESS
        || word != before)
        fail("after it, from the one before", word);
}

static void retarget(int victim, int step)
{
    MPI_Comm made[3];
    int rc, class;

    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    rc = do_call(rank == victim ? step : 0, made);
    if (rank == victim)
        fail("the call has no such step", step);
    MPI_Error_class(rc, &class);
    if (class != MPI_SUCCESS && class != MPIX_ERR_PROC_FAILED)
        fail("the error's class", class);
    if (class != MPI_SUCCESS && made[0] != MPI_COMM_NULL)
        fail("made in spite of an error", class);
    talk(victim);
    write_end(class == MPI_SUCCESS ? "made" : "failed", -1);
}

int main(int argc, char *argv[])
{
    if (argc < 4 || (argc == 4 && sscanf(argv[3], "%d@%d", &deaths, &first) != 2))
        return 2;
    folder = argv[1];
    call = argv[2];
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &n);
    if (argc > 4)
        retarget(atoi(argv[3]), atoi(argv[4]));
    else
        repair();
    MPI_Finalize();
    return 0;
}
