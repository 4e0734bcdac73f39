/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lead.c - holds what was last seen of the majority, so that the voters are not counted for every
 * heartbeat. Asked by reign.c for the detector and the fleet (they declare nobody and grant no
 * lease while it is not sure): a voter that was stopped for a while still believes that it leads,
 * and another one may have been elected.
 */
#include "centrald/lead.h"

#include "common/clock.h"

#define LOOK_EACH_NS (20 * INT64_C(1000000))

static bool majority_is_heard(const struct ft_book *book, unsigned election_ms)
{
    struct ft_book_status status;
    size_t voters = 0, heard = 0;

    ft_book_status(book, &status);
    for (size_t i = 0; i < status.voters_n; i++) {
        const struct ft_book_voter_status *voter = &status.voters[i];

        voters += voter->votes;
        heard += voter->votes &&
                 (voter->self || (voter->heard_ms >= 0 && voter->heard_ms <= (int64_t) election_ms));
    }
    return 2 * heard > voters;
}

bool ft_lead_is_sure(struct ft_lead *lead, unsigned election_ms)
{
    int64_t now_ns = (int64_t) ft_clock_ns();

    if (now_ns - lead->seen_ns > LOOK_EACH_NS) {
        lead->sure = majority_is_heard(lead->book, election_ms);
        lead->seen_ns = now_ns;
    }
    return lead->sure;
}
