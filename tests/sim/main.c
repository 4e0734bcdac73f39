/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * main.c - random histories of the central state machine, checked by rules.
 *
 *     sim_core              the number of histories that FT_SIM_RUNS says (5000), each twice: the
 *                           second time has to go exactly as the first; then the planted faults,
 * each
 *                           of which has to be found. Prints TAP
 *     sim_core SEED         one history, with all that happens in it
 *     sim_core SEED COUNT   that many, from this seed on
 *
 * FT_SIM_SEED gives the first seed, else 1: the same histories for everybody, and a different start
 * for who wants more. A failure prints its seed and the command that shows it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/detector_impl.h"
#include "world.h"

#define RUNS_DEFAULT 5000
#define PLANTED_RUNS 4000 /* to find a planted fault in, at the most */

enum ft_detector_plant ft_detector_planted; /* core is compiled as a whole; sim_detector plants these */

static struct world world;

static const char *const plants[FT_PLANT_N] = {
    [FT_PLANT_GIVE_LOST] = "a node that was lost while it was probed is given",
    [FT_PLANT_IGNORE_EXCLUDED] = "an excluded node is given",
    [FT_PLANT_IGNORE_MISMATCH] = "what the probe measured is not compared",
    [FT_PLANT_SAME_NODE_TWICE] = "two lost nodes get the same node",
    [FT_PLANT_TWO_STARTERS] = "every claimant is told to start",
    [FT_PLANT_FORGET_WAITER] = "one of several askers is not answered",
    [FT_PLANT_NO_DEADLINE] = "a waiting claim has no deadline",
    [FT_PLANT_NEW_ANSWER] = "what is decided is decided anew",
    [FT_PLANT_GIVE_FAILED] = "a node where starting failed is given again",
    [FT_PLANT_KEEP_LATE] = "a decision is answered that was not kept",
};

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

/* Runs histories until one breaks a rule, or is not the same twice. Returns its seed + 1, 0:
 * none. */
static uint64_t run_many(uint64_t first, uint64_t count, bool twice, char *broken, size_t size)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash;

        world_run(&world, seed, false);
        hash = world.hash;
        if (world.broken[0] == '\0' && twice) {
            world_run(&world, seed, false);
            if (world.hash != hash)
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
    printf("not ok %d - seed %" PRIu64 ": %s\n# see it: tests/sim/sim_core %" PRIu64 "\n", number,
           found - 1, broken, found - 1);
    return 1;
}

static int run_planted(int number, enum ft_plant plant, uint64_t first)
{
    char broken[sizeof world.broken];
    uint64_t found;

    ft_planted = plant;
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
    printf("1..%d\n", FT_PLANT_N);
    failed += run_sound(1, first, count);
    for (int plant = 1; plant < FT_PLANT_N; plant++)
        failed += run_planted(plant + 1, (enum ft_plant) plant, first);
    return failed == 0 ? 0 : 1;
}
