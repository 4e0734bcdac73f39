/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request.h - the requests of one handle that are under way, or answered and not yet seen.
 */
#ifndef FT_LIBFT_REQUEST_H
#define FT_LIBFT_REQUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libft/why.h"

#define FT_REQUESTS_MAX 1024
#define FT_NEVER_MS INT64_MAX

struct ft_request {
    uint64_t id;              /* never 0, never used twice by a handle; the message's id too */
    bool is_submitted;        /* for pollFT; else a thread waits in requestFT */
    bool is_done;             /* reply is what there is to say */
    ftTimeout_t timeout_ms;   /* as the caller gave it */
    int64_t deadline_ms;      /* of ft_clock_ms; FT_NEVER_MS: none */
    ftReply_t reply;
    bool wants_json;          /* adminFT: the text of the answer is kept, too */
    char *json;               /* NULL: there is none */
    /* Of handle.c, while a thread waits in requestFT: */
    bool is_awaited;
    pthread_cond_t wake;
    struct ft_request *next_awaited;
};

struct ft_requests {
    struct ft_request **slots;
    size_t size; /* slots there are; those that are NULL are free */
    size_t n;    /* in use */
    size_t next; /* where to look for a free one first */
    uint64_t generation;
};

/* seed: any number, so that ids of another handle or run are not taken for this one's. */
void ft_requests_init(struct ft_requests *requests, uint64_t seed);
void ft_requests_clear(struct ft_requests *requests);

/* Adds one that is blank but for its id. NULL with why: FT_ERR_BUSY or FT_ERR_MEMORY. */
struct ft_request *ft_requests_add(struct ft_requests *requests, struct ft_why *why);
struct ft_request *ft_requests_find(const struct ft_requests *requests, uint64_t id);
void ft_requests_remove(struct ft_requests *requests, struct ft_request *request);

/* The earliest deadline of those that were submitted and are not done. */
int64_t ft_requests_deadline_ms(const struct ft_requests *requests);

#endif
