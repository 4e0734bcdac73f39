/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * group.h - the control group that limits a module's memory, if the node has such a thing for us.
 */
#ifndef FT_KEEPER_GROUP_H
#define FT_KEEPER_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ft_group {
    char folder[512];   /* "": there is none */
    bool v2;
    uint64_t kills;     /* of this group, when it was made */
    uint64_t all_kills; /* of the whole node, when it was made */
};

/* Makes one for a module, below `parent` or, if that is "", where this process's own memory group
 * is. max_bytes 0: none is made. False: there is no group (no right to, no such controllers), and
 * the limit has to be kept another way. root: "" but for tests. */
bool ft_group_make(struct ft_group *group, const char *root, const char *parent, const char *name,
                   uint64_t max_bytes);

/* Called in the child: puts the calling process into it. */
bool ft_group_enter(const struct ft_group *group);

/* Whether the kernel killed something for want of memory since: in the group or, without one,
 * anywhere on the node. */
bool ft_group_was_short(const struct ft_group *group, const char *root);

/* Kills all in it at once, where the kernel can do that. */
void ft_group_kill(const struct ft_group *group);

/* True once it is gone: not before all that was in it is. */
bool ft_group_remove(struct ft_group *group);

#endif
