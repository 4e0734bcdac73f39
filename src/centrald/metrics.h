/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics.h - answers Prometheus: GET http://127.0.0.1:PORT/metrics.
 */
#ifndef FT_CENTRALD_METRICS_H
#define FT_CENTRALD_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "centrald/exposition.h"

#define FT_METRICS_CONNECTIONS_MAX 16

struct ft_metrics;

/* Fills a page; called from the loop for each request. */
typedef void (*ft_metrics_fn)(void *arg, struct ft_exposition *page);

/* Listens on the loopback address only. NULL with a sentence in `why`. */
struct ft_metrics *ft_metrics_create(uv_loop_t *loop, uint16_t port, ft_metrics_fn fill, void *arg,
                                     char *why, size_t size);
uint16_t ft_metrics_port(const struct ft_metrics *metrics);

/* Closes everything; frees itself from the loop. Takes NULL. */
void ft_metrics_stop(struct ft_metrics *metrics);

#endif
