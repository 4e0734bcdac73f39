/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * spares.c - owns a reign's side of the resource manager: what is wished of it, and what it answers.
 *
 * Called by reign.c: core's wishes come in (env.acquire, env.abandon, env.release) and go on to
 * who gets nodes for that session (purveyors.c); the answers go back to the session that wished,
 * through later.c, because they may come at once and core must not be called from within its own
 * effects. An offer that nobody waits for any more goes back. What the resource manager says of nodes
 * goes to nodes.c, the same way.
 *
 * With a ledger, what a successor could not know of must not happen: a node goes back once it is
 * safe that nobody has it any more (through the outbox), and one that was given is said to be kept
 * once it is safe that somebody has it.
 *
 * It ends when the reign stops, not when that is destroyed: what the backends have in the loop
 * (helper processes) would keep that going. Wishes are not heard after that.
 */
#include "centrald/spares.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/later.h"
#include "centrald/nodes.h"
#include "centrald/purveyors.h"
#include "centrald/scribe.h"
#include "centrald/sessions.h"
#include "common/log.h"
#include "common/text.h"

struct ft_spares {
    const struct ft_parts *parts;
    struct ft_purveyors *purveyors; /* NULL: stopped */
};

/* What is put aside, for later or until it is safe. */
struct answer {
    uint64_t session, acquire;
    int64_t available_at_s;
    char node[FT_NAME_MAX]; /* "": none */
    char why[FT_TEXT_MAX];
};

struct node_news {
    uint64_t session;
    bool well;
    char node[FT_NAME_MAX];
    char why[FT_TEXT_MAX];
};

struct holding {
    uint64_t session;
    bool broken;
    char node[FT_NAME_MAX];
};

/* ---------------------------------------------------------------- once it is safe */

static void say_kept(void *arg, const void *data, size_t n)
{
    const struct ft_spares *spares = arg;
    const struct holding *holding = data;

    (void) n;
    if (spares->purveyors != NULL)
        ft_purveyors_kept(spares->purveyors, holding->session, holding->node);
}

static void say_released(void *arg, const void *data, size_t n)
{
    const struct ft_spares *spares = arg;
    const struct holding *holding = data;
    struct ft_returned returned = {
        .session = holding->session, .node = holding->node, .broken = holding->broken};

    (void) n;
    if (spares->purveyors != NULL)
        ft_purveyors_release(spares->purveyors, &returned);
}

static void say_parted(void *arg, const void *data, size_t n)
{
    const struct ft_spares *spares = arg;
    const struct holding *holding = data;

    (void) n;
    if (spares->purveyors != NULL)
        ft_purveyors_part(spares->purveyors, holding->session);
}

static void once_safe(struct ft_spares *spares, ft_outbox_fn say, uint64_t session,
                      const char *node, bool broken)
{
    struct holding holding;

    memset(&holding, 0, sizeof holding);
    holding.session = session;
    holding.broken = broken;
    ft_text_copy(holding.node, sizeof holding.node, node);
    if (spares->parts->book == NULL)
        say(spares, &holding, sizeof holding);
    else if (ft_scribe_out(spares->parts->scribe, say, spares, &holding, sizeof holding) < 0 &&
             errno != ECANCELED) /* who does not lead any more has nothing to say */
        ft_log_error("the resource manager is not told of node %s: %s", node, strerror(errno));
}

/* ---------------------------------------------------------------- answers */

static void give_back(const struct ft_spares *spares, uint64_t session, const char *node)
{
    struct ft_returned returned = {.session = session, .node = node};

    if (spares->purveyors != NULL)
        ft_purveyors_release(spares->purveyors, &returned);
}

static void deliver(void *arg, const void *data, size_t n)
{
    struct ft_spares *spares = arg;
    const struct answer *answer = data;

    (void) n;
    if (answer->node[0] == '\0')
        ft_sessions_no_offer(spares->parts->sessions, answer->acquire, answer->why,
                             answer->available_at_s);
    else if (!ft_sessions_offer(spares->parts->sessions, answer->acquire, answer->node))
        give_back(spares, answer->session, answer->node);
    else if (spares->parts->book != NULL)
        once_safe(spares, say_kept, answer->session, answer->node, false);
}

static void on_offer(void *arg, uint64_t session, uint64_t acquire, const char *node)
{
    struct ft_spares *spares = arg;
    struct answer answer;

    memset(&answer, 0, sizeof answer);
    answer.session = session;
    answer.acquire = acquire;
    ft_text_copy(answer.node, sizeof answer.node, node);
    if (ft_later_put(spares->parts->later, deliver, spares, &answer, sizeof answer, 0) == 0)
        return;
    /* Core waits for its own deadline, then goes on without. */
    ft_log_error("out of memory: node %s, which was offered, goes back", node);
    give_back(spares, session, node);
}

static void on_none(void *arg, uint64_t acquire, const char *why, int64_t available_at_s)
{
    struct ft_spares *spares = arg;
    struct answer answer;

    memset(&answer, 0, sizeof answer);
    answer.acquire = acquire;
    answer.available_at_s = available_at_s;
    ft_text_copy(answer.why, sizeof answer.why, why);
    if (ft_later_put(spares->parts->later, deliver, spares, &answer, sizeof answer, 0) < 0)
        ft_log_error("out of memory: an answer of the resource manager is lost");
}

static void deliver_news(void *arg, const void *data, size_t n)
{
    const struct ft_spares *spares = arg;
    const struct node_news *news = data;

    (void) n;
    if (news->session != 0)
        ft_sessions_node_failing_in(spares->parts->sessions, news->session, news->node, news->why);
    else
        ft_nodes_in_service(spares->parts, news->node, news->well ? NULL : news->why);
}

static void on_node_news(void *arg, uint64_t session, const char *node, const char *why)
{
    struct ft_spares *spares = arg;
    struct node_news news;

    memset(&news, 0, sizeof news);
    news.session = session;
    news.well = why == NULL;
    if (news.well && session != 0)
        return; /* what it says is that a node is gone, which does not come back */
    ft_text_copy(news.node, sizeof news.node, node);
    ft_text_copy(news.why, sizeof news.why, why != NULL ? why : "");
    if (ft_later_put(spares->parts->later, deliver_news, spares, &news, sizeof news, 0) < 0)
        ft_log_error("out of memory: nobody is told of node %s: %s", node, news.why);
}

/* ---------------------------------------------------------------- wishes */

void ft_spares_acquire(struct ft_spares *spares, uint64_t acquire, const struct ft_wanted *wanted)
{
    if (spares->purveyors != NULL)
        ft_purveyors_acquire(spares->purveyors, acquire, wanted);
}

void ft_spares_abandon(struct ft_spares *spares, uint64_t acquire)
{
    if (spares->purveyors != NULL)
        ft_purveyors_abandon(spares->purveyors, acquire);
}

void ft_spares_release(struct ft_spares *spares, const struct ft_returned *returned)
{
    once_safe(spares, say_released, returned->session, returned->node, returned->broken);
}

/* Needs not be safe: it is told again, should a successor find the same. */
void ft_spares_suspect(struct ft_spares *spares, const struct ft_suspect *suspect)
{
    if (spares->purveyors != NULL)
        ft_purveyors_suspect(spares->purveyors, suspect);
}

void ft_spares_time_lost(struct ft_spares *spares, const struct ft_lost_time *lost)
{
    if (spares->purveyors != NULL)
        ft_purveyors_time_lost(spares->purveyors, lost);
}

void ft_spares_forsaken(void *arg, uint64_t session)
{
    const struct ft_spares *spares = arg;

    if (spares->purveyors != NULL)
        ft_purveyors_forsaken(spares->purveyors, session);
}

void ft_spares_part(struct ft_spares *spares, uint64_t session)
{
    if (session != 0)
        once_safe(spares, say_parted, session, "", false);
}

void ft_spares_taken(void *arg, uint64_t session, const char *node, bool needed)
{
    const struct ft_spares *spares = arg;

    ft_purveyors_taken(spares->purveyors, session, node);
    if (!needed)
        give_back(spares, session, node);
}

/* ---------------------------------------------------------------- the plan, life */

int ft_spares_prepare(struct ft_spares *spares, const struct ft_plan *plan, char *why, size_t size)
{
    return ft_purveyors_prepare(spares->purveyors, plan, why, size);
}

void ft_spares_settle(struct ft_spares *spares, bool in_force)
{
    ft_purveyors_settle(spares->purveyors, in_force);
}

struct ft_spares *ft_spares_create(const struct ft_parts *parts, uv_loop_t *loop,
                                   const struct ft_plan *plan, char *why, size_t size)
{
    static const struct ft_purveyors_events events = {
        .offer = on_offer, .none = on_none, .node_news = on_node_news};
    struct ft_spares *spares = calloc(1, sizeof *spares);

    if (spares == NULL) {
        snprintf(why, size, "where nodes come from: %s", strerror(errno));
        return NULL;
    }
    spares->parts = parts;
    spares->purveyors = ft_purveyors_create(parts, loop, plan, &events, spares, why, size);
    if (spares->purveyors != NULL)
        return spares;
    free(spares);
    return NULL;
}

void ft_spares_stop(struct ft_spares *spares)
{
    if (spares == NULL)
        return;
    ft_purveyors_destroy(spares->purveyors);
    spares->purveyors = NULL;
}

void ft_spares_destroy(struct ft_spares *spares)
{
    ft_spares_stop(spares);
    free(spares);
}
