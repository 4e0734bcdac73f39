/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * server.h - a job's own central unit: a door, and one reign for its whole life.
 */
#ifndef FT_CENTRALD_SERVER_H
#define FT_CENTRALD_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "core/plan.h"

struct ft_server;

struct ft_server_setup {
    uv_loop_t *loop;
    const struct ft_plan *plan;
    const char *session;
    const char *node;    /* this node's name */
    const char *socket;  /* path of central.sock */
    const char *events;  /* path of the event log */
    const uint8_t *key;  /* FT_KEY_BYTES */
    pid_t launcher;
    const char *agent;   /* remote shell, with options */
    const char *noded;   /* path of ft-noded on other nodes */
};

/* Makes everything and listens; starts units on the pool's nodes. All of setup is copied or used
 * up, but for plan, session and node, which are borrowed for life. NULL with a sentence in
 * `why`. */
struct ft_server *ft_server_create(const struct ft_server_setup *setup, char *why, size_t size);

uint16_t ft_server_port(const struct ft_server *server);

/* Tells the units to end and closes everything; the loop runs out within about 1 s. Again is
 * harmless. */
void ft_server_stop(struct ft_server *server, const char *reason);

/* To be called when the loop has run out, or if it never ran. Takes NULL. */
void ft_server_destroy(struct ft_server *server);

#endif
