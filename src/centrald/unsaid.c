/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unsaid.c - owns what a voter said while it did not lead.
 *
 * The event log is written by who leads: its entries have numbers, which only that one gives out.
 * What happens to a voter that follows (its data were damaged, it joined under a new identity, its
 * disk was full) stands in its daemon's own log at once. Here it waits for the day on which this
 * voter leads, so that who reads the events finds it there, too. Called by system.c.
 */
#include "centrald/unsaid.h"

#include <string.h>

#include "common/text.h"

void ft_unsaid_add(struct ft_unsaid *unsaid, const char *name, const char *node, const char *text)
{
    size_t i = unsaid->n;

    if (unsaid->n == FT_UNSAID_MAX) {
        memmove(&unsaid->said[0], &unsaid->said[1], (FT_UNSAID_MAX - 1) * sizeof unsaid->said[0]);
        i--;
    } else {
        unsaid->n++;
    }
    ft_text_copy(unsaid->said[i].name, sizeof unsaid->said[i].name, name);
    ft_text_copy(unsaid->said[i].node, sizeof unsaid->said[i].node, node != NULL ? node : "");
    ft_text_copy(unsaid->said[i].text, sizeof unsaid->said[i].text, text);
    ft_clock_text(ft_clock_unix_ms(), unsaid->said[i].when);
}

void ft_unsaid_tell(struct ft_unsaid *unsaid, void (*log)(void *arg, struct ft_event *event),
                    void *arg)
{
    size_t n = unsaid->n;

    unsaid->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct ft_event event = {
            .name = unsaid->said[i].name,
            .node = unsaid->said[i].node[0] != '\0' ? unsaid->said[i].node : NULL,
            .rank = -1,
            .fields = {{.key = "happened", .text = unsaid->said[i].when}},
            .text = unsaid->said[i].text};

        log(arg, &event);
    }
}
