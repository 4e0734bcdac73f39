/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reports.h - the same error reported again and again within a moment is one report with a count.
 */
#ifndef FT_NODED_REPORTS_H
#define FT_NODED_REPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/ft.pb-c.h"

#define FT_REPORTS_WINDOW_MS 100
#define FT_REPORTS_MAX 256 /* different ones at once; more are passed on uncounted */

struct ft_reports;

struct ft_reports *ft_reports_create(void); /* NULL with errno ENOMEM */
void ft_reports_destroy(struct ft_reports *reports);

enum ft_report_turn {
    FT_REPORT_FIRST,    /* to be passed on under `id`, and waited for */
    FT_REPORT_REPEATED, /* counted: *answer is the first one's answer, or NULL if it is to come */
    FT_REPORT_SINGLE    /* to be passed on; not kept */
};

/* Takes a report: job is that of the asker, id what it will be passed on as if it is the first.
 * For a repeated one, *first is the id of the first. */
enum ft_report_turn ft_reports_take(struct ft_reports *reports, const Ft__Request *request,
                                    const char *job, uint64_t id, int64_t now_ms, uint64_t *first,
                                    const Ft__Reply **answer);

/* The first one's answer has come (copied). */
void ft_reports_answered(struct ft_reports *reports, uint64_t first, const Ft__Reply *answer);

/* Ends windows that are over. For each with repeats, `sum` is given a request to pass on: the first
 * one's, silent, with the count of the repeats. */
typedef void (*ft_reports_sum_fn)(void *arg, const Ft__Request *request);
void ft_reports_end_due(struct ft_reports *reports, int64_t now_ms, ft_reports_sum_fn sum,
                        void *arg);

/* When the next window ends, -1 if none is open. */
int64_t ft_reports_due_ms(const struct ft_reports *reports);

#endif
