/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * keeper.h - the unit's end of a module's keeper: started, or found again; told things, heard.
 */
#ifndef FT_NODED_KEEPER_H
#define FT_NODED_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "keeper/talk.h"

struct ft_keeper;

/* From the loop. After a state that is an end, or `gone`, nothing comes any more, and the object is
 * let go of by itself. */
struct ft_keeper_events {
    void (*state)(void *arg, const struct ft_keep_state *state);
    void (*gone)(void *arg); /* it ended without saying how its module did: it was killed */
};

/* Starts the program for this wish. NULL with errno. */
struct ft_keeper *ft_keeper_start(uv_loop_t *loop, const char *program,
                                  const struct ft_keep_wish *wish,
                                  const struct ft_keeper_events *events, void *arg);

/* Finds the one that serves a module's folder. NULL with errno: ENOENT or ECONNREFUSED, there is
 * none. */
struct ft_keeper *ft_keeper_find(uv_loop_t *loop, const char *folder,
                                 const struct ft_keeper_events *events, void *arg);

/* What the last keeper of a folder wrote last. False if there is nothing of use. */
bool ft_keeper_read_status(const char *folder, struct ft_keep_state *state);

void ft_keeper_lease(struct ft_keeper *keeper, int64_t until_boot_ns);
void ft_keeper_kill(struct ft_keeper *keeper, unsigned why, bool at_once);
void ft_keeper_limits(struct ft_keeper *keeper, unsigned watchdog_ms, unsigned deadline_ms);

/* Forgets it; it keeps its module. */
void ft_keeper_let_go(struct ft_keeper *keeper);

/* A connection to the keeper of a folder, for those without a loop. -1 with errno. */
int ft_keeper_connect(const char *folder);

#endif
