/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_core.c - random histories of the central state machine (world.c), checked by rules (rules.c).
 * Called as harness.h says.
 */
#include <stdio.h>

#include "core/detector_impl.h"
#include "harness.h"
#include "world.h"

enum ft_detector_plant ft_detector_planted; /* core is compiled as a whole; sim_detector plants these */

static struct world world;

static const struct sim_plant plants[] = {
    {FT_PLANT_GIVE_LOST, "a node that was lost while it was probed is given"},
    {FT_PLANT_IGNORE_EXCLUDED, "an excluded node is given"},
    {FT_PLANT_IGNORE_MISMATCH, "what the probe measured is not compared"},
    {FT_PLANT_SAME_NODE_TWICE, "two lost nodes get the same node"},
    {FT_PLANT_TWO_STARTERS, "every claimant is told to start"},
    {FT_PLANT_FORGET_WAITER, "one of several askers is not answered"},
    {FT_PLANT_NO_DEADLINE, "a waiting claim has no deadline"},
    {FT_PLANT_NEW_ANSWER, "what is decided is decided anew"},
    {FT_PLANT_GIVE_FAILED, "a node where starting failed is given again"},
    {FT_PLANT_KEEP_LATE, "a decision is answered that was not kept"},
    {FT_PLANT_NEWS_MISSED, "news that comes while nobody waits for it is never told"},
    {FT_PLANT_GIVE_FAILING, "a node that goes down while it is probed is given"},
    {FT_PLANT_SPARE_LIVING, "a spare rank takes the place of one that lives"},
    {FT_PLANT_SPARE_DEAD, "a spare rank that is dead is given"},
    {FT_PLANT_SPARE_NO_DEADLINE, "a spare rank that was given a rank never begins, and lives on"},
    {FT_PLANT_FORGET_ERRORS, "a successor writes an error down again"},
    {FT_PLANT_SHARE_ANYHOW, "a shared node is given to who does not want one"},
};
#define PLANTS_N (sizeof plants / sizeof plants[0])

_Static_assert(PLANTS_N == FT_PLANT_N - 1, "each fault of core/planted.h is planted");

static void plant(int number)
{
    ft_planted = (enum ft_plant) number;
}

static void run(uint64_t seed, bool told, struct sim_result *result)
{
    world_run(&world, seed, told);
    result->hash = world.hash;
    snprintf(result->broken, sizeof result->broken, "%s", world.broken);
}

int main(int argc, char *argv[])
{
    static const struct sim sim = {.name = "sim_core",
                                   .runs = 5000,
                                   .twice_each = 1,
                                   .planted_runs = 4000,
                                   .plants = plants,
                                   .plants_n = PLANTS_N,
                                   .plant = plant,
                                   .run = run};

    return sim_main(&sim, argc, argv);
}
