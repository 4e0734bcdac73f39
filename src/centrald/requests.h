/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * requests.h - the requests under way: from a message on a link to a call of core, and the answer
 * back to where it came from.
 */
#ifndef FT_CENTRALD_REQUESTS_H
#define FT_CENTRALD_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "centrald/outbox.h"
#include "centrald/sessions.h"
#include "core/central.h"
#include "net/link.h"
#include "wire/ft.pb-c.h"

#define FT_REQUESTS_STARTED 16

struct ft_request;
struct ft_requests;

/* Where requests come from: embedded in a unit's or a client's object, zero but for the link. */
struct ft_request_source {
    struct ft_link *link;
    struct ft_request *first;               /* not answered yet */
    struct {
        uint64_t token;
        struct ft_central *central;
    } started[FT_REQUESTS_STARTED]; /* the latest that were told to start a stand-in */
    unsigned started_n;
};

/* A command of an administrator's (FT_VERB_ADMIN): ends in ft_requests_answer. */
typedef void (*ft_admin_fn)(void *arg, uint64_t token, const struct ft_asker *asker,
                            const char *command);

struct ft_requests_config {
    struct ft_sessions *sessions; /* borrowed for life, as the outbox */
    struct ft_outbox *outbox;     /* NULL: answers leave at once */
    ft_admin_fn admin;            /* NULL: such commands are refused */
    void *admin_arg;
};

struct ft_requests *ft_requests_create(const struct ft_requests_config *config); /* NULL: ENOMEM */
void ft_requests_destroy(struct ft_requests *requests); /* takes NULL */

/* A Request message. asker: who it is from, as its source vouches for. */
void ft_requests_take(struct ft_requests *requests, struct ft_request_source *source,
                      const Ft__Message *message, const struct ft_asker *asker);

/* A Cancel message: nobody waits for `id` of this source. */
void ft_requests_cancel(struct ft_requests *requests, struct ft_request_source *source,
                        uint64_t id);

/* The link is gone: nobody waits for what came from it. for_good: so is who asked (a client); else
 * they may ask again over another link (those of a unit). */
void ft_requests_source_gone(struct ft_requests *requests, struct ft_request_source *source,
                             bool for_good);

/* Core's answer (env.reply). */
void ft_requests_reply(struct ft_requests *requests, uint64_t token, const ftReply_t *reply);

/* The answer to an administrator's command: json may be NULL, reason and hint too. */
void ft_requests_answer(struct ft_requests *requests, uint64_t token, ftRetVal_t status,
                        const char *json, const char *reason, const char *hint);

/* A core is about to be destroyed: those who wait for it are told. */
void ft_requests_core_gone(struct ft_requests *requests, const struct ft_central *central);

#endif
