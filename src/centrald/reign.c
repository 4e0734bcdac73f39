/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reign.c - owns all that a central unit has only while it leads, and is the adapter between them.
 *
 * Core's table of effects (env.h) is filled here with functions that write the event log, answer
 * requests, probe through the units, start units, ask the resource manager, look into the
 * configuration management, keep records in the ledger. What comes in reaches core through units.c,
 * clients.c, requests.c and sessions.c; heartbeats through watch.c.
 *
 * What is kept and what is said come from core within one call. Said is let out when kept is safe:
 * do_keep moves the outbox's mark, everything that others act upon goes through the outbox. A job's
 * own central unit has no ledger and no outbox.
 *
 * Core must not be called from within its own effects. A resource manager that answers at once is
 * therefore put off (`later`) until the loop comes round: one prepare handle, which costs nothing
 * while nothing happens, delivers it and sets the one timer to the next deadline of all. With
 * nothing to wait for no timer is armed: an idle central unit does not wake up by itself.
 */
#include "centrald/reign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "centrald/admin.h"
#include "centrald/clients.h"
#include "centrald/collector.h"
#include "centrald/discovery.h"
#include "centrald/modules.h"
#include "centrald/requests.h"
#include "centrald/scontrol.h"
#include "centrald/source.h"
#include "centrald/starter.h"
#include "common/clock.h"
#include "common/conftext.h"
#include "common/hostlist.h"
#include "common/log.h"
#include "common/text.h"
#include "core/central.h"
#include "rms/rms.h"
#include "topology/compare.h"
#include "wire/kept.pb-c.h"

#define NS_PER_MS INT64_C(1000000)
#define HOSTS_MAX 16
#define NUMBERS_KEY "meta/numbers"
#define EVENTS_AT_ONCE 1024   /* numbers that are kept as given out before they are */
#define DECISIONS_AT_ONCE 64
#define CMS_FILE_MAX_BYTES (16u << 20)
#define LEADS_EACH_MS 20
#define UNIT_GONE_MS 10000    /* a node whose unit is gone, and stays gone, is declared lost */
#define GATHER_MS 3000        /* after a take-over the units have so long to come over */

/* Something that is to reach core once core is at rest: an answer of the resource manager, or that a
 * node has no unit. */
struct later {
    uint64_t acquire; /* 0: node has no unit */
    char *node;       /* NULL: none */
    char *why;
    int64_t available_at_s;
    int64_t due_ns;   /* not before */
    struct later *next;
};

struct ft_reign {
    struct ft_reign_config config;
    struct ft_reign_events events;
    void *arg;
    struct ft_outbox *outbox; /* NULL: per-job */
    struct ft_sessions *sessions;
    struct ft_requests *requests;
    struct ft_cms *collected;
    struct ft_cms *cms;       /* the same, or what stands in front of it */
    struct ft_scontrol *scontrol;
    struct ft_rms *rms;
    struct ft_watch *watch;
    struct ft_units *units;
    struct ft_clients *clients;
    struct ft_starter *starter;
    struct ft_collector *collector; /* NULL: per-job, as the next one */
    struct ft_admin *admin;
    struct ft_modules *modules;
    struct ft_discovery *discovery;
    struct later *later, **later_end;
    uint64_t numbers[FT_NUMBERS];
    uint64_t numbers_upto[FT_NUMBERS]; /* kept: given out at the most */
    int64_t begun_ns;
    bool leads;       /* a majority was heard, when last looked at */
    int64_t leads_ns;
    struct ft_discovery_config searching;
    char hosts[1000]; /* where this central unit is reached */
    uv_prepare_t prepare;
    uv_timer_t timer;
    unsigned handles; /* that libuv has not closed yet */
    int64_t armed_ns; /* what the timer is set to, INT64_MAX: not at all */
    bool ready;       /* restored: what happens from now on is new */
    bool stopped;
    bool mute;        /* the lead is lost: nothing is said or logged any more */
};

/* ---------------------------------------------------------------- the ledger, numbers, the log */

void ft_reign_keep(struct ft_reign *reign, const char *key, const void *data, size_t n)
{
    if (reign->config.book == NULL || reign->mute || !reign->ready)
        return;
    ft_book_put(reign->config.book, key, data, n);
    ft_outbox_rest_on(reign->outbox, ft_book_mark(reign->config.book));
}

static void keep_numbers(struct ft_reign *reign)
{
    Ft__KeptNumbers kept = FT__KEPT_NUMBERS__INIT;
    uint8_t bytes[16 * FT_NUMBERS] = {0};
    size_t n;

    kept.n_upto = FT_NUMBERS;
    kept.upto = reign->numbers_upto;
    n = ft__kept_numbers__pack(&kept, bytes);
    ft_reign_keep(reign, NUMBERS_KEY, bytes, n);
}

static int restore_numbers(struct ft_reign *reign, const void *data, size_t n)
{
    Ft__KeptNumbers *kept = ft__kept_numbers__unpack(NULL, n, data);

    if (kept == NULL) {
        errno = EBADMSG;
        return -1;
    }
    for (size_t i = 0; i < FT_NUMBERS && i < kept->n_upto; i++) {
        if (kept->upto[i] > reign->numbers[i])
            reign->numbers[i] = reign->numbers_upto[i] = kept->upto[i];
    }
    ft__kept_numbers__free_unpacked(kept, NULL);
    return 0;
}

/* Numbers are kept as given out some time before they are: one record for many. Those of probes and
 * acquires need only differ from a predecessor's. */
static uint64_t do_number(void *arg, enum ft_number what)
{
    struct ft_reign *reign = arg;
    uint64_t ahead = what == FT_NUMBER_EVENT ? EVENTS_AT_ONCE : DECISIONS_AT_ONCE;
    bool is_kept = what == FT_NUMBER_EVENT || what == FT_NUMBER_DECISION;
    uint64_t number = ++reign->numbers[what];

    if (is_kept && number + ahead / 2 > reign->numbers_upto[what]) {
        reign->numbers_upto[what] = number + ahead;
        keep_numbers(reign);
    }
    return number;
}

static int64_t do_now_ns(void *arg)
{
    (void) arg;
    return (int64_t) ft_clock_ns();
}

static void do_log(void *arg, const struct ft_event *event)
{
    struct ft_reign *reign = arg;

    if (!reign->mute)
        ft_events_write(reign->config.events, event);
}

uint64_t ft_reign_log(struct ft_reign *reign, struct ft_event *event)
{
    return ft_central_log(ft_sessions_base(reign->sessions), event);
}

static void log_for(void *arg, struct ft_event *event)
{
    ft_reign_log(arg, event);
}

static void log_text(struct ft_reign *reign, const char *name, const char *node, const char *text)
{
    struct ft_event event = {.name = name, .node = node, .rank = -1, .text = text};

    ft_reign_log(reign, &event);
}

int ft_reign_out(struct ft_reign *reign, ft_outbox_fn send, void *arg, const void *data, size_t n)
{
    if (!reign->mute)
        return ft_outbox_put(reign->outbox, send, arg, data, n);
    errno = ECANCELED;
    return -1;
}

/* ---------------------------------------------------------------- core's other effects */

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    ft_reign_keep(arg, key, data, n);
}

static void do_reply(void *arg, uint64_t token, const ftReply_t *reply)
{
    struct ft_reign *reign = arg;

    if (!reign->mute)
        ft_requests_reply(reign->requests, token, reply);
}

static int do_probe(void *arg, uint64_t probe, const char *node, unsigned timeout_ms, char *why,
                    size_t size)
{
    struct ft_reign *reign = arg;

    return ft_units_probe(reign->units, probe, node, timeout_ms, why, size);
}

static void do_acquire(void *arg, uint64_t acquire, const struct ft_wanted *wanted)
{
    struct ft_reign *reign = arg;

    if (reign->rms != NULL)
        ft_rms_acquire(reign->rms, acquire, wanted);
}

static void do_abandon(void *arg, uint64_t acquire)
{
    struct ft_reign *reign = arg;

    if (reign->rms != NULL)
        ft_rms_abandon(reign->rms, acquire);
}

static void do_release(void *arg, const char *node, bool broken)
{
    struct ft_reign *reign = arg;

    if (reign->rms != NULL)
        ft_rms_release(reign->rms, node, broken);
}

static bool do_configured(void *arg, const char *node, struct ft_facts *facts)
{
    struct ft_reign *reign = arg;

    return ft_cms_facts(reign->cms, node, facts);
}

static bool do_explain(void *arg, const struct ft_facts *found, const struct ft_facts *wanted,
                       char *text, size_t size)
{
    (void) arg;
    return ft_facts_explain(found, wanted, text, size) > 0;
}

/* ---------------------------------------------------------------- what is put off */

static void free_later(struct later *later)
{
    free(later->node);
    free(later->why);
    free(later);
}

/* False if there is no memory for it. */
static bool put_off(struct ft_reign *reign, uint64_t acquire, const char *node, const char *why,
                    int64_t available_at_s, int64_t due_ns)
{
    struct later *later = calloc(1, sizeof *later);

    if (later == NULL)
        return false;
    later->acquire = acquire;
    later->available_at_s = available_at_s;
    later->due_ns = due_ns;
    later->node = node != NULL ? strdup(node) : NULL;
    later->why = strdup(why);
    if (later->why == NULL || (node != NULL && later->node == NULL)) {
        free_later(later);
        return false;
    }
    *reign->later_end = later;
    reign->later_end = &later->next;
    return true;
}

static void on_offer(void *arg, uint64_t acquire, const char *node)
{
    struct ft_reign *reign = arg;

    if (put_off(reign, acquire, node, "", 0, 0))
        return;
    /* Core waits for its own deadline, then goes on without. */
    ft_log_error("out of memory: node %s, which was offered, goes back", node);
    ft_rms_release(reign->rms, node, false);
}

static void on_none(void *arg, uint64_t acquire, const char *why, int64_t available_at_s)
{
    if (!put_off(arg, acquire, NULL, why, available_at_s, 0))
        ft_log_error("out of memory: an answer of the resource manager is lost");
}

/* Slurm's word that a node is down means that it does not answer Slurm: whether it is lost is found
 * out by those who beat its heart. It is left either way. */
static void on_node_fail(void *arg, const char *node, bool failing, const char *why)
{
    struct ft_reign *reign = arg;

    (void) failing;
    if (!reign->mute)
        ft_reign_node_failing(reign, node, why);
}

static void deliver(struct ft_reign *reign, const struct later *later)
{
    if (later->acquire == 0 && !ft_units_has(reign->units, later->node))
        ft_sessions_unit_failed(reign->sessions, later->node, later->why);
    else if (later->acquire != 0 && later->node == NULL)
        ft_sessions_no_offer(reign->sessions, later->acquire, later->why, later->available_at_s);
    else if (later->acquire != 0 &&
             !ft_sessions_offer(reign->sessions, later->acquire, later->node))
        ft_rms_release(reign->rms, later->node, false);
}

static void deliver_later(struct ft_reign *reign)
{
    int64_t now_ns = (int64_t) ft_clock_ns();
    struct later **link = &reign->later;

    /* A delivery may bring about the next wish, and that the next answer: each is one candidate of
     * one decision, of which there is a bounded number. */
    while (*link != NULL) {
        struct later *later = *link;

        if (later->due_ns > now_ns) {
            link = &later->next;
            continue;
        }
        *link = later->next;
        if (reign->later_end == &later->next)
            reign->later_end = link;
        deliver(reign, later);
        free_later(later);
        link = &reign->later;
    }
}

static int64_t later_due_ns(const struct ft_reign *reign)
{
    int64_t due_ns = INT64_MAX;

    for (const struct later *later = reign->later; later != NULL; later = later->next) {
        if (later->due_ns < due_ns)
            due_ns = later->due_ns;
    }
    return due_ns;
}

/* ---------------------------------------------------------------- time */

static void on_timer(uv_timer_t *timer)
{
    struct ft_reign *reign = timer->data;

    reign->armed_ns = INT64_MAX;
    ft_sessions_tick(reign->sessions);
}

static void arm(struct ft_reign *reign)
{
    int64_t at_ns = ft_sessions_next_deadline_ns(reign->sessions);
    int64_t later_ns = later_due_ns(reign);
    int64_t left_ns;

    if (later_ns < at_ns)
        at_ns = later_ns;
    if (at_ns == reign->armed_ns)
        return;
    reign->armed_ns = at_ns;
    if (at_ns == INT64_MAX) {
        uv_timer_stop(&reign->timer);
        return;
    }
    left_ns = at_ns - (int64_t) ft_clock_ns();
    uv_update_time(reign->config.loop);
    uv_timer_start(&reign->timer, on_timer,
                   left_ns > 0 ? (uint64_t) (left_ns + 999999) / 1000000 : 0, 0);
}

/* Before the loop waits. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct ft_reign *reign = prepare->data;

    deliver_later(reign);
    arm(reign);
}

/* ---------------------------------------------------------------- starting units */

/* A system's units are started by the system, or are not there. Right after a take-over they may
 * still be on their way. */
static void do_want_unit(void *arg, const char *node)
{
    struct ft_reign *reign = arg;
    int64_t due_ns = reign->begun_ns + GATHER_MS * NS_PER_MS;

    if (reign->starter != NULL) {
        if (ft_starter_start(reign->starter, node) < 0)
            ft_log_error("no unit can be started on node %s: %s", node, strerror(errno));
        return;
    }
    if (!put_off(reign, 0, node, "its ft-noded is not connected: see `systemctl status ft-noded` "
                 "there", 0, due_ns))
        ft_log_error("out of memory: nobody is told that node %s has no unit", node);
}

static void on_started(void *arg, const char *node)
{
    char text[400];

    snprintf(text, sizeof text, "a unit was started on node %.255s", node);
    log_text(arg, "unit_started", node, text);
}

static void on_failed(void *arg, const char *node, const char *why)
{
    struct ft_reign *reign = arg;

    ft_log_warning("no unit could be started on node %s: %s", node, why);
    ft_sessions_unit_failed(reign->sessions, node, why);
}

/* This node's addresses and name, as another node may reach it: "10.0.0.1,fd00::1,n0". */
static void list_hosts(const char *node, char *hosts, size_t size)
{
    uv_interface_address_t *addresses = NULL;
    int n = 0, listed = 0;

    hosts[0] = '\0';
    if (uv_interface_addresses(&addresses, &n) < 0)
        n = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < n && listed < HOSTS_MAX; i++) {
            bool is_v6 = addresses[i].address.address4.sin_family == AF_INET6;
            char text[64];

            if (addresses[i].is_internal || is_v6 != (pass == 1) ||
                (is_v6 && IN6_IS_ADDR_LINKLOCAL(&addresses[i].address.address6.sin6_addr)))
                continue;
            if ((is_v6 ? uv_ip6_name(&addresses[i].address.address6, text, sizeof text)
                       : uv_ip4_name(&addresses[i].address.address4, text, sizeof text)) < 0)
                continue;
            ft_text_appendf(hosts, size, "%s,", text);
            listed++;
        }
    }
    ft_text_appendf(hosts, size, "%s", node);
    if (addresses != NULL)
        uv_free_interface_addresses(addresses, n);
}

static int make_starter(struct ft_reign *reign, char *why, size_t size)
{
    static const struct ft_starter_events events = {.started = on_started, .failed = on_failed};
    const struct ft_reign_starter *wish = reign->config.starter;
    char hosts[1000];
    struct ft_starter_config config = {.hosts = hosts};

    if (wish == NULL)
        return 0;
    config.agent = wish->agent;
    config.noded = wish->noded;
    config.session = wish->session;
    config.port = wish->port;
    config.key = wish->key;
    list_hosts(reign->config.node, hosts, sizeof hosts);
    reign->starter = ft_starter_create(reign->config.loop, &config, &events, reign);
    reign->config.starter = NULL;
    if (reign->starter != NULL)
        return 0;
    snprintf(why, size, errno == EINVAL ? "FT_RSH_AGENT is no command: \"%.200s\""
                                        : "the remote shell \"%.200s\": out of memory",
             wish->agent);
    return -1;
}

/* ---------------------------------------------------------------- nodes */

static void on_unit_up(void *arg, const char *node)
{
    struct ft_reign *reign = arg;
    struct ft_detector *detector = (struct ft_detector *) ft_watch_detector(reign->watch);
    struct ft_watch_status status;

    ft_sessions_node_returned(reign->sessions, node);
    if (reign->modules == NULL)
        return;
    ft_detector_status(detector, ft_detector_find(detector, node), &status);
    ft_modules_node_up(reign->modules, node, status.incarnation);
    if (reign->collector != NULL)
        ft_collector_node_anew(reign->collector, node, "its unit has connected anew");
}

static void on_unit_down(void *arg, const char *node, const char *why, bool in_order)
{
    struct ft_reign *reign = arg;

    (void) why;
    if (reign->modules == NULL || reign->mute)
        return;
    if (in_order)
        ft_modules_node_lost(reign->modules, node, ft_watch_lease_free_ns(reign->watch, node));
    else
        ft_modules_node_down(reign->modules, node);
    ft_discovery_lost(reign->discovery, node);
}

/* What leaves for a unit leaves over the connection that it was meant for, or not at all. */
static void send_order(void *arg, const void *data, size_t n)
{
    struct ft_reign *reign = arg;
    const char *node = data;
    size_t node_n = strlen(node) + 1;
    Ft__Message *message;

    message = ft__message__unpack(NULL, n - node_n, (const uint8_t *) data + node_n);
    if (message != NULL && ft_units_send(reign->units, node, message) < 0 && errno != ENOTCONN)
        ft_units_part(reign->units, node, "what it was to be told could not be sent");
    if (message != NULL)
        ft__message__free_unpacked(message, NULL);
}

static void do_send(void *arg, const char *node, const Ft__Message *message)
{
    struct ft_reign *reign = arg;
    size_t node_n = strlen(node) + 1;
    size_t n = node_n + ft__message__get_packed_size(message);
    uint8_t *bytes = malloc(n);

    if (bytes != NULL) {
        memcpy(bytes, node, node_n);
        ft__message__pack(message, bytes + node_n);
    }
    if (bytes == NULL || ft_reign_out(reign, send_order, reign, bytes, n) < 0) {
        ft_log_error("an order for node %s cannot leave: %s", node, strerror(errno));
        ft_units_part(reign->units, node, "an order could not be sent");
    }
    free(bytes);
}

static void on_unit_message(void *arg, const char *node, const Ft__Message *message)
{
    struct ft_reign *reign = arg;
    int64_t now_ns = (int64_t) ft_clock_ns();

    if (reign->collector == NULL || reign->mute)
        return;
    if (message->body_case == FT__MESSAGE__BODY_SAMPLE) {
        ft_collector_sample(reign->collector, node, message->sample, now_ns);
        ft_modules_sampled(reign->modules, node, ft_collector_history(reign->collector));
    } else if (message->body_case == FT__MESSAGE__BODY_NODE_INFO) {
        ft_modules_node_info(reign->modules, node, message->node_info);
    } else if (message->body_case == FT__MESSAGE__BODY_MODULE_STATE ||
               message->body_case == FT__MESSAGE__BODY_MODULE_LIST) {
        ft_modules_message(reign->modules, node, message);
    } else if (message->body_case == FT__MESSAGE__BODY_TROUBLE) {
        ft_collector_trouble(reign->collector, node, message->trouble, now_ns);
    }
}

void ft_reign_node_failing(struct ft_reign *reign, const char *node, const char *why)
{
    ft_sessions_node_failing(reign->sessions, node, why);
    if (reign->modules != NULL)
        ft_modules_node_failing(reign->modules, node, why);
}

void ft_reign_node_well(struct ft_reign *reign, const char *node, const char *why)
{
    const struct ft_berth *berth;

    if (reign->modules != NULL) {
        ft_modules_node_failing(reign->modules, node, NULL);
        berth = ft_fleet_node(ft_modules_fleet(reign->modules), node);
        if (berth != NULL && berth->drained != NULL)
            return; /* a person wants it left all the same */
    }
    ft_sessions_node_well(reign->sessions, node, why);
}

/* A person drains a node, or does so no more (why NULL). The modules, if there are any, know. */
static void on_drained(void *arg, const char *node, const char *why)
{
    struct ft_reign *reign = arg;
    const struct ft_berth *berth =
        reign->modules != NULL ? ft_fleet_node(ft_modules_fleet(reign->modules), node) : NULL;

    if (why != NULL)
        ft_sessions_node_failing(reign->sessions, node, why);
    else if (berth == NULL || berth->failing == NULL)
        ft_sessions_node_well(reign->sessions, node, "it is drained no more");
}

/* What a predecessor was told to drain. */
static void drain_again(struct ft_reign *reign)
{
    const struct ft_berths *berths = ft_fleet_berths(ft_modules_fleet(reign->modules));

    for (const struct ft_berth *berth = ft_berths_first(berths); berth != NULL;
         berth = berth->order_next) {
        if (berth->drained != NULL)
            ft_sessions_node_failing(reign->sessions, berth->name, berth->drained);
    }
}

/* ---------------------------------------------------------------- the watch */

struct declared {
    struct ft_reign *reign;
    uint64_t incarnation;
    char node[FT_NAME_MAX];
    char text[400];
};

/* What was kept of it is safe: now it may be acted upon. */
static void declare(void *arg, const void *data, size_t n)
{
    struct ft_reign *reign = arg;
    const struct declared *declared = data;

    (void) n;
    ft_units_part(reign->units, declared->node, "its node was declared lost");
    ft_sessions_node_declared(reign->sessions, declared->node, declared->text);
    if (reign->modules == NULL)
        return;
    ft_modules_node_lost(reign->modules, declared->node,
                         ft_watch_lease_free_ns(reign->watch, declared->node));
    ft_collector_node_anew(reign->collector, declared->node, "it was declared lost");
}

static void on_declared(void *arg, const char *node, uint64_t incarnation, const char *text)
{
    struct ft_reign *reign = arg;
    struct declared declared = {.incarnation = incarnation};

    ft_text_copy(declared.node, sizeof declared.node, node);
    ft_text_copy(declared.text, sizeof declared.text, text);
    if (ft_reign_out(reign, declare, reign, &declared, sizeof declared) < 0)
        ft_log_error("node %s was declared lost, and nobody can be told: %s", node,
                     strerror(errno));
}

/* How many of the voters were heard within an election's time, this one included. */
static bool majority_is_heard(const struct ft_reign *reign)
{
    struct ft_book_status status;
    size_t voters = 0, heard = 0;

    ft_book_status(reign->config.book, &status);
    for (size_t i = 0; i < status.voters_n; i++) {
        const struct ft_book_voter_status *voter = &status.voters[i];

        voters += voter->votes;
        heard += voter->votes && (voter->self ||
                                  (voter->heard_ms >= 0 &&
                                   voter->heard_ms <= (int64_t) reign->config.plan->election_ms));
    }
    return 2 * heard > voters;
}

/* True as long as this voter is sure to lead: it may have been stopped, and another one elected. */
static bool do_leads(void *arg)
{
    struct ft_reign *reign = arg;
    int64_t now_ns = (int64_t) ft_clock_ns();

    if (reign->stopped)
        return false;
    if (now_ns - reign->leads_ns > LEADS_EACH_MS * NS_PER_MS) {
        reign->leads = majority_is_heard(reign);
        reign->leads_ns = now_ns;
    }
    return reign->leads;
}

static void detector_config(const struct ft_reign *reign, struct ft_detector_config *config)
{
    ft_detector_config(config, reign->config.plan);
    config->alone_waits = true;
    if (reign->config.book == NULL)
        return; /* of a node without a unit the launcher's daemon tells */
    config->takeover_ms = 2 * reign->config.plan->election_ms;
    config->unit_gone_ms = UNIT_GONE_MS;
}

static int make_watch(struct ft_reign *reign, char *why, size_t size)
{
    const struct ft_reign_config *config = &reign->config;
    bool is_system = config->book != NULL;
    struct ft_watch_config watch = {.loop = config->loop,
                                    .node = config->node,
                                    .term = config->term,
                                    .udp = config->udp};
    struct ft_watch_events events = {.declared = on_declared,
                                     .log = log_for,
                                     .keep = is_system ? do_keep : NULL,
                                     .leads = is_system ? do_leads : NULL};

    detector_config(reign, &watch.detector);
    if (!is_system && ft_watch_tune(&watch.detector, getenv("FT_DETECT"), why, size) < 0)
        return -1;
    reign->watch = ft_watch_create(&watch, &events, reign);
    if (reign->watch != NULL)
        return 0;
    snprintf(why, size, "heartbeats cannot be watched: %s", strerror(errno));
    return -1;
}

/* ---------------------------------------------------------------- making */

static void on_core_gone(void *arg, struct ft_central *central)
{
    struct ft_reign *reign = arg;

    ft_requests_core_gone(reign->requests, central);
}

static void take_command(void *arg, uint64_t token, const struct ft_asker *asker,
                         const char *command)
{
    struct ft_reign *reign = arg;
    struct ft_admin_answer answer;

    ft_admin_take(reign->admin, asker, command, &answer);
    if (reign->modules != NULL)
        ft_modules_stir(reign->modules);
    ft_requests_answer(reign->requests, token, answer.status, answer.json, answer.reason,
                       answer.hint);
    ft_admin_answer_clear(&answer);
}

static void central_config(const struct ft_reign *reign, struct ft_central_config *config)
{
    *config = reign->config.plan->central;
    config->term = reign->config.term;
    config->kept_under[0] = '\0';
}

static int make_core(struct ft_reign *reign, char *why, size_t size)
{
    bool is_system = reign->config.book != NULL;
    struct ft_sessions_config config = {
        .env = {.arg = reign,
                .now_ns = do_now_ns,
                .log = do_log,
                .reply = do_reply,
                .probe = do_probe,
                .want_unit = do_want_unit,
                .acquire = do_acquire,
                .abandon = do_abandon,
                .release = do_release,
                .configured = do_configured,
                .explain = do_explain,
                .number = is_system ? do_number : NULL,
                .keep = is_system ? do_keep : NULL},
        .single = !is_system,
        .gone = on_core_gone,
    };
    struct ft_requests_config requests = {0};

    central_config(reign, &config.central);
    if (is_system) {
        reign->outbox = ft_outbox_create();
        if (reign->outbox == NULL)
            goto memory;
    }
    reign->sessions = ft_sessions_create(&config);
    if (reign->sessions == NULL)
        goto memory;
    reign->cms = reign->collected = ft_cms_collected_create(ft_sessions_base(reign->sessions));
    requests.sessions = reign->sessions;
    requests.outbox = reign->outbox;
    requests.admin = take_command;
    requests.admin_arg = reign;
    reign->requests = ft_requests_create(&requests);
    if (reign->requests != NULL && reign->cms != NULL)
        return 0;
memory:
    snprintf(why, size, "out of memory");
    return -1;
}

static struct ft_rms *make_rms(struct ft_reign *reign, const struct ft_plan *plan, char *why,
                               size_t size)
{
    static const struct ft_rms_events events = {on_offer, on_none, on_node_fail};

    return ft_source_make(plan, reign->config.book != NULL, reign->config.loop, &events, reign, why,
                          size);
}

/* What ft.conf says of nodes; the pool's nodes become known, too. */
static int make_nodes(struct ft_reign *reign, const struct ft_plan *plan, char *why, size_t size)
{
    struct ft_central *base = ft_sessions_base(reign->sessions);
    const char *name = NULL;

    for (size_t i = 0; i < ft_hostlist_count(plan->pool); i++) {
        name = ft_hostlist_at(plan->pool, i);
        if (ft_inventory_get(ft_central_inventory(base), name) == NULL)
            goto error;
    }
    for (size_t i = 0; i < plan->nodes_n; i++) {
        name = plan->nodes[i].name;
        if (ft_sessions_set_location(reign->sessions, name, plan->nodes[i].location) < 0)
            goto error;
        ft_watch_place(reign->watch, name, plan->nodes[i].location);
    }
    return 0;
error:
    snprintf(why, size, "node %s cannot be taken in: %s", name, strerror(errno));
    return -1;
}

static int make_links(struct ft_reign *reign, char *why, size_t size)
{
    static const struct ft_units_events events = {
        .up = on_unit_up, .down = on_unit_down, .message = on_unit_message};
    bool is_system = reign->config.book != NULL;
    struct ft_units_config units = {
        .node = reign->config.node,
        .requests = reign->requests,
        .sessions = reign->sessions,
        .watch = reign->watch,
        .cms = reign->collected,
        .term = reign->config.term,
        .run_check = reign->config.plan->central.run_check,
        .launchers_by_unit = is_system,
    };
    struct ft_clients_config clients = {
        .node = reign->config.node,
        .requests = reign->requests,
        .term = reign->config.term,
        .launcher = reign->config.launcher,
        .by_role = is_system,
    };

    reign->units = ft_units_create(&units, &events, reign);
    reign->clients = ft_clients_create(&clients);
    if (reign->units != NULL && reign->clients != NULL)
        return 0;
    snprintf(why, size, "out of memory");
    return -1;
}

static void make_handles(struct ft_reign *reign)
{
    uv_timer_init(reign->config.loop, &reign->timer);
    uv_prepare_init(reign->config.loop, &reign->prepare);
    reign->timer.data = reign->prepare.data = reign;
    reign->armed_ns = INT64_MAX;
    reign->handles = 2;
}

/* ---------------------------------------------------------------- administrators, collection */

static const struct ft_plan *admin_plan(void *arg)
{
    return ((struct ft_reign *) arg)->config.plan;
}

static void admin_book(void *arg, struct ft_book_status *status)
{
    ft_book_status(((struct ft_reign *) arg)->config.book, status);
}

static int admin_hand_over(void *arg, const char *voter, char *why, size_t size)
{
    return ft_book_hand_over(((struct ft_reign *) arg)->config.book, voter, why, size);
}

static ftRetVal_t admin_reload(void *arg, const char *by, char **text)
{
    struct ft_reign *reign = arg;

    return reign->events.reload(reign->arg, by, text);
}

static size_t admin_sessions(void *arg)
{
    return ft_sessions_count(((struct ft_reign *) arg)->sessions);
}

static void add_decisions(void *arg, const char *name, struct ft_central *central)
{
    (void) name;
    *(size_t *) arg += ft_central_decisions(central);
}

static size_t admin_decisions(void *arg)
{
    size_t n = 0;

    ft_sessions_each(((struct ft_reign *) arg)->sessions, add_decisions, &n);
    return n;
}

static int make_admin(struct ft_reign *reign)
{
    bool is_system = reign->config.book != NULL;
    struct ft_admin_config config = {
        .node = reign->config.node,
        .session = reign->config.session,
        .begun_ns = reign->config.begun_ns,
        .central = ft_sessions_base(reign->sessions),
        .fleet = is_system ? ft_modules_fleet(reign->modules) : NULL,
        .detector = ft_watch_detector(reign->watch),
        .collector = reign->collector,
        .events = reign->config.events,
        .arg = reign,
        .plan = admin_plan,
        .book_status = is_system ? admin_book : NULL,
        .hand_over = is_system ? admin_hand_over : NULL,
        .reload = reign->events.reload != NULL ? admin_reload : NULL,
        .sessions = admin_sessions,
        .decisions = admin_decisions,
        .log = log_for,
        .drained = on_drained,
    };

    reign->admin = ft_admin_create(&config);
    return reign->admin != NULL ? 0 : -1;
}

/* ---------------------------------------------------------------- the site's own records */

static void on_records(void *arg, const char *records, const char *why)
{
    struct ft_reign *reign = arg;
    char problem[400];

    if (records == NULL)
        ft_log_warning("Slurm does not tell what nodes are: %s; what is known of it stays", why);
    else if (ft_cms_recorded_feed(reign->cms, records, "scontrol show node", problem,
                                  sizeof problem) < 0)
        ft_log_warning("%s; what is known of it stays", problem);
}

static int feed_file(struct ft_reign *reign, const char *path, char *why, size_t size)
{
    char *text = ft_conftext_read_whole(path, CMS_FILE_MAX_BYTES, why, size);
    int result = text != NULL ? ft_cms_recorded_feed(reign->cms, text, path, why, size) : -1;

    free(text);
    return result;
}

static int make_records(struct ft_reign *reign, char *why, size_t size)
{
    const char *source = reign->config.plan->cms;
    struct ft_cms *recorded;

    if (reign->config.book == NULL || strcmp(source, "collected") == 0)
        return 0;
    recorded = ft_cms_recorded_create(reign->collected);
    if (recorded != NULL) {
        reign->cms = recorded;
        if (strncmp(source, "file:", 5) == 0)
            return feed_file(reign, source + 5, why, size);
        reign->scontrol = ft_scontrol_create(reign->config.loop, "", on_records, reign);
        if (reign->scontrol != NULL)
            return 0;
    }
    snprintf(why, size, "out of memory");
    return -1;
}

/* ---------------------------------------------------------------- modules, the search for units */

static bool is_connected(void *arg, const char *node)
{
    return ft_units_has(((struct ft_reign *) arg)->units, node);
}

static void on_discovery(void *arg, const char *name, const char *node, const char *text)
{
    log_text(arg, name, node[0] != '\0' ? node : NULL, text);
}

static int make_discovery(struct ft_reign *reign)
{
    static const struct ft_discovery_events events = {
        .connected = is_connected, .event = on_discovery};
    struct ft_discovery_config *config = &reign->searching;

    list_hosts(reign->config.node, reign->hosts, sizeof reign->hosts);
    config->loop = reign->config.loop;
    config->identity = reign->config.identity;
    config->udp = reign->config.udp;
    config->node = reign->config.node;
    config->hosts = reign->hosts;
    config->term = reign->config.term;
    config->run = reign->config.run;
    config->unit_port = reign->config.plan->unit_port;
    reign->discovery = ft_discovery_create(config, &events, reign);
    return reign->discovery != NULL &&
           ft_discovery_plan(reign->discovery, reign->config.plan) == 0 ? 0 : -1;
}

static void fleet_log(void *arg, const struct ft_event *event)
{
    struct ft_event copy = *event;

    ft_reign_log(arg, &copy);
}

static int make_modules(struct ft_reign *reign)
{
    const struct ft_plan *plan = reign->config.plan;
    struct ft_modules_config config = {.loop = reign->config.loop,
                                       .term = reign->config.term,
                                       .lease_ms = plan->lease_ms,
                                       .margin_ms = plan->lease_ms / 20 + 2 * plan->election_ms};
    struct ft_modules_env env = {
        .arg = reign, .log = fleet_log, .keep = do_keep, .send = do_send};

    reign->modules = ft_modules_create(&config, &env);
    return reign->modules != NULL ? 0 : -1;
}

/* What a system's central unit has and a job's has not. */
static int make_fleet(struct ft_reign *reign, char *why, size_t size)
{
    if (reign->config.book == NULL)
        return 0;
    if (ft_modules_plan(reign->modules, reign->config.plan) == 0 && make_discovery(reign) == 0) {
        drain_again(reign);
        return 0;
    }
    snprintf(why, size, "out of memory");
    return -1;
}

static void on_failing(void *arg, const char *node, const char *why)
{
    ft_reign_node_failing(arg, node, why);
}

static void on_well(void *arg, const char *node, const char *why)
{
    ft_reign_node_well(arg, node, why);
}

static int make_helpers(struct ft_reign *reign, char *why, size_t size)
{
    static const struct ft_collector_events events = {
        .failing = on_failing, .well = on_well, .log = log_for};

    bool is_system = reign->config.book != NULL;

    if (is_system)
        reign->collector =
            ft_collector_create(reign->config.plan->forecast.drain, &events, reign);
    if ((!is_system || (reign->collector != NULL && make_modules(reign) == 0)) &&
        make_admin(reign) == 0)
        return make_records(reign, why, size);
    snprintf(why, size, "out of memory");
    return -1;
}

static int replan_fleet(struct ft_reign *reign, const struct ft_plan *plan, char *why, size_t size)
{
    ft_collector_set_drain(reign->collector, plan->forecast.drain);
    if (strncmp(plan->cms, "file:", 5) == 0 && reign->cms != reign->collected &&
        reign->scontrol == NULL && feed_file(reign, plan->cms + 5, why, size) < 0)
        ft_log_warning("%s; what is known of it stays", why);
    if (ft_modules_plan(reign->modules, plan) == 0 &&
        ft_discovery_plan(reign->discovery, plan) == 0)
        return 0;
    snprintf(why, size, "out of memory");
    return -1;
}

/* ---------------------------------------------------------------- going on */

static bool restore_one(void *arg, const char *key, const void *data, size_t n)
{
    struct ft_reign *reign = arg;
    int result = 0;

    if (strcmp(key, NUMBERS_KEY) == 0)
        result = restore_numbers(reign, data, n);
    else if (strncmp(key, "node/", 5) == 0)
        result = ft_watch_restore(reign->watch, key + 5, data, n);
    else
        result = ft_sessions_restore(reign->sessions, key, data, n);
    if (result < 0)
        ft_log_error("what was kept under \"%s\" is not used: %s", key, strerror(errno));
    return true;
}

static void on_taken(void *arg, const char *node)
{
    struct ft_reign *reign = arg;

    ft_rms_taken(reign->rms, node);
}

static void restore(struct ft_reign *reign)
{
    if (reign->config.book == NULL)
        return;
    /* Below what any predecessor's may be. */
    reign->numbers[FT_NUMBER_PROBE] = reign->numbers[FT_NUMBER_ACQUIRE] = reign->config.term << 32;
    ft_ledger_each(ft_book_ledger(reign->config.book), "", restore_one, reign);
    ft_sessions_restored(reign->sessions, on_taken, reign);
    if (ft_modules_restore(reign->modules, ft_book_ledger(reign->config.book)) < 0)
        ft_log_error("what was kept of modules is not used: %s", strerror(errno));
}

void ft_reign_start_units(struct ft_reign *reign)
{
    const struct ft_hostlist *pool = reign->config.plan->pool;

    for (size_t i = 0; reign->starter != NULL && i < ft_hostlist_count(pool); i++)
        do_want_unit(reign, ft_hostlist_at(pool, i));
}

struct ft_reign *ft_reign_create(const struct ft_reign_config *config,
                                 const struct ft_reign_events *events, void *arg)
{
    struct ft_reign *reign = calloc(1, sizeof *reign);

    if (reign == NULL)
        return NULL;
    reign->config = *config;
    reign->events = *events;
    reign->arg = arg;
    reign->later_end = &reign->later;
    reign->begun_ns = (int64_t) ft_clock_ns();
    make_handles(reign);
    return reign;
}

int ft_reign_begin(struct ft_reign *reign, char *why, size_t size)
{
    reign->mute = true; /* until it is whole */
    if (make_core(reign, why, size) < 0 || make_watch(reign, why, size) < 0 ||
        (reign->rms = make_rms(reign, reign->config.plan, why, size)) == NULL ||
        make_links(reign, why, size) < 0 || make_starter(reign, why, size) < 0 ||
        make_helpers(reign, why, size) < 0)
        return -1;
    restore(reign);
    reign->mute = false;
    reign->ready = true;
    if (make_nodes(reign, reign->config.plan, why, size) < 0 || make_fleet(reign, why, size) < 0)
        return -1;
    uv_prepare_start(&reign->prepare, on_prepare);
    return 0;
}

/* ---------------------------------------------------------------- those who come */

void ft_reign_unit(struct ft_reign *reign, struct ft_link *link, const Ft__Hello *hello)
{
    ft_units_greet(reign->units, link, hello);
}

void ft_reign_client(struct ft_reign *reign, struct ft_link *link, const Ft__Hello *hello,
                     bool local)
{
    ft_clients_greet(reign->clients, link, hello, local);
}

void ft_reign_packet(struct ft_reign *reign, const uint8_t *bytes, size_t n,
                     const struct sockaddr *from)
{
    if (reign->stopped)
        return;
    if (reign->discovery == NULL || !ft_discovery_packet(reign->discovery, bytes, n, from))
        ft_watch_packet(reign->watch, bytes, n, from);
}

void ft_reign_refused(struct ft_reign *reign, const char *text)
{
    log_text(reign, "connection_refused", NULL, text);
}

void ft_reign_safe(struct ft_reign *reign, uint64_t mark)
{
    if (!reign->mute)
        ft_outbox_safe(reign->outbox, mark);
}

/* ---------------------------------------------------------------- another plan */

/* The pool's spares that are given stay given. */
static void take_given(void *arg, const char *name, struct ft_central *central)
{
    const struct ft_node *node = ft_inventory_first(ft_central_inventory(central));

    (void) name;
    for (; node != NULL; node = node->order_next) {
        if (node->acquired)
            ft_rms_taken(arg, node->name);
    }
}

int ft_reign_replan(struct ft_reign *reign, const struct ft_plan *plan, char *why, size_t size)
{
    struct ft_central_config central;
    struct ft_detector_config detector;
    struct ft_rms *rms = make_rms(reign, plan, why, size);

    if (rms == NULL)
        return -1;
    ft_sessions_each(reign->sessions, take_given, rms);
    reign->config.plan = plan;
    central_config(reign, &central);
    detector_config(reign, &detector);
    if (make_nodes(reign, plan, why, size) < 0)
        goto error;
    if (ft_sessions_reconfigure(reign->sessions, &central) < 0 ||
        ft_watch_set_config(reign->watch, &detector) < 0) {
        snprintf(why, size, "the new times cannot be used: %s", strerror(errno));
        goto error;
    }
    ft_rms_destroy(reign->rms);
    reign->rms = rms;
    ft_units_set_check(reign->units, plan->central.run_check);
    return replan_fleet(reign, plan, why, size);
error:
    ft_rms_destroy(rms);
    return -1;
}

/* ---------------------------------------------------------------- the end */

static void on_handle_closed(uv_handle_t *handle)
{
    struct ft_reign *reign = handle->data;

    reign->handles--;
}

void ft_reign_stop(struct ft_reign *reign, bool leave, const char *reason)
{
    if (reign->stopped)
        return;
    reign->stopped = true;
    if (!leave)
        reign->mute = true;
    uv_close((uv_handle_t *) &reign->timer, on_handle_closed);
    uv_close((uv_handle_t *) &reign->prepare, on_handle_closed);
    if (reign->starter != NULL)
        ft_starter_stop(reign->starter);
    if (reign->clients != NULL)
        ft_clients_stop(reign->clients);
    if (reign->units != NULL)
        ft_units_stop(reign->units, leave, reason);
    if (reign->watch != NULL)
        ft_watch_stop(reign->watch);
    if (reign->discovery != NULL)
        ft_discovery_stop(reign->discovery);
    ft_scontrol_stop(reign->scontrol);
    reign->scontrol = NULL;
    ft_rms_destroy(reign->rms); /* what it has in the loop keeps that going */
    reign->rms = NULL;
}

bool ft_reign_is_over(const struct ft_reign *reign)
{
    return reign->stopped && reign->handles == 0 &&
           (reign->units == NULL || ft_units_count(reign->units) == 0) &&
           (reign->clients == NULL || ft_clients_count(reign->clients) == 0) &&
           (reign->starter == NULL || ft_starter_is_over(reign->starter)) &&
           (reign->discovery == NULL || ft_discovery_is_over(reign->discovery));
}

void ft_reign_destroy(struct ft_reign *reign)
{
    if (reign == NULL)
        return;
    ft_admin_destroy(reign->admin);
    ft_discovery_destroy(reign->discovery);
    ft_modules_destroy(reign->modules);
    ft_starter_destroy(reign->starter);
    ft_clients_destroy(reign->clients);
    ft_units_destroy(reign->units);
    while (reign->later != NULL) {
        struct later *later = reign->later;

        reign->later = later->next;
        free_later(later);
    }
    ft_watch_destroy(reign->watch);
    ft_collector_destroy(reign->collector);
    if (reign->rms != NULL)
        ft_rms_destroy(reign->rms);
    if (reign->cms != NULL)
        ft_cms_destroy(reign->cms);
    ft_sessions_destroy(reign->sessions);
    ft_requests_destroy(reign->requests);
    ft_outbox_destroy(reign->outbox);
    free(reign);
}

/* ---------------------------------------------------------------- looking in */

uint64_t ft_reign_term(const struct ft_reign *reign)
{
    return reign->config.term;
}

const struct ft_plan *ft_reign_plan(const struct ft_reign *reign)
{
    return reign->config.plan;
}

struct ft_central *ft_reign_base(const struct ft_reign *reign)
{
    return ft_sessions_base(reign->sessions);
}

struct ft_sessions *ft_reign_sessions(const struct ft_reign *reign)
{
    return reign->sessions;
}

struct ft_watch *ft_reign_watch(const struct ft_reign *reign)
{
    return reign->watch;
}

struct ft_units *ft_reign_units(const struct ft_reign *reign)
{
    return reign->units;
}

struct ft_cms *ft_reign_cms(const struct ft_reign *reign)
{
    return reign->cms;
}

struct ft_book *ft_reign_book(const struct ft_reign *reign)
{
    return reign->config.book;
}

struct ft_events *ft_reign_events_log(const struct ft_reign *reign)
{
    return reign->config.events;
}

uint64_t ft_reign_events_n(const struct ft_reign *reign)
{
    return reign->numbers[FT_NUMBER_EVENT];
}

struct ft_modules *ft_reign_modules(const struct ft_reign *reign)
{
    return reign->modules;
}

struct ft_collector *ft_reign_collector(const struct ft_reign *reign)
{
    return reign->collector;
}
