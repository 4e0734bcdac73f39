/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * waiter.h - a request that waits for a decision to come to something.
 */
#ifndef FT_CORE_WAITER_H
#define FT_CORE_WAITER_H

#include "core/state.h"

enum ft_waiting_for {
    FT_WAIT_ALTERNATIVE,
    FT_WAIT_CLAIM,
    FT_WAIT_PEER,
    FT_WAIT_KINDS, /* so many wait for a decision */
    FT_WAIT_NEWS = FT_WAIT_KINDS,
    FT_WAIT_OFFER,
    FT_WAIT_SPARE
};

/* Who asks, kept. */
struct ft_kept_asker {
    char *job;
    char *node;
    int rank;
    int64_t pid;
    uint64_t run, request;
};

struct ft_waiter {
    uint64_t token;
    enum ft_waiting_for what;
    struct ft_kept_asker asker;
    struct ft_demand demand; /* of FT_WAIT_ALTERNATIVE */
    uint64_t after;          /* of FT_WAIT_NEWS */
    uint64_t acquire;        /* of FT_WAIT_OFFER */
    struct ft_spare *spare;  /* of FT_WAIT_SPARE */
    int64_t arrived_ns;
    struct ft_decision *decision;   /* NULL: of the last three, or it hangs in no queue */
    struct ft_waiting *queue;       /* it hangs in, NULL: none */
    struct ft_timer timer;
    struct ft_waiter *next;      /* of the same decision and kind, in the order they came */
    struct ft_waiter *hash_next; /* by token */
};

/* A queue of them, in the order they came. */
struct ft_waiting {
    struct ft_waiter *first, *last;
};

int ft_asker_keep(struct ft_kept_asker *kept, const struct ft_asker *asker); /* -1: ENOMEM */
void ft_asker_drop(struct ft_kept_asker *kept);
bool ft_asker_is(const struct ft_kept_asker *kept, const struct ft_asker *asker);

/* Makes a waiter with its deadline set; it hangs in no queue yet. NULL with errno ENOMEM, ENOBUFS
 * (too many), EEXIST (the token waits already) or EINVAL (a negative time). */
struct ft_waiter *ft_waiter_create(struct ft_central *central, uint64_t token,
                                   enum ft_waiting_for what, const struct ft_asker *asker,
                                   ftTimeout_t timeout_ms);
/* Takes it out of its decision's queue, if it is in one, and frees it. */
void ft_waiter_destroy(struct ft_central *central, struct ft_waiter *waiter);

struct ft_waiter *ft_waiter_find(struct ft_central *central, uint64_t token);
void ft_waiter_join(struct ft_waiter *waiter, struct ft_decision *decision);
void ft_waiter_join_queue(struct ft_waiter *waiter, struct ft_waiting *queue);

/* Answers a waiter and destroys it. */
void ft_waiter_answer(struct ft_central *central, struct ft_waiter *waiter,
                      const ftReply_t *reply);

/* Its time is over. */
void ft_waiter_expire(struct ft_central *central, struct ft_waiter *waiter);

#endif
