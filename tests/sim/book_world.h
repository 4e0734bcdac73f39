/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * book_world.h - machines, disks and a network that do not exist, with real voters on them.
 *
 * world_run plays one history: everything that happens, and when, comes from the seed. The rules
 * that must hold are looked at after each event; the first one that is broken is said in `broken`.
 *
 *     at most one leads in a term; nobody votes twice in a term
 *     what was said to be safe is in the ledger of whoever leads later, and of everybody in the end
 *     a leader takes nobody to have entries that it has not
 *     ledgers that applied the same entries are the same
 *     an identity whose data are gone is never heard of again
 *     a witness never leads
 *     the answer about a vote that is no longer asked for changes nothing
 *     the lead is handed only to one that has caught up
 *     once all is well again, the preferred voter leads, and all of the plan vote
 */
#ifndef FT_TESTS_BOOK_WORLD_H
#define FT_TESTS_BOOK_WORLD_H

#include <stdbool.h>
#include <stdint.h>

struct world_result {
    char broken[512];   /* "" all rules held */
    uint64_t hash;      /* of all that happened */
    uint64_t puts, safe, leads, crashes, losses, hand_backs, torn, damaged;
    unsigned voters;
};

void world_run(uint64_t seed, bool talk, struct world_result *result);

#endif
