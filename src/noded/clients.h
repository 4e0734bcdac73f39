/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * clients.h - the unit's socket for the processes of its node: libft in applications and tools.
 */
#ifndef FT_NODED_CLIENTS_H
#define FT_NODED_CLIENTS_H

#include <stdbool.h>
#include <uv.h>

#include "noded/relay.h"
#include "wire/ft.pb-c.h"

#define FT_CLIENTS_MAX 4096
#define FT_CLIENTS_USER_MAX 2048

struct ft_clients;

/* Listens at a unix socket for processes of this user and of root, or of everybody: then no other
 * user has more than FT_CLIENTS_USER_MAX. What they ask goes to `relay`, whose to_client is to call
 * ft_clients_send. hello is what they are greeted with; it, path and relay are borrowed for the
 * object's life. NULL with errno (EADDRINUSE: somebody listens there). */
struct ft_clients *ft_clients_create(uv_loop_t *loop, const char *path, bool everybody,
                                     const Ft__Hello *hello, struct ft_relay *relay);

/* Sends to a client; one that does not read what it asked for is closed. 0, or -1 with errno. */
int ft_clients_send(struct ft_clients *clients, struct ft_relay_client *client,
                    const Ft__Message *message);

/* Removes the socket and closes all clients; what is queued for them is still written, for at most
 * 1 s of the loop. To be destroyed when the loop has nothing left of them. */
void ft_clients_stop(struct ft_clients *clients);
void ft_clients_destroy(struct ft_clients *clients); /* takes NULL */

unsigned ft_clients_count(const struct ft_clients *clients);

#endif
