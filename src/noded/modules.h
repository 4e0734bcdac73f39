/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * modules.h - all modules of this node: ordered by the central unit, kept running by this one.
 *
 * unit.c makes one in system mode and hands in what comes from the central unit and from the
 * lease. A unit that ends leaves its modules running; the next one takes them over again.
 */
#ifndef FT_NODED_MODULES_H
#define FT_NODED_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "wire/ft.pb-c.h"

#define FT_MODULES_FOLDER "/run/ft/modules"
#define FT_MODULES_LOGS "/var/log/ft/modules"
#define FT_MODULES_MAX 1024 /* on one node, those that are stopped included */

struct ft_modules;

/* All texts are borrowed for the object's life. */
struct ft_modules_wish {
    const char *node;
    const char *folder; /* NULL: FT_MODULES_FOLDER */
    const char *logs;   /* NULL: FT_MODULES_LOGS */
    const char *keeper; /* the program; NULL: the installed one */
    /* Sends a message to the central unit. 0, or -1 with errno: what was not sent is told by the
     * list after the next Welcome. Not called from within ft_modules_create. */
    int (*send)(void *arg, const Ft__Message *message);
    void *arg;
};

/* Takes over what an earlier unit left running. NULL with a sentence in `why`. */
struct ft_modules *ft_modules_create(uv_loop_t *loop, const struct ft_modules_wish *wish,
                                     char *why, size_t why_size);

/* ---- from the central unit; borrowed for the call */
void ft_modules_order(struct ft_modules *modules, const Ft__ModuleOrder *order);
/* After each Welcome: orders of older terms are refused from now on; it is told what is here. */
void ft_modules_welcome(struct ft_modules *modules, uint64_t term);
void ft_modules_central_down(struct ft_modules *modules);

/* ---- from the lease: held until that moment of ft_modules_clock_ns, CLOCK_BOOTTIME */
void ft_modules_lease(struct ft_modules *modules, int64_t until_boot_ns);
void ft_modules_lease_lost(struct ft_modules *modules);
int64_t ft_modules_clock_ns(void);

/* How many run (or start, or stop). */
unsigned ft_modules_alive(const struct ft_modules *modules);

/* Lets go of everything; the modules run on. To be destroyed when the loop has run out. */
void ft_modules_stop(struct ft_modules *modules);
void ft_modules_destroy(struct ft_modules *modules); /* takes NULL */

/* `ft-noded --stop-modules`: ends all modules of this node, and waits for it, at most timeout_ms;
 * without a unit, or beside it. Returns 0, or -1 with what is left in `why`. */
int ft_modules_stop_all(const char *folder, unsigned timeout_ms, char *why, size_t why_size);

#endif
