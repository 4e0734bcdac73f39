/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * recovery.h - the ladder: what can take the place of what was lost, best first.
 */
#ifndef FT_CORE_RECOVERY_H
#define FT_CORE_RECOVERY_H

#include "core/decision.h"

/* Finds the next candidate of a decision that is choosing: decision->candidate is set and reserved
 * (FT_IN_CANDIDATE, FT_IN_NO_UNIT, or FT_IN_FITS if it was measured just now), or what else is to
 * be done is returned (FT_IN_ASK, FT_IN_NOTHING_LEFT). */
enum ft_decision_input ft_recovery_next(struct ft_decision *decision);

/* The candidate is out: notes why, and gives it back to where it came from. */
void ft_recovery_reject(struct ft_decision *decision, const char *why);

/* The decision no longer needs its candidate (or alternative). */
void ft_recovery_give_back(struct ft_decision *decision);

/* Notes why something was not taken. */
void ft_recovery_note(struct ft_decision *decision, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Asks the resource manager. */
void ft_recovery_acquire(struct ft_decision *decision);

/* The hardware that the lost node had; false if it is not known. */
bool ft_recovery_original(struct ft_decision *decision);

#endif
