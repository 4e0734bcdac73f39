/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kept.h - what the central state machine keeps for a successor. No one outside of core includes
 * it.
 *
 * To be called whenever the thing has changed, before anyone is told of it. All of it does nothing
 * if env.keep is NULL.
 */
#ifndef FT_CORE_KEPT_H
#define FT_CORE_KEPT_H

#include "core/decision.h"
#include "core/state.h"

void ft_keep_started(struct ft_central *central, struct ft_job *job,
                     const ftProcessInfo_t *processes, size_t n);
void ft_keep_process_end(struct ft_central *central, const struct ft_process *process);
void ft_keep_job(struct ft_central *central, const struct ft_job *job);
void ft_keep_no_job(struct ft_central *central, const struct ft_job *job); /* forgotten */
void ft_keep_spare(struct ft_central *central, const struct ft_spare *spare);
void ft_keep_done(struct ft_central *central, const char *job, int rank, int world_n);
void ft_keep_place(struct ft_central *central, const struct ft_node *node);
void ft_keep_unfit(struct ft_central *central, const struct ft_node *node);
void ft_keep_facts(struct ft_central *central, const struct ft_node *node);
void ft_keep_subject(struct ft_central *central, const struct ft_subject *subject);
void ft_keep_no_subject(struct ft_central *central, const struct ft_subject *subject);
void ft_keep_decision(const struct ft_decision *decision);
void ft_keep_no_decision(const struct ft_decision *decision); /* it can no longer be used */
void ft_keep_peer(const struct ft_decision *decision, const struct ft_peer *peer);

#endif
