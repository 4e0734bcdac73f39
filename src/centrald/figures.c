/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * figures.c - turns what the reign's parts know into one page of metrics.
 *
 * Called by the reign for each question of metrics.c. Names follow Prometheus' usage: ft_ in front,
 * the unit at the end, _total for what only counts up; a state is a label of a count, so that sums
 * are nodes. Whatever has a row for each node costs some hundred bytes a node: a page for 10,000
 * nodes has a few megabytes.
 */
#include "centrald/figures.h"

#include <stdio.h>
#include <string.h>

#include "common/readings.h"

#ifndef FT_VERSION
#define FT_VERSION "unknown"
#endif

static void gauge(struct ft_exposition *page, const char *name, const char *help, double value)
{
    ft_exposition_family(page, name, "gauge", help);
    ft_exposition_value(page, value, NULL);
}

static void write_central(const struct ft_figures *figures, struct ft_exposition *page)
{
    ft_exposition_family(page, "ft_info", "gauge", "Version of the central unit that leads");
    ft_exposition_value(page, 1, FT_LABELS("version", FT_VERSION));
    gauge(page, "ft_term", "Term of the central unit that leads", (double) figures->term);
    ft_exposition_family(page, "ft_events_total", "counter", "Entries of the event log");
    ft_exposition_value(page, (double) figures->events, NULL);
    if (figures->sinks != NULL) {
        ft_exposition_family(page, "ft_hook_dropped_total", "counter",
                             "Events that the site's hook did not get");
        ft_exposition_value(page, (double) ft_sinks_dropped(figures->sinks), NULL);
    }
    if (figures->base != NULL) {
        gauge(page, "ft_requests_waiting", "Requests of applications that are not answered yet",
              (double) ft_central_waiting(figures->base));
        gauge(page, "ft_decisions", "Decisions that are under way or in use",
              (double) ft_central_decisions(figures->base));
    }
}

/* ---------------------------------------------------------------- voters */

static void write_voters(const struct ft_book *book, struct ft_exposition *page)
{
    struct ft_book_status status;

    ft_book_status(book, &status);
    gauge(page, "ft_ledger_keys", "Records in the ledger", (double) status.ledger_keys);
    gauge(page, "ft_ledger_bytes", "Size of the ledger", (double) status.ledger_bytes);
    gauge(page, "ft_ledger_disk_full", "Whether there is no room for the voters' log",
          status.disk_full);
    ft_exposition_family(page, "ft_voter_connected", "gauge",
                         "Whether the leader is connected to a voter");
    for (size_t i = 0; i < status.voters_n; i++)
        ft_exposition_value(page, status.voters[i].connected || status.voters[i].self,
                            FT_LABELS("voter", status.voters[i].name));
    ft_exposition_family(page, "ft_voter_leads", "gauge", "Whether a voter leads");
    for (size_t i = 0; i < status.voters_n; i++)
        ft_exposition_value(page, status.voters[i].leads,
                            FT_LABELS("voter", status.voters[i].name));
    ft_exposition_family(page, "ft_voter_lag_entries", "gauge",
                         "Entries of the log that a voter does not have yet");
    for (size_t i = 0; i < status.voters_n; i++)
        ft_exposition_value(page, (double) status.voters[i].lag,
                            FT_LABELS("voter", status.voters[i].name));
}

/* ---------------------------------------------------------------- nodes */

static void write_states(const struct ft_detector *detector, struct ft_exposition *page)
{
    ft_exposition_family(page, "ft_nodes", "gauge", "Nodes by what the detector knows of them");
    for (int state = 0; state < FT_WATCH_STATES; state++)
        ft_exposition_value(page, (double) ft_detector_states(detector, (enum ft_watch_state) state),
                            FT_LABELS("state", ft_watch_state_text((enum ft_watch_state) state)));
}

static void write_up(const struct ft_detector *detector, struct ft_exposition *page)
{
    size_t n = ft_detector_count(detector);

    ft_exposition_family(page, "ft_node_up", "gauge", "Whether a node is heard");
    for (size_t i = 0; i < n; i++) {
        struct ft_watch_status status;

        ft_detector_status(detector, (uint32_t) i, &status);
        ft_exposition_value(page, status.state == FT_WATCH_WELL,
                            FT_LABELS("node", status.name, "place", status.place));
    }
}

/* The readings of one kind, of all nodes. */
struct reading_rows {
    struct ft_exposition *page;
    unsigned what;
};

static void write_reading(void *arg, const char *node, unsigned what, const char *of, double value)
{
    const struct reading_rows *rows = arg;

    if (what != rows->what)
        return;
    if (of[0] == '\0')
        ft_exposition_value(rows->page, value, FT_LABELS("node", node));
    else
        ft_exposition_value(rows->page, value, FT_LABELS("node", node, "of", of));
}

static void write_readings(const struct ft_history *history, struct ft_exposition *page)
{
    for (unsigned what = FT_READING_NONE + 1; what < FT_READINGS; what++) {
        const struct ft_reading_kind *kind = ft_reading_kind(what);
        struct reading_rows rows = {.page = page, .what = what};
        char name[96];

        snprintf(name, sizeof name, "ft_node_%s", kind->name);
        ft_exposition_family(page, name, kind->counts ? "counter" : "gauge", kind->help);
        ft_history_each(history, NULL, write_reading, &rows);
    }
}

static void write_trouble(void *arg, const struct ft_collector_trouble *trouble)
{
    ft_exposition_value(arg, trouble->grade,
                        FT_LABELS("node", trouble->node, "what", trouble->what));
}

static void write_collected(const struct ft_collector *collector, struct ft_exposition *page)
{
    ft_exposition_family(page, "ft_node_trouble", "gauge",
                         "What is about to break: 1 a warning, 2 the node is going down");
    ft_collector_each(collector, NULL, write_trouble, page);
    write_readings(ft_collector_history(collector), page);
}

/* ---------------------------------------------------------------- modules */

static void write_berths(const struct ft_fleet *fleet, struct ft_exposition *page)
{
    const struct ft_berths *berths = ft_fleet_berths(fleet);

    ft_exposition_family(page, "ft_node_drained", "gauge", "Whether a person drains a node");
    for (const struct ft_berth *berth = ft_berths_first(berths); berth != NULL;
         berth = berth->order_next)
        ft_exposition_value(page, berth->drained != NULL, FT_LABELS("node", berth->name));
    ft_exposition_family(page, "ft_node_modules", "gauge", "Modules that are placed on a node");
    for (const struct ft_berth *berth = ft_berths_first(berths); berth != NULL;
         berth = berth->order_next)
        ft_exposition_value(page, berth->modules_n, FT_LABELS("node", berth->name));
}

static void write_modules(const struct ft_fleet *fleet, struct ft_exposition *page)
{
    struct ft_fleet_view view;

    ft_exposition_family(page, "ft_module_up", "gauge", "Whether a module runs where it should");
    for (size_t i = 0; ft_fleet_at(fleet, i, &view); i++)
        ft_exposition_value(page, view.state_known && view.state == FT_MODULE_RUNS,
                            FT_LABELS("module", view.name, "node", view.node));
    ft_exposition_family(page, "ft_module_epoch", "counter",
                         "How often a module was placed or started anew");
    for (size_t i = 0; ft_fleet_at(fleet, i, &view); i++)
        ft_exposition_value(page, (double) view.epoch, FT_LABELS("module", view.name));
    ft_exposition_family(page, "ft_module_restarts", "gauge",
                         "Restarts of a module since it was started on its node");
    for (size_t i = 0; ft_fleet_at(fleet, i, &view); i++)
        ft_exposition_value(page, view.restarts, FT_LABELS("module", view.name));
    write_berths(fleet, page);
}

/* ---------------------------------------------------------------- datagrams */

static void write_rows(struct ft_exposition *page, const char *name, const char *help,
                       const char *label, const char *const words[], const uint64_t values[],
                       size_t n)
{
    ft_exposition_family(page, name, "counter", help);
    for (size_t i = 0; i < n; i++)
        ft_exposition_value(page, (double) values[i], FT_LABELS(label, words[i]));
}

static void write_datagrams(const struct ft_udp *udp, struct ft_exposition *page)
{
    static const char *const words[] = {"received", "sent", "overrun", "overlong", "unsent"};
    struct ft_udp_figures figures;

    ft_udp_figures(udp, &figures);
    write_rows(page, "ft_datagrams_total",
               "Datagrams of the central unit; overrun, overlong and unsent ones were dropped",
               "what", words, (const uint64_t[]) {figures.received, figures.sent, figures.overrun,
                                                  figures.overlong, figures.unsent}, 5);
}

static void write_discovery(const struct ft_summons *summons, struct ft_exposition *page)
{
    static const char *const words[] = {"asked", "identified", "refused", "repeated"};
    struct ft_discovery_figures figures;

    if (!ft_summons_figures(summons, &figures))
        return;
    write_rows(page, "ft_discovery_total",
               "Units looked for: datagrams sent, answers believed, refused, come before", "what",
               words, (const uint64_t[]) {figures.asked, figures.identified, figures.refused,
                                          figures.repeated}, 4);
}

void ft_figures_write(const struct ft_figures *figures, struct ft_exposition *page)
{
    write_central(figures, page);
    if (figures->udp != NULL)
        write_datagrams(figures->udp, page);
    if (figures->summons != NULL)
        write_discovery(figures->summons, page);
    if (figures->book != NULL)
        write_voters(figures->book, page);
    if (figures->detector != NULL) {
        write_states(figures->detector, page);
        write_up(figures->detector, page);
    }
    if (figures->collector != NULL)
        write_collected(figures->collector, page);
    if (figures->fleet != NULL)
        write_modules(figures->fleet, page);
}
