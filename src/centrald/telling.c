/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * telling.c - what the central unit knows, as JSON. Called by admin.c; changes nothing.
 *
 * What a node is comes from several sources, each of which may be missing:
 *     the base's inventory (core/inventory.h)  all nodes there are, hardware, the launcher's view
 *     the detector (core/detector.h)           whether it is heard
 *     the fleet (core/fleet.h)                 modules, drained, going down
 *     the collector (centrald/collector.h)     the latest readings, troubles
 * doc/ft_admin.3.scd names every key; keys are added, not changed.
 */
#include "centrald/telling.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/hostlist.h"
#include "core/inventory.h"

#define NS_PER_S INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

/* How a node is, in one word. */
enum node_word { WELL, SILENT, CUT, NO_UNIT, LOST, LEFT, NODE_WORDS };
static const char *const node_words[NODE_WORDS] = {"well", "silent", "cut",
                                                   "no-unit", "lost", "left"};

/* All that is known of one node, put together. */
struct node {
    const struct ft_node *node;
    const struct ft_berth *berth; /* NULL: the fleet does not know it */
    bool watched;
    struct ft_watch_status watch;
    enum node_word word;
};

/* ---------------------------------------------------------------- times */

/* A moment of ft_clock_ns as the time of day; null if it is 0. */
static void tell_time(struct ft_json *json, ft_json_at to, const char *key, int64_t at_ns)
{
    char text[FT_CLOCK_TEXT_BYTES];
    int64_t ago_ms = ((int64_t) ft_clock_ns() - at_ns) / NS_PER_MS;

    ft_json_text(json, to, key,
                 at_ns != 0 ? ft_clock_text(ft_clock_unix_ms() - ago_ms, text) : NULL);
}

/* A text, null if it is "" or NULL. */
static void tell_some(struct ft_json *json, ft_json_at to, const char *key, const char *text)
{
    ft_json_text(json, to, key, text != NULL && text[0] != '\0' ? text : NULL);
}

/* ---------------------------------------------------------------- one node */

static enum node_word word_of(const struct node *node)
{
    const struct ft_node *known = node->node;

    if (known->declared || known->state == FT_NODE_IS_LOST ||
        (node->watched && node->watch.state == FT_WATCH_LOST) ||
        (node->berth != NULL && node->berth->lost))
        return LOST;
    if (node->watched) {
        switch (node->watch.state) {
        case FT_WATCH_SUSPECTED: case FT_WATCH_HELD: return SILENT;
        case FT_WATCH_BROKEN: return CUT;
        case FT_WATCH_UNIT_GONE: return NO_UNIT;
        case FT_WATCH_LEFT: return LEFT;
        default: break;
        }
    }
    if (known->state == FT_NODE_IS_LEFT && !known->unit_up)
        return LEFT;
    return known->unit_up ? WELL : NO_UNIT;
}

static struct node look_at(const struct ft_admin_config *config, const struct ft_node *known)
{
    struct node node = {.node = known};

    if (config->fleet != NULL)
        node.berth = ft_fleet_node(config->fleet, known->name);
    if (config->detector != NULL) {
        uint32_t number = ft_detector_find(config->detector, known->name);

        node.watched = number != FT_DETECTOR_NONE;
        if (node.watched)
            ft_detector_status(config->detector, number, &node.watch);
    }
    node.word = word_of(&node);
    return node;
}

static void tell_hardware(struct ft_json *json, ft_json_at to, const struct ft_node *node)
{
    const struct ft_facts *facts = &node->facts;
    ft_json_at object, devices;

    if (!node->facts_known) {
        ft_json_null(json, to, "hardware");
        return;
    }
    object = ft_json_object(json, to, "hardware");
    ft_json_text(json, object, "arch", facts->arch);
    tell_some(json, object, "model", facts->model);
    ft_json_number(json, object, "packages", facts->packages);
    ft_json_number(json, object, "numa_nodes", facts->numa_nodes);
    ft_json_number(json, object, "cores", facts->cores);
    ft_json_number(json, object, "pus", facts->pus);
    ft_json_number(json, object, "memory_bytes", (int64_t) facts->memory_bytes);
    devices = ft_json_object(json, object, "devices");
    for (int i = 0; i < FT_FACTS_DEVICES_MAX && facts->devices[i].type[0] != '\0'; i++)
        ft_json_number(json, devices, facts->devices[i].type, facts->devices[i].count);
}

/* The latest reading of the node as a whole; null if there is none. */
static void tell_reading(const struct ft_admin_config *config, struct ft_json *json, ft_json_at to,
                         const char *key, const char *node, enum ft_reading what)
{
    double value;

    if (config->collector != NULL &&
        ft_history_latest(ft_collector_history(config->collector), node, what, "", &value))
        ft_json_real(json, to, key, value);
    else
        ft_json_null(json, to, key);
}

/* For visitors that add to a list. */
struct adding {
    struct ft_json *json;
    ft_json_at list;
    int64_t now_ns;
};

static void add_trouble(void *arg, const struct ft_collector_trouble *trouble)
{
    struct adding *adding = arg;
    ft_json_at object = ft_json_item(adding->json, adding->list);

    ft_json_text(adding->json, object, "node", trouble->node);
    ft_json_text(adding->json, object, "what", trouble->what);
    ft_json_text(adding->json, object, "grade", trouble->grade > 1 ? "failing" : "warning");
    if (trouble->left_s >= 0)
        ft_json_real(adding->json, object, "left_s", trouble->left_s);
    else
        ft_json_null(adding->json, object, "left_s");
    tell_some(adding->json, object, "evidence", trouble->evidence);
    ft_json_text(adding->json, object, "text", trouble->text);
    tell_time(adding->json, object, "since", trouble->since_ns);
}

static void tell_troubles(const struct ft_admin_config *config, struct ft_json *json,
                          ft_json_at to, const char *node)
{
    struct adding adding = {.json = json, .list = ft_json_list(json, to, "troubles")};

    if (config->collector != NULL)
        ft_collector_each(config->collector, node, add_trouble, &adding);
}

static void add_reading(void *arg, const char *node, unsigned what, const char *of, double value)
{
    struct adding *adding = arg;
    ft_json_at object = ft_json_item(adding->json, adding->list);

    (void) node;
    ft_json_text(adding->json, object, "what", ft_reading_kind(what)->name);
    tell_some(adding->json, object, "of", of);
    ft_json_real(adding->json, object, "value", value);
}

/* What is told of a node that was asked for by name. */
static void tell_readings(const struct ft_admin_config *config, struct ft_json *json,
                          ft_json_at to, const char *node)
{
    struct adding adding = {.json = json, .list = ft_json_list(json, to, "readings")};

    if (config->collector != NULL)
        ft_history_each(ft_collector_history(config->collector), node, add_reading, &adding);
}

/* Why it is going down; NULL: it is not. A node that a person drains is to be left, too, which
 * launchers are told in the same way; but it is well. */
static const char *why_failing(const struct node *node)
{
    const struct ft_node *known = node->node;

    if (node->berth != NULL && node->berth->failing != NULL)
        return node->berth->failing;
    if (!known->failing || (node->berth != NULL && node->berth->drained != NULL))
        return NULL;
    return known->failing_text != NULL ? known->failing_text : "it is to be left";
}

static const char *why_not_well(const struct node *node)
{
    if (node->word == WELL)
        return NULL;
    if (node->node->state_text != NULL && node->word == LOST)
        return node->node->state_text;
    return node->node->unit_text;
}

static void tell_node(const struct ft_admin_config *config, struct ft_json *json, ft_json_at to,
                      const struct node *node)
{
    const struct ft_node *known = node->node;
    const struct ft_plan_node *planned = ft_plan_node(config->plan(config->arg), known->name);
    char location[FT_LOCATION_MAX];

    ft_json_text(json, to, "name", known->name);
    ft_json_text(json, to, "state", node_words[node->word]);
    tell_some(json, to, "why", why_not_well(node));
    ft_json_truth(json, to, "unit", known->unit_up);
    ft_json_text(json, to, "watch", node->watched ? ft_watch_state_text(node->watch.state) : NULL);
    if (node->watched && node->watch.silent_ms >= 0)
        ft_json_number(json, to, "silent_ms", node->watch.silent_ms);
    else
        ft_json_null(json, to, "silent_ms");
    tell_time(json, to, "since", known->state_ns);
    tell_some(json, to, "location", ft_inventory_location(known, location, sizeof location));
    ft_json_truth(json, to, "spare",
                  (planned != NULL && planned->spare) ||
                      ft_hostlist_contains(config->plan(config->arg)->pool, known->name));
    tell_some(json, to, "drained", node->berth != NULL ? node->berth->drained : NULL);
    tell_some(json, to, "failing", why_failing(node));
    ft_json_number(json, to, "modules", node->berth != NULL ? node->berth->modules_n : 0);
    ft_json_number(json, to, "processes", known->processes_n);
    tell_hardware(json, to, known);
    tell_reading(config, json, to, "load", known->name, FT_READING_LOAD);
    tell_reading(config, json, to, "memory_free_bytes", known->name, FT_READING_MEMORY_FREE);
    tell_troubles(config, json, to, known->name);
}

ftRetVal_t ft_tell_nodes(const struct ft_admin_config *config, const struct ft_telling *telling,
                         struct ft_json *json)
{
    struct ft_inventory *inventory = ft_central_inventory(config->central);
    ft_json_at list = ft_json_list(json, json->root, "nodes");
    const struct ft_node *known = ft_inventory_first(inventory);
    unsigned n = 0;

    if (telling->node != NULL || telling->after != NULL) {
        known = ft_inventory_find(inventory, telling->node != NULL ? telling->node
                                                                   : telling->after);
        if (known == NULL)
            return FT_ERR_UNKNOWN;
        if (telling->node == NULL)
            known = known->order_next;
    }
    for (; known != NULL && n < telling->limit; known = known->order_next, n++) {
        struct node node = look_at(config, known);
        ft_json_at object = ft_json_item(json, list);

        tell_node(config, json, object, &node);
        if (telling->node != NULL) {
            tell_readings(config, json, object, known->name);
            return FT_OK;
        }
        if (n + 1 == telling->limit && known->order_next != NULL)
            ft_json_text(json, json->root, "next", known->name);
    }
    return FT_OK;
}

/* ---------------------------------------------------------------- modules */

static const char *module_word(const struct ft_fleet_view *view)
{
    if (view->node[0] == '\0')
        return view->waits[0] != '\0' ? "waiting" : "stopped";
    return view->state_known ? ft_module_state_text(view->state) : "unknown";
}

static void tell_module(struct ft_json *json, ft_json_at to, const struct ft_fleet_view *view)
{
    const struct ft_plan_module *spec = view->spec;

    ft_json_text(json, to, "name", view->name);
    tell_some(json, to, "node", view->node);
    tell_some(json, to, "home", spec != NULL ? spec->home : NULL);
    ft_json_text(json, to, "state", module_word(view));
    tell_time(json, to, "since", view->since_ns);
    ft_json_number(json, to, "epoch", (int64_t) view->epoch);
    if (view->pid > 0)
        ft_json_number(json, to, "pid", view->pid);
    else
        ft_json_null(json, to, "pid");
    ft_json_number(json, to, "restarts", view->restarts);
    ft_json_real(json, to, "restart_ms", view->restart_ms);
    ft_json_text(json, to, "last_end",
                 view->end != FT_END_NONE ? ft_module_end_text(view->end) : NULL);
    ft_json_number(json, to, "code", view->code);
    ft_json_truth(json, to, "leaving", view->leaving);
    ft_json_truth(json, to, "enabled", spec != NULL && spec->enabled);
    ft_json_number(json, to, "priority", spec != NULL ? spec->priority : 0);
    tell_some(json, to, "waits", view->waits);
    tell_some(json, to, "text", view->text);
}

ftRetVal_t ft_tell_modules(const struct ft_admin_config *config, const struct ft_telling *telling,
                           struct ft_json *json)
{
    ft_json_at list = ft_json_list(json, json->root, "modules");
    bool begun = telling->after == NULL;
    struct ft_fleet_view view;
    unsigned n = 0;
    char last[FT_MODULE_NAME_MAX] = "";

    if (config->fleet == NULL)
        return telling->module == NULL && begun ? FT_OK : FT_ERR_UNKNOWN;
    if (telling->module != NULL) {
        if (!ft_fleet_find(config->fleet, telling->module, &view))
            return FT_ERR_UNKNOWN;
        tell_module(json, ft_json_item(json, list), &view);
        return FT_OK;
    }
    for (size_t i = 0; ft_fleet_at(config->fleet, i, &view); i++) {
        if (!begun) {
            begun = strcmp(view.name, telling->after) == 0;
            continue;
        }
        if (telling->node != NULL && !ft_node_names_equal(view.node, telling->node))
            continue;
        if (n == telling->limit) {
            ft_json_text(json, json->root, "next", last);
            break;
        }
        tell_module(json, ft_json_item(json, list), &view);
        snprintf(last, sizeof last, "%s", view.name);
        n++;
    }
    return begun ? FT_OK : FT_ERR_UNKNOWN;
}

/* ---------------------------------------------------------------- the central unit */

static void tell_voter(struct ft_json *json, ft_json_at to,
                       const struct ft_book_voter_status *voter)
{
    ft_json_text(json, to, "name", voter->name);
    ft_json_text(json, to, "address", voter->address);
    ft_json_text(json, to, "state", voter->state);
    ft_json_truth(json, to, "leads", voter->leads);
    ft_json_truth(json, to, "votes", voter->votes);
    ft_json_truth(json, to, "witness", voter->witness);
    ft_json_number(json, to, "priority", voter->priority);
    ft_json_truth(json, to, "connected", voter->self || voter->connected);
    ft_json_number(json, to, "last_index", (int64_t) voter->last_index);
    ft_json_number(json, to, "lag", (int64_t) voter->lag);
    if (voter->heard_ms >= 0)
        ft_json_number(json, to, "heard_ms", voter->heard_ms);
    else
        ft_json_null(json, to, "heard_ms");
}

/* A central unit that keeps no ledger: one voter, which leads. */
static void alone(const struct ft_admin_config *config, struct ft_book_status *status)
{
    memset(status, 0, sizeof *status);
    snprintf(status->leader, sizeof status->leader, "%s", config->node);
    snprintf(status->text, sizeof status->text, "the job's own central unit; it has no backup");
    status->leads = true;
    status->voters_n = 1;
    snprintf(status->voters[0].name, sizeof status->voters[0].name, "%s", config->node);
    snprintf(status->voters[0].state, sizeof status->voters[0].state, "leads");
    status->voters[0].self = status->voters[0].leads = status->voters[0].votes = true;
}

static void get_book(const struct ft_admin_config *config, struct ft_book_status *status)
{
    if (config->book_status != NULL)
        config->book_status(config->arg, status);
    else
        alone(config, status);
}

void ft_tell_central(const struct ft_admin_config *config, struct ft_json *json)
{
    struct ft_book_status status;
    ft_json_at list;

    get_book(config, &status);
    tell_some(json, json->root, "leader", status.leader);
    ft_json_number(json, json->root, "term", (int64_t) status.term);
    ft_json_number(json, json->root, "last_index", (int64_t) status.last_index);
    ft_json_number(json, json->root, "commit_index", (int64_t) status.commit_index);
    ft_json_number(json, json->root, "snapshot_index", (int64_t) status.snapshot_index);
    ft_json_number(json, json->root, "ledger_keys", (int64_t) status.ledger_keys);
    ft_json_number(json, json->root, "ledger_bytes", (int64_t) status.ledger_bytes);
    ft_json_truth(json, json->root, "disk_full", status.disk_full);
    tell_some(json, json->root, "text", status.text);
    list = ft_json_list(json, json->root, "voters");
    for (size_t i = 0; i < status.voters_n; i++)
        tell_voter(json, ft_json_item(json, list), &status.voters[i]);
}

/* ---------------------------------------------------------------- all at a glance */

struct node_counts {
    size_t all, by_word[NODE_WORDS], drained, failing;
};

static void count_nodes(const struct ft_admin_config *config, struct node_counts *counts)
{
    const struct ft_node *known = ft_inventory_first(ft_central_inventory(config->central));

    memset(counts, 0, sizeof *counts);
    for (; known != NULL; known = known->order_next) {
        struct node node = look_at(config, known);

        counts->all++;
        counts->by_word[node.word]++;
        counts->drained += node.berth != NULL && node.berth->drained != NULL;
        counts->failing += why_failing(&node) != NULL;
    }
}

static void tell_node_counts(const struct node_counts *counts, struct ft_json *json)
{
    ft_json_at object = ft_json_object(json, json->root, "nodes");

    ft_json_number(json, object, "all", (int64_t) counts->all);
    for (int i = 0; i < NODE_WORDS; i++)
        ft_json_number(json, object, node_words[i], (int64_t) counts->by_word[i]);
    ft_json_number(json, object, "drained", (int64_t) counts->drained);
    ft_json_number(json, object, "failing", (int64_t) counts->failing);
}

struct module_counts {
    size_t all, runs, starting, waiting, stopped, other;
};

static void count_modules(const struct ft_admin_config *config, struct module_counts *counts)
{
    struct ft_fleet_view view;

    memset(counts, 0, sizeof *counts);
    for (size_t i = 0; config->fleet != NULL && ft_fleet_at(config->fleet, i, &view); i++) {
        const char *word = module_word(&view);

        counts->all++;
        if (strcmp(word, "runs") == 0)
            counts->runs++;
        else if (strcmp(word, "starting") == 0)
            counts->starting++;
        else if (strcmp(word, "waiting") == 0)
            counts->waiting++;
        else if (strcmp(word, "stopped") == 0 || strcmp(word, "done") == 0)
            counts->stopped++;
        else
            counts->other++;
    }
}

static void tell_module_counts(const struct module_counts *counts, struct ft_json *json)
{
    ft_json_at object = ft_json_object(json, json->root, "modules");

    ft_json_number(json, object, "all", (int64_t) counts->all);
    ft_json_number(json, object, "runs", (int64_t) counts->runs);
    ft_json_number(json, object, "starting", (int64_t) counts->starting);
    ft_json_number(json, object, "waiting", (int64_t) counts->waiting);
    ft_json_number(json, object, "stopped", (int64_t) counts->stopped);
    ft_json_number(json, object, "other", (int64_t) counts->other);
}

static size_t voters_well(const struct ft_book_status *status, size_t *all)
{
    size_t well = 0;

    *all = 0;
    for (size_t i = 0; i < status->voters_n; i++) {
        *all += status->voters[i].votes;
        well += status->voters[i].votes && (status->voters[i].self || status->voters[i].connected);
    }
    return well;
}

static void tell_settings(const struct ft_plan *plan, struct ft_json *json)
{
    ft_json_at object = ft_json_object(json, json->root, "config");
    char hash[20];

    snprintf(hash, sizeof hash, "%016llx", (unsigned long long) plan->hash);
    tell_some(json, object, "path", plan->path);
    ft_json_text(json, object, "hash", hash);
    tell_some(json, object, "warnings", plan->warnings);
}

void ft_tell_status(const struct ft_admin_config *config, struct ft_json *json)
{
    struct ft_book_status book;
    struct node_counts nodes;
    struct module_counts modules;
    size_t voters, well;
    ft_json_at object;

    get_book(config, &book);
    count_nodes(config, &nodes);
    count_modules(config, &modules);
    well = voters_well(&book, &voters);
    ft_json_text(json, json->root, "mode", config->session != NULL ? "job" : "system");
    ft_json_text(json, json->root, "session", config->session);
    ft_json_text(json, json->root, "version", FT_VERSION);
    tell_some(json, json->root, "leader", book.leader);
    ft_json_text(json, json->root, "node", config->node);
    ft_json_number(json, json->root, "term", (int64_t) book.term);
    tell_time(json, json->root, "started", config->begun_ns);
    ft_json_number(json, json->root, "uptime_s",
                   ((int64_t) ft_clock_ns() - config->begun_ns) / NS_PER_S);
    object = ft_json_object(json, json->root, "voters");
    ft_json_number(json, object, "all", (int64_t) voters);
    ft_json_number(json, object, "well", (int64_t) well);
    tell_node_counts(&nodes, json);
    tell_module_counts(&modules, json);
    ft_json_number(json, json->root, "sessions",
                   (int64_t) (config->sessions != NULL ? config->sessions(config->arg) : 0));
    ft_json_number(json, json->root, "decisions",
                   (int64_t) (config->decisions != NULL ? config->decisions(config->arg)
                                                        : ft_central_decisions(config->central)));
    tell_troubles(config, json, json->root, NULL);
    tell_settings(config->plan(config->arg), json);
    ft_json_truth(json, json->root, "well",
                  well == voters && !book.disk_full && nodes.by_word[LOST] == 0 &&
                      nodes.by_word[SILENT] == 0 && nodes.by_word[CUT] == 0 &&
                      nodes.failing == 0 && modules.waiting == 0 && modules.other == 0);
}

/* ---------------------------------------------------------------- events */

struct adding_events {
    const struct ft_telling *telling;
    struct ft_json *json;
    ft_json_at list;
    unsigned n, limit, skip, all;
    uint64_t last;
    bool more;
};

static bool may_see(const struct ft_telling *telling, const char *line)
{
    return telling->sees_all || ft_events_may_see(line, telling->uid);
}

static bool add_event(void *arg, uint64_t seq, const char *line)
{
    struct adding_events *adding = arg;

    if (!may_see(adding->telling, line)) {
        adding->last = seq;
        return true;
    }
    if (adding->skip > 0) {
        adding->skip--;
        adding->last = seq;
        return true;
    }
    if (adding->n == adding->limit) {
        adding->more = true;
        return false;
    }
    ft_json_item_raw(adding->json, adding->list, line);
    adding->last = seq;
    adding->n++;
    return true;
}

static bool count_event(void *arg, uint64_t seq, const char *line)
{
    struct adding_events *adding = arg;

    (void) seq;
    adding->all += may_see(adding->telling, line);
    return true;
}

void ft_tell_events(const struct ft_admin_config *config, const struct ft_telling *telling,
                    struct ft_json *json)
{
    const struct ft_recent *recent = ft_events_recent(config->events);
    struct adding_events adding = {.telling = telling,
                                   .json = json,
                                   .limit = telling->limit,
                                   .last = telling->after_seq};

    if (telling->tail > 0) {
        ft_recent_after(recent, telling->after_seq, count_event, &adding);
        adding.skip = adding.all > telling->tail ? adding.all - telling->tail : 0;
    }
    adding.list = ft_json_list(json, json->root, "events");
    ft_recent_after(recent, telling->after_seq, add_event, &adding);
    ft_json_number(json, json->root, "next", (int64_t) adding.last);
    ft_json_truth(json, json->root, "more", adding.more);
    /* Entries between the one asked for and the oldest that there is are gone. */
    ft_json_truth(json, json->root, "missed",
                  telling->after_seq > 0 && ft_recent_first(recent) > telling->after_seq + 1);
}
