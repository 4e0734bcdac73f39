/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * starter.h - starts node units on other nodes, through the remote shell agent.
 */
#ifndef FT_CENTRALD_STARTER_H
#define FT_CENTRALD_STARTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "wire/channel.h"

struct ft_starter;

struct ft_starter_config {
    const char *agent;   /* command and options, e.g. "ssh -x -o BatchMode=yes" */
    const char *noded;   /* path of ft-noded on the other nodes */
    const char *session;
    const char *hosts;   /* this node's names and addresses, separated by commas */
    uint16_t port;
    const uint8_t *key;  /* FT_KEY_BYTES; copied, as all else */
};

struct ft_starter_events {
    /* It was started (and connects by itself), or not, after all tries: why. */
    void (*started)(void *arg, const char *node);
    void (*failed)(void *arg, const char *node, const char *why);
};

/* NULL with errno ENOMEM, or EINVAL: an agent without a command. */
struct ft_starter *ft_starter_create(uv_loop_t *loop, const struct ft_starter_config *config,
                                     const struct ft_starter_events *events, void *arg);

/* Has a unit started on a node; one that is being started there already is waited for. Never
 * fails at once: what goes wrong arrives as `failed`. Returns 0, or -1 with errno ENOMEM or
 * ENOBUFS. */
int ft_starter_start(struct ft_starter *starter, const char *node);

/* Ends what is being started; no event comes any more. To be destroyed when the loop has run
 * out. */
void ft_starter_stop(struct ft_starter *starter);
bool ft_starter_is_over(const struct ft_starter *starter); /* stopped, and the loop has nothing of it */
void ft_starter_destroy(struct ft_starter *starter); /* takes NULL */

#endif
