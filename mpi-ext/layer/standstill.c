/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * standstill.c - who can never go on.
 *
 * A rank that is in the same wait as it was a good while ago has got nothing that was on its way:
 * in that time all of it arrives. So it goes on only by what another rank does from now on, and all
 * ranks that were not in the same wait both times may do it. What is left once those are taken out
 * that could be helped by somebody who is not left, and so on, are ranks that wait for each other:
 *
 *   waits for one          is helped by that one
 *   waits for anybody      by each other rank
 *   waits for all          (a repair) by whoever keeps it waiting; who that is it does not say:
 *                          some other one that is left and is in a message
 *   at its end             does nothing more
 *
 * Called by stuck.c; pure.
 */
#include "config.h"

#include "standstill.h"

static bool is_same(const struct ftm_state *before, const struct ftm_state *now)
{
    return before->what == now->what && before->peer == now->peer && before->wait == now->wait
           && before->process == now->process;
}

static bool is_in_message(const struct ftm_state *state)
{
    return state->what == FTM_WAITS_FOR_ONE || state->what == FTM_WAITS_FOR_ANY;
}

static bool another_acts(const struct ftm_state now[], int n, int v)
{
    for (int i = 0; i < n; i++)
        if (i != v && now[i].what == FTM_ACTS)
            return true;
    return false;
}

static bool one_is_in_message(const struct ftm_state now[], int n)
{
    for (int i = 0; i < n; i++)
        if (is_in_message(&now[i]))
            return true;
    return false;
}

static bool can_be_helped(const struct ftm_state now[], int n, int v)
{
    int peer = now[v].peer;

    switch (now[v].what) {
    case FTM_WAITS_FOR_ONE:
        return peer < 0 || peer >= n || now[peer].what == FTM_ACTS;
    case FTM_WAITS_FOR_ANY:
        return another_acts(now, n, v);
    case FTM_WAITS_FOR_ALL:
        return !one_is_in_message(now, n);
    default:
        return false;
    }
}

void ftm_standstill(const struct ftm_state before[], struct ftm_state now[], int n)
{
    bool again = true;

    for (int v = 0; v < n; v++)
        if (!is_same(&before[v], &now[v]))
            now[v].what = FTM_ACTS;
    while (again) {
        again = false;
        for (int v = 0; v < n; v++)
            if (now[v].what != FTM_ACTS && can_be_helped(now, n, v)) {
                now[v].what = FTM_ACTS;
                again = true;
            }
    }
}
