/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * takeover.c - the ledger, what waits for it, and central units that crash.
 *
 * What core keeps is safe a few milliseconds later, all of a turn together; what it says gets out
 * when everything that was kept before is safe (as centrald/outbox.c does). A crash ends the
 * central unit at any moment: of what was kept and not known as safe, the first turns may have
 * become safe all the same, the rest is gone; what was not out is never heard. The successor is
 * made from what is safe. Then, each when it comes to it: the units come over and send again what
 * was not answered, and the launcher tells all that it knows. What the resource manager gave is
 * what the successor says.
 */
#include "world.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "core/inventory.h"

#define NS_PER_MS INT64_C(1000000)
#define SAFE_MAX_MS 4
#define OUTAGE_MAX_MS 600
#define COMING_MAX_MS 60

/* ---------------------------------------------------------------- the ledger */

void takeover_keep(void *arg, const char *key, const void *data, size_t n)
{
    struct world *world = arg;
    struct sim_keep *keep = &world->kept[world->kept_n];

    if (world->kept_n == KEEPS) {
        rule_broken(world, "core keeps more than %d things at once", KEEPS);
        return;
    }
    if (strlen(key) >= sizeof keep->key || n > FT_LEDGER_VALUE_MAX)
        rule_broken(world, "what is kept under %s is too large for the ledger", key);
    snprintf(keep->key, sizeof keep->key, "%s", key);
    keep->erase = data == NULL;
    keep->n = n;
    keep->turn = world->turn;
    keep->data = malloc(n + 1);
    if (n > 0)
        memcpy(keep->data, data, n);
    if (world->kept_n++ == 0)
        world_defer(world, SIM_COMMIT,
                    world->now_ns + (int64_t) world_random(world, SAFE_MAX_MS * NS_PER_MS));
    world->mark++;
}

static void apply(struct world *world, struct sim_keep *keep)
{
    size_t n = strlen(keep->key);

    if (!keep->erase && ft_ledger_put(world->ledger, keep->key, keep->data, keep->n) < 0)
        rule_broken(world, "the ledger does not take %s", keep->key);
    else if (keep->erase && n > 0 && keep->key[n - 1] == '/')
        ft_ledger_erase_prefix(world->ledger, keep->key);
    else if (keep->erase)
        ft_ledger_erase(world->ledger, keep->key);
    free(keep->data);
    keep->data = NULL;
}

/* The first n of what was kept are safe. */
static void commit(struct world *world, int n)
{
    for (int i = 0; i < n; i++)
        apply(world, &world->kept[i]);
    memmove(world->kept, world->kept + n, (size_t) (world->kept_n - n) * sizeof world->kept[0]);
    world->kept_n -= n;
    world->safe += (uint64_t) n;
}

uint64_t takeover_number(void *arg, enum ft_number what)
{
    struct world *world = arg;

    return ++world->numbers[what];
}

/* ---------------------------------------------------------------- what is said */

static void let_out(struct world *world, const struct sim_letter *letter)
{
    const struct sim_request *request = &world->requests[letter->token - 1];

    /* Nobody waits for it any more: the central unit knows no link for it. */
    if (!request->canceled)
        world_deliver(world, letter->token, &letter->reply);
}

void takeover_reply(struct world *world, uint64_t token, const ftReply_t *reply)
{
    struct sim_letter letter = {.token = token, .reply = *reply, .mark = world->mark};

    if (token == 0 || token > (uint64_t) world->requests_n ||
        (world->letters_n == 0 && world->mark <= world->safe)) {
        world_deliver(world, token, reply);
        return;
    }
    if (world->requests[token - 1].answered || takeover_waiting(world, token) > 0)
        rule_broken(world, "request %d is answered twice", (int) token);
    if (world->letters_n == LETTERS)
        rule_broken(world, "more than %d answers wait", LETTERS);
    else
        world->letters[world->letters_n++] = letter;
}

size_t takeover_waiting(const struct world *world, uint64_t token)
{
    size_t n = 0;

    for (int i = 0; i < world->letters_n; i++)
        n += world->letters[i].token == token;
    return n;
}

static void send_safe(struct world *world)
{
    while (world->letters_n > 0 && world->letters[0].mark <= world->safe) {
        struct sim_letter letter = world->letters[0];

        world->letters_n--;
        memmove(world->letters, world->letters + 1,
                (size_t) world->letters_n * sizeof world->letters[0]);
        let_out(world, &letter);
    }
}

/* ---------------------------------------------------------------- a crash */

/* Some of the turns whose safety nobody has heard of. */
static void commit_some(struct world *world)
{
    int n = 0, last;

    if (world->kept_n == 0)
        return;
    last = world->kept[world_random(world, (uint64_t) world->kept_n)].turn;
    while (n < world->kept_n && world->kept[n].turn < last)
        n++;
    commit(world, n);
}

static void forget_rest(struct world *world)
{
    for (int i = 0; i < world->kept_n; i++)
        free(world->kept[i].data);
    /* Who failed to start something there says so again, when his unit has come over. */
    for (int i = 0; i < NODES; i++) {
        if (world->nodes[i].failed_mark > world->safe)
            world->nodes[i].failed_until_ns = 0;
    }
    world->mark -= (uint64_t) world->kept_n;
    world->kept_n = 0;
    world->letters_n = 0;
    for (int i = 0; i < DEFERRED; i++) {
        struct sim_deferred *deferred = &world->deferred[i];

        /* What is under way in other processes goes on. */
        if (deferred->kind != SIM_START && deferred->kind != SIM_LISTEN &&
            deferred->kind != SIM_DROP && deferred->kind != SIM_BEGIN && deferred->kind != SIM_KILL)
            deferred->used = false;
    }
    for (int i = 0; i < world->requests_n; i++) {
        if (!world->requests[i].answered && !world->requests[i].canceled)
            world->requests[i].away = true;
    }
}

static bool restore_one(void *arg, const char *key, const void *data, size_t n)
{
    struct world *world = arg;

    if (ft_central_restore(world->central, key, data, n) < 0)
        rule_broken(world, "what was kept under %s cannot be restored", key);
    return true;
}

static int64_t coming(struct world *world)
{
    return world->now_ns + (int64_t) world_random(world, COMING_MAX_MS * NS_PER_MS);
}

/* What the successor knows of nodes; the resource manager asks it. */
static void settle_nodes(struct world *world)
{
    for (int i = 0; i < NODES; i++) {
        struct sim_node *node = &world->nodes[i];
        const struct ft_node *known =
            ft_inventory_find(ft_central_inventory(world->central), node->name);

        node->given = known != NULL && known->acquired;
        if (node->given && known->reserved_refs == 0 && known->state != FT_NODE_UP)
            rule_broken(world, "node %s stays given, and nobody uses it", node->name);
        node->joined_known = known != NULL && known->state == FT_NODE_UP;
        node->known_lost = node->lost && known != NULL && known->state == FT_NODE_IS_LOST;
        world_defer(world, SIM_REJOIN, coming(world))->node = i;
    }
}

/* Who is declared stands in the ledger, too (the detector's part of it), and is told at once. What
 * a unit or an administrator said of its node is told again when that comes over. */
static void tell_declared(struct world *world)
{
    for (int i = 0; i < NODES; i++) {
        world->nodes[i].failing_known = world->nodes[i].well_due = false;
        world->nodes[i].declared_known = false;
        if (world->nodes[i].declared)
            world_tell_declared(world, i);
    }
}

void takeover_crash(struct world *world)
{
    commit_some(world);
    forget_rest(world);
    ft_central_destroy(world->central);
    world->crashes++;
    world->reborn = true;
    if (world->show)
        printf("# %10.3f ms the central unit crashes\n", (double) world->now_ns / NS_PER_MS);
    world->now_ns += (int64_t) world_random(world, OUTAGE_MAX_MS * NS_PER_MS);
    world->numbers[FT_NUMBER_EVENT] += 10;
    world_begin_central(world);
    if (world->central == NULL)
        return;
    ft_ledger_each(world->ledger, "", restore_one, world);
    ft_central_restored(world->central);
    rules_takeover(world);
    settle_nodes(world);
    tell_declared(world);
    world_defer(world, SIM_REPORTS, coming(world));
}

/* ---------------------------------------------------------------- those who come over */

static void rejoin(struct world *world, int index)
{
    struct sim_node *node = &world->nodes[index];

    if (node->unit_up) {
        node->unit_up = false;
        world_unit_up(world, index);
    }
    if (node->failing)
        world_tell_failing(world, index);
    for (int i = 0; i < world->requests_n && world->broken[0] == '\0'; i++) {
        struct sim_request *request = &world->requests[i];

        if (!request->away ||
            (request->asker >= 0 ? world->processes[request->asker].node : 0) != index)
            continue;
        if (request->deadline_ns <= world->now_ns) {
            request->away = false;
            request->answered = true; /* by its unit: in time, while nobody led */
        } else if (!request->answered && !request->canceled) {
            world_request(world, (uint64_t) i + 1);
        }
    }
}

static void report_nodes(struct world *world)
{
    for (int i = 0; i < NODES; i++) {
        struct sim_node *node = &world->nodes[i];

        if (!node->in_job)
            continue;
        ft_central_node_changed(world->central, 0, &world_launcher, node->name, node->daemon,
                                node->lost ? FT_NODE_LOST : FT_NODE_JOINED, "told again");
        world_known(world, i);
        node->known_lost = node->lost;
        node->joined_known = true;
    }
}

static void report_processes(struct world *world)
{
    for (int i = 0; i < world->processes_n; i++) {
        const struct sim_process *process = &world->processes[i];
        ftProcessInfo_t info = {.rank = process->rank, .pid = 100 + i,
                                .node = world->nodes[process->node].name};

        if (!process->reported)
            continue;
        ft_central_job_started(world->central, 0, &world_launcher, process->job, "", &info, 1);
        if (!process->alive)
            ft_central_process_ended(world->central, 0, &world_launcher, process->job,
                                     process->rank, FT_ENDED_SIGNAL, 9);
    }
}

void takeover_due(struct world *world, const struct sim_deferred *deferred)
{
    switch (deferred->kind) {
    case SIM_COMMIT:
        commit(world, world->kept_n);
        send_safe(world);
        break;
    case SIM_REJOIN:
        rejoin(world, deferred->node);
        break;
    case SIM_REPORTS:
        report_nodes(world);
        report_processes(world);
        break;
    default:
        break;
    }
}

void takeover_end(struct world *world)
{
    for (int i = 0; i < world->kept_n; i++)
        free(world->kept[i].data);
    ft_ledger_destroy(world->ledger);
    world->ledger = NULL;
}
