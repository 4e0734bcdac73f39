/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * registry.h - which ftHandle_t is which handle: knows those that are open, recognises all others,
 * and keeps a handle from being freed while a thread uses it.
 */
#ifndef FT_LIBFT_REGISTRY_H
#define FT_LIBFT_REGISTRY_H

#include "libft/handle.h"
#include "libft/why.h"

#define FT_HANDLES_MAX 1024

struct ft_entry; /* a handle in use; each get and take is followed by a put */

/* Gives a handle to the registry, which destroys it in the end. FT_OK and *id, or FT_ERR_BUSY or
 * FT_ERR_MEMORY with why: the handle is the caller's still. */
ftRetVal_t ft_registry_add(struct ft_handle *handle, ftHandle_t *id, struct ft_why *why);

/* Finds a handle. NULL with why: FT_ERR_HANDLE, or FT_ERR_FORKED if a parent of this process opened
 * it. */
struct ft_entry *ft_registry_get(ftHandle_t id, struct ft_why *why);
struct ft_handle *ft_entry_handle(const struct ft_entry *entry);
void ft_registry_put(struct ft_entry *entry);

/* Takes a handle out: nobody finds it any more. FT_OK and *entry; FT_ERR_FORKED if a parent opened
 * it (the child's copy has been freed, *entry is NULL); FT_ERR_HANDLE. */
ftRetVal_t ft_registry_take(ftHandle_t id, struct ft_entry **entry, struct ft_why *why);

/* Waits until the caller is the only user of what it took, but not for ever: a thread that does not
 * get the processor must not stop closeFT. Whoever is the last to put then frees the handle. */
void ft_registry_wait_others(struct ft_entry *entry);

#endif
