/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * system.h - a system's central unit: a voter, and while it leads a reign.
 */
#ifndef FT_CENTRALD_SYSTEM_H
#define FT_CENTRALD_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/plan.h"
#include "wire/identity.h"

struct ft_system;

struct ft_system_setup {
    uv_loop_t *loop;
    const char *node;      /* this node's name, as ft.conf has it; borrowed for life */
    const char *conf;      /* path of ft.conf, NULL: the installation's; borrowed for life */
    struct ft_plan *plan;  /* as it was read; taken over, also in failure */
    const struct ft_identity *identity; /* copied */
    const char *socket;    /* path of the local socket */
    const char *events;    /* path of the event log */
};

struct ft_system_events {
    /* Something changed that is worth a line of status. */
    void (*status)(void *arg, const char *text);
    /* It has ended: the loop runs out. failed: not because it was told to. */
    void (*ended)(void *arg, bool failed);
};

/* Listens, and takes part among the voters. NULL with a sentence in `why`. */
struct ft_system *ft_system_create(const struct ft_system_setup *setup,
                                   const struct ft_system_events *events, void *arg, char *why,
                                   size_t size);

/* What it does, for people: "leads, term 3". */
const char *ft_system_status(const struct ft_system *system);

/* Reads ft.conf again (SIGHUP). What is wrong with it is in the log; nothing changes then. */
void ft_system_reload(struct ft_system *system, const char *by);

/* Ends in order: who leads hands over first. Again is harmless. */
void ft_system_stop(struct ft_system *system, const char *reason);

/* To be called when the loop has run out. Takes NULL. */
void ft_system_destroy(struct ft_system *system);

#endif
