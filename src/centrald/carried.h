/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * carried.h - the orders of administrators that were carried out lately, with their answers: one
 * that comes again is answered again, and not carried out twice.
 */
#ifndef FT_CENTRALD_CARRIED_H
#define FT_CENTRALD_CARRIED_H

#include <stdbool.h>
#include <stddef.h>

#include "core/env.h"

#define FT_CARRIED_MAX 1024           /* orders; the oldest is forgotten first */
#define FT_CARRIED_ANSWER_MAX 16384   /* bytes of an answer that is remembered as it was */
#define FT_CARRIED_ONCE_MAX 64        /* bytes of a name that an order was given, without its 0 */
#define FT_CARRIED_KEY "order/"       /* in the ledger */

struct ft_carried;

/* keep: as in core/env.h; NULL: nothing is kept. NULL: out of memory. */
struct ft_carried *ft_carried_create(void (*keep)(void *arg, const char *key, const void *data,
                                                  size_t n), void *arg);
void ft_carried_destroy(struct ft_carried *carried); /* takes NULL */

/* What names an order: `once`, as whoever gives it says, for this user; else (NULL) the number that
 * its unit has given it. False: nothing does. */
#define FT_CARRIED_ID_BYTES 128
bool ft_carried_id(const struct ft_asker *asker, const char *once, char id[FT_CARRIED_ID_BYTES]);

/* The answer (JSON) to the order of that name; NULL: it was not carried out. *same: what was
 * ordered under that name is the same command. */
const char *ft_carried_find(const struct ft_carried *carried, const char *id, const char *command,
                            bool *same);

/* An order was carried out: keeps that. To be called in the same turn of the loop as what it has
 * changed was kept: then the ledger has both or neither. 0, or -1 with errno ENOMEM. */
int ft_carried_add(struct ft_carried *carried, const char *id, const char *command,
                   const char *answer);

/* A take-over: what was kept under FT_CARRIED_KEY..., in the ledger's order. 0, or -1 with errno
 * EBADMSG or ENOMEM. */
int ft_carried_restore(struct ft_carried *carried, const void *data, size_t n);

#endif
