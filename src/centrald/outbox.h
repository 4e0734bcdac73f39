/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * outbox.h - what leaves the central unit waits here until what it rests on is safe.
 *
 * A decision that was answered must never be lost: so the answer goes out only when the ledger's
 * entry of the decision is on the disks of most voters. Everything that leaves goes through the
 * outbox, in the order in which it was said.
 */
#ifndef FT_CENTRALD_OUTBOX_H
#define FT_CENTRALD_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#define FT_OUTBOX_LETTERS_MAX 65536
#define FT_OUTBOX_BYTES_MAX (64u << 20)

struct ft_outbox;

typedef void (*ft_outbox_fn)(void *arg, const void *data, size_t n);

struct ft_outbox *ft_outbox_create(void);             /* NULL: out of memory */
void ft_outbox_destroy(struct ft_outbox *outbox);     /* drops what waits; takes NULL */

/* From now on, what is said rests on the entry of this mark, too. Marks only grow. */
void ft_outbox_rest_on(struct ft_outbox *outbox, uint64_t mark);

/* Entries up to this mark are safe: what rested on them leaves, in order, within the call. What is
 * sent may put more into the outbox. */
void ft_outbox_safe(struct ft_outbox *outbox, uint64_t mark);

/* Lets something out: send(arg, data, n) is called at once if nothing is waited for, else later,
 * with a copy of the n bytes. outbox NULL: always at once (a central unit that keeps nothing).
 * Returns 0, or -1 with errno ENOMEM or ENOBUFS (too much waits): it was not taken. */
int ft_outbox_put(struct ft_outbox *outbox, ft_outbox_fn send, void *arg, const void *data,
                  size_t n);

size_t ft_outbox_waiting(const struct ft_outbox *outbox); /* letters; takes NULL */

#endif
