/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spec.h - a module's settings as they come from the central unit: checked, turned into what the
 * supervisor and the keeper want, kept for the unit that comes after this one.
 */
#ifndef FT_NODED_SPEC_H
#define FT_NODED_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/supervisor.h"
#include "keeper/talk.h"
#include "wire/ft.pb-c.h"

/* [A-Za-z0-9._-], not "." or "..", less than FT_MODULE_NAME_MAX bytes: it becomes a path. */
bool ft_spec_name_is_good(const char *name);

/* Whether a module can be run by that; else false with a sentence. */
bool ft_spec_check(const Ft__ModuleSpec *spec, char *why, size_t why_size);

void ft_spec_policy(const Ft__ModuleSpec *spec, struct ft_supervisor_policy *policy);

/* Fills in all of the wish that the settings know; texts are borrowed from them. 0, or -1 with
 * errno ENOMEM. argv and environment are to be freed. */
int ft_spec_wish(const Ft__ModuleSpec *spec, struct ft_keep_wish *wish);

/* The latest order that was taken, and which run was its first. 0, or -1 with errno. */
int ft_spec_save(const char *folder, const Ft__ModuleOrder *order, uint64_t first_run);
/* NULL if there is none that can be read. To be freed with ft__module_order__free_unpacked. */
Ft__ModuleOrder *ft_spec_load(const char *folder, uint64_t *first_run);

/* A copy, to be freed likewise; NULL: out of memory. */
Ft__ModuleOrder *ft_spec_copy(const Ft__ModuleOrder *order);

#endif
