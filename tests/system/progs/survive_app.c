/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * survive_app - an MPI program that lives through losses and says what it saw, for the system tests
 * of the launcher's component.
 *
 *   survive_app [abort=CODE] [by=RANK] [fence] [losses=N] [begin=NAME] [spawn=HOST|any] [alone]
 *               [end=NAME] [exit=CODE]
 *
 * Without words it meets in a barrier and ends. What the words do, in this order:
 *   abort=CODE    rank RANK (0) calls MPI_Abort with CODE
 *   fence         all but the last rank enter a PMIx fence, which the last never joins, and say
 *                 with which status it ends ("fence STATUS")
 *   losses=N      meet in barriers until N processes are lost, shrinking after each; rank 0 says
 *                 "lost N of M at TIME"
 *   begin=NAME    wait until the file /shared/NAME is there
 *   spawn=HOST    the remaining ranks spawn one process on HOST, which says "child on NODE", and
 *                 disconnect; any: wherever the launcher puts it. "spawn failed" if it cannot be.
 *   alone         the spawn is that of the lowest remaining rank alone
 *   end=NAME      wait until the file /shared/NAME is there
 *   exit=CODE     rank RANK (after losses: the lowest remaining one) exits with CODE after
 *                 MPI_Finalize
 * Each rank says "rank R of M on NODE pid P" once MPI runs, and rank 0 writes /shared/ready then.
 * PMIX_EVENT_NODE_DOWN is said as "rank R: node NODE down".
 */
#include <errno.h>
#include <mpi.h>
#include <mpi-ext.h>
#include <pmix.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int world_rank = -1;
static char node[256];

static const char *word(int argc, char **argv, const char *name)
{
    size_t n = strlen(name);

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0)
            return "";
        if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=')
            return argv[i] + n + 1;
    }
    return NULL;
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

static void fail(const char *what, int rc)
{
    fprintf(stderr, "survive_app: rank %d on %s: %s: %d\n", world_rank, node, what, rc);
    exit(99);
}

/* ---- PMIx */

static void on_node_down(size_t id, pmix_status_t status, const pmix_proc_t *source,
                         pmix_info_t info[], size_t n, pmix_info_t *results, size_t n_results,
                         pmix_event_notification_cbfunc_fn_t done, void *cbdata)
{
    const char *name = "?";
    long number = -1;

    (void) id;
    (void) status;
    (void) source;
    (void) results;
    (void) n_results;
    for (size_t i = 0; i < n; i++) {
        if (PMIX_CHECK_KEY(&info[i], PMIX_HOSTNAME))
            name = info[i].value.data.string;
        if (PMIX_CHECK_KEY(&info[i], PMIX_NODEID))
            number = info[i].value.data.uint32;
    }
    printf("rank %d: node %s down, number %ld\n", world_rank, name, number);
    fflush(stdout);
    if (done != NULL)
        done(PMIX_EVENT_ACTION_COMPLETE, NULL, 0, NULL, NULL, cbdata);
}

static void listen_for_nodes(pmix_proc_t *me)
{
    pmix_status_t code = PMIX_EVENT_NODE_DOWN;
    pmix_status_t rc = PMIx_Init(me, NULL, 0); /* MPI has done so; this counts its users */

    if (rc != PMIX_SUCCESS)
        fail("PMIx_Init", rc);
    rc = PMIx_Register_event_handler(&code, 1, NULL, 0, on_node_down, NULL, NULL);
    if (rc < 0)
        fail("PMIx_Register_event_handler", rc);
}

static void fence(const pmix_proc_t *me, bool join)
{
    pmix_proc_t all;
    pmix_status_t rc;

    while (!join)
        pause();
    PMIX_LOAD_PROCID(&all, me->nspace, PMIX_RANK_WILDCARD);
    rc = PMIx_Fence(&all, 1, NULL, 0);
    printf("rank %d: fence %s\n", world_rank, PMIx_Error_string(rc));
    fflush(stdout);
}

/* ---- MPI */

static MPI_Comm live_through(MPI_Comm comm, int losses)
{
    int lost = 0, rank, size, left;
    MPI_Comm smaller;

    while (lost < losses) {
        if (MPI_Barrier(comm) == MPI_SUCCESS)
            continue;
        MPIX_Comm_revoke(comm);
        if (MPIX_Comm_shrink(comm, &smaller) != MPI_SUCCESS)
            fail("MPIX_Comm_shrink", 0);
        MPI_Comm_size(comm, &size);
        MPI_Comm_size(smaller, &left);
        MPI_Comm_rank(smaller, &rank);
        lost += size - left;
        if (rank == 0) {
            printf("lost %d of %d at %.6f\n", size - left, size, now_s());
            fflush(stdout);
        }
        comm = smaller;
        MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    }
    return comm;
}

static void spawn(MPI_Comm comm, char *program, const char *host)
{
    MPI_Info info;
    MPI_Comm child;
    int rc, code, rank;

    MPI_Comm_rank(comm, &rank);
    MPI_Info_create(&info);
    if (strcmp(host, "any") != 0) {
        MPI_Info_set(info, "PMIX_ADD_HOST", host);
        MPI_Info_set(info, "PMIX_HOST", host);
    }
    if (rank == 0) {
        printf("spawning\n");
        fflush(stdout);
    }
    rc = MPI_Comm_spawn(program, MPI_ARGV_NULL, 1, info, 0, comm, &child, &code);
    MPI_Info_free(&info);
    if (rc != MPI_SUCCESS || code != MPI_SUCCESS) {
        if (rank == 0)
            printf("spawn failed\n");
        fflush(stdout);
        return;
    }
    rc = MPI_Comm_disconnect(&child);
    if (rc != MPI_SUCCESS)
        fail("MPI_Comm_disconnect", rc);
}

static void be_child(MPI_Comm parent)
{
    printf("child on %s\n", node);
    fflush(stdout);
    MPI_Comm_disconnect(&parent);
    MPI_Finalize();
    exit(0);
}

static void mark(const char *name)
{
    char path[512];
    FILE *f;

    snprintf(path, sizeof path, "/shared/%s", name);
    f = fopen(path, "w");
    if (f == NULL)
        fail(path, errno);
    fclose(f);
}

static void await(const char *name)
{
    const struct timespec pause_20ms = {.tv_nsec = 20000000};
    char path[512];

    snprintf(path, sizeof path, "/shared/%s", name);
    while (access(path, F_OK) != 0)
        nanosleep(&pause_20ms, NULL);
}

int main(int argc, char **argv)
{
    MPI_Comm parent, comm = MPI_COMM_WORLD;
    pmix_proc_t me;
    const char *value;
    int size, rank, by;

    MPI_Init(&argc, &argv);
    gethostname(node, sizeof node);
    MPI_Comm_get_parent(&parent);
    if (parent != MPI_COMM_NULL)
        be_child(parent);
    MPI_Comm_rank(comm, &world_rank);
    MPI_Comm_size(comm, &size);
    MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    listen_for_nodes(&me);
    printf("rank %d of %d on %s pid %d\n", world_rank, size, node, (int) getpid());
    fflush(stdout);
    MPI_Barrier(comm);
    if (world_rank == 0)
        mark("ready");
    value = word(argc, argv, "by");
    by = value != NULL ? atoi(value) : 0;
    if ((value = word(argc, argv, "abort")) != NULL && world_rank == by) {
        await("ready");
        MPI_Abort(comm, atoi(value));
    }
    if (word(argc, argv, "fence") != NULL)
        fence(&me, world_rank != size - 1);
    if ((value = word(argc, argv, "losses")) != NULL)
        comm = live_through(comm, atoi(value));
    if ((value = word(argc, argv, "begin")) != NULL)
        await(value);
    MPI_Comm_rank(comm, &rank);
    if ((value = word(argc, argv, "spawn")) != NULL && word(argc, argv, "alone") == NULL)
        spawn(comm, argv[0], value);
    else if (value != NULL && rank == 0)
        spawn(MPI_COMM_SELF, argv[0], value);
    if ((value = word(argc, argv, "end")) != NULL)
        await(value);
    PMIx_Finalize(NULL, 0);
    MPI_Finalize();
    value = word(argc, argv, "exit");
    return value != NULL && rank == (comm == MPI_COMM_WORLD ? by : 0) ? atoi(value) : 0;
}
