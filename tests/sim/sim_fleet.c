/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_fleet.c - random histories of modules, their nodes and their leaders (fleet_world.c), checked
 * by rules (fleet_rules.c). Called as harness.h says.
 */
#include <stdio.h>

#include "fleet_world.h"
#include "harness.h"

enum ft_plant ft_planted; /* core/central.c, which has it else, is not part of this program */

static struct world world;

static const struct sim_plant plants[] = {
    {FT_PLANT_FLEET_NO_LEASE, "the lease of a lost node is not waited for"},
    {FT_PLANT_FLEET_NO_STOP, "placed elsewhere before it has stopped"},
    {FT_PLANT_FLEET_EPOCH, "an older epoch is taken for the current one"},
    {FT_PLANT_FLEET_KEEP_LATE, "ordered before it is kept"},
    {FT_PLANT_FLEET_FORGET_UNFIT, "it goes back where it just failed"},
    {FT_PLANT_FLEET_NO_RETRY, "what nowhere fitted is forgotten"},
    {FT_PLANT_FLEET_FORGET_DRAIN, "a drain is not kept"},
    {FT_PLANT_FLEET_FORGET_MOVE, "a move is not kept"},
    {FT_PLANT_FLEET_HASTY_LEADER, "a new leader does not wait"},
    {FT_PLANT_FLEET_RESTART_ALL, "a new plan starts everything again"},
    {FT_PLANT_FLEET_NO_ORDER, "`after` is not looked at"},
};
#define PLANTS_N (sizeof plants / sizeof plants[0])

_Static_assert(PLANTS_N == FT_PLANT_FLEET_END - FT_PLANT_FLEET_FIRST,
               "each fault of core/planted.h is planted");

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
    static const struct sim sim = {.name = "sim_fleet",
                                   .runs = 3000,
                                   .twice_each = 8,
                                   .planted_runs = 6000,
                                   .plants = plants,
                                   .plants_n = PLANTS_N,
                                   .plant = plant,
                                   .run = run};

    return sim_main(&sim, argc, argv);
}
