/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keep_partner.c - in whose memory a rank's state is kept.
 *
 * All ranks stand in a ring, sorted by rack, node and rank, so that those of one rack, and in it of
 * one node, stand beside each other. Whoever stands `step` places further on keeps a rank's state,
 * where `step` is the size of the largest rack: as long as no rack has more than half of all ranks,
 * that one is on another rack, for every rank at once, and every rank keeps one other's. With a
 * larger rack the same is done with nodes, with a larger node with half of the ring: it is the best
 * that can be had for all.
 *
 * If that one is lost the others follow in the order of the ring, first all that are as far away as
 * can be, then the nearer ones. Pure: called by keep_places.c, tested by test_keep.
 */
#include "config.h"

#include "keep_partner.h"

#include <stdlib.h>
#include <string.h>

struct seat {
    const struct ftm_keep_place *place;
    int rank;
};

static int by_place(const void *a, const void *b)
{
    const struct seat *x = a, *y = b;
    int order = strcmp(x->place->rack, y->place->rack);

    if (order == 0)
        order = strcmp(x->place->node, y->place->node);
    return order != 0 ? order : x->rank - y->rank;
}

enum ftm_keep_distance ftm_keep_distance(const struct ftm_keep_place *a,
                                         const struct ftm_keep_place *b)
{
    if (strcmp(a->node, b->node) == 0)
        return FTM_KEEP_SAME_NODE;
    /* One whose rack is not known may be in any. */
    return a->rack[0] == '\0' || b->rack[0] == '\0' || strcmp(a->rack, b->rack) == 0
        ? FTM_KEEP_OTHER_NODE
        : FTM_KEEP_OTHER_RACK;
}

/* How many stand beside each other at the most that are nearer than `distance`. */
static int largest_group(const struct seat ring[], int n, enum ftm_keep_distance distance)
{
    int largest = 0;

    for (int from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n; to++)
            if (ftm_keep_distance(ring[from].place, ring[to].place) >= distance)
                break;
        if (to - from > largest)
            largest = to - from;
    }
    return largest;
}

static int choose_step(const struct seat ring[], int n)
{
    int step = largest_group(ring, n, FTM_KEEP_OTHER_RACK);

    if (2 * step > n)
        step = largest_group(ring, n, FTM_KEEP_OTHER_NODE);
    return 2 * step > n ? n / 2 : step;
}

static void walk(const struct seat ring[], int n, int at, int order[])
{
    int first = (at + choose_step(ring, n)) % n, found = 0;

    if (first != at)
        order[found++] = ring[first].rank;
    for (int distance = FTM_KEEP_OTHER_RACK; distance >= FTM_KEEP_SAME_NODE; distance--)
        for (int i = 0; i < n; i++) {
            int other = (first + i) % n;

            if (other != at && other != first
                && (int) ftm_keep_distance(ring[at].place, ring[other].place) == distance)
                order[found++] = ring[other].rank;
        }
}

int ftm_keep_partners(const struct ftm_keep_place places[], int n, int rank, int order[])
{
    struct seat *ring = calloc((size_t) n, sizeof *ring);
    int at = 0;

    if (!ring)
        return -1;
    for (int i = 0; i < n; i++)
        ring[i] = (struct seat){.place = &places[i], .rank = i};
    qsort(ring, (size_t) n, sizeof *ring, by_place);
    while (ring[at].rank != rank)
        at++;
    walk(ring, n, at, order);
    free(ring);
    return 0;
}
