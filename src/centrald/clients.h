/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clients.h - who talks to the central unit itself rather than through a unit: the launcher, tools.
 */
#ifndef FT_CENTRALD_CLIENTS_H
#define FT_CENTRALD_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "centrald/requests.h"

#define FT_CENTRALD_CLIENTS_MAX 256

struct ft_clients;

struct ft_clients_config {
    const char *node;  /* this node's name; borrowed for life, as requests */
    struct ft_requests *requests;
    uint64_t term;     /* of the reign; 0: a job's own */
    pid_t launcher;    /* the local process that may report what a launcher knows; 0: none */
    bool by_role;      /* a system's: whoever says that it is a launcher is one, of its own session */
};

struct ft_clients *ft_clients_create(const struct ft_clients_config *config); /* NULL: ENOMEM */

/* Takes over a link that has said Hello (or closes it). local: see door.h. */
void ft_clients_greet(struct ft_clients *clients, struct ft_link *link, const Ft__Hello *hello,
                      bool local);

size_t ft_clients_count(const struct ft_clients *clients);

/* Closes all, which takes up to 1 s of the loop. */
void ft_clients_stop(struct ft_clients *clients);

/* To be called when the loop has nothing left of it. Takes NULL. */
void ft_clients_destroy(struct ft_clients *clients);

#endif
