/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake_munge.h - a MUNGE for tests, as a table: credentials are "FAKE:UID:NUMBER:HEX", and what is
 * wrong with it is as the test wants it.
 */
#ifndef FT_TESTS_FAKE_MUNGE_H
#define FT_TESTS_FAKE_MUNGE_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/munge.h"

struct fake_munge {
    struct ft_munge table; /* to be given to an identity */
    uid_t uid;             /* who makes credentials here */
    bool down;             /* no daemon answers */
    bool expired;          /* all credentials are too old */
    bool replayed;         /* all have been opened before */
    bool lies;             /* gives another payload back */
    unsigned delay_ms;     /* the daemon takes its time */
    unsigned encoded, decoded, numbers;
};

void fake_munge_init(struct fake_munge *munge);

#endif
