/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * suspect.c - owns nothing: says which node proved bad (env.suspect), and what a loss cost in time
 * (env.time_lost).
 *
 * Called where it comes to light: by health.c and launcher.c (lost), news.c (units, measurements,
 * forecasts), decision.c (starting failed; a stand-in runs). What a node was suspected of is noted
 * in the node, so that the same is not told for each rank that was there. A node that is only not
 * what a job asks for is not suspect.
 *
 * Time: several ranks are lost with one node, and several nodes at once. What is told is the time
 * in which at least one loss was not made good, each moment of it once. So the latest such time is
 * remembered, and a loss that lies within it, or began before it, adds what sticks out. It is not
 * kept for a successor: who takes over may tell a moment of it again.
 */
#include "core/suspect.h"

#include "core/state.h"
#include "core/subject.h"

void ft_suspect(struct ft_central *central, struct ft_node *node, enum ft_suspicion cause,
                const char *why)
{
    const struct ft_suspect suspect = {.session = central->config.session,
                                       .node = node->name,
                                       .cause = cause,
                                       .why = why != NULL ? why : ""};

    if ((node->suspected & (1u << cause)) != 0 || central->env.suspect == NULL)
        return;
    node->suspected |= 1u << cause;
    central->env.suspect(central->env.arg, &suspect);
}

void ft_suspect_not(struct ft_node *node, enum ft_suspicion cause)
{
    node->suspected &= ~(1u << cause);
}

void ft_suspect_measured(struct ft_central *central, struct ft_node *node,
                         const struct ft_measured *measured)
{
    if (measured->error[0] != '\0')
        ft_suspect(central, node, FT_SUSPECT_PROBE, measured->error);
    if (measured->check_ran && measured->check_code != 0)
        ft_suspect(central, node, FT_SUSPECT_CHECK, measured->check_text);
}

void ft_suspect_time_begun(struct ft_decision *decision)
{
    char text[FT_TEXT_MAX];

    if (decision->planned ||
        !ft_subject_is_lost(decision->subject, &decision->lost_ns, text, sizeof text))
        decision->lost_ns = 0;
}

void ft_suspect_time_over(struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    int64_t now_ns = ft_now_ns(central), since_ns = decision->lost_ns, ns;
    struct ft_lost_time lost = {.session = central->config.session,
                                .node = decision->lost_node->name};

    if (central->env.time_lost == NULL || since_ns == 0)
        return;
    if (since_ns >= central->lost_until_ns) {
        ns = now_ns - since_ns;
        central->lost_from_ns = since_ns;
    } else {
        ns = now_ns - central->lost_until_ns;
        if (since_ns < central->lost_from_ns) {
            ns += central->lost_from_ns - since_ns;
            central->lost_from_ns = since_ns;
        }
    }
    central->lost_until_ns = now_ns;
    lost.ms = ns / NS_PER_MS;
    if (lost.ms > 0)
        central->env.time_lost(central->env.arg, &lost);
}
