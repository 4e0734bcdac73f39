/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * redeploy.h - the unit's part in the paper's algorithm 4: what the leading central unit wants done
 * about this node's, which it does not hear. See core/redeploy.h.
 */
#ifndef FT_NODED_REDEPLOY_H
#define FT_NODED_REDEPLOY_H

#include <stdint.h>
#include <uv.h>

#include "noded/conf.h"
#include "wire/ft.pb-c.h"

struct ft_repairer;

struct ft_repairer_wish {
    const struct ft_noded_config *config; /* borrowed for life, as the next one */
    const char *version;                  /* this unit's */
    const char *ended;                    /* NULL: FT_REDEPLOY_ENDED */
    const char *process;                  /* what it is called when it runs; NULL: ft-centrald */
    int (*send)(void *arg, const Ft__Message *message);
    void *arg;
};

/* NULL: out of memory. */
struct ft_repairer *ft_repairer_create(uv_loop_t *loop, const struct ft_repairer_wish *wish);

/* Who leads now, by its Welcome: only it may want anything. What another one began is dropped. */
void ft_repairer_welcome(struct ft_repairer *repairer, uint64_t term);

/* A Repair, which bore that id; answered by a Repaired, now or later. */
void ft_repairer_take(struct ft_repairer *repairer, uint64_t id, const Ft__Repair *repair);

/* Lets go of everything; to be destroyed when the loop has run out. */
void ft_repairer_stop(struct ft_repairer *repairer);
void ft_repairer_destroy(struct ft_repairer *repairer); /* takes NULL */

#endif
