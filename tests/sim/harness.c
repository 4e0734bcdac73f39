/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * harness.c - the main program of all simulations; see harness.h. Owns which seed is under way, so
 * that a crash (an assertion of a library's, too) can name it.
 */
#include "harness.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile uint64_t seed_now;
static const char *volatile plant_now = "";

static void on_crash(int signal_number)
{
    char text[200];
    int n = snprintf(text, sizeof text, "# ended by signal %d at seed %" PRIu64 " %s\n",
                     signal_number, seed_now, plant_now);

    if (write(STDOUT_FILENO, text, (size_t) n) < 0)
        _exit(3);
    _exit(2);
}

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static void run_one(const struct sim *sim, uint64_t seed, bool told, struct sim_result *result)
{
    memset(result, 0, sizeof *result);
    seed_now = seed;
    sim->run(seed, told, result);
}

/* Runs histories until one breaks a rule, or is not the same twice. Returns its seed + 1; 0:
 * none. */
static uint64_t run_many(const struct sim *sim, uint64_t first, uint64_t count, bool twice,
                         struct sim_result *result)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct sim_result again;

        run_one(sim, seed, false, result);
        if (result->broken[0] == '\0' && twice && seed % sim->twice_each == 0) {
            run_one(sim, seed, false, &again);
            if (again.hash != result->hash)
                snprintf(result->broken, sizeof result->broken, "the second run went another way");
        }
        if (result->broken[0] != '\0')
            return seed + 1;
    }
    return 0;
}

static int run_sound(const struct sim *sim, uint64_t first, uint64_t count)
{
    struct sim_result result;
    uint64_t found = run_many(sim, first, count, true, &result);

    if (found != 0) {
        printf("not ok 1 - seed %" PRIu64 ": %s\n# see it: tests/sim/%s %" PRIu64 "\n", found - 1,
               result.broken, sim->name, found - 1);
        return 1;
    }
    printf("ok 1 - %" PRIu64 " histories from seed %" PRIu64 "\n", count, first);
    if (sim->tell != NULL)
        sim->tell();
    return 0;
}

static int run_planted(const struct sim *sim, int test, const struct sim_plant *plant,
                       uint64_t first)
{
    struct sim_result result;
    uint64_t found;

    plant_now = plant->text;
    sim->plant(plant->number);
    found = run_many(sim, first, sim->planted_runs, false, &result);
    sim->plant(0);
    plant_now = "";
    if (found != 0) {
        printf("ok %d - planted: %s\n# found by seed %" PRIu64 ": %s\n", test, plant->text,
               found - 1, result.broken);
        return 0;
    }
    printf("not ok %d - planted: %s: not found in %" PRIu64 " histories\n# see one: "
           "FT_SIM_PLANT=%d tests/sim/%s %" PRIu64 "\n", test, plant->text, sim->planted_runs, plant->number,
           sim->name, first);
    return 1;
}

static int show_one(const struct sim *sim, uint64_t seed)
{
    struct sim_result result;

    run_one(sim, seed, true, &result);
    printf("# seed %" PRIu64 ": %s\n", seed,
           result.broken[0] == '\0' ? "all rules hold" : result.broken);
    return result.broken[0] != '\0';
}

int sim_main(const struct sim *sim, int argc, char *argv[])
{
    const char *runs_from = sim->runs_from != NULL ? sim->runs_from : "FT_SIM_RUNS";
    uint64_t first = number_of(getenv("FT_SIM_SEED"), 1);
    int failed = 0;

    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    setvbuf(stdout, NULL, _IOLBF, 0);
    sim->plant((int) number_of(getenv("FT_SIM_PLANT"), 0));
    if (argc == 2)
        return show_one(sim, number_of(argv[1], 1));
    if (argc > 2) {
        printf("1..1\n");
        return run_sound(sim, number_of(argv[1], 1), number_of(argv[2], 1));
    }
    if (getenv("FT_SIM_ELSEWHERE") != NULL) {
        printf("1..0 # SKIP it is run elsewhere\n");
        return 0;
    }
    printf("1..%zu\n", sim->plants_n + 1);
    failed += run_sound(sim, first, number_of(getenv(runs_from), sim->runs));
    for (size_t i = 0; i < sim->plants_n; i++)
        failed += run_planted(sim, (int) i + 2, &sim->plants[i], first);
    return failed == 0 ? 0 : 1;
}
