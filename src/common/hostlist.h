/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hostlist.h - an ordered set of node names, as people write it: "n3,n4", "n[01-03,7]".
 */
#ifndef FT_COMMON_HOSTLIST_H
#define FT_COMMON_HOSTLIST_H

#include <stdbool.h>
#include <stddef.h>

#define FT_HOSTLIST_MAX 262144 /* names in one list */
#define FT_HOST_NAME_MAX 256   /* bytes of a name, its 0 included; FT_NAME_MAX of ft.h */

struct ft_hostlist;

/* An empty list. NULL with errno ENOMEM. */
struct ft_hostlist *ft_hostlist_create(void);
void ft_hostlist_destroy(struct ft_hostlist *list);

/* A list out of a text: names and patterns, separated by commas (spaces and empty items between
 * them do no harm). In brackets: numbers and ranges; a number's leading zeros tell its width;
 * several brackets in one name give all combinations. A name that comes twice counts once, at its
 * first place. NULL with errno ENOMEM, EINVAL (not understood) or E2BIG (more than
 * FT_HOSTLIST_MAX); then `error`, if its size is not 0, says what is wrong where. */
struct ft_hostlist *ft_hostlist_parse(const char *text, char *error, size_t error_size);

/* Adds one name, if it is not there yet. Returns 1 if added, 0 if it was there, -1 with errno
 * EINVAL (no name: empty, too long, or other characters than letters, digits, '.', '-', '_'),
 * E2BIG, ENOMEM. */
int ft_hostlist_add(struct ft_hostlist *list, const char *name);

bool ft_hostlist_contains(const struct ft_hostlist *list, const char *name);

/* for (size_t i = 0; i < ft_hostlist_count(list); i++) ... ft_hostlist_at(list, i) ...
 * The names belong to the list; NULL past its end. */
size_t ft_hostlist_count(const struct ft_hostlist *list);
const char *ft_hostlist_at(const struct ft_hostlist *list, size_t i);

/* All names, separated by commas, without brackets; the caller frees it. NULL with errno ENOMEM. */
char *ft_hostlist_text(const struct ft_hostlist *list);

#endif
