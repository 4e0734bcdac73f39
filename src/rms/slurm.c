/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * slurm.c - owns the helper processes through which nodes come from Slurm, and what they hold.
 *
 * Made by the central unit for a job in a Slurm allocation. libslurm is not loaded here: its calls
 * wait, and it may end the process that it is in; a central unit may do neither. Each node is asked
 * for, and then guarded, by a helper of its own (src/rmshelp), which speaks lines over its standard
 * input and output (child.c). One helper more is always ready, so that nobody waits for a program to
 * start while a job stands still; another watches the job.
 *
 *      READY -- get --> ASKED -- got --> HOLDS -- release --> ENDING -- exit --> gone
 *                         | none, abandoned                     ^
 *                         +-------------------------------------+
 *
 * A helper's standard input closed makes it give back what it holds: whatever ends the central unit
 * ends that, too. A helper that ends by itself while it holds a node is replaced by one that goes
 * on guarding the same allocation.
 *
 * A system's central unit has one of these for each job of Slurm that it serves (config.many), and
 * successors. What its ledger says is a job's, safely, its helper is told to leave where it is
 * ("stay") when its standard input closes: the successor is told of it (taken), and has a helper of
 * its own look for it (adopt). Such helpers become the job's user. Without a job it only watches:
 * all of Slurm's nodes, for everybody.
 *
 * Spares that the job has already are a pool (pool.c) in front of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"
#include "rms/child.h"
#include "rms/rms.h"
#include "rms/warden.h"

#define HELPERS_MAX 72 /* for as many nodes as rms_nodes_max allows, and those that end */
#define RESTARTS_MAX 5            /* of helpers that end by themselves, in a row */
#define LONG_LIFE_MS 60000        /* one that lived so long is none of these */
#define ANSWER_MARGIN_PCT 10      /* of a wish's time, kept for the answer's way */
#define ANSWER_MARGIN_MIN_MS 50
#define KEPT_ENVIRONMENT_MAX 8

enum state { READY, ASKED, HOLDS, ENDING, WATCHES };

struct slurm;

struct helper {
    struct slurm *slurm;
    struct ft_child *child;
    enum state state;
    uint64_t acquire;      /* ASKED */
    char node[FT_NAME_MAX];/* HOLDS */
    uint32_t own;          /* HOLDS: the allocation's number, 0: the node joined the job */
    bool stays;            /* HOLDS: a successor takes it over */
    bool leaves;           /* HOLDS: to be released as soon as its node is drained */
    bool adopts;           /* HOLDS: what was another's; whether that is there is not known yet */
    int64_t begun_ms;
    struct helper *next;
};

struct slurm {
    struct ft_rms rms;     /* first */
    struct ft_rms_events events;
    void *arg;
    uv_loop_t *loop;
    struct ft_rms *spares;
    bool spare_given, spare_is_last; /* of the wish that the spares are asked for */
    unsigned nodes_max;
    struct ft_rms_slurm_config config;
    char *helper, *partition;
    struct ft_warden *warden; /* NULL: no job, only a watch */
    struct helper *helpers;
    unsigned helpers_n, restarts;
};

static struct helper *start(struct slurm *slurm, const char *order, char *why, size_t size);
static void watch(struct slurm *slurm);

/* ---------------------------------------------------------------- the life of a helper */

/* It gives back what it holds, and ends. */
static void let_end(struct helper *helper)
{
    if (helper->state == ENDING)
        return;
    helper->state = ENDING;
    ft_child_let_end(helper->child);
}

static void unlink_helper(struct helper *helper)
{
    struct helper **link = &helper->slurm->helpers;

    while (*link != helper)
        link = &(*link)->next;
    *link = helper->next;
    helper->slurm->helpers_n--;
}

static void say_failing(const struct slurm *slurm, const char *node, bool failing, const char *why)
{
    if (slurm->events.node_fail != NULL)
        slurm->events.node_fail(slurm->arg, node, failing, why != NULL ? why : "");
}

static void tell_none(struct helper *helper, const char *why, int64_t at_s)
{
    struct slurm *slurm = helper->slurm;
    uint64_t acquire = helper->acquire;

    let_end(helper);
    slurm->events.none(slurm->arg, acquire, why, at_s);
}

/* Whether another one may be started in the place of one that ended by itself. One that was there
 * for long did not end for what ends them all. */
static bool may_restart(struct slurm *slurm, const struct helper *ended)
{
    if (ft_clock_ms() - ended->begun_ms >= LONG_LIFE_MS)
        slurm->restarts = 0;
    return ++slurm->restarts <= RESTARTS_MAX;
}

/* Goes on guarding what an ended helper held. */
static void keep_on(struct slurm *slurm, const struct helper *ended)
{
    char order[FT_TALK_LINE_MAX], why[200] = "too many helpers ended in a row";
    struct helper *heir = NULL;

    snprintf(order, sizeof order, ended->adopts ? "adopt" : "keep");
    ft_talk_add_number(order, sizeof order, "job", slurm->config.job);
    ft_talk_add(order, sizeof order, "node", ended->node);
    if (ended->own != 0)
        ft_talk_add_number(order, sizeof order, "own", ended->own);
    if (ended->stays)
        ft_talk_add_number(order, sizeof order, "stays", 1);
    if (may_restart(slurm, ended))
        heir = start(slurm, order, why, sizeof why);
    if (heir != NULL) {
        heir->state = HOLDS;
        heir->own = ended->own;
        heir->stays = ended->stays;
        heir->adopts = ended->adopts;
        heir->leaves = ended->leaves;
        ft_text_copy(heir->node, sizeof heir->node, ended->node);
        return;
    }
    ft_log_error("node %s, got from Slurm for job %" PRIu32 ", is guarded by nobody: %s. Its holder "
                 "and its time limit end it; scancel %" PRIu32 " does at once", ended->node,
                 slurm->config.job, why, ended->own);
}

static void on_ended(void *arg, const char *words)
{
    struct helper *helper = arg;
    struct slurm *slurm = helper->slurm;
    char why[600];

    unlink_helper(helper);
    snprintf(why, sizeof why, "the helper for Slurm ended%s%s", words[0] != '\0' ? ": " : "", words);
    if (helper->state != ENDING)
        ft_log_warning("%s", why);
    if (helper->state == HOLDS)
        keep_on(slurm, helper);
    if (helper->state == WATCHES && may_restart(slurm, helper))
        watch(slurm);
    if (helper->state == ASKED)
        slurm->events.none(slurm->arg, helper->acquire, why, 0);
    free(helper);
}

/* ---------------------------------------------------------------- what a helper says */

static void take_got(struct helper *helper, const struct ft_talk *said)
{
    struct slurm *slurm = helper->slurm;
    const char *node = ft_talk_text(said, "node"), *way = ft_talk_text(said, "way");

    if (helper->state != ASKED || node == NULL || way == NULL || strlen(node) >= sizeof helper->node) {
        let_end(helper);
        return;
    }
    ft_child_await(helper->child, 0);
    helper->state = HOLDS;
    helper->own = (uint32_t) ft_talk_number(said, "own", 0);
    ft_text_copy(helper->node, sizeof helper->node, node);
    slurm->restarts = 0;
    ft_log_info("Slurm gives node %s for job %" PRIu32 ": %s, allocation %" PRIu32, node,
                slurm->config.job, way, helper->own);
    slurm->events.offer(slurm->arg, helper->acquire, node);
}

static void take_adopted(struct helper *helper, const struct ft_talk *said)
{
    struct slurm *slurm = helper->slurm;

    helper->adopts = false;
    helper->own = (uint32_t) ft_talk_number(said, "own", 0);
    slurm->restarts = 0;
    ft_log_info("node %s, which Slurm gave for job %" PRIu32 ", is taken over: allocation %" PRIu32,
                helper->node, slurm->config.job, helper->own);
}

/* What it held, or was to hold, is not there any more. */
static void take_lost(struct helper *helper, const char *why)
{
    helper->state = ENDING;
    ft_log_warning("node %s, which Slurm gave for job %" PRIu32 ", is gone: %s", helper->node,
                   helper->slurm->config.job, why != NULL ? why : "");
    say_failing(helper->slurm, helper->node, false, why);
}

/* From who watches. */
static void take_news(struct helper *helper, const struct ft_talk *said)
{
    struct slurm *slurm = helper->slurm;
    const char *node = ft_talk_text(said, "node"), *why = ft_talk_text(said, "why");

    if (node == NULL)
        return;
    if (strcmp(said->word, "well") != 0)
        say_failing(slurm, node, strcmp(said->word, "failing") == 0, why);
    else if (slurm->events.node_well != NULL)
        slurm->events.node_well(slurm->arg, node, why != NULL ? why : "");
}

static bool is_news(const char *word)
{
    return strcmp(word, "failed") == 0 || strcmp(word, "failing") == 0 || strcmp(word, "well") == 0;
}

/* After `ENDING` nothing that it says is news. */
static void on_said(void *arg, const struct ft_talk *said)
{
    struct helper *helper = arg;
    const char *why = ft_talk_text(said, "why"), *own = ft_talk_text(said, "own");
    const char *job = ft_talk_text(said, "job");

    if (helper->state == ENDING)
        return;
    if (strcmp(said->word, "got") == 0) {
        take_got(helper, said);
    } else if (strcmp(said->word, "none") == 0 && helper->state == ASKED) {
        tell_none(helper, why != NULL ? why : "", ft_talk_number(said, "at", 0));
    } else if (strcmp(said->word, "adopted") == 0 && helper->adopts) {
        take_adopted(helper, said);
    } else if (helper->state == HOLDS && (strcmp(said->word, "lost") == 0 ||
                                          (strcmp(said->word, "none") == 0 && helper->adopts))) {
        take_lost(helper, why);
    } else if (is_news(said->word) && helper->state == WATCHES) {
        take_news(helper, said);
    } else if (strcmp(said->word, "back") == 0 || strcmp(said->word, "over") == 0) {
        helper->state = ENDING; /* the job is over */
    } else if (strcmp(said->word, "orphan") == 0) {
        ft_log_warning("allocation %s was left behind by job %s, which is %s: it is ended",
                       own != NULL ? own : "?", job != NULL ? job : "?", why != NULL ? why : "over");
    } else if (strcmp(said->word, "pending") == 0) {
        ft_log_info("Slurm has no node for job %" PRIu32 " at once; request %s waits",
                    helper->slurm->config.job, own != NULL ? own : "");
    }
}

/* ---------------------------------------------------------------- starting one */

static void on_late(void *helper)
{
    tell_none(helper, "Slurm did not answer in time: is slurmctld well?", 0);
}

/* What it and srun need, and nothing of the job that this process may be a part of. */
static void environment_for(char **environment, char texts[][512])
{
    static const char *const names[] = {"PATH", "SLURM_CONF", "HOME", "USER", "LOGNAME", "TZ"};
    size_t n = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value != NULL && snprintf(texts[n], 512, "%s=%s", names[i], value) < 512)
            environment[n] = texts[n], n++;
    }
    environment[n] = NULL;
}

/* Starts a helper with its first order, NULL: none yet. NULL if it cannot be started, and why. */
static struct helper *start(struct slurm *slurm, const char *order, char *why, size_t size)
{
    static const struct ft_child_events events = {
        .said = on_said, .late = on_late, .ended = on_ended};
    char texts[KEPT_ENVIRONMENT_MAX][512], *environment[KEPT_ENVIRONMENT_MAX + 1], user[32];
    const struct ft_child_config config = {.loop = slurm->loop,
                                           .program = slurm->helper,
                                           .argument = slurm->config.becomes ? user : NULL,
                                           .environment = environment,
                                           .reap = slurm->config.many};
    struct helper *helper = slurm->helpers_n < HELPERS_MAX ? calloc(1, sizeof *helper) : NULL;

    if (helper == NULL) {
        snprintf(why, size, "%u helpers for Slurm are more than allowed, or memory is short",
                 slurm->helpers_n);
        return NULL;
    }
    environment_for(environment, texts);
    snprintf(user, sizeof user, "--user=%" PRIu32, slurm->config.uid);
    helper->slurm = slurm;
    helper->begun_ms = ft_clock_ms();
    helper->child = ft_child_start(&config, &events, helper, why, size);
    if (helper->child != NULL && order != NULL && ft_child_tell(helper->child, order) != 0) {
        snprintf(why, size, "no memory for an order");
        ft_child_forget(helper->child);
        helper->child = NULL;
    }
    if (helper->child == NULL) {
        free(helper);
        return NULL;
    }
    helper->next = slurm->helpers;
    slurm->helpers = helper;
    slurm->helpers_n++;
    return helper;
}

static struct helper *find(const struct slurm *slurm, enum state state)
{
    struct helper *helper = slurm->helpers;

    while (helper != NULL && helper->state != state)
        helper = helper->next;
    return helper;
}

/* The next failure finds a helper at hand. That none can be started is told when one is needed. */
static void have_one_ready(struct slurm *slurm)
{
    char why[200];
    bool asks = ft_ways_have(slurm->config.ladder, FT_WAY_EXPAND) ||
                ft_ways_have(slurm->config.ladder, FT_WAY_BESIDE);

    if (asks && !slurm->config.many && find(slurm, READY) == NULL)
        start(slurm, NULL, why, sizeof why);
}

/* ---------------------------------------------------------------- asking Slurm */

/* The wish's own, else ft.conf's. */
static void ladder_of(const struct slurm *slurm, const struct ft_wanted *wanted,
                      enum ft_way ladder[FT_WAYS_MAX])
{
    if (wanted->ladder == NULL || ft_ways_parse(wanted->ladder, ladder) != 0)
        memcpy(ladder, slurm->config.ladder, sizeof slurm->config.ladder);
}

/* What of a ladder is asked of Slurm: "expand,beside". */
static void ways_text(const enum ft_way ladder[FT_WAYS_MAX], char *ways, size_t size)
{
    ways[0] = '\0';
    for (size_t i = 0; i < FT_WAYS_MAX && ladder[i] != 0; i++) {
        if (ladder[i] != FT_WAY_SPARES)
            ft_text_appendf(ways, size, "%s%s", ways[0] != '\0' ? "," : "",
                            ladder[i] == FT_WAY_EXPAND ? "expand" : "beside");
    }
}

/* Nodes that Slurm gave, or is asked for. */
static unsigned nodes_n(const struct slurm *slurm)
{
    unsigned n = 0;

    for (const struct helper *helper = slurm->helpers; helper != NULL; helper = helper->next)
        n += helper->state == ASKED || helper->state == HOLDS;
    return n;
}

static int make_order(const struct slurm *slurm, const struct ft_wanted *wanted, const char *ways,
                      unsigned wait_ms, char *order, size_t size)
{
    char excluded[FT_TALK_LINE_MAX - 512] = "";
    bool fits = true;

    snprintf(order, size, "get");
    for (size_t i = 0; i < wanted->excluded_n; i++)
        fits = fits && ft_text_appendf(excluded, sizeof excluded, "%s%s", i > 0 ? "," : "",
                                       wanted->excluded[i]);
    if (ft_talk_add_number(order, size, "job", slurm->config.job) != 0 ||
        ft_talk_add(order, size, "ways", ways) != 0 ||
        ft_talk_add_number(order, size, "wait_ms", wait_ms) != 0 ||
        ft_talk_add(order, size, "partition", slurm->partition) != 0 ||
        (wanted->like != NULL && ft_talk_add_number(order, size, "cores", wanted->like->cores)) ||
        ft_talk_add(order, size, "exclude", excluded) != 0)
        fits = false;
    return fits ? 0 : -1;
}

/* How long a wish may wait in the queue: so that its answer still comes in time. */
static unsigned wait_of(const struct ft_wanted *wanted, unsigned timeout_ms, unsigned margin_ms)
{
    unsigned most_ms = timeout_ms > margin_ms ? timeout_ms - margin_ms : 0;

    return wanted->wait_ms < most_ms ? wanted->wait_ms : most_ms;
}

static void ask_slurm(struct slurm *slurm, uint64_t acquire, const struct ft_wanted *wanted,
                      const char *ways)
{
    unsigned timeout_ms = wanted->timeout_ms > 0 ? wanted->timeout_ms : slurm->config.timeout_ms;
    unsigned margin_ms = timeout_ms / 100 * ANSWER_MARGIN_PCT;
    struct helper *helper = find(slurm, READY);
    char order[FT_TALK_LINE_MAX], why[300] = "";

    if (nodes_n(slurm) >= slurm->nodes_max) {
        snprintf(why, sizeof why, "job %" PRIu32 " has, or waits for, as many nodes from Slurm as "
                 "it may have: %u (rms_nodes_max)", slurm->config.job, slurm->nodes_max);
        slurm->events.none(slurm->arg, acquire, why, 0);
        return;
    }
    margin_ms = margin_ms < ANSWER_MARGIN_MIN_MS ? ANSWER_MARGIN_MIN_MS : margin_ms;
    if (make_order(slurm, wanted, ways, wait_of(wanted, timeout_ms, margin_ms), order,
                   sizeof order) != 0) {
        slurm->events.none(slurm->arg, acquire, "more nodes are excluded than can be told Slurm", 0);
        return;
    }
    if (helper == NULL)
        helper = start(slurm, order, why, sizeof why);
    else if (ft_child_tell(helper->child, order) != 0)
        helper = NULL;
    if (helper == NULL) {
        slurm->events.none(slurm->arg, acquire, why[0] != '\0' ? why : "no memory for an order", 0);
        return;
    }
    helper->state = ASKED;
    helper->acquire = acquire;
    ft_child_await(helper->child, timeout_ms > margin_ms ? timeout_ms : 2 * margin_ms);
    have_one_ready(slurm);
}

/* ---------------------------------------------------------------- spares in front, or behind */

static void on_spare(void *arg, uint64_t acquire, const char *node)
{
    struct slurm *slurm = arg;

    slurm->spare_given = true;
    slurm->events.offer(slurm->arg, acquire, node);
}

static void on_no_spare(void *arg, uint64_t acquire, const char *why, int64_t at_s)
{
    struct slurm *slurm = arg;

    slurm->spare_given = false;
    if (slurm->spare_is_last)
        slurm->events.none(slurm->arg, acquire, why, at_s);
}

static void slurm_acquire(struct ft_rms *rms, uint64_t acquire, const struct ft_wanted *wanted)
{
    struct slurm *slurm = (struct slurm *) rms;
    enum ft_way ladder[FT_WAYS_MAX];
    char ways[FT_POLICY_TEXT_MAX];

    ladder_of(slurm, wanted, ladder);
    ways_text(ladder, ways, sizeof ways);
    /* Spares go first wherever they stand on the ladder, as nothing is quicker. */
    if (ft_ways_have(ladder, FT_WAY_SPARES)) {
        slurm->spare_is_last = ways[0] == '\0';
        ft_rms_acquire(slurm->spares, acquire, wanted); /* answers at once */
        if (slurm->spare_given || slurm->spare_is_last)
            return;
    }
    ask_slurm(slurm, acquire, wanted, ways);
}

static void slurm_abandon(struct ft_rms *rms, uint64_t acquire)
{
    struct slurm *slurm = (struct slurm *) rms;

    for (struct helper *helper = slurm->helpers; helper != NULL; helper = helper->next) {
        if (helper->state == ASKED && helper->acquire == acquire) {
            let_end(helper);
            return;
        }
    }
}

static struct helper *holder_of(const struct slurm *slurm, const char *node)
{
    struct helper *helper = slurm->helpers;

    while (helper != NULL &&
           (helper->state != HOLDS || !ft_node_names_equal(helper->node, node)))
        helper = helper->next;
    return helper;
}

static void let_go(struct helper *helper)
{
    helper->leaves = false;
    if (ft_child_tell(helper->child, "release") != 0)
        ft_log_error("node %s cannot be given back in order: no memory", helper->node);
    let_end(helper);
}

static bool slurm_release(struct ft_rms *rms, const char *node, bool broken)
{
    struct slurm *slurm = (struct slurm *) rms;
    struct helper *helper = holder_of(slurm, node);

    if (ft_rms_release(slurm->spares, node, broken))
        return true;
    if (helper == NULL)
        return false;
    helper->leaves = slurm->warden != NULL && ft_warden_is_about(slurm->warden, node);
    if (!helper->leaves) /* else Slurm would give it to the next one */
        let_go(helper);
    else if (helper->stays && ft_child_tell(helper->child, "leave") == 0)
        helper->stays = false; /* no successor knows of it any more */
    return true;
}

/* ---------------------------------------------------------------- what the administrator hears */

static void on_request(void *arg, const struct ft_rms_request *request)
{
    const struct slurm *slurm = arg;

    if (slurm->events.request != NULL)
        slurm->events.request(slurm->arg, request);
}

static void on_drained(void *arg, const char *node)
{
    struct helper *helper = holder_of(arg, node);

    if (helper != NULL && helper->leaves)
        let_go(helper);
}

static void slurm_suspect(struct ft_rms *rms, const struct ft_suspect *suspect)
{
    const struct slurm *slurm = (struct slurm *) rms;

    if (slurm->warden != NULL)
        ft_warden_suspect(slurm->warden, suspect, holder_of(slurm, suspect->node) != NULL);
}

static void slurm_time_lost(struct ft_rms *rms, int64_t ms)
{
    const struct slurm *slurm = (struct slurm *) rms;
    uint32_t own[HELPERS_MAX];
    size_t n = 0;

    for (const struct helper *helper = slurm->helpers; helper != NULL; helper = helper->next) {
        if (helper->state == HOLDS && helper->own != 0)
            own[n++] = helper->own;
    }
    if (slurm->warden != NULL)
        ft_warden_time_lost(slurm->warden, ms, own, n);
}

static struct ft_warden *make_warden(struct slurm *slurm)
{
    char texts[KEPT_ENVIRONMENT_MAX][512], *environment[KEPT_ENVIRONMENT_MAX + 1];
    const struct ft_warden_config config = {.loop = slurm->loop,
                                            .helper = slurm->helper,
                                            .environment = environment,
                                            .job = slurm->config.job,
                                            .owned = slurm->config.becomes,
                                            .uid = slurm->config.uid,
                                            .drain = slurm->config.drain,
                                            .give_time_max_s = slurm->config.give_time_max_s};
    struct ft_warden *warden;

    environment_for(environment, texts);
    warden = ft_warden_create(&config, on_request, slurm);
    if (warden != NULL)
        ft_warden_on_over(warden, on_drained);
    return warden;
}

static void slurm_kept(struct ft_rms *rms, const char *node)
{
    struct helper *helper = holder_of((struct slurm *) rms, node);

    if (helper == NULL || helper->stays)
        return;
    helper->stays = ft_child_tell(helper->child, "stay") == 0;
    if (!helper->stays)
        ft_log_error("node %s goes back to Slurm should this central unit end: no memory", node);
}

/* Slurm keeps a job that has lost its first node, if that was not to end it; then somebody has to.
 * That takes longer than this program may be there: the helper is left to itself. */
static void slurm_forsaken(struct ft_rms *rms)
{
    struct slurm *slurm = (struct slurm *) rms;
    char order[200] = "head", why[200];
    struct helper *helper;

    if (!slurm->config.many)
        return; /* a central unit of its own went, too */
    ft_talk_add_number(order, sizeof order, "job", slurm->config.job);
    helper = start(slurm, order, why, sizeof why);
    if (helper != NULL)
        let_end(helper);
    else
        ft_log_warning("should Slurm find job %" PRIu32 " without its first node, nobody ends it: %s",
                       slurm->config.job, why);
}

/* Of a job that has a central unit of its own nothing is left by another one. */
static bool slurm_taken(struct ft_rms *rms, const char *node)
{
    struct slurm *slurm = (struct slurm *) rms;
    char order[FT_TALK_LINE_MAX] = "adopt", why[200];
    struct helper *helper;

    if (ft_rms_taken(slurm->spares, node) || holder_of(slurm, node) != NULL)
        return true;
    if (!slurm->config.many)
        return false;
    ft_talk_add_number(order, sizeof order, "job", slurm->config.job);
    ft_talk_add(order, sizeof order, "node", node);
    helper = start(slurm, order, why, sizeof why);
    if (helper == NULL) {
        ft_log_error("node %s, which Slurm gave for job %" PRIu32 ", is guarded by its holder alone: "
                     "%s", node, slurm->config.job, why);
        return true;
    }
    helper->state = HOLDS;
    helper->stays = helper->adopts = true;
    ft_text_copy(helper->node, sizeof helper->node, node);
    return true;
}

/* ---------------------------------------------------------------- life */

static void slurm_destroy(struct ft_rms *rms)
{
    struct slurm *slurm = (struct slurm *) rms;

    while (slurm->helpers != NULL) {
        struct helper *helper = slurm->helpers;

        if (helper->leaves)
            let_go(helper);
        unlink_helper(helper);
        ft_child_forget(helper->child);
        free(helper);
    }
    ft_warden_destroy(slurm->warden);
    ft_rms_destroy(slurm->spares);
    free(slurm->helper);
    free(slurm->partition);
    free(slurm);
}

static bool is_usable(const struct ft_rms_config *config)
{
    if (config->loop == NULL || config->slurm.helper == NULL)
        return false;
    if (config->slurm.job == 0)
        return config->slurm.watch_ms > 0 && config->slurm.ladder[0] == 0;
    return config->slurm.ladder[0] != 0 && config->slurm.timeout_ms > 0;
}

static bool make_spares(struct slurm *slurm, const struct ft_rms_config *config)
{
    static const struct ft_rms_events events = {.offer = on_spare, .none = on_no_spare};

    slurm->spares = ft_rms_create("pool", config, &events, slurm);
    return slurm->spares != NULL;
}

static void watch(struct slurm *slurm)
{
    char order[200] = "watch", why[200];
    struct helper *helper;

    if (slurm->config.watch_ms == 0)
        return;
    if (slurm->config.job != 0)
        ft_talk_add_number(order, sizeof order, "job", slurm->config.job);
    ft_talk_add_number(order, sizeof order, "each_ms", slurm->config.watch_ms);
    helper = start(slurm, order, why, sizeof why);
    if (helper != NULL)
        helper->state = WATCHES;
    else
        ft_log_warning("nobody looks for what Slurm knows of nodes: %s", why);
}

static int slurm_change(struct ft_rms *rms, const struct ft_rms_config *config)
{
    struct slurm *slurm = (struct slurm *) rms;
    char *partition = NULL;

    if (config->slurm.partition != NULL && (partition = strdup(config->slurm.partition)) == NULL)
        return -1;
    free(slurm->partition);
    slurm->partition = partition;
    slurm->nodes_max = config->nodes_max;
    slurm->config.timeout_ms = config->slurm.timeout_ms;
    if (slurm->warden != NULL)
        ft_warden_change(slurm->warden, config->slurm.drain, config->slurm.give_time_max_s);
    memcpy(slurm->config.ladder, config->slurm.ladder, sizeof slurm->config.ladder);
    return 0;
}

static struct ft_rms *slurm_create(const struct ft_rms_config *config,
                                   const struct ft_rms_events *events, void *arg)
{
    struct slurm *slurm;

    if (!is_usable(config)) {
        errno = EINVAL;
        return NULL;
    }
    slurm = calloc(1, sizeof *slurm);
    if (slurm == NULL)
        return NULL;
    slurm->rms.backend = &ft_rms_slurm;
    slurm->events = *events;
    slurm->arg = arg;
    slurm->loop = config->loop;
    slurm->nodes_max = config->nodes_max;
    slurm->config = config->slurm;
    slurm->config.helper = slurm->config.partition = NULL; /* the caller's; ours are below */
    slurm->helper = strdup(config->slurm.helper);
    if (config->slurm.partition != NULL)
        slurm->partition = strdup(config->slurm.partition);
    if (slurm->helper == NULL || (config->slurm.partition != NULL && slurm->partition == NULL) ||
        !make_spares(slurm, config) ||
        (slurm->config.job != 0 && (slurm->warden = make_warden(slurm)) == NULL)) {
        slurm_destroy(&slurm->rms);
        errno = ENOMEM;
        return NULL;
    }
    watch(slurm);
    have_one_ready(slurm);
    return &slurm->rms;
}

const struct ft_rms_backend ft_rms_slurm = {
    .name = "slurm",
    .create = slurm_create,
    .acquire = slurm_acquire,
    .abandon = slurm_abandon,
    .release = slurm_release,
    .suspect = slurm_suspect,
    .time_lost = slurm_time_lost,
    .taken = slurm_taken,
    .kept = slurm_kept,
    .forsaken = slurm_forsaken,
    .change = slurm_change,
    .destroy = slurm_destroy,
};
