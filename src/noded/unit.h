/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * unit.h - a node's unit as a whole: its loop, and how its parts play together.
 */
#ifndef FT_NODED_UNIT_H
#define FT_NODED_UNIT_H

#include <stddef.h>

#include "noded/conf.h"
#include "noded/orders.h"
#include "wire/identity.h"

struct ft_unit;

struct ft_unit_wish {
    const char *session; /* NULL: the node's own unit */
    const char *node;
    const char *socket;  /* path */
    const char *modules; /* folder of the node's own unit's modules; NULL: the usual one */
    const char *logs;    /* and of what they print */
    const char *version;
    const struct ft_noded_config *config;
    const struct ft_identity *identity;
    const struct ft_orders *orders; /* of a session's unit: where its central unit is */
};

/* How a unit's life ended. */
enum ft_unit_end {
    FT_UNIT_TOLD,     /* by the central unit's Leave, a signal, or a job that was over already */
    FT_UNIT_FORSAKEN  /* a job's central unit is out of reach, or refuses the unit */
};

/* Makes a unit that listens to its clients already. What wish points to is borrowed for its life.
 * NULL with a sentence in `why`. */
struct ft_unit *ft_unit_create(const struct ft_unit_wish *wish, char *why, size_t why_size);

/* Lives until the end. The node's own unit tells systemd that it is ready. */
enum ft_unit_end ft_unit_run(struct ft_unit *unit);

void ft_unit_destroy(struct ft_unit *unit); /* takes NULL */

#endif
