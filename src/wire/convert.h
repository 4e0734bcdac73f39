/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * convert.h - between the public values of ft.h and the messages of ft.proto.
 *
 * "put" fills a message whose strings borrow from the value, so that nothing is allocated but what
 * its struct ft_put_* holds; "get" copies a message's fields into a value. Texts for people are cut
 * to size; a name that is too long, and anything else that is out of its range, is refused: -1,
 * errno EPROTO, and the value is untouched. A NULL sub-message reads as all zero.
 *
 * Numbers of enumerations are part of the protocol: a new value needs a new FT_PROTOCOL.
 */
#ifndef FT_WIRE_CONVERT_H
#define FT_WIRE_CONVERT_H

#include "common/facts.h"
#include "ft.h"
#include "ft_runtime.h"
#include "wire/ft.pb-c.h"

void ft_put_resource(Ft__Resource *message, const ftResource_t *value);
int ft_get_resource(const Ft__Resource *message, ftResource_t *value);

/* Heap parts of a constraint's or request's message, freed by ft_put_request_clear. */
struct ft_put_request {
    Ft__Request request;
    Ft__Resource resource;
    Ft__Resource from;
    Ft__Constraint constraint;
    Ft__Device devices[FT_DEVICES_MAX];
    Ft__Device *device_list[FT_DEVICES_MAX];
    char *excluded_text;
    char **excluded_list;
    Ft__Process *processes;
    Ft__Process **process_list;
};
/* Fills those fields that verbs.h names for the action's verb (a launcher's job comes from
 * action->resource.job, its parent from action->text); asker, silent, count and the message's id
 * are the caller's to set afterwards. Returns 0, or -1 with errno ENOMEM or EINVAL (an action that
 * was not made well, an unknown verb, a timeout below -1); `put` needs no clearing then. `put`
 * borrows from `action`, and from the processes that it borrows itself, until cleared. */
int ft_put_request(struct ft_put_request *put, const ftAction_t *action, ftTimeout_t timeout);
void ft_put_request_clear(struct ft_put_request *put);

#define FT_PROCESSES_MAX 4096 /* in one JOB_STARTED */

int ft_get_constraint(const Ft__Constraint *message, ftConstraint_t *value);

struct ft_put_reply {
    Ft__Reply reply;
    Ft__Resource resource;
    Ft__Resource alternative;
};
void ft_put_reply(struct ft_put_reply *put, const ftReply_t *value);
int ft_get_reply(const Ft__Reply *message, ftReply_t *value);

struct ft_put_facts {
    Ft__Facts facts;
    Ft__Device devices[FT_FACTS_DEVICES_MAX];
    Ft__Device *device_list[FT_FACTS_DEVICES_MAX];
};
void ft_put_facts(struct ft_put_facts *put, const struct ft_facts *value);
int ft_get_facts(const Ft__Facts *message, struct ft_facts *value);

#endif
