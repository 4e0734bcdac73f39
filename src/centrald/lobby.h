/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lobby.h - where units wait that come while nobody knows who leads.
 */
#ifndef FT_CENTRALD_LOBBY_H
#define FT_CENTRALD_LOBBY_H

#include <stdbool.h>
#include <uv.h>

#include "net/link.h"
#include "wire/ft.pb-c.h"

struct ft_lobby;

/* A unit whose time has come; called from the loop, as the door would. */
typedef void (*ft_lobby_fn)(void *arg, struct ft_link *link, const Ft__Hello *hello);

/* node: this one's name, borrowed for life. wait_ms: nobody waits for longer than that. NULL: out
 * of memory. */
struct ft_lobby *ft_lobby_create(uv_loop_t *loop, const char *node, unsigned wait_ms,
                                 ft_lobby_fn serve, void *arg);

/* Takes the link over, of a unit that said Hello. False, and nothing taken: there is no room. */
bool ft_lobby_take(struct ft_lobby *lobby, struct ft_link *link, const Ft__Hello *hello);

/* This one leads: all are served. */
void ft_lobby_open(struct ft_lobby *lobby);
/* Another one does: all are told where it is. */
void ft_lobby_send_on(struct ft_lobby *lobby, const char *leader);

void ft_lobby_stop(struct ft_lobby *lobby);    /* closes what it has on the loop; takes NULL */
void ft_lobby_destroy(struct ft_lobby *lobby); /* when the loop has run out; takes NULL */

#endif
