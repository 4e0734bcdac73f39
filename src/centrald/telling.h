/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * telling.h - what the central unit knows, as JSON: the answers of ft_admin(3) that change nothing.
 */
#ifndef FT_CENTRALD_TELLING_H
#define FT_CENTRALD_TELLING_H

#include "centrald/admin.h"
#include "centrald/json.h"

#define FT_TELLING_LIMIT_MAX 2000 /* nodes, modules or events in one answer */

/* What part is asked for. */
struct ft_telling {
    const char *node;    /* of modules: on this node; of nodes: this one; NULL: all */
    const char *module;  /* this one; NULL: all */
    const char *after;   /* name of the last one of the page before; NULL: from the first */
    uint64_t after_seq;  /* of events */
    unsigned limit;      /* 1 to FT_TELLING_LIMIT_MAX */
    unsigned tail;       /* of events: the last so many; 0: not asked */
    uint32_t uid;        /* who asks; events of other users' jobs are not told, unless */
    bool sees_all;       /* he is an administrator */
};

void ft_tell_status(const struct ft_admin_config *config, struct ft_json *json);
void ft_tell_central(const struct ft_admin_config *config, struct ft_json *json);
void ft_tell_events(const struct ft_admin_config *config, const struct ft_telling *telling,
                    struct ft_json *json);

/* FT_OK, or FT_ERR_UNKNOWN: there is no such node or module (or none any more, of `after`). */
ftRetVal_t ft_tell_nodes(const struct ft_admin_config *config, const struct ft_telling *telling,
                         struct ft_json *json);
ftRetVal_t ft_tell_modules(const struct ft_admin_config *config, const struct ft_telling *telling,
                           struct ft_json *json);

#endif
