/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * harness.h - what all simulations have in common: seeds, repeated runs, planted faults, replay.
 *
 * A simulation is a table: how to run one history, which faults can be planted, how many histories
 * are enough. Its main() hands that to sim_main:
 *
 *     PROGRAM               runs many histories, some of them twice: the second time has to go
 *                           exactly as the first; then with each planted fault until a rule is
 *                           found broken. Prints TAP
 *     PROGRAM SEED          one history, with all that happens in it
 *     PROGRAM SEED COUNT    that many, from this seed on
 *
 *     FT_SIM_SEED           the first seed, else 1: the same histories for everybody, and a
 *                           different start for who wants more
 *     FT_SIM_RUNS           how many, else what the table says
 *     FT_SIM_PLANT          the number of a planted fault, to look at a history with it
 *
 * A failure prints its seed and the command that shows it; a crash, the seed.
 */
#ifndef FT_SIM_HARNESS_H
#define FT_SIM_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_BROKEN_MAX 640

/* How a history went. */
struct sim_result {
    uint64_t hash;               /* of all that happened */
    char broken[SIM_BROKEN_MAX]; /* which rule was broken, and how; "": none */
};

struct sim_plant {
    int number;       /* for `plant` */
    const char *text; /* what is wrong then */
};

struct sim {
    const char *name;         /* of the program, below tests/sim */
    uint64_t runs;            /* histories, if nothing else is said */
    const char *runs_from;    /* variable that says otherwise; NULL: FT_SIM_RUNS */
    uint64_t twice_each;      /* every so many-th is run twice */
    uint64_t planted_runs;    /* to find a planted fault in, at the most */
    const struct sim_plant *plants;
    size_t plants_n;
    void (*plant)(int number); /* 0: no fault */
    /* Runs one, from its seed alone. told: prints all that happens. `result` is zeroed before. */
    void (*run)(uint64_t seed, bool told, struct sim_result *result);
    /* Prints a line ("# ...") about all histories that were run soundly so far; NULL: none. */
    void (*tell)(void);
};

/* Returns what main has to return: 0 if all rules hold and all faults were found. */
int sim_main(const struct sim *sim, int argc, char *argv[]);

#endif
