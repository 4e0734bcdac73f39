/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe.h - answers the central unit's question whether this node is fit to stand in.
 */
#ifndef FT_NODED_PROBE_H
#define FT_NODED_PROBE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "noded/conf.h"
#include "wire/ft.pb-c.h"

#define FT_PROBES_MAX 8 /* under way at once */
#define FT_PROBE_TIMEOUT_DEFAULT_MS 2000

/* Exit codes that stand for a check that has none of its own. */
#define FT_CHECK_CODE_TIMEOUT 124
#define FT_CHECK_CODE_NOT_RUN 127
#define FT_CHECK_CODE_SIGNAL 128 /* plus the signal's number */

struct ft_probes;

/* Told once for each start, from the loop; what is pointed to is borrowed for the call. A probe
 * that failed has result->error. A description that failed is NULL and has `why`. */
typedef void (*ft_probe_fn)(void *arg, uint64_t id, const Ft__ProbeResult *result);
typedef void (*ft_describe_fn)(void *arg, uint64_t id, const Ft__Topology *topology,
                               const char *why);

/* config, node and session are borrowed for the object's life. NULL with errno ENOMEM. */
struct ft_probes *ft_probes_create(uv_loop_t *loop, const struct ft_noded_config *config,
                                   const char *node, const char *session);

/* Starts a probe that is answered within timeout_ms (0: the default), whatever happens. */
void ft_probes_start(struct ft_probes *probes, uint64_t id, bool run_check, unsigned timeout_ms,
                     ft_probe_fn done, void *arg);

/* Starts reading the full topology as XML. */
void ft_probes_describe(struct ft_probes *probes, uint64_t id, ft_describe_fn done, void *arg);

/* Kills what is under way; nothing is told any more. */
void ft_probes_stop(struct ft_probes *probes);
void ft_probes_destroy(struct ft_probes *probes); /* after ft_probes_stop; takes NULL */

#endif
