/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lead.h - is this voter sure to lead, at this moment?
 */
#ifndef FT_CENTRALD_LEAD_H
#define FT_CENTRALD_LEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "centrald/book.h"

/* Embedded in a reign, zero but for the book. */
struct ft_lead {
    const struct ft_book *book;
    bool sure;       /* a majority was heard, when last looked at */
    int64_t seen_ns; /* when that was */
};

/* True if most voters, this one included, were heard within the last election_ms. */
bool ft_lead_is_sure(struct ft_lead *lead, unsigned election_ms);

#endif
