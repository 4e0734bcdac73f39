/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * world.c - a made-up cluster around core.
 *
 * One history: a job of some ranks on some nodes, some spares, and then a few hundred steps, each
 * of which lets something happen: a node is lost, a rank dies, a unit disconnects, a rank reports
 * an error, asks for an alternative, claims one, gives a request up. What core asks for (probes,
 * nodes, units) is answered after a random while, or never; a process that is told to start a
 * stand-in does so, fails, dies or hangs. Time is a number here: the world jumps from one due thing
 * to the next.
 *
 * Everything follows from the seed: the same seed gives the same history, entry by entry, which
 * main.c checks by running each one twice.
 */
#include "world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/inventory.h"

#define NS_PER_MS INT64_C(1000000)
#define GIB (UINT64_C(1) << 30)
#define JOB "job@1"
#define STEPS 160
#define NEVER INT64_MAX

uint64_t world_random(struct world *world, uint64_t n)
{
    uint64_t x = (world->random += UINT64_C(0x9e3779b97f4a7c15));

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) % n;
}

bool world_chance(struct world *world, unsigned percent)
{
    return world_random(world, 100) < percent;
}

int world_node(const struct world *world, const char *name)
{
    for (int i = 0; name != NULL && i < NODES; i++) {
        if (strcmp(world->nodes[i].name, name) == 0)
            return i;
    }
    return -1;
}

/* ---------------------------------------------------------------- what is due later */

struct sim_deferred *world_defer(struct world *world, enum sim_deferred_kind kind, int64_t due_ns)
{
    for (int i = 0; i < DEFERRED; i++) {
        if (world->deferred[i].used)
            continue;
        world->deferred[i] = (struct sim_deferred) {.kind = kind, .due_ns = due_ns, .used = true};
        return &world->deferred[i];
    }
    rule_broken(world, "core asks for more than %d things at once", DEFERRED);
    return &world->deferred[0];
}

static int64_t soon(struct world *world)
{
    return world->now_ns + (int64_t) world_random(world, 30 * NS_PER_MS);
}

/* ---------------------------------------------------------------- core's effects */

static int64_t do_now_ns(void *arg)
{
    return ((struct world *) arg)->now_ns;
}

static void do_log(void *arg, const struct ft_event *event)
{
    rules_event(arg, event);
}

static void do_reply(void *arg, uint64_t token, const ftReply_t *reply)
{
    struct world *world = arg;

    rules_said(world, token, reply);
    if (world->keeps)
        takeover_reply(world, token, reply);
    else
        world_deliver(world, token, reply);
}

/* The launcher hears what became of a node: of a lost one it lets go, in its own time. */
static void hear_news(struct world *world, const ftReply_t *reply)
{
    int index = world_node(world, reply->resource.node);

    if (world->show)
        printf("# %10.3f ms the launcher hears of %s: %d (%" PRIu64 ")\n",
               (double) world->now_ns / NS_PER_MS, reply->resource.node, (int) reply->change,
               reply->decision);
    world->news_token = 0;
    if (reply->status == FT_OK)
        world->news_after = reply->decision;
    if (reply->status == FT_OK && reply->change != 0 && index >= 0) {
        world->nodes[index].told = reply->change;
        world->nodes[index].well_due = false;
        if (reply->change == FT_NODE_LOST)
            world_defer(world, SIM_DROP, soon(world))->node = index;
    }
    world_defer(world, SIM_LISTEN, soon(world));
}

void world_deliver(struct world *world, uint64_t token, const ftReply_t *reply)
{
    struct sim_deferred *start;

    rules_reply(world, token, reply);
    if (token > 0 && token == world->news_token) {
        hear_news(world, reply);
        return;
    }
    if (token > 0 && token <= (uint64_t) world->requests_n && reply->status == FT_OK &&
        world->requests[token - 1].kind == SIM_SPARE &&
        !world->processes[world->requests[token - 1].asker].heard)
        world_defer(world, SIM_BEGIN, soon(world))->process = world->requests[token - 1].asker;
    if (token == 0 || token > (uint64_t) world->requests_n || reply->status != FT_OK ||
        world->requests[token - 1].kind != SIM_CLAIM || reply->reach != FT_REACH_START)
        return;
    start = world_defer(world, SIM_START, world->now_ns + (int64_t) world_random(world, 400 * NS_PER_MS));
    start->id = reply->decision;
    start->process = world->requests[token - 1].asker;
    start->node = world_node(world, reply->alternative.node);
}

static int do_probe(void *arg, uint64_t probe, const char *node, unsigned timeout_ms, char *why,
                    size_t size)
{
    struct world *world = arg;
    int index = world_node(world, node);
    struct sim_deferred *deferred;

    (void) timeout_ms;
    if (index < 0 || world_chance(world, 3)) {
        snprintf(why, size, "the queue to its unit is full");
        return -1;
    }
    if (!world->nodes[index].unit_up || world_chance(world, 8))
        return 0; /* never answered */
    deferred = world_defer(world, SIM_PROBE, soon(world));
    deferred->id = probe;
    deferred->node = index;
    return 0;
}

static int do_end_rank(void *arg, const char *node, const char *job, int rank, char *why, size_t size)
{
    struct world *world = arg;
    int index = world_node(world, node);

    rules_end_rank(world, job, rank);
    if (index < 0 || !world->nodes[index].unit_up || world_chance(world, 10)) {
        snprintf(why, size, "the queue to its unit is full");
        world->processes[rank].excused = true;
        return -1;
    }
    world_defer(world, SIM_KILL, soon(world))->process = rank;
    return 0;
}

static void do_want_unit(void *arg, const char *node)
{
    struct world *world = arg;
    int index = world_node(world, node);

    if (index >= 0 && world_chance(world, 85))
        world_defer(world, SIM_UNIT, soon(world))->node = index;
}

static void do_acquire(void *arg, uint64_t acquire, const struct ft_wanted *wanted)
{
    struct world *world = arg;
    struct sim_deferred *deferred;

    if (world_chance(world, 4))
        return; /* never answered */
    deferred = world_defer(world, SIM_ACQUIRE, soon(world));
    deferred->id = acquire;
    for (size_t i = 0; i < wanted->excluded_n; i++) {
        int index = world_node(world, wanted->excluded[i]);

        if (index >= 0)
            deferred->excluded |= 1u << index;
    }
}

static void do_abandon(void *arg, uint64_t acquire)
{
    struct world *world = arg;

    for (int i = 0; i < DEFERRED; i++) {
        if (world->deferred[i].used && world->deferred[i].kind == SIM_ACQUIRE &&
            world->deferred[i].id == acquire && world_chance(world, 50))
            world->deferred[i].used = false; /* else it comes too late */
    }
}

static void do_release(void *arg, const struct ft_returned *returned)
{
    struct world *world = arg;
    int index = world_node(world, returned->node);

    if (index < 0 || !world->nodes[index].given)
        rule_broken(world, "node %s is given back, which was not given", returned->node);
    else
        world->nodes[index].given = false;
    if (index >= 0 && returned->broken)
        world->nodes[index].spare = false;
}

static bool do_explain(void *arg, const struct ft_facts *found, const struct ft_facts *wanted,
                       char *text, size_t size)
{
    (void) arg;
    snprintf(text, size, "%u cores instead of %u", found->cores, wanted->cores);
    return true;
}

/* ---------------------------------------------------------------- making it */

static void make_facts(struct world *world, struct ft_facts *facts)
{
    static const unsigned cores[] = {2, 4, 8};
    uint64_t kind = world_random(world, 3);

    memset(facts, 0, sizeof *facts);
    snprintf(facts->arch, sizeof facts->arch, "%s", world_chance(world, 90) ? "x86_64" : "aarch64");
    facts->packages = 1;
    facts->cores = facts->pus = cores[kind];
    facts->memory_bytes = cores[kind] * 2 * GIB + world_random(world, GIB / 64);
    facts->kind = kind + 1;
}

static void make_nodes(struct world *world)
{
    world->job_nodes = 2 + (int) world_random(world, 7);
    for (int i = 0; i < NODES; i++) {
        struct sim_node *node = &world->nodes[i];

        snprintf(node->name, sizeof node->name, "n%d", i);
        node->daemon = -1;
        make_facts(world, &node->is);
        node->said = node->is;
        /* Some are not what they said any more. */
        if (world_chance(world, 15))
            make_facts(world, &node->is);
        node->memory_free_bytes =
            world_chance(world, 90) ? node->is.memory_bytes * 9 / 10 : node->is.memory_bytes / 10;
        node->check_code = world_chance(world, 10) ? 1 : 0;
        node->spare = i >= world->job_nodes && world_chance(world, 60);
    }
}

static const char *some_steps(struct world *world)
{
    static const char *const steps[] = {"wait", "share", "later", "fewer", "wait,share",
                                        "share,wait", "share,wait,fewer", "wait,later"};

    return steps[world_random(world, (int) (sizeof steps / sizeof steps[0]))];
}

static void make_config(struct world *world)
{
    world->config = ft_central_defaults;
    world->config.share = world_chance(world, 30);
    if (world_chance(world, 30))
        ft_when_none_parse(some_steps(world), world->config.when_none);
    world->config.probes_max = 1 + (unsigned) world_random(world, 8);
    world->config.start_timeout_ms = 1000;
    world->config.spare_begin_ms = 500;
    world->config.unit_timeout_ms = 500;
    world->config.rms_timeout_ms = 500;
    world->config.probe_timeout_ms = 200;
    world->config.probe_fresh_ms = world_chance(world, 50) ? 1000 : 0;
    if (world_chance(world, 20))
        world->config.settle_ms = 0;
}

const struct ft_asker world_launcher = {.node = "n0", .job = "", .rank = -1, .launcher = true};

void world_unit_up(struct world *world, int index)
{
    struct sim_node *node = &world->nodes[index];

    if (node->unit_up || node->lost)
        return;
    if (node->declared) /* it has said Hello, and is a member again */
        ft_central_node_returned(world->central, node->name);
    node->declared = node->declared_known = false;
    node->unit_up = true;
    if (ft_central_unit_up(world->central, node->name, "sim") < 0 ||
        ft_central_unit_facts(world->central, node->name, &node->said) < 0)
        rule_broken(world, "a unit cannot be taken in");
    world_known(world, index);
}

static bool is_known(const struct world *world, int index)
{
    return ft_inventory_find(ft_central_inventory(world->central), world->nodes[index].name) != NULL;
}

/* The detector's word, and the forecast's; of nodes that core does not know yet they come later. */
void world_tell_declared(struct world *world, int index)
{
    struct sim_node *node = &world->nodes[index];

    node->declared_known = is_known(world, index);
    ft_central_node_declared(world->central, node->name, "nobody hears it");
}

void world_tell_failing(struct world *world, int index)
{
    struct sim_node *node = &world->nodes[index];

    node->failing_known = is_known(world, index);
    node->well_due = false;
    ft_central_node_failing(world->central, node->name, "its memory fails");
}

/* Core may have come to know it just now: as centrald/sessions tells it what it is. */
void world_known(struct world *world, int index)
{
    const struct sim_node *node = &world->nodes[index];

    if (node->declared && !node->declared_known)
        world_tell_declared(world, index);
    if (node->failing && !node->failing_known)
        world_tell_failing(world, index);
}

static void join_node(struct world *world, int index)
{
    struct sim_node *node = &world->nodes[index];

    if (node->in_job && !node->lost)
        return;
    node->in_job = true;
    node->lost = node->known_lost = node->well_due = false;
    node->joined_known = true;
    node->told = (ftNodeChange_t) 0;
    node->daemon = world->daemons++;
    ft_central_node_changed(world->central, 0, &world_launcher, node->name, node->daemon, FT_NODE_JOINED,
                            NULL);
    world_known(world, index);
}

static void start_job(struct world *world)
{
    ftProcessInfo_t infos[RANKS];

    world->ranks_n = 2 + (int) world_random(world, RANKS - 1);
    world->world_n = world->ranks_n;
    if (world->ranks_n > 3 && world_chance(world, 50))
        world->world_n -= 1 + (int) world_random(world, (uint64_t) world->ranks_n / 2);
    for (int i = 0; i < world->ranks_n; i++) {
        struct sim_process *process = &world->processes[i];

        snprintf(process->job, sizeof process->job, "%s", JOB);
        process->rank = i;
        process->node = (int) world_random(world, (uint64_t) world->job_nodes);
        process->alive = process->reported = true;
        process->spare = i >= world->world_n;
        process->takes = -1;
        process->deaf = process->spare && world_chance(world, 20);
        world->present[i] = i;
        infos[i] = (ftProcessInfo_t) {
            .rank = i, .pid = 100 + i, .node = world->nodes[process->node].name};
    }
    world->processes_n = world->ranks_n;
    ft_central_job_started(world->central, 0, &world_launcher, JOB, "", infos, (size_t) world->ranks_n);
}

/* ---------------------------------------------------------------- requests */

static struct ft_asker asker_of(const struct world *world, int index)
{
    const struct sim_process *process = &world->processes[index >= 0 ? index : 0];

    if (index < 0)
        return world_launcher;
    return (struct ft_asker) {.node = world->nodes[process->node].name,
                              .job = process->job,
                              .rank = process->rank,
                              .pid = 1000 + index,
                              .run = 1};
}

static uint64_t add_request(struct world *world, enum sim_kind kind, int asker,
                            ftTimeout_t timeout_ms, uint64_t decision)
{
    struct sim_request *request = &world->requests[world->requests_n];

    request->kind = kind;
    request->asker = asker;
    request->decision = decision;
    request->deadline_ns =
        timeout_ms == FT_FOREVER ? NEVER : world->now_ns + timeout_ms * NS_PER_MS;
    return (uint64_t) ++world->requests_n;
}

/* Hands a request to the central unit: for the first time, or again after a take-over. */
void world_request(struct world *world, uint64_t token)
{
    struct sim_request *request = &world->requests[token - 1];
    struct ft_asker asker = asker_of(world, request->asker);
    int64_t left_ns = request->deadline_ns - world->now_ns;
    ftTimeout_t timeout_ms = request->deadline_ns == NEVER ? FT_FOREVER
                             : left_ns > 0 ? (left_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    struct sim_decision *decision = &world->decisions[request->decision % DECISIONS];

    request->away = false;
    asker.request = token;
    switch (request->kind) {
    case SIM_ERROR:
        ft_central_report_error(world->central, token, &asker, &request->resource, request->usage,
                                1);
        break;
    case SIM_ALTERNATIVE:
        ft_central_find_alternative(world->central, token, &asker, &request->resource,
                                    &request->constraint, timeout_ms);
        break;
    case SIM_CLAIM:
        ft_central_claim(world->central, token, &asker, request->decision, timeout_ms);
        break;
    case SIM_ANNOUNCE:
        ft_central_announce(world->central, token, &asker, request->decision, decision->port);
        break;
    case SIM_FAILED:
        ft_central_start_failed(world->central, token, &asker, request->decision,
                                "no such program");
        break;
    case SIM_PEER:
        ft_central_next_peer(world->central, token, &asker, request->decision, FT_FOREVER);
        break;
    case SIM_SPARE:
        ft_central_spare_here(world->central, token, &asker, world->world_n, FT_FOREVER);
        break;
    case SIM_DONE:
        ft_central_rank_done(world->central, token, &asker, world->world_n);
        break;
    case SIM_NEWS:
        ft_central_next_news(world->central, token, &asker, world->news_after, FT_FOREVER);
        break;
    }
}

static void listen(struct world *world)
{
    if (world->job_over || world->news_token != 0 || world->requests_n >= REQUESTS - 8)
        return;
    world->news_token = add_request(world, SIM_NEWS, -1, FT_FOREVER, 0);
    world_request(world, world->news_token);
}

/* A spare waits; one that waits already asks anew, as after its unit was away. */
static void spare(struct world *world)
{
    int n = world->ranks_n - world->world_n;
    int index = n > 0 ? world->world_n + (int) world_random(world, (uint64_t) n) : -1;

    if (index < 0 || !world->processes[index].alive ||
        (world->processes[index].deaf && world->processes[index].takes >= 0))
        return;
    if (world->processes[index].takes >= 0)
        world->processes[index].heard = true;
    for (int i = 0; i < world->requests_n; i++) {
        struct sim_request *request = &world->requests[i];

        if (request->kind != SIM_SPARE || request->asker != index || request->answered ||
            request->canceled)
            continue;
        if (request->away || world_chance(world, 50))
            return;
        request->canceled = true;
        ft_central_cancel(world->central, (uint64_t) i + 1);
    }
    world_request(world, add_request(world, SIM_SPARE, index, FT_FOREVER, 0));
}

/* One that was told its rank asks once more before it goes on. */
static void begin_as(struct world *world, int index)
{
    struct sim_process *process = &world->processes[index];

    if (!process->alive || process->deaf || world->requests_n >= REQUESTS - 8)
        return;
    process->heard = true;
    world_request(world, add_request(world, SIM_SPARE, index, FT_FOREVER, 0));
}

/* A rank of a job with spares comes to its end. */
static void done(struct world *world)
{
    int index = (int) world_random(world, (uint64_t) world->ranks_n);
    struct sim_process *process = &world->processes[index];

    if (world->world_n == world->ranks_n || !process->alive || process->done ||
        (process->spare && (process->takes < 0 || process->deaf)))
        return;
    process->done = true;
    world_request(world, add_request(world, SIM_DONE, index, 5000, 0));
}

static ftTimeout_t some_timeout(struct world *world)
{
    switch (world_random(world, 5)) {
    case 0: return FT_FOREVER;
    case 1: return 0;
    case 2: return 1 + (ftTimeout_t) world_random(world, 100);
    default: return 5000;
    }
}

static int some_process(struct world *world)
{
    for (int tries = 0; tries < 20; tries++) {
        int index = (int) world_random(world, (uint64_t) world->processes_n);

        if (world->processes[index].alive)
            return index;
    }
    return -1;
}

static ftResource_t some_resource(struct world *world)
{
    ftResource_t resource;
    int index;

    memset(&resource, 0, sizeof resource);
    switch (world_random(world, 10)) {
    case 0:
        resource.kind = FT_NODE;
        snprintf(resource.node, sizeof resource.node, "%s",
                 world->nodes[world_random(world, NODES)].name);
        break;
    case 1:
        resource.kind = FT_DEVICE;
        snprintf(resource.node, sizeof resource.node, "%s",
                 world->nodes[world_random(world, NODES)].name);
        snprintf(resource.name, sizeof resource.name, "eth0");
        break;
    default:
        index = (int) world_random(world, (uint64_t) world->processes_n);
        resource.kind = FT_RANK;
        resource.number = world->processes[index].rank;
        snprintf(resource.job, sizeof resource.job, "%s", world->processes[index].job);
        if (world_chance(world, 2))
            resource.number = 99; /* nobody */
        break;
    }
    return resource;
}

static ftConstraint_t some_constraint(struct world *world)
{
    ftConstraint_t constraint;

    memset(&constraint, 0, sizeof constraint);
    switch (world_random(world, 8)) {
    case 0: constraint.cores_min = 1 + (uint32_t) world_random(world, 8); break;
    case 1: constraint.memory_min_bytes = world_random(world, 16) * GIB; break;
    case 2: constraint.at_least = 1; break;
    case 3: constraint.same_kind = 1; break;
    case 4: snprintf(constraint.arch, sizeof constraint.arch, "x86_64"); break;
    default: break;
    }
    for (int i = 0; i < NODES && world_chance(world, 60); i++) {
        if (!world_chance(world, 30))
            continue;
        if (constraint.excluded[0] != '\0')
            strcat(constraint.excluded, ",");
        strcat(constraint.excluded, world->nodes[world_random(world, NODES)].name);
    }
    constraint.distance = (int) world_random(world, 3) - 1;
    if (world_chance(world, 30))
        snprintf(constraint.when_none, sizeof constraint.when_none, "%s", some_steps(world));
    return constraint;
}

static void ask(struct world *world)
{
    int index = some_process(world);
    ftTimeout_t timeout_ms = some_timeout(world);
    ftResource_t resource = some_resource(world);
    ftConstraint_t constraint = some_constraint(world);
    unsigned askers = world_chance(world, 40) ? 3 : 1;

    for (unsigned i = 0; i < askers && index >= 0; i++, index = some_process(world)) {
        uint64_t token = add_request(world, SIM_ALTERNATIVE, index, timeout_ms, 0);

        world->requests[token - 1].constraint = constraint;
        world->requests[token - 1].resource = resource;
        world_request(world, token);
        if (world_chance(world, 30))
            constraint = some_constraint(world);
    }
}

static void report(struct world *world)
{
    int index = some_process(world);
    ftResource_t resource = some_resource(world);
    uint64_t token;

    if (index < 0)
        return;
    token = add_request(world, SIM_ERROR, index, 5000, 0);
    world->requests[token - 1].resource = resource;
    world->requests[token - 1].usage = (ftUsage_t) (1 + world_random(world, 6));
    if (world->last_error >= 0 && world_chance(world, 50)) { /* the same again */
        world->requests[token - 1].resource = world->requests[world->last_error].resource;
        world->requests[token - 1].usage = world->requests[world->last_error].usage;
    }
    world->last_error = (int) token - 1;
    world_request(world, token);
}

static uint64_t some_decision(struct world *world)
{
    for (int tries = 0; tries < 10; tries++) {
        uint64_t id = 1 + world_random(world, 40);

        if (world->decisions[id].id != 0 && !world->decisions[id].over)
            return id;
    }
    return 1 + world_random(world, 20);
}

static void claim(struct world *world)
{
    uint64_t decision = some_decision(world);
    unsigned claimants = world_chance(world, 50) ? 3 : 1;

    while (claimants-- > 0) {
        int index = some_process(world);
        ftTimeout_t timeout_ms = some_timeout(world);

        if (index < 0)
            return;
        world_request(world, add_request(world, SIM_CLAIM, index, timeout_ms, decision));
    }
}

static void next_peer(struct world *world)
{
    int index = some_process(world);
    const struct sim_process *process = index >= 0 ? &world->processes[index] : NULL;

    if (process != NULL && process->announced)
        world_request(world, add_request(world, SIM_PEER, index, FT_FOREVER, process->decision));
}

static void cancel(struct world *world)
{
    uint64_t token;

    if (world->requests_n == 0)
        return;
    token = 1 + world_random(world, (uint64_t) world->requests_n);
    if (world->requests[token - 1].kind == SIM_NEWS)
        return; /* a launcher does not tire */
    if (!world->requests[token - 1].answered)
        world->requests[token - 1].canceled = true;
    else if (world->requests[token - 1].kind == SIM_CLAIM)
        return; /* it would be a starter that says it is gone while it starts: not of this world */
    if (!world->requests[token - 1].away)
        ft_central_cancel(world->central, token);
}

/* ---------------------------------------------------------------- loss */

/* Who waits on a node that is gone waits no more: its unit or its client is gone. */
static void cancel_of(struct world *world, int process)
{
    for (int i = 0; i < world->requests_n; i++) {
        struct sim_request *request = &world->requests[i];

        if (request->asker != process || request->answered || request->canceled)
            continue;
        request->canceled = true;
        if (!request->away)
            ft_central_cancel(world->central, (uint64_t) i + 1);
    }
}

static void end_process(struct world *world, int index)
{
    struct sim_process *process = &world->processes[index];

    if (!process->alive)
        return;
    process->alive = false;
    process->died = world->crashes;
    ft_central_process_ended(world->central, 0, &world_launcher, process->job, process->rank,
                             FT_ENDED_SIGNAL, 9);
    cancel_of(world, index);
}

/* A unit is away, and may have missed what spares there said. */
static void tell_unit_down(struct world *world, int index, const char *why)
{
    for (int i = 0; i < world->processes_n; i++)
        world->processes[i].excused |= world->processes[i].node == index;
    ft_central_unit_down(world->central, world->nodes[index].name, why);
}

static void lose_node(struct world *world, int index)
{
    struct sim_node *node = &world->nodes[index];
    bool unit_first = world_chance(world, 50);
    bool unit_stays = world_chance(world, 40); /* only the launcher's daemon was killed */

    if (node->lost || index == 0)
        return;
    node->lost = node->known_lost = true;
    if (!unit_stays && unit_first && node->unit_up)
        tell_unit_down(world, index, "its connection was reset");
    for (int i = 0; i < world->processes_n; i++) {
        if (world->processes[i].node == index && world->processes[i].alive) {
            world->processes[i].alive = false;
            world->processes[i].died = world->crashes;
        }
    }
    if (node->in_job)
        ft_central_node_changed(world->central, 0, &world_launcher, node->name, node->daemon,
                                FT_NODE_LOST, "connection to its daemon closed");
    else
        node->lost = node->known_lost = false; /* nobody can say so of a node without a daemon */
    if (!unit_stays && !unit_first && node->unit_up)
        tell_unit_down(world, index, "its connection was reset");
    if (!unit_stays)
        node->unit_up = false;
    for (int i = 0; i < world->processes_n; i++) {
        if (world->processes[i].node == index && !world->processes[i].alive)
            cancel_of(world, i);
    }
}

/* ---------------------------------------------------------------- what is said of nodes */

static bool is_the_launchers(const struct sim_node *node)
{
    return node->in_job && !node->lost;
}

/* The detector declares it, and its unit's connection is closed; or it is heard of again. */
static void declare(struct world *world, int index)
{
    struct sim_node *node = &world->nodes[index];

    if (index == 0)
        return; /* the launcher's own: there would be nobody to be told */
    if (node->declared) {
        world_unit_up(world, index);
        return;
    }
    node->declared = true;
    if (node->unit_up)
        tell_unit_down(world, index, "its node was declared lost");
    node->unit_up = false;
    node->well_due = false;
    world_tell_declared(world, index);
}

/* A forecast, or an administrator, says that it goes down, or that it does not. */
static void forecast(struct world *world, int index)
{
    struct sim_node *node = &world->nodes[index];

    node->failing = !node->failing;
    if (node->failing) {
        world_tell_failing(world, index);
        return;
    }
    node->well_due = node->failing_known && !node->declared_known && is_the_launchers(node);
    node->failing_known = false;
    ft_central_node_well(world->central, node->name, "it was mended");
}

/* Any; often one that is being looked at just then. */
static int some_node(struct world *world)
{
    bool is_probed = world_chance(world, 60);

    for (int i = 0; i < DEFERRED && is_probed; i++) {
        if (world->deferred[i].used && world->deferred[i].kind == SIM_PROBE)
            return world->deferred[i].node;
    }
    return (int) world_random(world, NODES);
}

static void lose_unit(struct world *world)
{
    int index = (int) world_random(world, NODES);
    struct sim_node *node = &world->nodes[index];

    if (!node->unit_up)
        return;
    node->unit_up = false;
    tell_unit_down(world, index, "its connection was reset");
}

/* ---------------------------------------------------------------- what is due */

static void answer_probe(struct world *world, const struct sim_deferred *deferred)
{
    const struct sim_node *node = &world->nodes[deferred->node];
    struct ft_measured measured = {.facts = node->is,
                                   .facts_known = true,
                                   .memory_free_bytes = node->memory_free_bytes,
                                   .scratch_free_bytes = node->memory_free_bytes,
                                   .check_ran = true,
                                   .check_code = node->check_code,
                                   .took_ms = 5};

    if (node->check_code != 0)
        snprintf(measured.check_text, sizeof measured.check_text, "the fan does not turn");
    if (world_chance(world, 3))
        snprintf(measured.error, sizeof measured.error, "hwloc could not be asked");
    if (node->unit_up)
        ft_central_probe_result(world->central, deferred->id, &measured);
}

static void answer_acquire(struct world *world, const struct sim_deferred *deferred)
{
    for (int i = 0; i < NODES; i++) {
        struct sim_node *node = &world->nodes[i];

        if (!node->spare || node->given || (deferred->excluded & 1u << i) != 0)
            continue;
        node->given = true;
        if (!ft_central_offer(world->central, deferred->id, node->name))
            node->given = false;
        return;
    }
    ft_central_no_offer(world->central, deferred->id, "no spare node is left",
                        world_chance(world, 50) ? 1700000000 : 0);
}

/* The stand-in comes up. */
static void standin_runs(struct world *world, const struct sim_deferred *deferred)
{
    struct sim_process *process = &world->processes[world->processes_n];
    struct sim_decision *decision = &world->decisions[deferred->id];
    ftProcessInfo_t info = {.rank = 0, .pid = 500, .node = world->nodes[deferred->node].name};
    uint64_t token;

    join_node(world, deferred->node);
    world_unit_up(world, deferred->node);
    *process = (struct sim_process) {
        .node = deferred->node, .alive = true, .standin = true, .decision = deferred->id};
    snprintf(process->job, sizeof process->job, "job@%d", 2 + world->processes_n);
    world->processes_n++;
    process->reported = world_chance(world, 80);
    if (process->reported)
        ft_central_job_started(world->central, 0, &world_launcher, process->job, JOB, &info, 1);
    if (!decision->announced) {
        snprintf(decision->port, sizeof decision->port, "port-%d", world->processes_n);
        /* Who waits for the port is told it within the call. */
        decision->announced = !decision->over;
        decision->starter = -1;
        process->announced = decision->announced;
    }
    token = add_request(world, SIM_ANNOUNCE, world->processes_n - 1, 5000, deferred->id);
    world_request(world, token);
    if (!world->keeps && !world->requests[token - 1].answered)
        rule_broken(world, "an announcement is not answered at once");
}

static void start_fails(struct world *world, const struct sim_deferred *deferred)
{
    struct sim_decision *decision = &world->decisions[deferred->id];
    bool counts = !decision->over && decision->starter == deferred->process;
    uint64_t token = add_request(world, SIM_FAILED, deferred->process, 5000, deferred->id);

    world_request(world, token);
    if (counts) {
        world->nodes[deferred->node].failed_until_ns =
            world->now_ns + world->config.unfit_ms * NS_PER_MS;
        world->nodes[deferred->node].failed_mark = world->mark;
    }
}

/* What becomes of the order to start a stand-in. */
static void answer_start(struct world *world, const struct sim_deferred *deferred)
{
    const struct sim_process *starter = &world->processes[deferred->process];

    if (!starter->alive)
        return;
    switch (world_random(world, 10)) {
    case 0:
        end_process(world, deferred->process);
        return;
    case 1:
        return; /* it hangs */
    case 2:
    case 3:
        start_fails(world, deferred);
        return;
    default:
        if (world->nodes[deferred->node].lost)
            start_fails(world, deferred);
        else if (world->processes_n < RANKS + STANDINS)
            standin_runs(world, deferred);
        return;
    }
}

static void answer(struct world *world, const struct sim_deferred *deferred)
{
    switch (deferred->kind) {
    case SIM_PROBE:
        answer_probe(world, deferred);
        break;
    case SIM_ACQUIRE:
        answer_acquire(world, deferred);
        break;
    case SIM_UNIT:
        if (world_chance(world, 80))
            world_unit_up(world, deferred->node);
        else
            ft_central_unit_failed(world->central, world->nodes[deferred->node].name,
                                   "no route to host");
        break;
    case SIM_START:
        answer_start(world, deferred);
        break;
    case SIM_LISTEN:
        listen(world);
        break;
    case SIM_DROP:
        lose_node(world, deferred->node);
        break;
    case SIM_BEGIN:
        begin_as(world, deferred->process);
        break;
    case SIM_KILL:
        end_process(world, deferred->process);
        break;
    default:
        takeover_due(world, deferred);
        break;
    }
}

static struct sim_deferred *next_due(struct world *world)
{
    struct sim_deferred *next = NULL;

    for (int i = 0; i < DEFERRED; i++) {
        struct sim_deferred *deferred = &world->deferred[i];

        if (deferred->used && (next == NULL || deferred->due_ns < next->due_ns))
            next = deferred;
    }
    return next;
}

static void tick(struct world *world)
{
    world->turn++;
    ft_central_tick(world->central);
    rules_time(world);
}

/* Lets time pass, with all that happens in it. */
static void pass(struct world *world, int64_t ns)
{
    int64_t until_ns = world->now_ns + ns;

    while (world->broken[0] == '\0') {
        struct sim_deferred *due = next_due(world);
        int64_t deadline_ns = ft_central_next_deadline_ns(world->central);
        struct sim_deferred copy;

        if (deadline_ns <= until_ns && (due == NULL || deadline_ns <= due->due_ns)) {
            world->now_ns = deadline_ns > world->now_ns ? deadline_ns : world->now_ns;
            tick(world);
            continue;
        }
        if (due == NULL || due->due_ns > until_ns)
            break;
        world->now_ns = due->due_ns > world->now_ns ? due->due_ns : world->now_ns;
        copy = *due;
        due->used = false;
        answer(world, &copy);
        tick(world);
    }
    world->now_ns = until_ns;
    tick(world);
}

/* ---------------------------------------------------------------- a history */

static void happen(struct world *world)
{
    uint64_t what = world_random(world, 100);

    if (world->keeps && world_chance(world, 3)) {
        takeover_crash(world);
        return;
    }
    if (what < 6)
        lose_node(world, (int) world_random(world, NODES));
    else if (what < 12)
        end_process(world, (int) world_random(world, (uint64_t) world->processes_n));
    else if (what < 16)
        lose_unit(world);
    else if (what < 17)
        join_node(world, (int) world_random(world, NODES)); /* also one that was lost */
    else if (what < 22)
        world_unit_up(world, (int) world_random(world, NODES));
    else if (what < 24)
        declare(world, some_node(world));
    else if (what < 27)
        forecast(world, some_node(world));
    else if (what < 32)
        report(world);
    else if (what < 60)
        ask(world);
    else if (what < 85)
        claim(world);
    else if (what < 90)
        next_peer(world);
    else if (what < 93)
        spare(world);
    else if (what < 94)
        done(world);
    else
        cancel(world);
}

static int64_t some_time(struct world *world)
{
    switch (world_random(world, 8)) {
    case 0: return 0;
    case 1: return (int64_t) world_random(world, 2000) * NS_PER_MS;
    default: return (int64_t) world_random(world, 40) * NS_PER_MS;
    }
}

/* The first one, or the successor of one that crashed. */
void world_begin_central(struct world *world)
{
    struct ft_env env = {
        .arg = world,
        .now_ns = do_now_ns,
        .log = do_log,
        .reply = do_reply,
        .probe = do_probe,
        .want_unit = do_want_unit,
        .end_rank = do_end_rank,
        .acquire = do_acquire,
        .abandon = do_abandon,
        .release = do_release,
        .explain = do_explain,
        .number = world->keeps ? takeover_number : NULL,
        .keep = world->keeps ? takeover_keep : NULL,
    };

    world->config.term = (uint64_t) world->crashes + 1;
    world->central = ft_central_create(&env, &world->config);
    if (world->central == NULL)
        rule_broken(world, "core cannot be made");
    for (int i = 0; i < NODES && world->central != NULL; i++) {
        char location[32];

        snprintf(location, sizeof location, "row%d/rack%d", i / 6, i / 3);
        if (world->seed % 5 != (uint64_t) i % 5)
            ft_central_set_location(world->central, world->nodes[i].name, location);
    }
}

static void begin(struct world *world)
{
    make_config(world);
    make_nodes(world);
    world->keeps = world_chance(world, 60);
    if (world->keeps)
        world->ledger = ft_ledger_create();
    world_begin_central(world);
    if (world->central == NULL)
        return;
    for (int i = 0; i < world->job_nodes; i++)
        join_node(world, i);
    for (int i = 0; i < NODES; i++) {
        if (world_chance(world, 80))
            world_unit_up(world, i);
    }
    start_job(world);
    listen(world);
    for (int i = world->world_n; i < world->ranks_n; i++) {
        if (world_chance(world, 90))
            world_request(world, add_request(world, SIM_SPARE, i, FT_FOREVER, 0));
    }
}

/* All that is under way comes to rest, and the job ends. */
static void end(struct world *world)
{
    pass(world, INT64_C(120000) * NS_PER_MS);
    rules_end(world);
    for (int i = 0; i < world->processes_n; i++) {
        if (world->processes[i].standin)
            end_process(world, i);
    }
    world->job_over = true;
    ft_central_job_ended(world->central, 0, &world_launcher, JOB, 0);
    if (world->news_token != 0) {
        world->requests[world->news_token - 1].canceled = true;
        ft_central_cancel(world->central, world->news_token);
    }
    pass(world, 100 * NS_PER_MS);
    for (int i = 0; i < world->requests_n; i++) {
        if (!world->requests[i].answered && !world->requests[i].canceled)
            rule_broken(world, "request %d still waits after the job's end", i + 1);
    }
    if (ft_central_waiting(world->central) != 0)
        rule_broken(world, "core still has requests after the job's end");
}

void world_run(struct world *world, uint64_t seed, bool show)
{
    memset(world, 0, sizeof *world);
    world->seed = world->random = seed;
    world->show = show;
    world->now_ns = NS_PER_MS;
    world->last_error = -1;
    world->hash = UINT64_C(14695981039346656037);
    begin(world);
    for (world->step = 0; world->step < STEPS && world->broken[0] == '\0'; world->step++) {
        if (world->requests_n < REQUESTS - 16)
            happen(world);
        pass(world, some_time(world));
    }
    if (world->broken[0] == '\0')
        end(world);
    ft_central_destroy(world->central);
    world->central = NULL;
    takeover_end(world);
}
