/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * module.h - one module of this node, with all that belongs to it.
 */
#ifndef FT_NODED_MODULE_H
#define FT_NODED_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/supervisor.h"
#include "wire/ft.pb-c.h"

struct ft_module;

/* What all modules of a node share; modules.c has it, and changes it. */
struct ft_module_home {
    uv_loop_t *loop;
    const char *node, *folder, *logs, *keeper, *group;
    int64_t lease_until_ns; /* CLOCK_BOOTTIME; 0: none was ever held */
    bool central;           /* a central unit can be told */
    void (*report)(void *arg, struct ft_module *module); /* it is not as it was */
    void *arg;
};

/* Makes its folder. home is borrowed for life. NULL with errno. */
struct ft_module *ft_module_create(struct ft_module_home *home, const char *name);
/* What an earlier unit left in its folder: the order, and maybe the running module. NULL with
 * errno: there is nothing of use. */
struct ft_module *ft_module_load(struct ft_module_home *home, const char *name);

/* Takes an order that is not older than the last one. False: it was refused, see _fill. */
bool ft_module_obey(struct ft_module *module, const Ft__ModuleOrder *order);

void ft_module_lease(struct ft_module *module, bool held); /* held: until home's */
void ft_module_central(struct ft_module *module, bool reachable);

const char *ft_module_name(const struct ft_module *module);
uint64_t ft_module_epoch(const struct ft_module *module);
uint64_t ft_module_term(const struct ft_module *module);
enum ft_module_state ft_module_state(const struct ft_module *module);

/* The message about it; its texts are the module's own, valid until it changes. */
void ft_module_fill(struct ft_module *module, Ft__ModuleState *state);

/* Forgets it, and leaves it running. Frees itself when the loop has let go of it. */
void ft_module_close(struct ft_module *module);
/* The same, for one that does not run: its folder goes too. */
void ft_module_remove(struct ft_module *module);

/* When the clock that leases go by is. */
int64_t ft_module_boot_ns(void);

#endif
