/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clients.h - who talks to the central unit on its own node: the launcher, and tools.
 */
#ifndef FT_CENTRALD_CLIENTS_H
#define FT_CENTRALD_CLIENTS_H

#include <sys/types.h>
#include <uv.h>

#include "centrald/requests.h"

#define FT_CENTRALD_CLIENTS_MAX 256

struct ft_clients;

/* Listens at a unix socket. launcher: whoever has this process id may report what a launcher knows;
 * 0: nobody may. node and requests are borrowed for life. NULL with errno. */
struct ft_clients *ft_clients_create(uv_loop_t *loop, const char *path, pid_t launcher,
                                     const char *node, struct ft_requests *requests);

/* Listens no more and closes all. */
void ft_clients_stop(struct ft_clients *clients);

/* To be called when the loop has nothing left of it. Takes NULL. */
void ft_clients_destroy(struct ft_clients *clients);

#endif
