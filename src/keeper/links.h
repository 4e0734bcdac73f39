/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * links.h - the keeper's sockets: to the units that listen to it, and for what the module says.
 */
#ifndef FT_KEEPER_LINKS_H
#define FT_KEEPER_LINKS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "keeper/talk.h"

#define FT_LINKS_MAX 4 /* a unit, its successor, somebody with --stop-modules */
#define FT_LINKS_POLLS (FT_LINKS_MAX + 2)

struct ft_links {
    int listener, notify;
    int fds[FT_LINKS_MAX];   /* -1: free */
    bool behind[FT_LINKS_MAX]; /* did not take the last state yet */
    char state[FT_KEEP_PACKET_MAX]; /* the last one */
    size_t n;
};

typedef void (*ft_links_command_fn)(void *arg, const char *command);
/* A datagram of the module, from a process that may speak for it. */
typedef void (*ft_links_notice_fn)(void *arg, const char *text, size_t n, pid_t sender,
                                   uid_t uid);

/* Binds both sockets in the current folder; first: a connection that is there already, -1: none.
 * 0, or -1 with errno. */
int ft_links_open(struct ft_links *links, int first);

/* Puts in what to wait for, FT_LINKS_POLLS entries; and does what has come. */
void ft_links_polls(const struct ft_links *links, struct pollfd *polls);
void ft_links_serve(struct ft_links *links, const struct pollfd *polls,
                    ft_links_command_fn command, void *arg);

/* All datagrams that wait. */
void ft_links_notices(struct ft_links *links, ft_links_notice_fn notice, void *arg);

/* Says this to all who are connected, now or as soon as they read; only the last one counts. */
void ft_links_say(struct ft_links *links, const struct ft_keep_state *state);
/* Waits, at most timeout_ms, until they have it. */
void ft_links_flush(struct ft_links *links, int timeout_ms);

void ft_links_close_names(struct ft_links *links); /* no new ones; what is connected stays */

#endif
