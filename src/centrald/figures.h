/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * figures.h - the central unit's figures for Prometheus. doc/monitoring.md lists them.
 */
#ifndef FT_CENTRALD_FIGURES_H
#define FT_CENTRALD_FIGURES_H

#include "centrald/book.h"
#include "centrald/collector.h"
#include "centrald/exposition.h"
#include "centrald/sinks.h"
#include "centrald/summons.h"
#include "core/central.h"
#include "core/detector.h"
#include "core/fleet.h"
#include "net/udp.h"

/* Where the figures are; any may be NULL, its families are left out then. */
struct ft_figures {
    uint64_t term;
    uint64_t events; /* entries of the event log */
    const struct ft_central *base;
    const struct ft_detector *detector;
    const struct ft_fleet *fleet;
    const struct ft_book *book;
    const struct ft_collector *collector;
    const struct ft_sinks *sinks;
    const struct ft_summons *summons;
    const struct ft_udp *udp;
};

/* Writes the whole page. */
void ft_figures_write(const struct ft_figures *figures, struct ft_exposition *page);

#endif
