/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * orphans.h - allocations that an earlier job left behind.
 */
#ifndef FT_RMSHELP_ORPHANS_H
#define FT_RMSHELP_ORPHANS_H

/* Ends those of this user (root: of everybody) that were got for a job which is over, and says so of each. */
void ft_orphans_end(void);

#endif
