/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fleet_leader.c - made-up central units: each with a fleet, a ledger's uncommitted end, an outbox
 * and a watch.
 *
 * What a fleet keeps is committed a little later, by the one that really leads; what the fleet says
 * after a keep waits for that. One that was deposed without knowing commits nothing any more, but
 * says what rests on nothing new, and renews leases, until it knows. Of what it had kept, some
 * first part reaches its successor; the rest is lost.
 */
#include "fleet_world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 50
#define COMMIT_MS_MAX 15

/* Which leader a fleet belongs to. */
struct whose {
    struct world *world;
    int slot;
};
static struct whose whose[LEADERS];

/* ---------------------------------------------------------------- the ledger */

static void apply(struct world *world, const struct pending *pending)
{
    for (int i = 0; i < world->ledger_n; i++) {
        if (strcmp(world->ledger[i].key, pending->record.key) != 0)
            continue;
        if (pending->erase)
            world->ledger[i] = world->ledger[--world->ledger_n];
        else
            world->ledger[i] = pending->record;
        return;
    }
    if (pending->erase)
        return;
    if (world->ledger_n == RECORDS)
        rule_broken(world, "the ledger has more than %d entries", RECORDS);
    else
        world->ledger[world->ledger_n++] = pending->record;
}

/* ---------------------------------------------------------------- the outbox */

static void let_out(struct world *world, int slot)
{
    struct leader *leader = &world->leaders[slot];

    while (leader->outbox_n > 0 &&
           leader->outbox[leader->outbox_first].mark <= leader->committed) {
        struct waiting *waiting = &leader->outbox[leader->outbox_first];

        leader->outbox_first = (leader->outbox_first + 1) % OUTBOX;
        leader->outbox_n--;
        if (waiting->act != ACT_NONE)
            rules_act_safe(world, waiting);
        else
            world_post(world, &waiting->letter);
    }
}

static void put_out(struct world *world, int slot, const struct waiting *waiting)
{
    struct leader *leader = &world->leaders[slot];

    if (leader->outbox_n == OUTBOX) {
        rule_broken(world, "more than %d things wait in the outbox", OUTBOX);
        return;
    }
    leader->outbox[(leader->outbox_first + leader->outbox_n++) % OUTBOX] = *waiting;
    let_out(world, slot);
}

/* ---------------------------------------------------------------- the fleet's effects */

static int64_t do_now_ns(void *arg)
{
    const struct whose *me = arg;

    /* Each central unit has a clock of its own. */
    return me->world->now_ns + me->slot * INT64_C(1000000000000);
}

static int64_t own_clock_ns(int slot, int64_t ns)
{
    return ns == INT64_MAX ? ns : ns + slot * INT64_C(1000000000000);
}

static void do_log(void *arg, const struct ft_event *event)
{
    struct whose *me = arg;

    world_say(me->world, "leader %d: %-18s %s", me->slot, event->name, event->text);
    rules_event(me->world, event);
}

static void do_keep(void *arg, const char *key, const void *data, size_t n)
{
    struct whose *me = arg;
    struct world *world = me->world;
    struct leader *leader = &world->leaders[me->slot];
    struct pending *pending = &leader->pending[++leader->kept % PENDING];
    int64_t last_ns = leader->kept > leader->committed + 1
                          ? leader->pending[(leader->kept - 1) % PENDING].due_ns
                          : world->now_ns;

    if (n > RECORD_BYTES || strlen(key) >= sizeof pending->record.key ||
        leader->kept - leader->committed >= PENDING) {
        rule_broken(world, "entry %s of %zu bytes is too much to keep", key, n);
        return;
    }
    memset(pending, 0, sizeof *pending);
    snprintf(pending->record.key, sizeof pending->record.key, "%s", key);
    if (data != NULL)
        memcpy(pending->record.bytes, data, n);
    pending->record.n = n;
    pending->erase = data == NULL;
    pending->due_ns = last_ns + world_ms(world, 0, COMMIT_MS_MAX);
}

static void do_order(void *arg, const char *node, const Ft__ModuleOrder *order)
{
    struct whose *me = arg;
    struct world *world = me->world;
    struct leader *leader = &world->leaders[me->slot];
    int index = world_node(node);
    struct waiting waiting = {.mark = leader->kept};

    rules_order(world, me->slot, index, order);
    waiting.letter = (struct letter) {
        .kind = TO_UNIT_ORDER,
        .node = index,
        .leader = me->slot,
        .link = leader->nodes[index].link,
        .term = order->term,
        .epoch = order->epoch,
        .module = world_module(order->name),
        .action = (enum ft_order) order->action,
        .program = order->spec != NULL ? (unsigned) atoi(order->spec->argv[1]) : 0,
        .leased = order->spec != NULL && order->spec->leased,
    };
    put_out(world, me->slot, &waiting);
}

/* ---------------------------------------------------------------- it begins, it ends */

static void take_plan(struct world *world, int slot)
{
    struct leader *leader = &world->leaders[slot];
    const struct sim_plan *plan = &world->plans[world->plans_n - 1];

    /* What is another program now, or was taken out, begins anew everywhere. */
    for (int m = 0; m < MODULES; m++) {
        const struct meant *meant = &world->meant[m];

        for (int n = 0; n < NODES; n++) {
            if (!meant->in_plan || !meant->enabled ||
                world->nodes[n].modules[m].program != meant->program)
                leader->gave_up_ns[n][m] = 0;
        }
    }
    if (ft_fleet_plan(leader->fleet, &plan->plan) < 0)
        rule_broken(world, "a plan is not taken");
}

void leader_begin(struct world *world, int slot)
{
    struct leader *leader = &world->leaders[slot];
    struct ft_fleet_env env = {.arg = &whose[slot], .now_ns = do_now_ns, .log = do_log,
                               .keep = do_keep, .order = do_order};
    struct ft_fleet_config config = {.term = ++world->term, .lease_ms = LEASE_MS,
                                     .margin_ms = MARGIN_MS};

    memset(leader, 0, sizeof *leader);
    whose[slot] = (struct whose) {.world = world, .slot = slot};
    leader->there = true;
    leader->term = world->term;
    leader->start_ns = world->now_ns;
    leader->look_ns = world->now_ns + LOOK_MS * MS;
    leader->gone_ns = NEVER;
    for (int i = 0; i < NODES; i++) {
        leader->nodes[i].notice_ns = NEVER;
        leader->nodes[i].incarnation = world->term << 8;
    }
    world->leading = slot;
    world_say(world, "leader %d begins, term %d", slot, (int) world->term);
    leader->fleet = ft_fleet_create(&env, &config);
    for (int i = 0; i < world->ledger_n && leader->fleet != NULL; i++) {
        const struct record *record = &world->ledger[i];

        if (ft_fleet_restore(leader->fleet, record->key, record->bytes, record->n) < 0)
            rule_broken(world, "entry %s of the ledger is not understood", record->key);
    }
    take_plan(world, slot);
}

void leader_end(struct world *world, int slot)
{
    struct leader *leader = &world->leaders[slot];

    if (!leader->there)
        return;
    world_say(world, "leader %d is gone", slot);
    ft_fleet_destroy(leader->fleet);
    leader->there = false;
    if (world->leading == slot)
        world->leading = -1;
    for (int i = 0; i < NODES; i++) {
        if (world->nodes[i].leader == slot)
            unit_break_link(world, i);
        if (world->nodes[i].beats_to == slot)
            world->nodes[i].beats_to = -1;
    }
    for (int i = 0; i < LETTERS; i++) {
        if (world->letters[i].leader == slot)
            world->letters[i].used = false;
    }
}

/* It leads no more. Some first part of what it has kept reaches its successor. */
void leader_depose(struct world *world, bool crash)
{
    int slot = world->leading;
    struct leader *leader;
    uint64_t reach;

    if (slot < 0)
        return;
    leader = &world->leaders[slot];
    /* It does not hear of that. */
    reach = leader->committed + world_random(world, leader->kept - leader->committed + 1);
    for (uint64_t i = leader->committed + 1; i <= reach; i++)
        apply(world, &leader->pending[i % PENDING]);
    world->leading = -1;
    world->elect_ns = world->now_ns + world_ms(world, 0, 600);
    if (crash) {
        leader_end(world, slot);
        return;
    }
    world_say(world, "leader %d is deposed, and does not know it", slot);
    leader->deposed = true;
    leader->gone_ns = world->elect_ns + world_ms(world, 0, MARGIN_MS * 9 / 10);
}

/* ---------------------------------------------------------------- links */

static void unlink_node(struct world *world, int slot, int node)
{
    struct leader *leader = &world->leaders[slot];

    if (leader->nodes[node].link == 0)
        return;
    if (world->nodes[node].link == leader->nodes[node].link && world->nodes[node].leader == slot)
        unit_break_link(world, node);
    leader->nodes[node].link = 0;
    leader->nodes[node].notice_ns = NEVER;
    ft_fleet_node_down(leader->fleet, world->nodes[node].name);
}

void leader_link(struct world *world, int slot, int node, uint64_t link)
{
    struct leader *leader = &world->leaders[slot];
    struct letter welcome = {.kind = TO_UNIT_WELCOME, .node = node, .leader = slot, .link = link,
                             .term = leader->term};
    const char *name = world->nodes[node].name;

    if (leader->nodes[node].link != 0) {
        leader->nodes[node].link = 0;
        ft_fleet_node_down(leader->fleet, name);
    }
    leader->nodes[node].link = link;
    leader->nodes[node].notice_ns = NEVER;
    leader->nodes[node].joined = true;
    leader->nodes[node].declared = false;
    leader->nodes[node].heard_ns = world->now_ns;
    welcome.incarnation = leader->nodes[node].incarnation;
    if (ft_fleet_node_up(leader->fleet, name, leader->nodes[node].incarnation) < 0 ||
        ft_fleet_node_facts(leader->fleet, name, world->cores[node], UINT64_C(1) << 32) < 0)
        rule_broken(world, "a node cannot come up");
    world_post(world, &welcome);
}

/* ---------------------------------------------------------------- what it hears */

static void fill(Ft__ModuleState *to, const struct letter *letter, int module)
{
    static char names[MODULES][16];

    snprintf(names[module], sizeof names[module], "m%d", module);
    ft__module_state__init(to);
    to->name = names[module];
    to->epoch = letter->states[module].epoch;
    to->state = (uint32_t) letter->states[module].state;
    to->end = (uint32_t) letter->states[module].end;
    to->given_up = letter->states[module].given_up;
    to->pid = letter->states[module].pid;
}

static void note_given_up(struct world *world, const struct letter *letter, int module)
{
    struct leader *leader = &world->leaders[letter->leader];
    struct ft_fleet_view view;
    char name[16];

    snprintf(name, sizeof name, "m%d", module);
    if (letter->states[module].given_up && ft_fleet_find(leader->fleet, name, &view) &&
        view.spec != NULL && view.spec->enabled && world_node(view.node) == letter->node &&
        view.epoch == letter->states[module].epoch && !view.leaving)
        leader->gave_up_ns[letter->node][module] = world->now_ns;
}

static void take_list(struct world *world, const struct letter *letter)
{
    Ft__ModuleState states[MODULES], *list[MODULES];
    Ft__ModuleList message;

    ft__module_list__init(&message);
    message.modules = list;
    for (int i = 0; i < MODULES; i++) {
        if (!letter->states[i].here)
            continue;
        note_given_up(world, letter, i);
        fill(&states[i], letter, i);
        list[message.n_modules++] = &states[i];
    }
    if (ft_fleet_node_list(world->leaders[letter->leader].fleet, world->nodes[letter->node].name,
                           &message) < 0)
        rule_broken(world, "a list is refused");
}

static void take_beat(struct world *world, const struct letter *letter)
{
    struct leader *leader = &world->leaders[letter->leader];
    struct letter ack = *letter;

    if (letter->term != leader->term || !leader->nodes[letter->node].joined ||
        leader->nodes[letter->node].declared)
        return;
    leader->nodes[letter->node].heard_ns = world->now_ns;
    leader->nodes[letter->node].acked_ns = world->now_ns;
    ack.kind = BEAT_ACK;
    world_post(world, &ack);
}

void leader_letter(struct world *world, const struct letter *letter)
{
    struct leader *leader = &world->leaders[letter->leader];
    const struct node *node = &world->nodes[letter->node];
    Ft__ModuleState state;

    if (!leader->there)
        return;
    if (letter->kind == BEAT) {
        if (!node->cut)
            take_beat(world, letter);
        return;
    }
    if (leader->nodes[letter->node].link != letter->link)
        return;
    if (letter->kind == TO_LEADER_LIST) {
        take_list(world, letter);
        return;
    }
    note_given_up(world, letter, letter->module);
    fill(&state, letter, letter->module);
    if (ft_fleet_module_state(leader->fleet, node->name, &state) < 0)
        rule_broken(world, "a state is refused");
}

/* ---------------------------------------------------------------- time */

static void declare(struct world *world, int slot, int node)
{
    struct leader *leader = &world->leaders[slot];
    int64_t free_ns = leader->start_ns + (LEASE_MS + MARGIN_MS) * MS;

    /* Not before those are over that a leader before this one may have granted. */
    if (leader->nodes[node].acked_ns + LEASE_MS * MS > free_ns)
        free_ns = leader->nodes[node].acked_ns + LEASE_MS * MS;
    leader->nodes[node].declared = true;
    leader->nodes[node].incarnation++;
    world_say(world, "leader %d declares n%d lost; free in %d ms", slot, node,
              (int) ((free_ns - world->now_ns) / MS));
    unlink_node(world, slot, node);
    if (ft_fleet_node_lost(leader->fleet, world->nodes[node].name,
                           own_clock_ns(slot, free_ns)) < 0)
        rule_broken(world, "a loss is refused");
}

static void look(struct world *world, int slot)
{
    struct leader *leader = &world->leaders[slot];

    leader->look_ns = world->now_ns + LOOK_MS * MS;
    for (int i = 0; i < NODES; i++) {
        const struct node *node = &world->nodes[i];
        bool works = node->leader == slot && node->link == leader->nodes[i].link &&
                     node->link_works;

        if (leader->nodes[i].link != 0 && !works && leader->nodes[i].notice_ns == NEVER)
            leader->nodes[i].notice_ns = world->now_ns + world_ms(world, 0, 800);
        if (leader->nodes[i].notice_ns <= world->now_ns)
            unlink_node(world, slot, i);
        if (leader->nodes[i].joined && !leader->nodes[i].declared &&
            world->now_ns - leader->nodes[i].heard_ns > SILENT_MS * MS)
            declare(world, slot, i);
    }
}

int64_t leader_next_ns(const struct world *world, int slot)
{
    const struct leader *leader = &world->leaders[slot];
    int64_t next_ns, fleet_ns;

    if (!leader->there)
        return NEVER;
    next_ns = leader->look_ns;
    fleet_ns = ft_fleet_next_deadline_ns(leader->fleet);
    if (fleet_ns != INT64_MAX)
        fleet_ns -= own_clock_ns(slot, 0);
    if (fleet_ns < next_ns)
        next_ns = fleet_ns;
    if (leader->deposed)
        return leader->gone_ns < next_ns ? leader->gone_ns : next_ns;
    if (leader->kept > leader->committed &&
        leader->pending[(leader->committed + 1) % PENDING].due_ns < next_ns)
        next_ns = leader->pending[(leader->committed + 1) % PENDING].due_ns;
    return next_ns;
}

void leader_step(struct world *world, int slot)
{
    struct leader *leader = &world->leaders[slot];

    if (!leader->there)
        return;
    if (leader->deposed && leader->gone_ns <= world->now_ns) {
        leader_end(world, slot);
        return;
    }
    while (!leader->deposed && leader->kept > leader->committed &&
           leader->pending[(leader->committed + 1) % PENDING].due_ns <= world->now_ns) {
        apply(world, &leader->pending[++leader->committed % PENDING]);
        let_out(world, slot);
    }
    if (leader->look_ns <= world->now_ns)
        look(world, slot);
    ft_fleet_tick(leader->fleet);
    rules_time(world, slot);
}

/* ---------------------------------------------------------------- people */

void leader_person(struct world *world, int slot, enum act act, int subject, const char *to)
{
    struct leader *leader = &world->leaders[slot];
    struct waiting waiting = {.act = act, .subject = subject, .number = ++world->acts,
                              .at_ns = world->now_ns};
    char module[16], reason[600] = "";
    const char *node = world->nodes[subject % NODES].name;
    ftRetVal_t status;

    snprintf(module, sizeof module, "m%d", subject % MODULES);
    rules_act_given(world, act, subject, waiting.number);
    if (act == ACT_DRAIN)
        status = ft_fleet_drain(leader->fleet, node, "root", "by chance", reason, sizeof reason);
    else if (act == ACT_UNDRAIN)
        status = ft_fleet_undrain(leader->fleet, node, "root", reason, sizeof reason);
    else if (act == ACT_RESTART)
        status = ft_fleet_restart(leader->fleet, module, "root", reason, sizeof reason);
    else
        status = ft_fleet_move(leader->fleet, module, to, "root", reason, sizeof reason);
    if (status != FT_OK) {
        world_say(world, "refused (%d): %s", (int) status, reason);
        if (reason[0] == '\0')
            rule_broken(world, "an order of a person is refused without a reason");
        return;
    }
    waiting.mark = leader->kept;
    put_out(world, slot, &waiting);
}

void leader_plan(struct world *world)
{
    if (world->leading < 0)
        return;
    world->in_plan = world->plans_n - 2;
    take_plan(world, world->leading);
    world->in_plan = -1;
}
