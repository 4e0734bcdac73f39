/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * request.c - a table of requests, found by their id.
 *
 * Owned by one handle, under its lock. An id is a slot's number and a generation that grows with
 * every request: finding one takes one look, and an id that was finished, or made up, finds
 * nothing. A late answer of the unit to a request that ran out of time is passed over in the same
 * way. The table grows to FT_REQUESTS_MAX and no further: a program that submits without ever
 * polling is told so, rather than eating all memory.
 */
#include "libft/request.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 8

void ft_requests_init(struct ft_requests *requests, uint64_t seed)
{
    memset(requests, 0, sizeof *requests);
    /* Room for 2^22 requests a second over a hundred years before it could come round to 0. */
    requests->generation = (seed & ((UINT64_C(1) << 52) - 1)) + 1;
}

void ft_requests_clear(struct ft_requests *requests)
{
    for (size_t i = 0; i < requests->size; i++) {
        if (requests->slots[i] != NULL)
            free(requests->slots[i]->json);
        free(requests->slots[i]);
    }
    free(requests->slots);
    requests->slots = NULL;
    requests->size = requests->n = 0;
}

static int grow(struct ft_requests *requests)
{
    size_t size = requests->size == 0 ? SLOTS_FIRST : 2 * requests->size;
    struct ft_request **slots = realloc(requests->slots, size * sizeof(struct ft_request *));

    if (slots == NULL)
        return -1;
    memset(slots + requests->size, 0, (size - requests->size) * sizeof(struct ft_request *));
    requests->slots = slots;
    requests->next = requests->size;
    requests->size = size;
    return 0;
}

struct ft_request *ft_requests_add(struct ft_requests *requests, struct ft_why *why)
{
    struct ft_request *request;

    if (requests->n == FT_REQUESTS_MAX) {
        ft_why_set(why, FT_ERR_BUSY, "call pollFT or cancelFT for earlier requests first",
                   "%d requests of this handle are under way already", FT_REQUESTS_MAX);
        return NULL;
    }
    request = calloc(1, sizeof *request);
    if (request == NULL || (requests->n == requests->size && grow(requests) != 0)) {
        free(request);
        ft_why_set(why, FT_ERR_MEMORY, NULL, "out of memory for a request");
        return NULL;
    }
    while (requests->slots[requests->next] != NULL)
        requests->next = (requests->next + 1) % requests->size;
    request->id = requests->generation++ * FT_REQUESTS_MAX + requests->next;
    request->deadline_ms = FT_NEVER_MS;
    requests->slots[requests->next] = request;
    requests->n++;
    return request;
}

struct ft_request *ft_requests_find(const struct ft_requests *requests, uint64_t id)
{
    size_t slot = (size_t) (id % FT_REQUESTS_MAX);
    struct ft_request *request = slot < requests->size ? requests->slots[slot] : NULL;

    return request != NULL && request->id == id ? request : NULL;
}

void ft_requests_remove(struct ft_requests *requests, struct ft_request *request)
{
    size_t slot = (size_t) (request->id % FT_REQUESTS_MAX);

    requests->slots[slot] = NULL;
    requests->next = slot;
    requests->n--;
    free(request->json);
    free(request);
}

int64_t ft_requests_deadline_ms(const struct ft_requests *requests)
{
    int64_t earliest_ms = FT_NEVER_MS;

    for (size_t i = 0; i < requests->size; i++) {
        const struct ft_request *request = requests->slots[i];

        if (request != NULL && request->is_submitted && !request->is_done
            && request->deadline_ms < earliest_ms)
            earliest_ms = request->deadline_ms;
    }
    return earliest_ms;
}
