/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * warden.c - owns what is asked of Slurm's administrator for one job, and the helper that tries it.
 *
 * Made by the backend (slurm.c), told which nodes proved bad and how much time losses cost. One
 * order after the other goes to a helper (src/rmshelp/serve.c), started with the first one and let
 * go with the last; it runs with the rights of this program, never with those of the job's owner
 * that other helpers take on. It does what it may and is wanted, and else says what stood in the
 * way: an ordinary user may neither drain a node nor raise a time limit. Then what comes out is a
 * request, with the command that does it, for whoever reads the event log.
 *
 * What is done really rests on what FT saw itself: silence, a measurement, the site's check, a
 * forecast. That something could not be started may be the job's own fault, or FT's installation's,
 * and is only told; so is, where the rights are not the job's owner's own (config.owned), what he
 * can bring about: his launcher's word that a node is lost, an answer that comes late. Whatever is
 * wrong, no more than FT_WARDEN_DRAINS_MAX nodes are drained for a job.
 *
 * Time limits are in minutes: what was lost is rounded up once, over all losses of the job.
 */
#include "rms/warden.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "core/inventory.h"
#include "rms/child.h"
#include "rms/talk.h"

#define ANSWER_WITHIN_MS 30000 /* slurmctld may be restarting */
#define LATER_MS 700
#define REASON_MAX 200         /* of what a node is drained with */
#define COMMAND_MAX 4096
#define S_PER_MIN 60
#define MS_PER_MIN 60000

struct matter {
    struct ft_rms_request request; /* its texts are those below */
    char asked[FT_NAME_MAX], node[FT_NAME_MAX]; /* as FT calls it, and as Slurm does */
    char reason[REASON_MAX], own[FT_WARDEN_BESIDE_MAX * 12];
    bool wanted;                   /* to be done; else only whether there is need for it */
    const char *unwanted;          /* why not */
    struct matter *next;
};

struct ft_warden {
    struct ft_warden_config config;
    char **environment;
    ft_warden_fn told;
    void (*over)(void *arg, const char *node);
    void *arg;
    struct ft_child *child;        /* NULL: none */
    bool ending;                   /* the child was told to end */
    struct matter *first, **last;  /* the first one is under way, if there is a child */
    bool asked;                    /* it was told the child */
    uv_timer_t *timer;             /* runs: what waits has time */
    size_t n;
    unsigned drains;
    bool full_said;
    int64_t lost_ms;               /* by all losses */
    unsigned minutes_told, minutes_given;
};

static void go_on(struct ft_warden *warden);

/* ---------------------------------------------------------------- words */

/* For the inside of double quotes in a shell, and for whoever reads `sinfo -R`: one line. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char) *text;

        if (c < ' ' || c >= 127)
            *text = ' ';
        else if (strchr("\"\\`$!", c) != NULL)
            *text = '\'';
    }
}

static void drain_command(const struct matter *matter, char *text, size_t size)
{
    snprintf(text, size, "scontrol update NodeName=%s State=DRAIN Reason=\"%s\"", matter->node,
             matter->reason);
}

/* The allocations beside the job end with it by themselves; so that they do not end before. */
static void time_command(const struct matter *matter, char *text, size_t size)
{
    const struct ft_rms_request *request = &matter->request;
    const char *own = matter->own;

    snprintf(text, size, "scontrol update JobId=%" PRIu32 " TimeLimit=+%u", request->job,
             request->minutes);
    while (*own != '\0') {
        int n = (int) strcspn(own, ",");

        ft_text_appendf(text, size, "; scontrol update JobId=%.*s TimeLimit=+%u", n, own,
                        request->minutes);
        own += n + (own[n] == ',');
    }
}

/* ---------------------------------------------------------------- answers */

static struct matter *take_first(struct ft_warden *warden)
{
    struct matter *matter = warden->first;

    warden->first = matter->next;
    if (warden->first == NULL)
        warden->last = &warden->first;
    warden->n--;
    warden->asked = false;
    return matter;
}

/* why NULL: it is done. */
static void tell(struct ft_warden *warden, struct matter *matter, const char *why)
{
    struct ft_rms_request *request = &matter->request;
    char command[COMMAND_MAX];

    if (request->matter == FT_RMS_DRAIN)
        drain_command(matter, command, sizeof command);
    else
        time_command(matter, command, sizeof command);
    request->done = why == NULL;
    request->why = why;
    request->command = why != NULL ? command : NULL;
    request->node = request->matter == FT_RMS_DRAIN ? matter->node : NULL;
    request->reason = matter->reason;
    warden->told(warden->arg, request);
}

static void end_matter(struct ft_warden *warden, struct matter *matter)
{
    if (warden->over != NULL && matter->request.matter == FT_RMS_DRAIN)
        warden->over(warden->arg, matter->asked);
    free(matter);
}

/* Nothing came of the one that is under way. */
static void fail(struct ft_warden *warden, const char *why)
{
    struct matter *matter = take_first(warden);

    tell(warden, matter, why);
    end_matter(warden, matter);
}

static void on_said(void *arg, const struct ft_talk *said)
{
    struct ft_warden *warden = arg;
    const char *why = ft_talk_text(said, "why"), *node = ft_talk_text(said, "node");
    struct matter *matter;
    bool did = strcmp(said->word, "did") == 0;

    if (warden->ending || !warden->asked ||
        (!did && strcmp(said->word, "not") != 0 && strcmp(said->word, "needless") != 0))
        return;
    ft_child_await(warden->child, 0);
    matter = take_first(warden);
    if (node != NULL)
        ft_text_copy(matter->node, sizeof matter->node, node);
    if (did && matter->request.matter == FT_RMS_TIME)
        warden->minutes_given += matter->request.minutes;
    if (did && matter->request.matter == FT_RMS_DRAIN)
        warden->drains++;
    if (strcmp(said->word, "needless") == 0)
        ft_log_info("job %" PRIu32 ": nothing is asked of Slurm's administrator for %s: %s",
                    warden->config.job, matter->asked[0] != '\0' ? matter->asked : "lost time",
                    why != NULL ? why : "there is no need");
    else
        tell(warden, matter, did ? NULL : why != NULL ? why : "Slurm does not say why");
    end_matter(warden, matter);
    go_on(warden);
}

static void on_late(void *arg)
{
    struct ft_warden *warden = arg;

    warden->ending = true;
    ft_child_let_end(warden->child);
    fail(warden, "Slurm did not answer in time");
}

static void on_ended(void *arg, const char *words)
{
    struct ft_warden *warden = arg;
    char why[600];

    snprintf(why, sizeof why, "the helper for Slurm ended%s%s", words[0] != '\0' ? ": " : "",
             words);
    warden->child = NULL;
    warden->ending = false;
    if (warden->asked)
        fail(warden, why);
    go_on(warden);
}

/* ---------------------------------------------------------------- orders */

static int make_order(const struct ft_warden *warden, const struct matter *matter, char *order,
                      size_t size)
{
    bool drains = matter->request.matter == FT_RMS_DRAIN;

    snprintf(order, size, drains ? "drain" : "give_time");
    if (ft_talk_add_number(order, size, "job", warden->config.job) != 0 ||
        (warden->config.owned && ft_talk_add_number(order, size, "uid", warden->config.uid) != 0) ||
        ft_talk_add(order, size, "unwanted", matter->wanted ? NULL : matter->unwanted) != 0)
        return -1;
    if (drains)
        return ft_talk_add(order, size, "node", matter->node) != 0 ||
               ft_talk_add(order, size, "reason", matter->reason) != 0 ? -1 : 0;
    if (ft_talk_add_number(order, size, "minutes", matter->request.minutes) != 0)
        return -1;
    return matter->own[0] != '\0' ? ft_talk_add(order, size, "own", matter->own) : 0;
}

static bool have_child(struct ft_warden *warden, char *why, size_t size)
{
    static const struct ft_child_events events = {
        .said = on_said, .late = on_late, .ended = on_ended};
    const struct ft_child_config config = {.loop = warden->config.loop,
                                           .program = warden->config.helper,
                                           .reap = warden->config.owned,
                                           .environment = warden->environment};

    if (warden->child == NULL)
        warden->child = ft_child_start(&config, &events, warden, why, size);
    return warden->child != NULL;
}

/* The first one that waits is told the helper; those that cannot be are told as not done. */
static void go_on(struct ft_warden *warden)
{
    char order[FT_TALK_LINE_MAX], why[300];

    uv_timer_stop(warden->timer);
    if (warden->first == NULL && warden->child != NULL && !warden->ending) {
        warden->ending = true; /* it is not needed for long */
        ft_child_let_end(warden->child);
    }
    while (warden->first != NULL && !warden->asked && !warden->ending) {
        why[0] = '\0';
        if (make_order(warden, warden->first, order, sizeof order) == 0 &&
            have_child(warden, why, sizeof why) && ft_child_tell(warden->child, order) == 0) {
            ft_child_await(warden->child, ANSWER_WITHIN_MS);
            warden->asked = true;
        } else {
            fail(warden, why[0] != '\0' ? why : "no memory for an order");
        }
    }
}

static void on_time(uv_timer_t *timer)
{
    go_on(timer->data);
}

/* Somebody is about to take the lost node's place, just now: a program more to start would only be
 * in the way. */
static void go_on_later(struct ft_warden *warden)
{
    if (!warden->asked && !uv_is_active((uv_handle_t *) warden->timer))
        uv_timer_start(warden->timer, on_time, LATER_MS, 0);
}

static struct matter *add(struct ft_warden *warden, enum ft_rms_matter what)
{
    struct matter *matter = warden->n < FT_WARDEN_QUEUE_MAX ? calloc(1, sizeof *matter) : NULL;

    if (matter == NULL && warden->full_said)
        return NULL;
    warden->full_said = matter == NULL;
    if (matter == NULL) {
        ft_log_error("job %" PRIu32 ": %s; more is not asked of Slurm's administrator",
                     warden->config.job, warden->n < FT_WARDEN_QUEUE_MAX ? "out of memory"
                     : "too much waits for Slurm's answer");
        return NULL;
    }
    matter->request.matter = what;
    matter->request.job = warden->config.job;
    *warden->last = matter;
    warden->last = &matter->next;
    warden->n++;
    return matter;
}

/* ---------------------------------------------------------------- nodes */

/* What speaks for draining it; NULL, or why it is left to people. */
static const char *no_drain(const struct ft_warden *warden, enum ft_suspicion cause)
{
    if (!warden->config.drain)
        return "rms_drain is not set";
    if (cause == FT_SUSPECT_UNIT || cause == FT_SUSPECT_START ||
        (warden->config.owned && cause != FT_SUSPECT_SILENT && cause != FT_SUSPECT_CHECK &&
         cause != FT_SUSPECT_FAILING))
        return "it may not be the node's fault: to be looked at";
    return warden->drains >= FT_WARDEN_DRAINS_MAX ? "many nodes were drained for this job already"
                                                  : NULL;
}

void ft_warden_suspect(struct ft_warden *warden, const struct ft_suspect *suspect, bool soon)
{
    static const char *const causes[] = {
        [FT_SUSPECT_SILENT] = "lost", [FT_SUSPECT_LOST] = "lost", [FT_SUSPECT_UNIT] = "no unit",
        [FT_SUSPECT_PROBE] = "not measurable", [FT_SUSPECT_CHECK] = "failed the site's check",
        [FT_SUSPECT_FAILING] = "going down", [FT_SUSPECT_START] = "starting failed"};
    struct matter *matter = add(warden, FT_RMS_DRAIN);

    if (matter == NULL)
        return;
    matter->request.cause = suspect->cause;
    ft_text_copy(matter->asked, sizeof matter->asked, suspect->node);
    ft_text_copy(matter->node, sizeof matter->node, suspect->node);
    make_plain(matter->node);
    snprintf(matter->reason, sizeof matter->reason, "ft: job %" PRIu32 ": %s%s%.140s",
             warden->config.job, causes[suspect->cause], suspect->why[0] != '\0' ? ": " : "",
             suspect->why);
    make_plain(matter->reason);
    matter->unwanted = no_drain(warden, suspect->cause);
    matter->wanted = matter->unwanted == NULL;
    if (soon)
        go_on(warden);
    else
        go_on_later(warden);
}

bool ft_warden_is_about(const struct ft_warden *warden, const char *node)
{
    const struct matter *matter = warden->first;

    while (matter != NULL && !(matter->request.matter == FT_RMS_DRAIN && matter->wanted &&
                               ft_node_names_equal(matter->node, node)))
        matter = matter->next;
    return matter != NULL;
}

void ft_warden_on_over(struct ft_warden *warden, void (*over)(void *arg, const char *node))
{
    warden->over = over;
}

/* ---------------------------------------------------------------- time */

static const char *no_time(const struct ft_warden *warden, unsigned minutes)
{
    unsigned max_s = warden->config.give_time_max_s;

    if (max_s == 0)
        return "rms_give_time_max_s is not set";
    return (uint64_t) (warden->minutes_given + minutes) * S_PER_MIN > max_s
               ? "rms_give_time_max_s allows no more for one job" : NULL;
}

void ft_warden_time_lost(struct ft_warden *warden, int64_t ms, const uint32_t *own, size_t own_n)
{
    struct matter *matter;
    unsigned minutes;

    warden->lost_ms += ms;
    minutes = (unsigned) ((warden->lost_ms + MS_PER_MIN - 1) / MS_PER_MIN) - warden->minutes_told;
    if (minutes == 0)
        return; /* within the minute that was rounded up */
    matter = add(warden, FT_RMS_TIME);
    if (matter == NULL)
        return;
    warden->minutes_told += minutes;
    matter->request.minutes = minutes;
    matter->request.lost_ms = warden->lost_ms;
    for (size_t i = 0; i < own_n && i < FT_WARDEN_BESIDE_MAX; i++)
        ft_text_appendf(matter->own, sizeof matter->own, "%s%" PRIu32, i > 0 ? "," : "", own[i]);
    matter->unwanted = no_time(warden, minutes);
    matter->wanted = matter->unwanted == NULL;
    go_on_later(warden);
}

/* ---------------------------------------------------------------- life */

void ft_warden_change(struct ft_warden *warden, bool drain, unsigned give_time_max_s)
{
    warden->config.drain = drain;
    warden->config.give_time_max_s = give_time_max_s;
}

static void free_environment(char **environment)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++)
        free(environment[i]);
    free(environment);
}

static char **copy_environment(char *const *environment)
{
    size_t n = 0;
    char **copy;

    while (environment[n] != NULL)
        n++;
    copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < n; i++) {
        copy[i] = strdup(environment[i]);
        if (copy[i] == NULL) {
            free_environment(copy);
            return NULL;
        }
    }
    return copy;
}

struct ft_warden *ft_warden_create(const struct ft_warden_config *config, ft_warden_fn told,
                                   void *arg)
{
    struct ft_warden *warden = calloc(1, sizeof *warden);

    if (warden == NULL)
        return NULL;
    warden->config = *config;
    warden->environment = copy_environment(config->environment);
    warden->told = told;
    warden->arg = arg;
    warden->last = &warden->first;
    warden->timer = malloc(sizeof *warden->timer);
    if (warden->environment == NULL || warden->timer == NULL) {
        free_environment(warden->environment);
        free(warden->timer);
        free(warden);
        return NULL;
    }
    uv_timer_init(config->loop, warden->timer);
    warden->timer->data = warden;
    return warden;
}

static void on_closed(uv_handle_t *timer)
{
    free(timer);
}

/* What nobody will hear any more, but whoever reads this program's log. */
static void log_unsaid(const struct matter *matter)
{
    char command[COMMAND_MAX];

    if (matter->request.matter == FT_RMS_DRAIN)
        drain_command(matter, command, sizeof command);
    else
        time_command(matter, command, sizeof command);
    ft_log_warning("job %" PRIu32 " ended before Slurm's administrator was asked: %s",
                   matter->request.job, command);
}

void ft_warden_destroy(struct ft_warden *warden)
{
    if (warden == NULL)
        return;
    ft_child_forget(warden->child);
    while (warden->first != NULL) {
        struct matter *matter = take_first(warden);

        log_unsaid(matter);
        free(matter);
    }
    uv_close((uv_handle_t *) warden->timer, on_closed);
    free_environment(warden->environment);
    free(warden);
}
