/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * beats_world.c - the network, the nodes, the central units and what befalls them.
 *
 * One heap of events, ordered by time. Everybody has a clock of its own that runs up to 1 % wrong.
 * A connection (TCP) is modelled by what it is good for here: a unit that runs and can reach the
 * leader joins within some hundred milliseconds; a unit that dies on a living host has its
 * connection closed at once; the leader closes that of a node that it declared.
 */
#include "beats_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)
#define JOIN_MS 200
#define ASK_PINGS 4

/* ---------------------------------------------------------------- chance, and saying so */

uint64_t beats_random(struct beats_world *world, uint64_t n)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return n > 0 ? (world->random >> 11) % n : 0;
}

bool beats_chance(struct beats_world *world, unsigned percent)
{
    return beats_random(world, 100) < percent;
}

static void vshow(struct beats_world *world, const char *format, va_list arguments)
{
    printf("# %8.1f  ", (double) world->now_ns / 1e6);
    vprintf(format, arguments);
    putchar('\n');
}

void beats_show(struct beats_world *world, const char *format, ...)
{
    va_list arguments;

    if (!world->show)
        return;
    va_start(arguments, format);
    vshow(world, format, arguments);
    va_end(arguments);
}

void beats_broken(struct beats_world *world, const char *format, ...)
{
    va_list arguments;
    size_t n;

    if (world->broken[0] != '\0')
        return;
    n = (size_t) snprintf(world->broken, sizeof world->broken, "at %.1f ms: ",
                          (double) world->now_ns / 1e6);
    va_start(arguments, format);
    vsnprintf(world->broken + n, sizeof world->broken - n, format, arguments);
    va_end(arguments);
}

/* ---------------------------------------------------------------- the heap */

static bool before(const struct beats_due *a, const struct beats_due *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static struct beats_due *add_due(struct beats_world *world, int64_t at_ns, enum beats_event event,
                                 int who)
{
    struct beats_due due = {.at_ns = at_ns, .order = ++world->order, .event = event, .who = who};
    size_t at;

    if (world->due_n + 2 > world->due_room) {
        world->due_room = world->due_room > 0 ? 2 * world->due_room : 1024;
        world->due = realloc(world->due, world->due_room * sizeof *world->due);
        if (world->due == NULL)
            abort();
    }
    at = ++world->due_n;
    while (at > 1 && before(&due, &world->due[at / 2])) {
        world->due[at] = world->due[at / 2];
        at /= 2;
    }
    world->due[at] = due;
    return &world->due[at];
}

static struct beats_due take_due(struct beats_world *world)
{
    struct beats_due first = world->due[1], last = world->due[world->due_n--];
    size_t at = 1;

    for (;;) {
        size_t child = 2 * at;

        if (child > world->due_n)
            break;
        if (child < world->due_n && before(&world->due[child + 1], &world->due[child]))
            child++;
        if (!before(&world->due[child], &last))
            break;
        world->due[at] = world->due[child];
        at = child;
    }
    world->due[at] = last;
    return first;
}

/* ---------------------------------------------------------------- clocks and states */

int64_t beats_node_ns(const struct beats_node *node)
{
    return node->offset_ns + (int64_t) ((double) node->world->now_ns * node->rate);
}

int64_t beats_leader_ns(const struct beats_leader *leader)
{
    return leader->offset_ns + (int64_t) ((double) leader->world->now_ns * leader->rate);
}

bool beats_node_has_lease(const struct beats_node *node)
{
    return node->pulse != NULL && ft_pulse_has_lease(node->pulse);
}

static bool is_stopped(const struct beats_node *node)
{
    return node->stopped_until_ns > node->world->now_ns;
}

static bool reaches_leader(const struct beats_node *node)
{
    return node->is_on && !node->cut_to && !node->cut_from && !node->cut_all;
}

/* After each change: since when all is well, or not, with a node. */
static void judge_good(struct beats_world *world)
{
    for (int i = 0; i < world->nodes_n; i++) {
        struct beats_node *node = &world->nodes[i];
        bool is_good = reaches_leader(node) && node->pulse != NULL && !is_stopped(node) &&
                       node->linked && node->leader == world->current;

        if (is_good && node->good_since_ns == INT64_MAX) {
            node->good_since_ns = world->now_ns;
            node->bad_since_ns = INT64_MAX;
        } else if (!is_good && node->good_since_ns != INT64_MAX) {
            node->good_since_ns = INT64_MAX;
            node->bad_since_ns = world->now_ns;
        }
    }
}

/* ---------------------------------------------------------------- the network */

static bool gets_through(struct beats_world *world, const struct beats_packet *packet)
{
    const struct beats_node *from = packet->from < BEATS_NODES ? &world->nodes[packet->from] : NULL;
    const struct beats_node *to = packet->to < BEATS_NODES ? &world->nodes[packet->to] : NULL;

    if ((from != NULL && (from->cut_all || (to == NULL && from->cut_to))) ||
        (to != NULL && (to->cut_all || (from == NULL && to->cut_from))))
        return false;
    return !beats_chance(world, world->loss_pct);
}

static int64_t delay_ns(struct beats_world *world)
{
    int64_t ns = 50000 + (int64_t) beats_random(world, 500000);

    if (beats_chance(world, 2))
        ns += (int64_t) beats_random(world, (uint64_t) world->delay_max_ns);
    return ns;
}

static void put_on_wire(struct beats_world *world, const struct beats_packet *packet)
{
    add_due(world, world->now_ns + delay_ns(world), EVENT_PACKET, packet->to)->packet = *packet;
}

static void transmit(struct beats_world *world, const struct beats_packet *packet)
{
    if (!gets_through(world, packet))
        return;
    if (packet->kind == BEATS_BEAT)
        world->old[world->old_n++ % 64] = *packet;
    put_on_wire(world, packet);
    if (beats_chance(world, world->twice_pct))
        put_on_wire(world, packet);
    if (world->replays && world->old_n > 0 && beats_chance(world, 20)) {
        unsigned n = world->old_n < 64 ? world->old_n : 64;

        put_on_wire(world, &world->old[beats_random(world, n)]);
    }
}

/* ---------------------------------------------------------------- units */

static int64_t pulse_now_ns(void *arg)
{
    return beats_node_ns(arg);
}

static void pulse_beat(void *arg, int64_t sent_ns, enum ft_pulse_ask ask)
{
    struct beats_node *node = arg;
    struct beats_packet packet = {
        .kind = BEATS_BEAT,
        .from = node->number,
        .to = BEATS_NODES + node->leader,
        .run = node->run,
        .sequence = ++node->sequence,
        .incarnation = ft_pulse_incarnation(node->pulse),
        .term = ft_pulse_term(node->pulse),
        .sent_ns = sent_ns,
        .renew = ask != FT_PULSE_ASKS_NOTHING,
        .shared = ask == FT_PULSE_ASKS_SHARED,
    };

    transmit(node->world, &packet);
}

static void pulse_lease_got(void *arg, int64_t until_ns)
{
    (void) arg;
    (void) until_ns;
}

static void pulse_lease_lost(void *arg, bool fenced)
{
    struct beats_node *node = arg;

    beats_show(node->world, "%s: lease %s", node->name, fenced ? "fenced" : "lost");
    if (fenced)
        node->old_until_ns = INT64_MIN; /* what an earlier unit left is stopped, too */
}

static void wake_node(struct beats_node *node)
{
    struct beats_world *world = node->world;
    int64_t at_ns;

    if (node->pulse == NULL)
        return;
    at_ns = ft_pulse_next_deadline_ns(node->pulse);
    if (at_ns == INT64_MAX)
        return;
    at_ns = (int64_t) ((double) (at_ns - node->offset_ns) / node->rate) + 1;
    if (at_ns < world->now_ns)
        at_ns = world->now_ns;
    at_ns += (int64_t) beats_random(world, beats_chance(world, 2) ? 30 * MS : MS);
    if (node->tick_ns > world->now_ns && node->tick_ns <= at_ns)
        return;
    node->tick_ns = at_ns;
    add_due(world, at_ns, EVENT_NODE, node->number);
}

static void start_unit(struct beats_node *node)
{
    struct ft_pulse_env env = {.arg = node, .now_ns = pulse_now_ns, .beat = pulse_beat,
                               .lease_got = pulse_lease_got, .lease_lost = pulse_lease_lost};

    node->pulse = ft_pulse_create(&env, beats_random(node->world, UINT64_MAX));
    if (node->pulse == NULL)
        abort();
    node->run++;
    node->sequence = 0;
    node->linked = false;
    node->tick_ns = INT64_MIN;
    node->stopped_until_ns = INT64_MIN;
}

/* What ran under its lease goes on for as long as that lasts (modules have keepers). */
static void kill_unit(struct beats_node *node, bool host_too)
{
    struct beats_world *world = node->world;

    if (node->pulse == NULL)
        return;
    if (beats_node_has_lease(node)) {
        int64_t until_ns = (int64_t) ((double) (ft_pulse_lease_until_ns(node->pulse) -
                                                node->offset_ns) / node->rate);

        if (until_ns > node->old_until_ns)
            node->old_until_ns = until_ns;
    }
    if (host_too)
        node->old_until_ns = INT64_MIN;
    ft_pulse_destroy(node->pulse);
    node->pulse = NULL;
    node->stopped_until_ns = INT64_MIN;
    if (node->linked && !host_too && reaches_leader(node))
        add_due(world, world->now_ns + MS, EVENT_PARTED, node->number)->fault = node->leader;
    node->linked = false;
}

static void node_asked(struct beats_node *node, const struct beats_packet *packet)
{
    struct beats_world *world = node->world;

    for (int i = 0; i < ASK_PINGS; i++) {
        struct beats_packet ping = {.kind = BEATS_PING, .from = node->number, .to = packet->about,
                                    .about = packet->about, .asked_by = packet->from};

        if (gets_through(world, &ping))
            add_due(world, world->now_ns + i * 20 * MS + delay_ns(world), EVENT_PACKET,
                    ping.to)->packet = ping;
    }
    add_due(world, world->now_ns + (int64_t) world->config.detect.confirm_ms * MS * 3 / 4,
            EVENT_ASK_OVER, node->number)->packet = *packet;
}

static void say_saw(struct beats_node *node, int leader, int about, enum ft_sight sight)
{
    struct beats_packet saw = {.kind = BEATS_SAW, .from = node->number, .to = leader,
                               .about = about, .sight = sight};

    transmit(node->world, &saw);
}

/* As noded/heart does it. */
static void node_passes_on(struct beats_node *node, const struct beats_packet *packet)
{
    struct beats_packet ack = *packet;

    ack.kind = BEATS_ACK;
    ack.from = node->number;
    ack.to = packet->about;
    transmit(node->world, &ack);
}

static void node_pinged(struct beats_node *node, const struct beats_packet *packet)
{
    struct beats_packet pong = *packet;

    pong.kind = BEATS_PONG;
    pong.from = node->number;
    pong.to = packet->from;
    transmit(node->world, &pong);
    if (packet->from >= BEATS_NODES && packet->renew && ft_pulse_term(node->pulse) == packet->term)
        ft_pulse_poke(node->pulse);
}

static void node_takes(struct beats_node *node, const struct beats_packet *packet)
{
    struct beats_world *world = node->world;

    if (!node->is_on)
        return;
    if (node->pulse == NULL) { /* its kernel says so */
        struct beats_packet refused = *packet;

        refused.kind = BEATS_REFUSED;
        refused.from = node->number;
        refused.to = packet->from;
        refused.about = node->number;
        if (packet->kind == BEATS_PING)
            transmit(world, &refused);
        return;
    }
    if (is_stopped(node)) {
        add_due(world, node->stopped_until_ns + (int64_t) beats_random(world, MS), EVENT_PACKET,
                node->number)->packet = *packet;
        return;
    }
    if (packet->kind == BEATS_ACK)
        ft_pulse_ack(node->pulse, packet->term, packet->incarnation, packet->sent_ns);
    else if (packet->kind == BEATS_PASS_ON && packet->term == ft_pulse_term(node->pulse))
        node_passes_on(node, packet);
    else if (packet->kind == BEATS_PING)
        node_pinged(node, packet);
    else if (packet->kind == BEATS_ASK)
        node_asked(node, packet);
    else if (packet->kind == BEATS_PONG)
        say_saw(node, packet->asked_by, packet->about, FT_SIGHT_HEARD);
    else if (packet->kind == BEATS_REFUSED)
        say_saw(node, packet->asked_by, packet->about, FT_SIGHT_REFUSED);
    wake_node(node);
}

/* ---------------------------------------------------------------- central units */

static int64_t leader_now_ns(void *arg)
{
    return beats_leader_ns(arg);
}

static void leader_log(void *arg, const struct ft_event *event)
{
    struct beats_leader *leader = arg;

    leader->world->events++;
    for (const char *at = event->name; *at != '\0'; at++)
        leader->world->hash = (leader->world->hash ^ (unsigned char) *at) * 1099511628211u;
    beats_show(leader->world, "central %d: %s: %s", leader->number, event->name, event->text);
}

static void leader_ping(void *arg, uint32_t number)
{
    struct beats_leader *leader = arg;
    struct beats_world *world = leader->world;
    const char *name = ft_detector_name(leader->detector, number);
    int to = atoi(name + 1);
    struct beats_packet ping = {.kind = BEATS_PING, .from = BEATS_NODES + leader->number, .to = to,
                                .sent_ns = world->now_ns, .renew = true,
                                .term = (uint64_t) leader->number + 1, .about = to,
                                .asked_by = -1};

    leader->pinged_ns[to] = world->now_ns;
    transmit(world, &ping);
}

static void leader_ask(void *arg, uint32_t observer, uint32_t number, unsigned within_ms)
{
    struct beats_leader *leader = arg;
    struct beats_packet ask = {
        .kind = BEATS_ASK,
        .from = BEATS_NODES + leader->number,
        .to = atoi(ft_detector_name(leader->detector, observer) + 1),
        .about = atoi(ft_detector_name(leader->detector, number) + 1),
    };

    (void) within_ms;
    transmit(leader->world, &ask);
}

static void leader_keep(void *arg, const char *key, const void *data, size_t n)
{
    struct beats_leader *leader = arg;
    struct beats_kept *kept = &leader->world->kept[atoi(key + 6)]; /* "node/n7" */

    if (leader->is_deposed || n > sizeof kept->data)
        return; /* nobody would have committed it */
    memcpy(kept->data, data, n);
    kept->n = n;
}

static void leader_declare(void *arg, uint32_t number, uint64_t incarnation, const char *text)
{
    struct beats_leader *leader = arg;
    struct beats_world *world = leader->world;
    struct beats_node *node =
        &world->nodes[atoi(ft_detector_name(leader->detector, number) + 1)];

    (void) text;
    if (leader->is_deposed)
        return;
    world->declared++;
    world->hash = (world->hash ^ (uint64_t) world->now_ns ^ incarnation) * 1099511628211u;
    beats_rule_declared(world, node);
    if (node->linked && node->leader == leader->number)
        node->linked = false; /* the connection is closed */
    judge_good(world);
}

static bool leader_leads(void *arg)
{
    const struct beats_leader *leader = arg;

    return leader->world->now_ns < leader->leads_until_ns;
}

static void wake_leader(struct beats_leader *leader)
{
    struct beats_world *world = leader->world;
    int64_t at_ns = ft_detector_next_deadline_ns(leader->detector);

    if (at_ns == INT64_MAX || leader->has_woken)
        return;
    at_ns = (int64_t) ((double) (at_ns - leader->offset_ns) / leader->rate) + 1;
    if (at_ns < world->now_ns)
        at_ns = world->now_ns;
    at_ns += (int64_t) beats_random(world, beats_chance(world, 2) ? 10 * MS : MS / 2);
    if (at_ns < leader->stopped_until_ns)
        at_ns = leader->stopped_until_ns;
    if (leader->tick_ns > world->now_ns && leader->tick_ns <= at_ns)
        return;
    leader->tick_ns = at_ns;
    add_due(world, at_ns, EVENT_LEADER, leader->number);
}

static void make_leader(struct beats_world *world, int number)
{
    struct beats_leader *leader = &world->leaders[number];
    struct ft_detector_env env = {
        .arg = leader, .now_ns = leader_now_ns, .log = leader_log, .ping = leader_ping,
        .ask_other = leader_ask, .keep = leader_keep, .declare = leader_declare,
        .leads = leader_leads};

    memset(leader, 0, sizeof *leader);
    leader->world = world;
    leader->number = number;
    leader->leads_until_ns = INT64_MAX;
    leader->stopped_until_ns = leader->excused_ns = INT64_MIN;
    leader->tick_ns = INT64_MIN;
    leader->rate = 0.99 + (double) beats_random(world, 2001) / 100000;
    leader->offset_ns = (int64_t) beats_random(world, 1000000) * MS;
    leader->detector = ft_detector_create(&env, &world->config);
    if (leader->detector == NULL)
        abort();
    for (int i = 0; i < world->nodes_n; i++) {
        if (world->kept[i].n > 0 &&
            ft_detector_restore(leader->detector, world->nodes[i].name, world->kept[i].data,
                                world->kept[i].n) < 0)
            abort();
        ft_detector_place(leader->detector, world->nodes[i].name, world->nodes[i].place);
    }
    wake_leader(leader);
}

/* One that the leader takes for well; what it does not know is whether that still is. */
static int node_to_pass_on(const struct beats_leader *leader, int except)
{
    struct beats_world *world = leader->world;
    int first = (int) beats_random(world, (uint64_t) world->nodes_n);

    for (int i = 0; i < world->nodes_n; i++) {
        int at = (first + i) % world->nodes_n;
        uint32_t number = ft_detector_find(leader->detector, world->nodes[at].name);
        struct ft_watch_status status;

        ft_detector_status(leader->detector, number, &status);
        if (at != except && status.state == FT_WATCH_WELL)
            return at;
    }
    return -1;
}

static void leader_takes_beat(struct beats_leader *leader, const struct beats_packet *packet)
{
    struct beats_packet ack = *packet;
    struct ft_detector_beat beat = {.run = packet->run, .sequence = packet->sequence,
                                    .incarnation = packet->incarnation, .renew = packet->renew};
    uint32_t number = ft_detector_find(leader->detector, leader->world->nodes[packet->from].name);

    if (packet->term != (uint64_t) leader->number + 1 ||
        !ft_detector_beat(leader->detector, number, &beat))
        return;
    ack.from = packet->to;
    ack.about = packet->from;
    ack.to = packet->shared && leader->world->shares
                 ? node_to_pass_on(leader, packet->from) : -1;
    ack.kind = ack.to >= 0 ? BEATS_PASS_ON : BEATS_ACK;
    if (ack.to < 0)
        ack.to = packet->from;
    transmit(leader->world, &ack);
}

static void leader_takes(struct beats_leader *leader, const struct beats_packet *packet)
{
    struct beats_world *world = leader->world;
    uint32_t from, about;

    if (leader->detector == NULL)
        return;
    if (leader->stopped_until_ns > world->now_ns) {
        if (!leader->sleep_loses)
            add_due(world, leader->stopped_until_ns + (int64_t) beats_random(world, MS),
                    EVENT_PACKET, packet->to)->packet = *packet;
        return;
    }
    from = ft_detector_find(leader->detector, world->nodes[packet->from].name);
    about = ft_detector_find(leader->detector, world->nodes[packet->about].name);
    if (packet->kind == BEATS_BEAT)
        leader_takes_beat(leader, packet);
    else if (packet->kind == BEATS_PONG && packet->sent_ns > world->now_ns - 10000 * MS)
        ft_detector_heard(leader->detector, from);
    else if (packet->kind == BEATS_REFUSED)
        ft_detector_refused(leader->detector, from);
    else if (packet->kind == BEATS_SAW)
        ft_detector_saw(leader->detector, from, about, packet->sight);
    wake_leader(leader);
}

/* As centrald/watch does it: first it is noticed that time has passed, then all that waits is read,
 * then silence is judged. */
static void leader_tick(struct beats_leader *leader)
{
    struct beats_world *world = leader->world;

    if (leader->detector == NULL || leader->tick_ns != world->now_ns)
        return;
    if (leader->stopped_until_ns > world->now_ns) {
        leader->tick_ns = leader->stopped_until_ns;
        leader->has_woken = false;
        add_due(world, leader->tick_ns, EVENT_LEADER, leader->number);
        return;
    }
    ft_detector_wake(leader->detector);
    if (!leader->has_woken) {
        leader->has_woken = true;
        leader->tick_ns = world->now_ns + MS;
        add_due(world, leader->tick_ns, EVENT_LEADER, leader->number);
        return;
    }
    leader->has_woken = false;
    leader->tick_ns = INT64_MIN;
    ft_detector_tick(leader->detector);
    beats_rule_tick(world, leader);
    wake_leader(leader);
}

/* ---------------------------------------------------------------- connections */

static void join(struct beats_node *node)
{
    struct beats_world *world = node->world;
    struct beats_leader *leader = &world->leaders[world->current];
    uint64_t incarnation = 0, before_it;

    if (node->pulse == NULL || is_stopped(node) || !reaches_leader(node) ||
        leader->stopped_until_ns > world->now_ns ||
        (node->linked && node->leader == world->current))
        return;
    before_it = ft_pulse_incarnation(node->pulse);
    if (ft_detector_join(leader->detector, node->name, node->run, &incarnation) ==
        FT_DETECTOR_NONE)
        abort();
    node->leader = world->current;
    node->linked = true;
    ft_pulse_welcome(node->pulse, (uint64_t) leader->number + 1, incarnation,
                     world->config.detect.beat_ms, world->config.lease_ms);
    beats_rule_welcome(world, node, before_it != 0 && incarnation > before_it);
    judge_good(world);
    wake_leader(leader);
    wake_node(node);
}

static void try_to_join(struct beats_node *node)
{
    struct beats_world *world = node->world;

    join(node);
    add_due(world, world->now_ns + JOIN_MS / 2 * MS +
            (int64_t) beats_random(world, JOIN_MS / 2 * MS), EVENT_JOIN, node->number);
}

/* ---------------------------------------------------------------- what befalls them */

enum fault { FAULT_HOST_OFF, FAULT_HOST_ON, FAULT_UNIT_KILL, FAULT_UNIT_START, FAULT_UNIT_STOP,
             FAULT_CUT, FAULT_CUT_TO, FAULT_CUT_FROM, FAULT_CUT_ALL, FAULT_MEND, FAULT_CUT_PLACE,
             FAULT_CUT_EVERYWHERE, FAULT_STALL, FAULT_STALL_LOSING, FAULT_SUCCESSOR, FAULT_NONE };

static void plan(struct beats_world *world, int64_t in_ms, enum fault fault, int who)
{
    add_due(world, world->now_ns + in_ms * MS, EVENT_FAULT, who)->fault = fault;
}

static void cut_many(struct beats_world *world, const char *place, int64_t for_ms)
{
    int n = 0;

    for (int i = 0; i < world->nodes_n; i++)
        n += (strcmp(place, "") == 0 || strcmp(world->nodes[i].place, place) == 0) &&
             world->nodes[i].good_since_ns != INT64_MAX;
    for (int i = 0; i < world->nodes_n; i++) {
        struct beats_node *node = &world->nodes[i];

        if (strcmp(place, "") != 0 && strcmp(node->place, place) != 0)
            continue;
        node->cut_to = node->cut_from = true;
        node->cut_all = beats_chance(world, 50);
        if (n > 1 && world->befallen == 1 && node->good_since_ns != INT64_MAX)
            node->group_cut_ns = world->now_ns;
        plan(world, for_ms, FAULT_MEND, i);
    }
}

static void stall(struct beats_world *world, bool losing)
{
    struct beats_leader *leader = &world->leaders[world->current];
    int64_t for_ms = 20 + (int64_t) beats_random(world, beats_chance(world, 50) ? 400 : 4000);
    int64_t silence_ms = world->config.detect.beat_ms + world->config.detect.suspect_ms + 50;

    if (leader->stopped_until_ns > world->now_ns)
        return;
    leader->stopped_until_ns = world->now_ns + for_ms * MS;
    leader->slept_ns = world->now_ns;
    leader->sleep_loses = losing;
    if (losing && for_ms < silence_ms + world->config.detect.beat_ms / 2)
        leader->excused_ns = leader->stopped_until_ns + silence_ms * MS;
    beats_show(world, "central %d stops for %" PRId64 " ms%s", leader->number, for_ms,
               losing ? ", losing what comes" : "");
}

/* The one before goes on for a while without knowing, or is dead. */
static void succeed(struct beats_world *world)
{
    struct beats_leader *old = &world->leaders[0];

    if (world->current != 0)
        return;
    old->is_deposed = true;
    old->leads_until_ns = world->now_ns;
    if (beats_chance(world, 50))
        old->leads_until_ns += (int64_t) beats_random(world, world->config.takeover_ms) * MS;
    world->current = 1;
    beats_show(world, "central 1 leads");
    make_leader(world, 1);
}

static void befall(struct beats_world *world, enum fault fault, int who)
{
    static const char *const names[] = {
        "host off", "host on", "unit killed", "unit started", "unit stops", "cut", "cut to",
        "cut from", "cut from all", "mended", "its place is cut", "everything is cut", "", "", "", ""};
    struct beats_node *node = &world->nodes[who];
    int64_t for_ms = 50 + (int64_t) beats_random(world, beats_chance(world, 50) ? 600 : 6000);

    world->befallen++;
    if (names[fault][0] != '\0')
        beats_show(world, "%s: %s", node->name, names[fault]);
    switch (fault) {
    case FAULT_HOST_OFF:
        kill_unit(node, true);
        node->is_on = false;
        if (beats_chance(world, 70))
            plan(world, 2 * for_ms, FAULT_HOST_ON, who);
        break;
    case FAULT_HOST_ON:
        if (!node->is_on) {
            node->is_on = true;
            start_unit(node);
        }
        break;
    case FAULT_UNIT_KILL:
        kill_unit(node, false);
        if (beats_chance(world, 70))
            plan(world, for_ms, FAULT_UNIT_START, who);
        break;
    case FAULT_UNIT_START:
        if (node->is_on && node->pulse == NULL)
            start_unit(node);
        break;
    case FAULT_UNIT_STOP:
        if (node->pulse != NULL) {
            node->stopped_until_ns = world->now_ns + for_ms * MS;
            plan(world, for_ms, FAULT_NONE, who);
            wake_node(node);
        }
        break;
    case FAULT_CUT:
        node->cut_to = node->cut_from = true;
        plan(world, for_ms, FAULT_MEND, who);
        break;
    case FAULT_CUT_TO:
        node->cut_to = true;
        plan(world, for_ms, FAULT_MEND, who);
        break;
    case FAULT_CUT_FROM:
        node->cut_from = true;
        plan(world, for_ms, FAULT_MEND, who);
        break;
    case FAULT_CUT_ALL:
        node->cut_all = true;
        plan(world, for_ms, FAULT_MEND, who);
        break;
    case FAULT_MEND:
        node->cut_to = node->cut_from = node->cut_all = false;
        node->group_cut_ns = INT64_MIN;
        break;
    case FAULT_CUT_PLACE:
        cut_many(world, node->place, for_ms);
        break;
    case FAULT_CUT_EVERYWHERE:
        cut_many(world, "", for_ms);
        break;
    case FAULT_STALL:
    case FAULT_STALL_LOSING:
        stall(world, fault == FAULT_STALL_LOSING);
        break;
    case FAULT_SUCCESSOR:
        succeed(world);
        break;
    case FAULT_NONE:
        break;
    }
    judge_good(world);
}

/* ---------------------------------------------------------------- a history */

static void make_settings(struct beats_world *world)
{
    bool is_tuned = beats_chance(world, 30);

    world->config = (struct ft_detector_config){
        .detect = {.beat_ms = is_tuned ? 60 : 500, .suspect_ms = is_tuned ? 40 : 120,
                   .confirm_ms = is_tuned ? 100 : 250, .observers = 3, .network_pct = 50},
        .lease_ms = is_tuned ? 600 : 2000,
        .takeover_ms = 600,
        .network_ms = is_tuned ? 1000 : 3000,
        .broken_ms = 4000,
        .unit_gone_ms = beats_chance(world, 50) ? 3000 : 0,
        .alone_waits = true,
    };
    world->loss_pct = beats_chance(world, 60) ? 0 : beats_chance(world, 50) ? 5 : 25;
    world->twice_pct = beats_chance(world, 70) ? 0 : 10;
    world->replays = beats_chance(world, 30);
    world->shares = beats_chance(world, 70);
    world->delay_max_ns = (is_tuned ? 10 : 40) * MS;
    world->nodes_n = 2 + (int) beats_random(world, BEATS_NODES - 1);
    world->quiet_ns = 12000 * MS;
    world->end_ns = world->quiet_ns + 28000 * MS;
}

static void make_nodes(struct beats_world *world)
{
    unsigned places = 1 + (unsigned) beats_random(world, 3);

    for (int i = 0; i < world->nodes_n; i++) {
        struct beats_node *node = &world->nodes[i];

        memset(node, 0, sizeof *node);
        node->world = world;
        node->number = i;
        snprintf(node->name, sizeof node->name, "n%d", i);
        snprintf(node->place, sizeof node->place, "row%d/rack%u", i % 2,
                 (unsigned) i % places);
        if (places == 1)
            node->place[0] = '\0';
        node->is_on = true;
        node->good_since_ns = INT64_MAX;
        node->old_until_ns = node->group_cut_ns = INT64_MIN;
        node->rate = 0.99 + (double) beats_random(world, 2001) / 100000;
        node->offset_ns = (int64_t) beats_random(world, 1000000) * MS;
        start_unit(node);
    }
}

static void plan_faults(struct beats_world *world)
{
    int n = (int) beats_random(world, 7);

    world->faults = (unsigned) n;
    for (int i = 0; i < n; i++) {
        enum fault fault = (enum fault) beats_random(world, FAULT_NONE);

        if (fault == FAULT_HOST_ON || fault == FAULT_MEND || fault == FAULT_UNIT_START)
            fault = FAULT_HOST_OFF;
        plan(world, 1500 + (int64_t) beats_random(world, 10000), fault,
             (int) beats_random(world, (uint64_t) world->nodes_n));
    }
}

static void happen(struct beats_world *world, const struct beats_due *due)
{
    struct beats_node *node = &world->nodes[due->who < BEATS_NODES ? due->who : 0];

    switch (due->event) {
    case EVENT_PACKET:
        if (due->who < BEATS_NODES)
            node_takes(node, &due->packet);
        else
            leader_takes(&world->leaders[due->who - BEATS_NODES], &due->packet);
        break;
    case EVENT_NODE:
        if (node->pulse == NULL || node->tick_ns != world->now_ns)
            break;
        if (is_stopped(node)) {
            node->tick_ns = node->stopped_until_ns;
            add_due(world, node->tick_ns, EVENT_NODE, due->who);
            break;
        }
        node->tick_ns = INT64_MIN;
        ft_pulse_tick(node->pulse);
        wake_node(node);
        break;
    case EVENT_LEADER:
        leader_tick(&world->leaders[due->who]);
        break;
    case EVENT_FAULT:
        befall(world, (enum fault) due->fault, due->who);
        break;
    case EVENT_JOIN:
        try_to_join(node);
        break;
    case EVENT_PARTED:
        if (world->leaders[due->fault].stopped_until_ns > world->now_ns)
            add_due(world, world->leaders[due->fault].stopped_until_ns, EVENT_PARTED,
                    due->who)->fault = due->fault;
        else if (world->leaders[due->fault].detector != NULL && !node->linked) {
            struct beats_leader *leader = &world->leaders[due->fault];

            ft_detector_parted(leader->detector, ft_detector_find(leader->detector, node->name),
                               false);
            wake_leader(leader);
        }
        break;
    case EVENT_ASK_OVER:
        if (node->pulse != NULL && !is_stopped(node))
            say_saw(node, due->packet.from, due->packet.about, FT_SIGHT_NOTHING);
        break;
    case EVENT_LOOK:
        beats_rule_look(world);
        add_due(world, world->now_ns + 20 * MS, EVENT_LOOK, 0);
        break;
    }
}

static void clean(struct beats_world *world)
{
    for (int i = 0; i < world->nodes_n; i++)
        ft_pulse_destroy(world->nodes[i].pulse);
    for (int i = 0; i < BEATS_LEADERS; i++)
        ft_detector_destroy(world->leaders[i].detector);
    free(world->due);
    world->due = NULL;
}

void beats_run(struct beats_world *world, uint64_t seed, bool show)
{
    memset(world, 0, sizeof *world);
    world->seed = seed;
    world->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    world->hash = 14695981039346656037u;
    world->show = show;
    for (int i = 0; i < 8; i++)
        beats_random(world, 2);
    make_settings(world);
    make_nodes(world);
    make_leader(world, 0);
    for (int i = 0; i < world->nodes_n; i++)
        add_due(world, (int64_t) beats_random(world, 300 * MS), EVENT_JOIN, i);
    add_due(world, 20 * MS, EVENT_LOOK, 0);
    plan_faults(world);
    while (world->due_n > 0 && world->broken[0] == '\0') {
        struct beats_due due = take_due(world);

        if (due.at_ns > world->end_ns)
            break;
        world->now_ns = due.at_ns;
        happen(world, &due);
    }
    if (world->broken[0] == '\0')
        beats_rule_end(world);
    clean(world);
}
