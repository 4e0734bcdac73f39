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
 * Spares that the job has already are a pool (pool.c) in front of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"
#include "rms/child.h"
#include "rms/rms.h"

#define HELPERS_MAX 64
#define RESTARTS_MAX 5            /* of helpers that end by themselves, in a row */
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
    struct helper *next;
};

struct slurm {
    struct ft_rms rms;     /* first */
    struct ft_rms_events events;
    void *arg;
    uv_loop_t *loop;
    struct ft_rms *spares; /* NULL: not on the ladder */
    bool spare_given;
    char ways[32];         /* what is asked of Slurm: "expand,beside" */
    struct ft_rms_slurm_config config;
    char *helper, *partition;
    struct helper *helpers;
    unsigned helpers_n, restarts;
};

static struct helper *start(struct slurm *slurm, const char *order, char *why, size_t size);

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

static void tell_none(struct helper *helper, const char *why, int64_t at_s)
{
    struct slurm *slurm = helper->slurm;
    uint64_t acquire = helper->acquire;

    let_end(helper);
    slurm->events.none(slurm->arg, acquire, why, at_s);
}

/* Goes on guarding what an ended helper held. */
static void keep_on(struct slurm *slurm, const struct helper *ended)
{
    char order[FT_TALK_LINE_MAX] = "keep", why[200] = "too many helpers ended in a row";
    struct helper *heir = NULL;

    ft_talk_add_number(order, sizeof order, "job", slurm->config.job);
    ft_talk_add(order, sizeof order, "node", ended->node);
    if (ended->own != 0)
        ft_talk_add_number(order, sizeof order, "own", ended->own);
    if (++slurm->restarts <= RESTARTS_MAX)
        heir = start(slurm, order, why, sizeof why);
    if (heir != NULL) {
        heir->state = HOLDS;
        heir->own = ended->own;
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

static void take_failing(struct helper *helper, const struct ft_talk *said, bool failing)
{
    struct slurm *slurm = helper->slurm;
    const char *node = ft_talk_text(said, "node"), *why = ft_talk_text(said, "why");

    if (node != NULL && slurm->events.node_fail != NULL)
        slurm->events.node_fail(slurm->arg, node, failing, why != NULL ? why : "");
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
    } else if (strcmp(said->word, "lost") == 0 && helper->state == HOLDS) {
        helper->state = ENDING;
        take_failing(helper, said, false);
    } else if (strcmp(said->word, "failed") == 0 || strcmp(said->word, "failing") == 0) {
        take_failing(helper, said, strcmp(said->word, "failing") == 0);
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
    char texts[KEPT_ENVIRONMENT_MAX][512], *environment[KEPT_ENVIRONMENT_MAX + 1];
    const struct ft_child_config config = {
        .loop = slurm->loop, .program = slurm->helper, .environment = environment};
    struct helper *helper = slurm->helpers_n < HELPERS_MAX ? calloc(1, sizeof *helper) : NULL;

    if (helper == NULL) {
        snprintf(why, size, "%u helpers for Slurm are more than allowed, or memory is short",
                 slurm->helpers_n);
        return NULL;
    }
    environment_for(environment, texts);
    helper->slurm = slurm;
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

    if (slurm->ways[0] != '\0' && find(slurm, READY) == NULL)
        start(slurm, NULL, why, sizeof why);
}

/* ---------------------------------------------------------------- asking Slurm */

static int make_order(const struct slurm *slurm, const struct ft_wanted *wanted, unsigned wait_ms,
                      char *order, size_t size)
{
    char excluded[FT_TALK_LINE_MAX - 512] = "";
    bool fits = true;

    snprintf(order, size, "get");
    for (size_t i = 0; i < wanted->excluded_n; i++)
        fits = fits && ft_text_appendf(excluded, sizeof excluded, "%s%s", i > 0 ? "," : "",
                                       wanted->excluded[i]);
    if (ft_talk_add_number(order, size, "job", slurm->config.job) != 0 ||
        ft_talk_add(order, size, "ways", slurm->ways) != 0 ||
        ft_talk_add_number(order, size, "wait_ms", wait_ms) != 0 ||
        ft_talk_add(order, size, "partition", slurm->partition) != 0 ||
        (wanted->like != NULL && ft_talk_add_number(order, size, "cores", wanted->like->cores)) ||
        ft_talk_add(order, size, "exclude", excluded) != 0)
        fits = false;
    return fits ? 0 : -1;
}

static void ask_slurm(struct slurm *slurm, uint64_t acquire, const struct ft_wanted *wanted)
{
    unsigned timeout_ms = wanted->timeout_ms > 0 ? wanted->timeout_ms : slurm->config.timeout_ms;
    unsigned margin_ms = timeout_ms / 100 * ANSWER_MARGIN_PCT;
    struct helper *helper = find(slurm, READY);
    char order[FT_TALK_LINE_MAX], why[300] = "";

    margin_ms = margin_ms < ANSWER_MARGIN_MIN_MS ? ANSWER_MARGIN_MIN_MS : margin_ms;
    if (make_order(slurm, wanted, timeout_ms > margin_ms ? timeout_ms - margin_ms : 0, order,
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
    if (slurm->ways[0] == '\0')
        slurm->events.none(slurm->arg, acquire, why, at_s);
}

static void slurm_acquire(struct ft_rms *rms, uint64_t acquire, const struct ft_wanted *wanted)
{
    struct slurm *slurm = (struct slurm *) rms;

    if (slurm->spares != NULL) {
        ft_rms_acquire(slurm->spares, acquire, wanted); /* answers at once */
        if (slurm->spare_given || slurm->ways[0] == '\0')
            return;
    }
    ask_slurm(slurm, acquire, wanted);
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

static void slurm_release(struct ft_rms *rms, const char *node, bool broken)
{
    struct slurm *slurm = (struct slurm *) rms;

    if (slurm->spares != NULL)
        ft_rms_release(slurm->spares, node, broken);
    for (struct helper *helper = slurm->helpers; helper != NULL; helper = helper->next) {
        if (helper->state != HOLDS || !ft_node_names_equal(helper->node, node))
            continue;
        if (ft_child_tell(helper->child, "release") != 0)
            ft_log_error("node %s cannot be given back in order: no memory", node);
        let_end(helper);
        return;
    }
}

/* What another process got, its helper or, if that is no more, its holder guards to the job's
 * end. */
static void slurm_taken(struct ft_rms *rms, const char *node)
{
    struct slurm *slurm = (struct slurm *) rms;

    if (slurm->spares != NULL)
        ft_rms_taken(slurm->spares, node);
}

/* ---------------------------------------------------------------- life */

static void slurm_destroy(struct ft_rms *rms)
{
    struct slurm *slurm = (struct slurm *) rms;

    while (slurm->helpers != NULL) {
        struct helper *helper = slurm->helpers;

        unlink_helper(helper);
        ft_child_forget(helper->child);
        free(helper);
    }
    ft_rms_destroy(slurm->spares);
    free(slurm->helper);
    free(slurm->partition);
    free(slurm);
}

static bool is_usable(const struct ft_rms_config *config)
{
    return config->loop != NULL && config->slurm.job != 0 && config->slurm.helper != NULL &&
           config->slurm.ladder[0] != 0 && config->slurm.timeout_ms > 0;
}

/* The ladder: spares go first wherever they stand on it, as nothing is quicker. */
static bool read_ladder(struct slurm *slurm, const struct ft_rms_config *config)
{
    static const struct ft_rms_events events = {.offer = on_spare, .none = on_no_spare};

    for (size_t i = 0; i < FT_RMS_WAYS_MAX && config->slurm.ladder[i] != 0; i++) {
        if (config->slurm.ladder[i] == FT_RMS_SPARES) {
            slurm->spares = ft_rms_create("pool", config, &events, slurm);
            if (slurm->spares == NULL)
                return false;
        } else {
            ft_text_appendf(slurm->ways, sizeof slurm->ways, "%s%s",
                            slurm->ways[0] != '\0' ? "," : "",
                            config->slurm.ladder[i] == FT_RMS_EXPAND ? "expand" : "beside");
        }
    }
    return true;
}

static void watch_job(struct slurm *slurm)
{
    char order[200] = "watch", why[200];
    struct helper *helper;

    if (slurm->config.watch_ms == 0)
        return;
    ft_talk_add_number(order, sizeof order, "job", slurm->config.job);
    ft_talk_add_number(order, sizeof order, "each_ms", slurm->config.watch_ms);
    helper = start(slurm, order, why, sizeof why);
    if (helper != NULL)
        helper->state = WATCHES;
    else
        ft_log_warning("nobody watches job %" PRIu32 " for Slurm's news: %s", slurm->config.job, why);
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
    slurm->config = config->slurm;
    slurm->config.helper = slurm->config.partition = NULL; /* the caller's; ours are below */
    slurm->helper = strdup(config->slurm.helper);
    if (config->slurm.partition != NULL)
        slurm->partition = strdup(config->slurm.partition);
    if (slurm->helper == NULL || (config->slurm.partition != NULL && slurm->partition == NULL) ||
        !read_ladder(slurm, config)) {
        slurm_destroy(&slurm->rms);
        errno = ENOMEM;
        return NULL;
    }
    watch_job(slurm);
    have_one_ready(slurm);
    return &slurm->rms;
}

const struct ft_rms_backend ft_rms_slurm = {
    .name = "slurm",
    .create = slurm_create,
    .acquire = slurm_acquire,
    .abandon = slurm_abandon,
    .release = slurm_release,
    .taken = slurm_taken,
    .destroy = slurm_destroy,
};
