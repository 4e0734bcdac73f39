/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * carried.c - owns the memory of orders that were carried out: a ring of the latest FT_CARRIED_MAX,
 * found by their names, each kept in the ledger under "order/NAME".
 *
 * Called by admin.c: before an order is carried out (_find), and after (_add). An order comes again
 * when its answer was lost: a node's unit sends what was not answered again on its next connection,
 * to the same leader or to the next one, with the same number of the same run; and a person or a
 * tool may give it again, with the same name ("once"). Names that people choose count for their
 * user only: nobody gets another one's answer.
 *
 * Orders that were refused have changed nothing and are not remembered: they are judged anew.
 */
#include "centrald/carried.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "wire/kept.pb-c.h"

#define BUCKETS 1024
#define LONG_ANSWER "{\"repeated\":true}" /* stands for one that is too long to be remembered */

struct order {
    struct order *next_in_bucket;
    struct order *next; /* the one that was carried out after it */
    uint64_t command;   /* hash of its text */
    char *answer;
    char id[];
};

struct ft_carried {
    void (*keep)(void *arg, const char *key, const void *data, size_t n);
    void *arg;
    struct order *oldest, *latest;
    size_t n;
    struct order *buckets[BUCKETS];
};

struct ft_carried *ft_carried_create(void (*keep)(void *arg, const char *key, const void *data,
                                                  size_t n), void *arg)
{
    struct ft_carried *carried = calloc(1, sizeof *carried);

    if (carried != NULL) {
        carried->keep = keep;
        carried->arg = arg;
    }
    return carried;
}

static void free_order(struct order *order)
{
    free(order->answer);
    free(order);
}

void ft_carried_destroy(struct ft_carried *carried)
{
    if (carried == NULL)
        return;
    while (carried->oldest != NULL) {
        struct order *order = carried->oldest;

        carried->oldest = order->next;
        free_order(order);
    }
    free(carried);
}

/* ---------------------------------------------------------------- names */

static bool is_name(const char *once)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = strspn(once, good);

    return n > 0 && n <= FT_CARRIED_ONCE_MAX && once[n] == '\0';
}

bool ft_carried_id(const struct ft_asker *asker, const char *once, char id[FT_CARRIED_ID_BYTES])
{
    if (once != NULL ? !is_name(once) : asker->run == 0 || asker->request == 0)
        return false;
    if (once != NULL)
        snprintf(id, FT_CARRIED_ID_BYTES, "%" PRIu32 "/%s", asker->uid, once);
    else
        snprintf(id, FT_CARRIED_ID_BYTES, "run/%" PRIx64 "/%" PRIu64, asker->run, asker->request);
    return true;
}

static struct order **bucket_of(const struct ft_carried *carried, const char *id)
{
    return (struct order **) &carried->buckets[ft_hash(id, strlen(id)) % BUCKETS];
}

static struct order *find(const struct ft_carried *carried, const char *id)
{
    struct order *order = *bucket_of(carried, id);

    while (order != NULL && strcmp(order->id, id) != 0)
        order = order->next_in_bucket;
    return order;
}

const char *ft_carried_find(const struct ft_carried *carried, const char *id, const char *command,
                            bool *same)
{
    const struct order *order = find(carried, id);

    if (order == NULL)
        return NULL;
    *same = order->command == ft_hash(command, strlen(command));
    return order->answer;
}

/* ---------------------------------------------------------------- remembering */

static void keep(struct ft_carried *carried, const char *id, const void *data, size_t n)
{
    char key[sizeof FT_CARRIED_KEY + FT_CARRIED_ID_BYTES];

    if (carried->keep == NULL)
        return;
    snprintf(key, sizeof key, FT_CARRIED_KEY "%s", id);
    carried->keep(carried->arg, key, data, n);
}

static void forget_oldest(struct ft_carried *carried)
{
    struct order *order = carried->oldest;
    struct order **link = bucket_of(carried, order->id);

    while (*link != order)
        link = &(*link)->next_in_bucket;
    *link = order->next_in_bucket;
    carried->oldest = order->next;
    if (carried->oldest == NULL)
        carried->latest = NULL;
    carried->n--;
    keep(carried, order->id, NULL, 0);
    free_order(order);
}

static struct order *remember(struct ft_carried *carried, const char *id, uint64_t command,
                              const char *answer)
{
    struct order *order = calloc(1, sizeof *order + strlen(id) + 1);
    struct order **bucket = bucket_of(carried, id);

    if (order == NULL)
        return NULL;
    order->command = command;
    order->answer = strdup(answer);
    if (order->answer == NULL) {
        free(order);
        return NULL;
    }
    memcpy(order->id, id, strlen(id) + 1);
    order->next_in_bucket = *bucket;
    *bucket = order;
    if (carried->latest != NULL)
        carried->latest->next = order;
    else
        carried->oldest = order;
    carried->latest = order;
    if (++carried->n > FT_CARRIED_MAX)
        forget_oldest(carried);
    return order;
}

int ft_carried_add(struct ft_carried *carried, const char *id, const char *command,
                   const char *answer)
{
    const char *text = strlen(answer) < FT_CARRIED_ANSWER_MAX ? answer : LONG_ANSWER;
    struct order *order = remember(carried, id, ft_hash(command, strlen(command)), text);
    Ft__KeptOrder kept = FT__KEPT_ORDER__INIT;
    uint8_t *bytes;
    size_t n;

    if (order == NULL)
        return -1;
    kept.id = order->id;
    kept.command = order->command;
    kept.answer = order->answer;
    n = ft__kept_order__get_packed_size(&kept);
    bytes = malloc(n);
    if (bytes == NULL)
        return -1;
    ft__kept_order__pack(&kept, bytes);
    keep(carried, order->id, bytes, n);
    free(bytes);
    return 0;
}

int ft_carried_restore(struct ft_carried *carried, const void *data, size_t n)
{
    Ft__KeptOrder *kept = ft__kept_order__unpack(NULL, n, data);
    int result = 0;

    if (kept == NULL || kept->id[0] == '\0' || strlen(kept->id) >= FT_CARRIED_ID_BYTES) {
        if (kept != NULL)
            ft__kept_order__free_unpacked(kept, NULL);
        errno = EBADMSG;
        return -1;
    }
    if (find(carried, kept->id) == NULL &&
        remember(carried, kept->id, kept->command, kept->answer) == NULL)
        result = -1;
    ft__kept_order__free_unpacked(kept, NULL);
    return result;
}
