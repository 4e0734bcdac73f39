/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * repair_plan.c - who has which rank after a repair.
 *
 * In each round (repair.c) every living process says who it is. The leader makes a plan of that:
 *
 *     said:     v=0  v=1  v=3  spare  spare          (real processes 0 1 3 4 5, rank 2 is missing)
 *     places:   0 <- member 0   1 <- member 1   2 <- -1   3 <- member 2
 *     the runtime says: process 4 takes rank 2      2 <- member 3
 *
 * and sends it to all. Pure: the runtime's answers come in by ftm_plan_seat.
 */
#include "config.h"

#include "repair_plan.h"

#include <stdio.h>
#include <string.h>

int ftm_plan_leader(const struct ftm_said *said, int n)
{
    for (int i = 0; i < n; i++)
        if (said[i].v >= 0 && said[i].world_n > 0)
            return i;
    return -1;
}

int ftm_plan_world_n(const struct ftm_said *said, int n)
{
    int leader = ftm_plan_leader(said, n);

    return leader >= 0 ? said[leader].world_n : 0;
}

/* Whoever waited for the others in FTMPI_Settle while one of those has passed it already was not
 * interrupted there: all had come. */
static uint64_t most_settled(const struct ftm_said *said, int n)
{
    uint64_t most = 0;

    for (int i = 0; i < n; i++)
        if (said[i].v >= 0 && said[i].settled > most)
            most = said[i].settled;
    return most;
}

static bool has_passed(const struct ftm_said *said, uint64_t most)
{
    return said->is_settling && said->settled < most;
}

static enum ftm_plan_what kind_of(const struct ftm_said *said, int n)
{
    uint64_t most = most_settled(said, n);
    bool all_end = true, is_aware = false;

    for (int i = 0; i < n; i++) {
        if (said[i].v < 0 || said[i].world_n == 0)
            continue;
        if (said[i].is_ending || has_passed(&said[i], most))
            continue;
        all_end = false;
        is_aware = is_aware || said[i].is_aware;
    }
    if (all_end)
        return FTM_PLAN_OVER;
    return is_aware ? FTM_PLAN_WHOLE : FTM_PLAN_ACTIVE;
}

void ftm_plan_begin(struct ftm_plan *plan, struct ftm_place *places, const struct ftm_said *said,
                    int n)
{
    memset(plan, 0, sizeof *plan);
    plan->what = kind_of(said, n);
    plan->settled = most_settled(said, n);
    plan->before_n = plan->n = ftm_plan_world_n(said, n);
    for (int v = 0; v < plan->n; v++)
        places[v] = (struct ftm_place) {.before = v, .origin = v, .member = -1, .real = -1};
    for (int i = 0; i < n; i++) {
        int v = said[i].v;

        if (said[i].repairs > plan->repairs)
            plan->repairs = said[i].repairs;
        if (said[i].next_real > plan->next_real)
            plan->next_real = said[i].next_real;
        /* Of two that have the same rank the later one has it by right. */
        if (v >= 0 && v < plan->n
            && (places[v].member < 0 || said[i].epoch > places[v].epoch)) {
            ftm_plan_seat(places, v, said, i, said[i].epoch, said[i].decision);
            /* Or it was woken by a message, and has made nothing with the others yet. */
            places[v].is_new = said[i].world_n == 0 || said[i].is_behind;
        }
    }
    plan->repairs++;
    for (int v = 0; v < plan->n; v++) /* who was started is in a lost one's place */
        if ((places[v].member < 0 || places[v].is_new) && plan->lost_n++ < FTMPI_LOST_MAX)
            plan->lost[plan->lost_n - 1] = v;
    for (int v = 0; v < plan->n; v++)
        if (places[v].member >= 0 && places[v].real < 0)
            places[v].real = plan->next_real++;
}

int ftm_plan_spare(const struct ftm_said *said, int n, int real)
{
    for (int i = 0; i < n; i++)
        if (said[i].v < 0 && said[i].real == real)
            return i;
    return -1;
}

void ftm_plan_seat(struct ftm_place *places, int v, const struct ftm_said *said, int member,
                   uint32_t epoch, uint64_t decision)
{
    places[v].member = member;
    places[v].real = said[member].real;
    places[v].epoch = epoch;
    places[v].decision = decision;
    places[v].is_new = 1;
}

void ftm_plan_shrink(struct ftm_plan *plan, struct ftm_place *places)
{
    int n = 0;

    for (int v = 0; v < plan->n; v++)
        if (places[v].member >= 0)
            places[n++] = places[v];
    plan->n = n;
}

void ftm_plan_bound(struct ftm_plan *plan, const struct ftm_said *said, int n)
{
    int most = 0;

    for (int i = 0; i < n; i++)
        if (said[i].rounds > most)
            most = said[i].rounds;
    if (most <= 2 * (plan->before_n + n) + 4)
        return;
    plan->what = FTM_PLAN_REFUSED;
    snprintf(plan->why, sizeof plan->why,
             "the world could not be repaired in %d rounds, more than the losses explain: restart "
             "the job, and report this",
             most);
}

/* The first that was interrupted in a collective of all; NULL: nobody was. */
static const struct ftm_said *one_in_call(const struct ftm_said *said, int n)
{
    for (int i = 0; i < n; i++)
        if (said[i].v >= 0 && said[i].call[0] && !said[i].is_behind)
            return &said[i];
    return NULL;
}

static unsigned long long completed(const struct ftm_said *said)
{
    return said->begun - (said->call[0] != '\0');
}

static bool agrees(const struct ftm_said *other, const struct ftm_said *one)
{
    if (other->v < 0 || other->world_n == 0)
        return true;
    if (other->is_behind)
        return !other->is_ending; /* it is to join in that one, or never does in any */
    return strcmp(other->call, one->call) == 0 && completed(other) == completed(one);
}

/* "rank 2" and what else there is to say of it. */
static const char *whose(const struct ftm_said *said)
{
    return said->epoch > 0 ? " (begun anew after a loss)" : "";
}

static void refuse(struct ftm_plan *plan, const struct ftm_said *one, const struct ftm_said *other)
{
    plan->what = FTM_PLAN_REFUSED;
    snprintf(plan->why, sizeof plan->why,
             "rank %d%s is in %s after %llu collectives on the world, rank %d%s is %s%s after "
             "%llu: they cannot go on. Use FTMPI_Loop or FTMPI_Set_callback, or restart the "
             "job", /* 255 bytes are all that MPI takes */
             one->v, whose(one), one->call[0] ? one->call : "a call", completed(one), other->v,
             whose(other), other->call[0] ? "in " : "at its end", other->call, completed(other));
}

void ftm_plan_beyond(struct ftm_plan *plan, const struct ftm_said *said, int n)
{
    const struct ftm_said *end = NULL, *one = NULL;

    if (plan->lost_n > 0)
        return;
    for (int i = 0; i < n; i++) {
        if (said[i].v < 0)
            continue;
        if (said[i].is_through)
            end = end && end->begun <= said[i].begun ? end : &said[i];
        else
            one = one && one->begun >= said[i].begun ? one : &said[i];
    }
    if (!end || !one || one->begun <= end->begun)
        return;
    refuse(plan, one, end);
    plan->is_hopeless = 1;
}

void ftm_plan_compare(struct ftm_plan *plan, const struct ftm_said *said, int n)
{
    const struct ftm_said *one = one_in_call(said, n);

    for (int i = 0; one && i < n; i++) {
        if (agrees(&said[i], one))
            continue;
        refuse(plan, one, &said[i]);
        return;
    }
    if (!one)
        return;
    memcpy(plan->call, one->call, sizeof plan->call);
    plan->begun = one->begun;
}
