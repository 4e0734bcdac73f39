/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_others.c - before a repair of a program that expects none: the others come as far as this
 * rank.
 *
 * Such a program goes on by doing again the collective that has failed, in all ranks. A call for a
 * repair interrupts all, and takes the spare in; it must not come while a rank is still busy with
 * what is before that collective and can be completed:
 *
 *   rank 0   --#6----------#7 has failed: asks, waits                     revokes the pool: all come
 *   rank 1   --#6----------#7 has failed: rank 0 asks already             (a round of the repair)
 *   rank 2   --#6--x       lost
 *   rank 3   --#6--------- a large message to rank 2 ------#7 tells 0
 *                          (the spare, by table, which can take it only while it is in no round)
 *
 * How far a rank has come it says itself (headcount.h), whatever it does. One that is behind is on
 * its way: the program's next step is that collective, or the end; it would be waited for in the
 * round as well. The least that waits has all that it waits for, so somebody always calls.
 *
 *   not waited for   who is lost; who was started anew into a repair (it has part in collectives
 *                    only, and there is no spare left to be held up); who does not answer for
 *                    SILENT_MS although it lives: the repair begins without its word
 *   who asks         one for all: a rank begins the later the greater it is, and not while a lesser
 *                    one that waits for no more than it does has asked a short time ago. All are
 *                    asked by one event; first often, then every FTM_ASKED_MS
 *
 * Called by repair.c, with its lock held.
 */
#include "config.h"

#include "repair_others.h"

#include <mpi.h>
#include <mpi-ext.h>
#include <pmix.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "gone.h"
#include "headcount.h"
#include "repair.h"
#include "role.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

#define SILENT_MS 30000
#define ASK_EVERY_MS 20  /* at first */
#define NAP_US 200       /* the daemons that carry the words need the core */
#define LATER_MS 1       /* one rank than the one before it, */
#define LATER_MAX_MS 100 /* at the most */

struct others {
    int n, own;  /* of ftm_active, whose ranks are those of the world */
    int *reals;  /* in the real world; negative: none of it, or it is lost */
    int first;   /* the first that has not come */
    int repairs;
    uint64_t begun;
    int64_t since_ns, ask_at_ns, ask_every_ms;
};

static bool find_reals(struct others *others)
{
    MPI_Group active = MPI_GROUP_NULL, world = MPI_GROUP_NULL;
    int *ranks = calloc((size_t) others->n, sizeof *ranks);
    bool ok = ranks && PMPI_Comm_group(ftm_active, &active) == MPI_SUCCESS
              && PMPI_Comm_group(MPI_COMM_WORLD, &world) == MPI_SUCCESS;

    others->reals = calloc((size_t) others->n, sizeof *others->reals);
    for (int v = 0; ranks && v < others->n; v++)
        ranks[v] = v;
    ok = ok && others->reals
         && PMPI_Group_translate_ranks(active, others->n, ranks, world, others->reals)
                == MPI_SUCCESS;
    if (active != MPI_GROUP_NULL)
        PMPI_Group_free(&active);
    if (world != MPI_GROUP_NULL)
        PMPI_Group_free(&world);
    free(ranks);
    return ok;
}

/* False: nobody is to be waited for. */
static bool begin(struct others *others, int repairs, uint64_t begun)
{
    int later_ms;

    *others = (struct others) {.repairs = repairs,
                               .begun = begun,
                               .since_ns = ftm_now_ns(),
                               .ask_every_ms = ASK_EVERY_MS};
    if (ftm_role_has_joined() || PMPI_Comm_size(ftm_active, &others->n) != MPI_SUCCESS
        || PMPI_Comm_rank(ftm_active, &others->own) != MPI_SUCCESS)
        return false;
    later_ms = LATER_MS * others->own;
    others->ask_at_ns = ftm_deadline_ns(later_ms < LATER_MAX_MS ? later_ms : LATER_MAX_MS);
    return find_reals(others);
}

/* ---------------------------------------------------------------- who has come */

/* Open MPI knows of some by itself. */
static void note_lost(struct others *others)
{
    MPI_Group failed = MPI_GROUP_NULL, active = MPI_GROUP_NULL;
    int n = 0;

    if (PMPIX_Comm_get_failed(ftm_active, &failed) != MPI_SUCCESS)
        return;
    if (PMPI_Group_size(failed, &n) == MPI_SUCCESS && n > 0
        && PMPI_Comm_group(ftm_active, &active) == MPI_SUCCESS) {
        for (int i = 0, v; i < n; i++)
            if (PMPI_Group_translate_ranks(failed, 1, &i, active, &v) == MPI_SUCCESS && v >= 0)
                others->reals[v] = -1;
        PMPI_Group_free(&active);
    }
    if (failed != MPI_GROUP_EMPTY)
        PMPI_Group_free(&failed);
}

static bool has_come(const struct others *others, int v)
{
    int real = others->reals[v];
    int64_t heard_ns;

    if (v == others->own || real < 0 || ftm_world_is_lost(real)
        || ftm_headcount_is_there(v, others->repairs, others->begun, &heard_ns))
        return true;
    if (heard_ns < others->since_ns)
        heard_ns = others->since_ns;
    return ftm_now_ns() - heard_ns > SILENT_MS * INT64_C(1000000);
}

/* Who has come does not go back. */
static bool have_all_come(struct others *others)
{
    while (others->first < others->n && has_come(others, others->first))
        others->first++;
    return others->first == others->n;
}

/* ---------------------------------------------------------------- asking */

/* Does another one ask, which hears of all that this one could? */
static bool is_left_to_another(const struct others *others)
{
    int v = ftm_headcount_who_waits(others->repairs, others->begun, others->own);

    return v >= 0 && v < others->n && others->reals[v] >= 0
           && !ftm_world_is_lost(others->reals[v]);
}

static void ask(struct others *others)
{
    pmix_proc_t all;

    if (ftm_now_ns() < others->ask_at_ns || is_left_to_another(others))
        return;
    PMIX_LOAD_PROCID(&all, ftm_role_job(), PMIX_RANK_WILDCARD);
    ftm_headcount_ask(&all, 1, true);
    others->ask_at_ns = ftm_deadline_ns(others->ask_every_ms);
    others->ask_every_ms
        = others->ask_every_ms < FTM_ASKED_MS / 2 ? 2 * others->ask_every_ms : FTM_ASKED_MS;
}

void ftm_repair_await_others(int repairs, uint64_t begun)
{
    const struct timespec nap = {.tv_nsec = NAP_US * 1000};
    struct others others;
    bool is_over = !begin(&others, repairs, begun);
    int flag;

    if (!is_over)
        ftm_headcount_tell();
    while (!is_over && !ftm_repair_is_called()) {
        note_lost(&others);
        is_over = have_all_come(&others);
        if (!is_over)
            ask(&others);
        PMPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_SELF, &flag, MPI_STATUS_IGNORE);
        nanosleep(&nap, NULL);
    }
    free(others.reals);
}
