/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_detector.c - random histories of heartbeats (beats_world.c), checked by rules
 * (beats_rules.c). Called as harness.h says.
 */
#include <stdio.h>

#include "beats_world.h"
#include "core/planted.h"
#include "harness.h"

enum ft_plant ft_planted;
enum ft_detector_plant ft_detector_planted;

static struct beats_world world;

static const struct sim_plant plants[] = {
    {FT_DETECTOR_PLANT_NO_STALL, "that the central unit slept is not noticed"},
    {FT_DETECTOR_PLANT_NO_CONFIRM, "silence is enough to be declared"},
    {FT_DETECTOR_PLANT_ONE_PING, "a silent node is asked once, and nobody else"},
    {FT_DETECTOR_PLANT_NO_NETWORK, "many silent at once are so many deaths"},
    {FT_DETECTOR_PLANT_LEASE_EARLY, "leases end with the last beat but one"},
    {FT_DETECTOR_PLANT_ACK_LOST, "a node that was declared has its lease renewed"},
    {FT_DETECTOR_PLANT_NO_TAKEOVER, "a new leader takes nodes that it does not know for free"},
    {FT_DETECTOR_PLANT_FORGET_DEAD, "nobody is judged after a network event"},
    {FT_DETECTOR_PLANT_REPLAY, "datagrams count again when they are replayed"},
    {FT_DETECTOR_PLANT_LEASE_LATE, "a unit counts its lease from the acknowledgement"},
    {FT_DETECTOR_PLANT_UNFENCED, "a unit that was declared keeps its lease"},
    {FT_DETECTOR_PLANT_ALWAYS_SHARED, "a unit relies on others for its acknowledgements"},
};
#define PLANTS_N (sizeof plants / sizeof plants[0])

_Static_assert(PLANTS_N == FT_DETECTOR_PLANT_N - 1, "each fault of detector_impl.h is planted");

static void plant(int number)
{
    ft_detector_planted = (enum ft_detector_plant) number;
}

static void run(uint64_t seed, bool told, struct sim_result *result)
{
    beats_run(&world, seed, told);
    result->hash = world.hash;
    snprintf(result->broken, sizeof result->broken, "%s", world.broken);
}

int main(int argc, char *argv[])
{
    static const struct sim sim = {.name = "sim_detector",
                                   .runs = 4000,
                                   .twice_each = 10,
                                   .planted_runs = 4000,
                                   .plants = plants,
                                   .plants_n = PLANTS_N,
                                   .plant = plant,
                                   .run = run};

    return sim_main(&sim, argc, argv);
}
