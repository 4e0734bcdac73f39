/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * peers.h - the links between the voters of the central unit. Each voter writes on a link that it
 * made itself, and reads from those that others made: two for each pair.
 *
 * A letter is lost if there is no link, or none that takes it: Raft bears that. Links are keyed (or
 * proven by MUNGE) and encrypted like all between FT's programs; who holds the key is believed to
 * be the voter that it says it is.
 */
#ifndef FT_CENTRALD_PEERS_H
#define FT_CENTRALD_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "net/link.h"

struct ft_peers;

struct ft_peers_events {
    void (*letter)(void *arg, const char *name, const uint8_t *letter, size_t n);
    void (*connected)(void *arg, const char *name); /* it can be written to */
    void (*refused)(void *arg, const char *name);   /* its host is there, and nobody listens */
};

/* Does nothing on the loop before the first ft_peers_set. NULL with errno ENOMEM. */
struct ft_peers *ft_peers_create(uv_loop_t *loop, const struct ft_identity *identity,
                                 const char *self, const struct ft_peers_events *events, void *arg);

/* These are the others, "HOST[,HOST...]" and port each; those that were there before and are not
 * among them are left. 0, or -1 with errno ENOMEM: as it was. */
struct ft_peers_other { const char *name, *hosts; uint16_t port; };
int ft_peers_set(struct ft_peers *peers, const struct ft_peers_other *others, size_t n);

void ft_peers_send(struct ft_peers *peers, const char *name, uint8_t *letter, size_t n); /* frees it */

/* Another voter came; it said Hello. */
void ft_peers_take(struct ft_peers *peers, struct ft_link *link, const Ft__Hello *hello);

bool ft_peers_is_connected(const struct ft_peers *peers, const char *name); /* both ways */

/* Closes all links; `closed` comes when the last one is gone. Then destroy. */
void ft_peers_close(struct ft_peers *peers, void (*closed)(void *arg), void *arg);
void ft_peers_destroy(struct ft_peers *peers); /* takes NULL; closed ones, or never set */

#endif
