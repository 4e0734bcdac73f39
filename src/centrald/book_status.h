/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * book_status.h - how the voters of the central unit are: what `ft central` shows.
 */
#ifndef FT_CENTRALD_BOOK_STATUS_H
#define FT_CENTRALD_BOOK_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/plan.h"

#define FT_BOOK_VOTERS_MAX (2 * FT_PLAN_VOTERS_MAX) /* one that was replaced may still be there */

struct ft_book_voter_status {
    char name[256];
    char address[256];     /* "HOST:PORT" */
    int priority;
    bool self, leads, witness, connected;
    bool votes;            /* is a voter of the present membership */
    uint64_t id;           /* of its data; another one after they were lost. 0: not known */
    uint64_t last_index;   /* of its log; the leader's view where this voter leads */
    uint64_t lag;          /* entries behind the leader */
    int64_t heard_ms;      /* ago; -1 never, 0 for oneself */
    char state[64];        /* "leads", "follows", "catches up", "not reached", "no room on its disk",
                              "waits to join", ... */
};

struct ft_book_status {
    char leader[256];      /* its name, "" if not known */
    uint64_t term;
    uint64_t last_index, commit_index, snapshot_index;
    size_t ledger_keys, ledger_bytes;
    bool leads;
    bool disk_full;
    char text[256];        /* one sentence: what is wrong, or that all is well */
    struct ft_book_voter_status voters[FT_BOOK_VOTERS_MAX];
    size_t voters_n;
};

#endif
