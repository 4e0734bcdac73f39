/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_book.c - random histories of the central unit's voters, checked by rules (book_world.h).
 * Called as harness.h says; FT_SIM_BOOK_RUNS says how many histories.
 */
#include <inttypes.h>
#include <stdio.h>

#include "book_world.h"
#include "core/planted.h"
#include "harness.h"

/* Under sanitizers each takes five times as long. */
#ifdef __SANITIZE_ADDRESS__
#define RUNS_DEFAULT 1200
#else
#define RUNS_DEFAULT 2000
#endif

enum ft_plant ft_planted;

static struct world_result sum; /* of all histories so far */

static const struct sim_plant plants[] = {
    {FT_PLANT_ACK_EARLY, "safe as soon as it is put"},
    {FT_PLANT_ACK_UNSTORED, "stored before it is on the disk"},
    {FT_PLANT_NO_BARRIER, "leads before earlier entries are applied"},
    {FT_PLANT_OLD_IDENTITY, "goes on under the old identity after its data were lost"},
    {FT_PLANT_FORGET_VOTE, "does not store whom it voted for"},
    {FT_PLANT_HAND_BACK_LAGGING, "hands over to one that lags"},
    {FT_PLANT_TORN_TAIL, "takes a record that was written in part"},
    {FT_PLANT_HASTY_FOUNDER, "founds without having asked"},
};
#define PLANTS_N (sizeof plants / sizeof plants[0])

_Static_assert(PLANTS_N == FT_PLANT_BOOK_END - FT_PLANT_BOOK_FIRST,
               "each fault of core/planted.h is planted");

static void plant(int number)
{
    ft_planted = (enum ft_plant) number;
}

static void run(uint64_t seed, bool told, struct sim_result *result)
{
    struct world_result one;

    world_run(seed, told, &one);
    sum.puts += one.puts;
    sum.safe += one.safe;
    sum.leads += one.leads;
    sum.crashes += one.crashes;
    sum.losses += one.losses;
    sum.hand_backs += one.hand_backs;
    sum.torn += one.torn;
    sum.damaged += one.damaged;
    result->hash = one.hash;
    snprintf(result->broken, sizeof result->broken, "%s", one.broken);
}

static void tell(void)
{
    printf("# %" PRIu64 " puts, %" PRIu64 " safe; %" PRIu64 " leads, %" PRIu64 " crashes, %" PRIu64
           " torn writes, %" PRIu64 " disks lost, %" PRIu64 " damaged, %" PRIu64 " handed over\n",
           sum.puts, sum.safe, sum.leads, sum.crashes, sum.torn, sum.losses, sum.damaged,
           sum.hand_backs);
}

int main(int argc, char *argv[])
{
    static const struct sim sim = {.name = "sim_book",
                                   .runs = RUNS_DEFAULT,
                                   .runs_from = "FT_SIM_BOOK_RUNS",
                                   .twice_each = 20,
                                   .planted_runs = 3000,
                                   .plants = plants,
                                   .plants_n = PLANTS_N,
                                   .plant = plant,
                                   .run = run,
                                   .tell = tell};

    return sim_main(&sim, argc, argv);
}
