/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_detector.c - random histories of heartbeats, checked by rules; used as sim_core (main.c) is:
 *
 *     sim_detector              as many as FT_SIM_RUNS says, some of them twice (the second time has
 *                               to go as the first); then the planted faults, each of which has to be
 *                               found. Prints TAP
 *     sim_detector SEED         one history, with all that happens in it
 *     sim_detector SEED COUNT   that many, from this seed on
 *
 * FT_SIM_SEED gives the first seed, else 1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beats_world.h"
#include "core/planted.h"

#define RUNS_DEFAULT 4000
#define PLANTED_RUNS 4000
#define TWICE_EVERY 10

enum ft_plant ft_planted;
enum ft_detector_plant ft_detector_planted;

static struct beats_world world;

static const char *const plants[FT_DETECTOR_PLANT_N] = {
    [FT_DETECTOR_PLANT_NO_STALL] = "that the central unit slept is not noticed",
    [FT_DETECTOR_PLANT_NO_CONFIRM] = "silence is enough to be declared",
    [FT_DETECTOR_PLANT_ONE_PING] = "a silent node is asked once, and nobody else",
    [FT_DETECTOR_PLANT_NO_NETWORK] = "many silent at once are so many deaths",
    [FT_DETECTOR_PLANT_LEASE_EARLY] = "leases end with the last beat but one",
    [FT_DETECTOR_PLANT_ACK_LOST] = "a node that was declared has its lease renewed",
    [FT_DETECTOR_PLANT_NO_TAKEOVER] = "a new leader takes nodes that it does not know for free",
    [FT_DETECTOR_PLANT_FORGET_DEAD] = "nobody is judged after a network event",
    [FT_DETECTOR_PLANT_REPLAY] = "datagrams count again when they are replayed",
    [FT_DETECTOR_PLANT_LEASE_LATE] = "a unit counts its lease from the acknowledgement",
    [FT_DETECTOR_PLANT_UNFENCED] = "a unit that was declared keeps its lease",
};

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

/* Runs histories until one breaks a rule. Returns its seed + 1, 0: none. */
static uint64_t run_many(uint64_t first, uint64_t count, bool twice, char *broken, size_t size)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash;

        beats_run(&world, seed, false);
        hash = world.hash;
        if (world.broken[0] == '\0' && twice && seed % TWICE_EVERY == 0) {
            beats_run(&world, seed, false);
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
    printf("not ok %d - seed %" PRIu64 ": %s\n# see it: tests/sim/sim_detector %" PRIu64 "\n",
           number, found - 1, broken, found - 1);
    return 1;
}

static int run_planted(int number, enum ft_detector_plant plant, uint64_t first)
{
    char broken[sizeof world.broken];
    uint64_t found;

    ft_detector_planted = plant;
    found = run_many(first, PLANTED_RUNS, false, broken, sizeof broken);
    ft_detector_planted = FT_DETECTOR_PLANT_NOTHING;
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
    beats_run(&world, seed, true);
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

    ft_detector_planted =
        (enum ft_detector_plant) number_of(getenv("FT_SIM_PLANT"), FT_DETECTOR_PLANT_NOTHING);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2)
        return show_one(number_of(argv[1], 1));
    if (argc == 3) {
        printf("1..1\n");
        return run_sound(1, number_of(argv[1], 1), number_of(argv[2], 1));
    }
    printf("1..%d\n", FT_DETECTOR_PLANT_N);
    failed += run_sound(1, first, count);
    for (int plant = 1; plant < FT_DETECTOR_PLANT_N; plant++)
        failed += run_planted(plant + 1, (enum ft_detector_plant) plant, first);
    return failed == 0 ? 0 : 1;
}
