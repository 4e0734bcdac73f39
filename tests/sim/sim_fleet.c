/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_fleet.c - random histories of modules, their nodes and their leaders, checked by rules.
 *
 *     sim_fleet             the number of histories that FT_SIM_RUNS says (3000), some of them
 *                           twice: the second time has to go exactly as the first; then the planted
 *                           faults, each of which has to be found. Prints TAP
 *     sim_fleet SEED        one history, with all that happens in it
 *     sim_fleet SEED COUNT  that many, from this seed on
 *
 * FT_SIM_SEED gives the first seed, else 1. FT_SIM_PLANT is the number of a planted fault (see
 * core/planted.h). A failure prints its seed and the command that shows it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet_world.h"

#define RUNS_DEFAULT 3000
#define TWICE_EACH 8       /* every so many-th history is run twice */
#define PLANTED_RUNS 6000  /* to find a planted fault in, at the most */
#define PLANTS (FT_PLANT_FLEET_END - FT_PLANT_FLEET_FIRST)

enum ft_plant ft_planted; /* core/central.c, which has it else, is not part of this program */

static struct world world;

static const char *const plants[PLANTS] = {
    [FT_PLANT_FLEET_NO_LEASE - FT_PLANT_FLEET_FIRST] = "the lease of a lost node is not waited for",
    [FT_PLANT_FLEET_NO_STOP - FT_PLANT_FLEET_FIRST] = "placed elsewhere before it has stopped",
    [FT_PLANT_FLEET_EPOCH - FT_PLANT_FLEET_FIRST] = "an older epoch is taken for the current one",
    [FT_PLANT_FLEET_KEEP_LATE - FT_PLANT_FLEET_FIRST] = "ordered before it is kept",
    [FT_PLANT_FLEET_FORGET_UNFIT - FT_PLANT_FLEET_FIRST] = "it goes back where it just failed",
    [FT_PLANT_FLEET_NO_RETRY - FT_PLANT_FLEET_FIRST] = "what nowhere fitted is forgotten",
    [FT_PLANT_FLEET_FORGET_DRAIN - FT_PLANT_FLEET_FIRST] = "a drain is not kept",
    [FT_PLANT_FLEET_FORGET_MOVE - FT_PLANT_FLEET_FIRST] = "a move is not kept",
    [FT_PLANT_FLEET_HASTY_LEADER - FT_PLANT_FLEET_FIRST] = "a new leader does not wait",
    [FT_PLANT_FLEET_RESTART_ALL - FT_PLANT_FLEET_FIRST] = "a new plan starts everything again",
    [FT_PLANT_FLEET_NO_ORDER - FT_PLANT_FLEET_FIRST] = "`after` is not looked at",
};

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

/* Runs histories until one breaks a rule, or is not the same twice. Returns its seed + 1; 0:
 * none. */
static uint64_t run_many(uint64_t first, uint64_t count, bool twice, char *broken, size_t size)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash;

        world_run(&world, seed, false);
        hash = world.hash;
        if (world.broken[0] == '\0' && twice && seed % TWICE_EACH == 0) {
            world_run(&world, seed, false);
            if (world.hash != hash && world.broken[0] == '\0')
                snprintf(world.broken, sizeof world.broken, "the second run went another way");
        }
        if (world.broken[0] != '\0') {
            snprintf(broken, size, "%s", world.broken);
            return seed + 1;
        }
    }
    return 0;
}

static int run_sound(int number, uint64_t first, uint64_t count)
{
    char broken[sizeof world.broken];
    uint64_t found = run_many(first, count, true, broken, sizeof broken);

    if (found == 0) {
        printf("ok %d - %" PRIu64 " histories from seed %" PRIu64 "\n", number, count, first);
        return 0;
    }
    printf("not ok %d - seed %" PRIu64 ": %s\n# see it: tests/sim/sim_fleet %" PRIu64 "\n", number,
           found - 1, broken, found - 1);
    return 1;
}

static int run_planted(int number, int plant, uint64_t first)
{
    char broken[sizeof world.broken];
    uint64_t found;

    ft_planted = (enum ft_plant) (FT_PLANT_FLEET_FIRST + plant);
    found = run_many(first, PLANTED_RUNS, false, broken, sizeof broken);
    ft_planted = FT_PLANT_NOTHING;
    if (found != 0) {
        printf("ok %d - planted: %s\n# found by seed %" PRIu64 ": %s\n", number, plants[plant],
               found - 1, broken);
        return 0;
    }
    printf("not ok %d - planted: %s: not found in %d histories\n", number, plants[plant],
           PLANTED_RUNS);
    return 1;
}

static int show_one(uint64_t seed)
{
    world_run(&world, seed, true);
    if (world.broken[0] == '\0') {
        printf("# seed %" PRIu64 ": all rules hold\n", seed);
        return 0;
    }
    printf("# seed %" PRIu64 ": %s\n", seed, world.broken);
    return 1;
}

int main(int argc, char *argv[])
{
    uint64_t first = number_of(getenv("FT_SIM_SEED"), 1);
    uint64_t count = number_of(getenv("FT_SIM_RUNS"), RUNS_DEFAULT);
    int failed = 0;

    ft_planted = (enum ft_plant) number_of(getenv("FT_SIM_PLANT"), FT_PLANT_NOTHING);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2)
        return show_one(number_of(argv[1], 1));
    if (argc == 3) {
        printf("1..1\n");
        return run_sound(1, number_of(argv[1], 1), number_of(argv[2], 1));
    }
    printf("1..%d\n", PLANTS + 1);
    failed += run_sound(1, first, count);
    for (int plant = 0; plant < PLANTS; plant++)
        failed += run_planted(plant + 2, plant, first);
    return failed == 0 ? 0 : 1;
}
