/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * system.c - a system's central unit: a voter, and while it leads a reign.
 *
 * Owns the door, the book (the voters' common ledger), the event log, the plan in force; made by
 * main.c for `ft-centrald` without --job.
 *
 *     book: lead    -> a reign is made from the ledger; whoever comes is served
 *     book: follow  -> the reign is stopped: nothing of it leaves any more; whoever comes is told
 *                      who leads (Hello.leader), and asks there. A unit that comes while that is
 *                      not known waits in the lobby until it is
 *     book: safe    -> what the reign said leaves
 *     book: broken  -> this voter ends; the others go on
 *
 * A reign that was stopped takes up to a second until its connections are closed; another one may
 * have begun by then. It is destroyed when the loop has nothing left of it.
 *
 * ft.conf is read at the start, and again by SIGHUP or `ft reload`: as a whole, or not at all. Who
 * leads decides: the text that it puts in force is kept in the ledger ("conf"), and every voter
 * goes by that as soon as it is safe; so does the membership of the voters. A voter alone goes by
 * its file. One that follows reads its file by SIGHUP, too: it says what is wrong with it, or
 * offers it for when it leads itself, unless another text is put in force before. One that the text
 * in force does not name any more ends.
 */
#include "centrald/system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/book.h"
#include "centrald/door.h"
#include "centrald/events.h"
#include "centrald/figures.h"
#include "centrald/hello.h"
#include "centrald/lobby.h"
#include "centrald/metrics.h"
#include "centrald/modules.h"
#include "centrald/reign.h"
#include "centrald/sessions.h"
#include "centrald/sinks.h"
#include "centrald/unsaid.h"
#include "centrald/watch.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "conf/plan.h"
#include "core/plan_diff.h"

#define CONF_KEY "conf"
#define ENDING_MAX 8
#define LOBBY_MS 1000 /* elections take less */
#define BYTES_PER_MB (UINT64_C(1) << 20)
#define LOOK_EACH_MS 300      /* at what the voters go by */
#define MEMBERS_AFTER_MS 1000
#define PARTING_MS 5000       /* so that the others have taken it out of the voters before it ends */

struct ft_system {
    uv_loop_t *loop;
    struct ft_system_events events;
    void *arg;
    const char *node;
    const char *conf;
    struct ft_plan *plan;
    char *agreed;            /* text of ft.conf in the ledger, when last looked at; NULL: never */
    uint64_t looked_ms;
    uint64_t safe_ms;        /* since when in this reign the leader's own one is, and the membership
                                is not its yet; 0: it is not */
    bool was_named;          /* by the text in force, since this program began */
    uint64_t parts_ms;       /* ends then, being named no more; 0: it is named */
    struct ft_plan *offered; /* read by SIGHUP while this voter followed; NULL: none */
    struct ft_identity identity;
    int64_t begun_ns;
    uint64_t run; /* names this run of the program: grows from run to run */
    struct ft_events *log;
    struct ft_door *door;
    struct ft_lobby *lobby;              /* while nobody is known to lead */
    struct ft_book *book;
    struct ft_reign *reign;              /* NULL: another voter leads, or none */
    struct ft_reign *ending[ENDING_MAX]; /* stopped, not over yet */
    size_t ending_n;
    uv_prepare_t sweeper;
    struct ft_unsaid unsaid;             /* of this voter, while it did not lead */
    char leader[256]; /* "HOST:PORT", "": not known */
    char status[400];
    struct ft_sinks *sinks;
    struct ft_metrics *metrics;
    bool book_stopped;
    bool stopped;
    bool failed;
    char reason[200];
};

/* ---------------------------------------------------------------- words */

static void tell_status(struct ft_system *system)
{
    char *text = system->status;
    size_t size = sizeof system->status;

    if (system->stopped)
        snprintf(text, size, "ending: %.200s", system->reason);
    else if (system->reign != NULL)
        snprintf(text, size, "leads, term %llu",
                 (unsigned long long) ft_reign_term(system->reign));
    else if (system->leader[0] != '\0')
        snprintf(text, size, "follows %.255s", system->leader);
    else
        snprintf(text, size, "waits for a leader among %zu voters",
                 system->plan->voters_n > 0 ? system->plan->voters_n : 1);
    ft_log_info("%s", text);
    system->events.status(system->arg, text);
}

const char *ft_system_status(const struct ft_system *system)
{
    return system->status;
}

/* An event of this voter: into the event log if it leads, else into the daemon's. */
static void say(struct ft_system *system, const char *name, const char *node, const char *text)
{
    struct ft_event event = {.name = name,
                             .node = node != NULL && node[0] != '\0' ? node : NULL,
                             .rank = -1,
                             .text = text};

    if (system->reign != NULL)
        ft_reign_log(system->reign, &event);
    else
        ft_log_info("%s: %s", name, text);
}

static void log_lines(const char *before, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        if (n > 0)
            ft_log_warning("%s%.*s", before, (int) n, text);
        text += n + (text[n] == '\n');
    }
}

/* ---------------------------------------------------------------- reigns that end */

static void end_reign(struct ft_system *system, const char *reason)
{
    struct ft_reign *reign = system->reign;

    if (reign == NULL)
        return;
    system->reign = NULL;
    ft_reign_stop(reign, false, reason);
    system->ending[system->ending_n++] = reign;
}

static void sweep(struct ft_system *system)
{
    for (size_t i = 0; i < system->ending_n;) {
        if (!ft_reign_is_over(system->ending[i])) {
            i++;
            continue;
        }
        ft_reign_destroy(system->ending[i]);
        system->ending[i] = system->ending[--system->ending_n];
    }
}

static void look_at_conf(struct ft_system *system);

static void on_sweep(uv_prepare_t *prepare)
{
    struct ft_system *system = prepare->data;

    sweep(system);
    if (uv_now(system->loop) - system->looked_ms >= LOOK_EACH_MS)
        look_at_conf(system);
    if (system->stopped && system->book_stopped && system->ending_n == 0 &&
        !uv_is_closing((uv_handle_t *) prepare)) {
        uv_close((uv_handle_t *) prepare, NULL);
        system->events.ended(system->arg, system->failed);
    }
}

/* ---------------------------------------------------------------- the plan in force */

static bool is_text(const char *text, const void *bytes, size_t n)
{
    return text != NULL && strlen(text) == n && memcmp(text, bytes, n) == 0;
}

static void drop_offer(struct ft_system *system, const char *why)
{
    if (system->offered == NULL)
        return;
    ft_log_info("the ft.conf that was read here by SIGHUP is not kept any more: %s", why);
    ft_plan_destroy(system->offered);
    system->offered = NULL;
}

/* Voters that are named by no others go by their own file, and have no say about the membership. */
static bool is_named(const struct ft_system *system, const struct ft_plan *plan)
{
    return plan->voters_n == 0 || ft_plan_voter(plan, system->node) != NULL;
}

static void go_by(struct ft_system *system, const struct ft_plan *plan)
{
    char why[400] = "";

    if (ft_book_reload(system->book, plan, why, sizeof why) < 0)
        ft_log_warning("the voters stay as they were: %s", why);
}

/* Another text is in force. Takes the plan. */
static void follow_conf(struct ft_system *system, struct ft_plan *plan, bool is_first)
{
    if (!is_named(system, plan)) {
        if (system->was_named && system->parts_ms == 0) {
            system->parts_ms = uv_now(system->loop) + PARTING_MS;
            ft_log_warning("the ft.conf in force names node %s as a voter no more: this central "
                           "unit ends in %d s", system->node, PARTING_MS / 1000);
        } else if (!system->was_named) {
            ft_log_warning("the ft.conf in force does not name node %s as a voter: it waits for "
                           "one that does (`ft reload` where the central unit leads)", system->node);
        }
        ft_plan_destroy(plan);
        return;
    }
    system->was_named = true;
    system->parts_ms = 0;
    go_by(system, plan);
    if (strcmp(plan->text, system->plan->text) == 0) {
        ft_plan_destroy(plan);
        return;
    }
    if (is_first)
        ft_log_warning("this node's ft.conf is not the one that the voters go by, which counts; "
                       "`ft reload` takes that of the central unit that leads");
    else
        ft_log_info("the central unit that leads has put another ft.conf in force");
    ft_plan_destroy(system->plan);
    system->plan = plan;
}

/* While this voter follows, or is about to lead: the text that the ledger has counts. */
static void take_agreed(struct ft_system *system, const char *kept, size_t n)
{
    char why[FT_CONF_WHY_MAX] = "";
    struct ft_plan *plan;
    bool is_first = system->agreed == NULL;

    if (is_text(system->agreed, kept, n))
        return;
    free(system->agreed);
    system->agreed = strndup(kept, n);
    if (system->agreed == NULL)
        return; /* the next look */
    drop_offer(system, "another one is in force since");
    plan = ft_plan_parse_text(system->agreed, "the ledger's ft.conf", NULL, why, sizeof why);
    if (plan != NULL)
        follow_conf(system, plan, is_first);
    else
        log_lines("the ft.conf that the voters go by cannot be used, this node's file is: ", why);
}

/* Who leads has put its plan in force, and that is safe. The membership follows a little later,
 * when those that are to vote no more have heard of it. */
static void take_own(struct ft_system *system, const char *kept, size_t n)
{
    if (!is_text(system->plan->text, kept, n) || is_text(system->agreed, kept, n)) {
        system->safe_ms = 0; /* what was begun for a text before is not this one's time */
        return;
    }
    if (system->safe_ms == 0)
        system->safe_ms = system->looked_ms;
    if (system->looked_ms - system->safe_ms < MEMBERS_AFTER_MS)
        return;
    system->safe_ms = 0;
    free(system->agreed);
    system->agreed = strndup(kept, n);
    system->was_named = system->was_named || is_named(system, system->plan);
    go_by(system, system->plan);
}

/* What a lone voter's file says now counts more than what it said before. */
static void look_at_conf(struct ft_system *system)
{
    size_t n = 0;
    const char *kept = ft_ledger_get(ft_book_ledger(system->book), CONF_KEY, &n);

    system->looked_ms = uv_now(system->loop);
    if (kept == NULL || system->stopped)
        return;
    if (system->reign != NULL) {
        take_own(system, kept, n);
    } else {
        system->safe_ms = 0;
        if (system->plan->voters_n >= 2)
            take_agreed(system, kept, n);
    }
    if (system->reign == NULL && system->parts_ms != 0 && system->looked_ms >= system->parts_ms)
        ft_system_stop(system, "ft.conf names this node as a voter no more");
}

static void keep_conf(struct ft_system *system)
{
    size_t n = 0;
    const char *kept = ft_ledger_get(ft_book_ledger(system->book), CONF_KEY, &n);
    const char *text = system->plan->text;

    if (kept == NULL || n != strlen(text) || memcmp(kept, text, n) != 0)
        ft_reign_keep(system->reign, CONF_KEY, text, strlen(text));
}

/* A text for people and a line each in the log; `*text` gets it. */
static ftRetVal_t refuse(struct ft_system *system, const char *by, const char *why, char **text)
{
    char told[FT_CONF_WHY_MAX + 200];

    snprintf(told, sizeof told, "ft.conf, read again for %.100s, is not used: %s", by, why);
    say(system, "config_refused", NULL, told);
    log_lines("ft.conf is not used: ", why);
    *text = strdup(why);
    return FT_ERR_ARG;
}

static void log_changed(struct ft_system *system, const char *by, const struct ft_plan_diff *diff)
{
    char told[FT_CONF_WHY_MAX];

    snprintf(told, sizeof told, "ft.conf was read again for %.100s: %s%s", by,
             diff->text[0] != '\0' ? diff->text : "nothing has changed",
             diff->flags & FT_DIFF_RESTART ? "; a part of that counts when ft-centrald is started "
                                             "again" : "");
    ft_text_one_line(told);
    say(system, "config_changed", NULL, told);
}

/* Puts a plan in force, or leaves everything as it is. */
static ftRetVal_t enforce(struct ft_system *system, struct ft_plan *plan, const char *by,
                          char **text)
{
    struct ft_plan_diff *diff = ft_plan_diff(system->plan, plan);
    char why[FT_CONF_WHY_MAX] = "";

    if (diff == NULL || ft_reign_replan(system->reign, plan, why, sizeof why) < 0) {
        ftRetVal_t status = refuse(system, by, diff == NULL ? "out of memory" : why, text);

        ft_plan_diff_destroy(diff);
        ft_plan_destroy(plan);
        return status;
    }
    ft_reign_keep(system->reign, CONF_KEY, plan->text, strlen(plan->text));
    log_changed(system, by, diff);
    *text = strdup(diff->text[0] != '\0' ? diff->text : "nothing has changed");
    ft_plan_diff_destroy(diff);
    ft_plan_destroy(system->plan);
    system->plan = plan;
    ft_events_set_limit(system->log, plan->events_max_mb * BYTES_PER_MB);
    return FT_OK;
}

static ftRetVal_t reload(void *arg, const char *by, char **text)
{
    struct ft_system *system = arg;
    char why[FT_CONF_WHY_MAX] = "";
    struct ft_plan *plan = ft_plan_load(system->conf, NULL, why, sizeof why);

    if (plan == NULL)
        return refuse(system, by, why, text);
    log_lines("ft.conf: ", plan->warnings);
    return enforce(system, plan, by, text);
}

/* A follower's: checked, and kept for when it leads. */
static void offer(struct ft_system *system, const char *by)
{
    char why[FT_CONF_WHY_MAX] = "", *text = NULL;
    struct ft_plan *plan = ft_plan_load(system->conf, NULL, why, sizeof why);

    if (plan == NULL) {
        refuse(system, by, why, &text);
        free(text);
        return;
    }
    log_lines("ft.conf: ", plan->warnings);
    drop_offer(system, "it was read again");
    if (strcmp(plan->text, system->plan->text) == 0) {
        ft_log_info("ft.conf was read again for %s: it is the one in force", by);
        ft_plan_destroy(plan);
        return;
    }
    if (!is_named(system, plan) && system->leader[0] == '\0' && system->parts_ms == 0) {
        ft_log_warning("ft.conf names node %s as a voter no more, and nobody leads that this one "
                       "hears: it was taken out while it was not there, and ends", system->node);
        system->parts_ms = uv_now(system->loop) + PARTING_MS;
    }
    system->offered = plan;
    ft_log_info("ft.conf was read again for %s: it can be used. Which one is in force is decided "
                "by the central unit that leads (%s), by its file: `ft reload`. This one is kept "
                "for when this voter leads, unless another is put in force before", by,
                system->leader[0] != '\0' ? system->leader : "none now");
}

static void take_offer(struct ft_system *system)
{
    struct ft_plan *plan = system->offered;
    char *text = NULL;

    system->offered = NULL;
    if (plan != NULL)
        enforce(system, plan, "SIGHUP, while this voter followed", &text);
    free(text);
}

void ft_system_reload(struct ft_system *system, const char *by)
{
    char *text = NULL;

    if (system->stopped)
        return;
    if (system->reign != NULL)
        reload(system, by, &text);
    else
        offer(system, by);
    free(text);
}

/* ---------------------------------------------------------------- the book's word */

static void fail(struct ft_system *system, const char *why)
{
    ft_log_error("%s", why);
    system->failed = true;
    ft_system_stop(system, why);
}

static void log_lead(struct ft_system *system, uint64_t term)
{
    char text[400];
    struct ft_event event = {.name = "central_leads",
                             .node = system->node,
                             .rank = -1,
                             .fields = {{.key = "term", .number = (double) term},
                                        {.key = "port", .number = ft_door_port(system->door)},
                                        {.key = "version", .text = FT_VERSION}},
                             .text = text};

    snprintf(text, sizeof text, "the central unit on node %.200s leads (term %llu); %zu records of "
             "the ledger were taken over", system->node, (unsigned long long) term,
             ft_ledger_count(ft_book_ledger(system->book)));
    ft_reign_log(system->reign, &event);
}

static void log_unsaid(void *reign, struct ft_event *event)
{
    ft_reign_log(reign, event);
}

static void on_lead(void *arg, uint64_t term)
{
    static const struct ft_reign_events events = {.reload = reload};
    struct ft_system *system = arg;
    struct ft_reign_config config = {.loop = system->loop,
                                     .node = system->node,
                                     .udp = ft_door_udp(system->door),
                                     .events = system->log,
                                     .book = system->book,
                                     .identity = &system->identity,
                                     .run = system->run,
                                     .begun_ns = system->begun_ns,
                                     .term = term};
    char why[400] = "out of memory";

    if (system->stopped)
        return;
    end_reign(system, "another term has begun");
    if (system->ending_n == ENDING_MAX) {
        fail(system, "reigns begin and end faster than their connections can be closed");
        return;
    }
    look_at_conf(system);
    config.plan = system->plan;
    ft_text_copy(system->leader, sizeof system->leader, "");
    system->reign = ft_reign_create(&config, &events, system);
    if (system->reign == NULL || ft_reign_begin(system->reign, why, sizeof why) < 0) {
        fail(system, why);
        return;
    }
    keep_conf(system);
    log_lead(system, term);
    take_offer(system);
    ft_unsaid_tell(&system->unsaid, log_unsaid, system->reign);
    ft_lobby_open(system->lobby);
    tell_status(system);
}

static void on_follow(void *arg, const char *leader)
{
    struct ft_system *system = arg;
    bool led = system->reign != NULL;
    bool is_new = strcmp(system->leader, leader) != 0;

    ft_text_copy(system->leader, sizeof system->leader, leader);
    if (system->stopped)
        return;
    end_reign(system, "another central unit leads");
    if (leader[0] != '\0')
        ft_lobby_send_on(system->lobby, leader);
    if (led || is_new)
        tell_status(system);
}

static void on_safe(void *arg, uint64_t mark)
{
    struct ft_system *system = arg;

    if (system->reign != NULL)
        ft_reign_safe(system->reign, mark);
}

static void on_broken(void *arg, const char *why)
{
    char text[500];

    snprintf(text, sizeof text, "this central unit cannot go on: %.400s", why);
    fail(arg, text);
}

/* What happens to this voter is to be found in the events, if not at once then when it leads. */
static void on_say(void *arg, const char *event, const char *node, const char *text)
{
    struct ft_system *system = arg;

    if (system->reign == NULL)
        ft_unsaid_add(&system->unsaid, event, node, text);
    say(system, event, node, text);
}

/* ---------------------------------------------------------------- those who come */

static void on_unit(void *arg, struct ft_link *link, const Ft__Hello *hello)
{
    struct ft_system *system = arg;

    if (system->reign != NULL)
        ft_reign_unit(system->reign, link, hello);
    else if (system->leader[0] != '\0' || !ft_lobby_take(system->lobby, link, hello))
        ft_hello_redirect(link, system->node, system->leader);
}

static void on_client(void *arg, struct ft_link *link, const Ft__Hello *hello, bool local)
{
    struct ft_system *system = arg;

    if (system->reign != NULL)
        ft_reign_client(system->reign, link, hello, local);
    else
        ft_hello_redirect(link, system->node, system->leader);
}

static void on_voter(void *arg, struct ft_link *link, const Ft__Hello *hello)
{
    struct ft_system *system = arg;

    if (system->book != NULL && !system->stopped)
        ft_book_take(system->book, link, hello);
    else
        ft_link_close(link);
}

static void on_packet(void *arg, const uint8_t *bytes, size_t n, const struct sockaddr *from)
{
    struct ft_system *system = arg;

    if (system->reign != NULL)
        ft_reign_packet(system->reign, bytes, n, from);
}

static void on_refused(void *arg, const char *text)
{
    say(arg, "connection_refused", NULL, text);
}

/* ---------------------------------------------------------------- making */

static int open_log(struct ft_system *system, const struct ft_system_setup *setup, char *why,
                    size_t size)
{
    system->log = ft_events_open(setup->events, system->begun_ns, why, size);
    if (system->log == NULL) {
        snprintf(why, size, "out of memory");
        return -1;
    }
    if (why[0] != '\0')
        ft_log_error("%s", why);
    why[0] = '\0';
    ft_events_set_limit(system->log, system->plan->events_max_mb * BYTES_PER_MB);
    ft_events_recall(system->log);
    return 0;
}

static void on_event(void *arg, const struct ft_event *event, const char *line, size_t n)
{
    struct ft_system *system = arg;

    if (system->sinks != NULL)
        ft_sinks_take(system->sinks, event, line, n);
}

static int open_sinks(struct ft_system *system, char *why, size_t size)
{
    const struct ft_plan *plan = system->plan;

    system->sinks = ft_sinks_create(system->loop, plan->sinks, plan->hook, why, size);
    if (system->sinks == NULL)
        return -1;
    ft_events_watch(system->log, on_event, system);
    return 0;
}

static void fill_page(void *arg, struct ft_exposition *page)
{
    struct ft_system *system = arg;
    struct ft_reign *reign = system->reign;
    struct ft_figures figures = {.book = system->book, .sinks = system->sinks,
                                 .udp = ft_door_udp(system->door)};

    if (reign != NULL) {
        const struct ft_parts *parts = ft_reign_parts(reign);

        figures.term = ft_reign_term(reign);
        figures.events = ft_reign_events_n(reign);
        figures.base = ft_sessions_base(parts->sessions);
        figures.detector = ft_watch_detector(parts->watch);
        figures.fleet = ft_modules_fleet(parts->modules);
        figures.collector = parts->collector;
        figures.summons = parts->summons;
    }
    ft_figures_write(&figures, page);
}

/* A port that is taken is no reason not to watch over a system. */
static void open_metrics(struct ft_system *system)
{
    char why[300];

    if (system->plan->metrics_port == 0)
        return;
    system->metrics = ft_metrics_create(system->loop, (uint16_t) system->plan->metrics_port,
                                        fill_page, system, why, sizeof why);
    if (system->metrics == NULL)
        ft_log_error("there are no metrics: %s", why);
}

static int open_door(struct ft_system *system, const struct ft_system_setup *setup, char *why,
                     size_t size)
{
    static const struct ft_door_events events = {
        .unit = on_unit, .client = on_client, .voter = on_voter, .refused = on_refused,
        .packet = on_packet};
    struct ft_door_config config = {.loop = setup->loop,
                                    .port = system->plan->port,
                                    .identity = setup->identity,
                                    .socket = setup->socket};
    const struct ft_plan_voter *self = ft_plan_voter(system->plan, system->node);

    if (self != NULL && self->port != 0)
        config.port = self->port;
    system->lobby = ft_lobby_create(setup->loop, system->node, LOBBY_MS, on_unit, system);
    if (system->lobby == NULL) {
        snprintf(why, size, "out of memory");
        return -1;
    }
    system->door = ft_door_create(&config, &events, system, why, size);
    return system->door != NULL ? 0 : -1;
}

static int open_book(struct ft_system *system, const struct ft_system_setup *setup, char *why,
                     size_t size)
{
    static const struct ft_book_events events = {
        .lead = on_lead, .follow = on_follow, .safe = on_safe, .broken = on_broken, .say = on_say};
    struct ft_book_config config = {
        .plan = system->plan, .self = system->node, .identity = setup->identity};

    system->book = ft_book_open(setup->loop, &config, &events, system, why, size);
    return system->book != NULL ? 0 : -1;
}

struct ft_system *ft_system_create(const struct ft_system_setup *setup,
                                   const struct ft_system_events *events, void *arg, char *why,
                                   size_t size)
{
    struct ft_system *system = calloc(1, sizeof *system);

    if (system == NULL) {
        ft_plan_destroy(setup->plan);
        snprintf(why, size, "out of memory");
        return NULL;
    }
    system->loop = setup->loop;
    system->events = *events;
    system->arg = arg;
    system->node = setup->node;
    system->conf = setup->conf;
    system->plan = setup->plan;
    system->begun_ns = (int64_t) ft_clock_ns();
    system->run = (uint64_t) ft_clock_unix_ms() * 1000000;
    log_lines("ft.conf: ", system->plan->warnings);
    system->identity = *setup->identity;
    if (open_log(system, setup, why, size) < 0 || open_sinks(system, why, size) < 0 ||
        open_door(system, setup, why, size) < 0 || open_book(system, setup, why, size) < 0) {
        if (system->door != NULL)
            ft_door_close(system->door);
        ft_lobby_stop(system->lobby);
        if (system->sinks != NULL)
            ft_sinks_stop(system->sinks);
        uv_run(setup->loop, UV_RUN_DEFAULT);
        ft_system_destroy(system);
        return NULL;
    }
    open_metrics(system);
    uv_prepare_init(system->loop, &system->sweeper);
    system->sweeper.data = system;
    uv_prepare_start(&system->sweeper, on_sweep);
    tell_status(system);
    return system;
}

/* ---------------------------------------------------------------- ending */

static void on_book_stopped(void *arg)
{
    struct ft_system *system = arg;

    system->book_stopped = true;
    ft_door_close(system->door);
    ft_lobby_stop(system->lobby);
    ft_metrics_stop(system->metrics);
    system->metrics = NULL;
    ft_sinks_stop(system->sinks);
}

void ft_system_stop(struct ft_system *system, const char *reason)
{
    if (system->stopped)
        return;
    system->stopped = true;
    ft_text_copy(system->reason, sizeof system->reason, reason);
    tell_status(system);
    if (system->reign != NULL) {
        struct ft_event event = {
            .name = "central_ended", .node = system->node, .rank = -1, .text = system->reason};

        ft_reign_log(system->reign, &event);
    }
    end_reign(system, reason);
    ft_book_stop(system->book, on_book_stopped, system);
}

void ft_system_destroy(struct ft_system *system)
{
    if (system == NULL)
        return;
    sweep(system);
    ft_book_destroy(system->book);
    ft_door_destroy(system->door);
    ft_lobby_destroy(system->lobby);
    ft_events_close(system->log);
    ft_sinks_destroy(system->sinks);
    ft_identity_wipe(&system->identity);
    ft_plan_destroy(system->plan);
    ft_plan_destroy(system->offered);
    free(system->agreed);
    free(system);
}
