/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * parts.h - the parts of a reign, as they know of each other.
 *
 * reign.c makes them, in this order, and destroys them in the opposite one; a part that is not made
 * yet is NULL. Those that belong to a system only (a ledger, modules, readings) stay NULL in a
 * job's own central unit.
 */
#ifndef FT_CENTRALD_PARTS_H
#define FT_CENTRALD_PARTS_H

struct ft_book;
struct ft_clients;
struct ft_collector;
struct ft_later;
struct ft_modules;
struct ft_orders;
struct ft_plan;
struct ft_pleas;
struct ft_redeployer;
struct ft_requests;
struct ft_scribe;
struct ft_sessions;
struct ft_site;
struct ft_spares;
struct ft_summons;
struct ft_units;
struct ft_watch;

struct ft_parts {
    const struct ft_plan *plan;     /* in force */
    struct ft_book *book;           /* NULL: nothing is kept (per-job) */
    struct ft_later *later;         /* what core hears when it is at rest */
    struct ft_scribe *scribe;       /* what is kept, numbered, logged, let out */
    struct ft_sessions *sessions;   /* decisions */
    struct ft_site *site;           /* what nodes should be */
    struct ft_requests *requests;
    struct ft_watch *watch;         /* silence */
    struct ft_pleas *pleas;         /* what the resource manager's administrator is asked for */
    struct ft_spares *spares;       /* nodes to be had */
    struct ft_units *units;
    struct ft_clients *clients;
    struct ft_summons *summons;     /* how a node gets its unit */
    struct ft_collector *collector; /* readings; NULL: per-job */
    struct ft_modules *modules;     /* placement; NULL: per-job */
    struct ft_redeployer *redeployer; /* other voters; NULL: per-job, and when the reign has ended */
    struct ft_orders *orders;       /* of administrators */
};

#endif
