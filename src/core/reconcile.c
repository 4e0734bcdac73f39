/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * reconcile.c - one module: what is, what should be, and the next step from the one to the other.
 *
 * ft_fleet_consider is called for a module after anything that may concern it: its node, its state
 * there, the plan, a person's wish, a deadline, room on another node. It looks at all that is
 * known, takes at most one step, and may be called at any time and any number of times: nothing
 * depends on how the module came to be as it is. So whatever is forgotten or comes twice is put
 * right the next time, and a new leader, which knows only the ledger and what the nodes say, needs
 * nothing special.
 *
 *     nowhere ── a fit node, what comes before it runs ──► placed: epoch + 1, kept, START
 *        ▲                                                    │ up to its node's unit: starts,
 *        │                                                    │ runs, is started again (figure 1)
 *        │ it says that it stopped, or does not have it;      ▼
 *        │ or the node is lost and its lease is over     must go: it failed there for good, the
 *        └───────────────── STOP ◄───────────────────── node is drained or going down, a person
 *                                                       says so, the plan does not want it there
 *
 * What leaves in order goes only when there is a node for it; it runs until then. What failed, and
 * what the plan does not want, is stopped at once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "core/fleet_state.h"

#define LEAVING_AT_ONCE 8   /* modules that leave a node in order, at once */
#define CHANGING_AT_ONCE 8  /* modules that are started again because of a new plan, at once */
#define ANSWER_MS 10000     /* a unit has to answer an order within, and the module's own times */

/* ---------------------------------------------------------------- words */

bool ft_fleet_wanted(const struct ft_fleet_module *module)
{
    return module->spec != NULL && module->spec->enabled;
}

static void waiting_link(struct ft_fleet_module *module)
{
    struct ft_fleet *fleet = module->fleet;

    module->waiting_previous = NULL;
    module->waiting_next = fleet->waiting;
    if (fleet->waiting != NULL)
        fleet->waiting->waiting_previous = module;
    fleet->waiting = module;
}

static void waiting_unlink(struct ft_fleet_module *module)
{
    if (module->waiting_previous != NULL)
        module->waiting_previous->waiting_next = module->waiting_next;
    else
        module->fleet->waiting = module->waiting_next;
    if (module->waiting_next != NULL)
        module->waiting_next->waiting_previous = module->waiting_previous;
    module->waiting_next = module->waiting_previous = NULL;
}

/* People are told once for each kind of reason, not each time it is looked at again. That modules
 * wait for each other while the nodes come in is nothing to tell. */
static bool is_worth_telling(const struct ft_fleet *fleet, enum ft_waits waits)
{
    return waits == FT_WAITS_NODE || waits == FT_WAITS_LEASE ||
           (waits == FT_WAITS_MODULE && fleet->settled);
}

void ft_fleet_set_waits(struct ft_fleet_module *module, enum ft_waits waits, const char *format,
                        ...)
{
    enum ft_waits before = module->waits;
    va_list arguments;

    if (before == FT_WAITS_NOT && waits != FT_WAITS_NOT)
        waiting_link(module);
    if (before != FT_WAITS_NOT && waits == FT_WAITS_NOT)
        waiting_unlink(module);
    module->waits = waits;
    module->waits_text[0] = '\0';
    if (waits == FT_WAITS_NOT)
        return;
    va_start(arguments, format);
    vsnprintf(module->waits_text, sizeof module->waits_text, format, arguments);
    va_end(arguments);
    if (waits != before && is_worth_telling(module->fleet, waits))
        ft_fleet_log(module->fleet, "module_waits", module, module->at, NULL,
                     "module %s waits: %s", module->name, module->waits_text);
}

static void waits_not(struct ft_fleet_module *module)
{
    ft_fleet_set_waits(module, FT_WAITS_NOT, " ");
}

void ft_fleet_wish(const struct ft_fleet_module *module, struct ft_wish *wish)
{
    const struct ft_fleet *fleet = module->fleet;

    *wish = (struct ft_wish) {
        .module = module->spec,
        .near = module->last != NULL ? module->last->location : NULL,
        .unfit = module->unfit,
        .unfit_n = module->unfit_n,
        .disk_min_pct = fleet->plan->forecast.disk_min_pct,
        .now_ns = ft_fleet_now_ns(fleet),
    };
}

/* ---------------------------------------------------------------- deadlines */

static void look_again(struct ft_fleet_module *module, int64_t at_ns)
{
    struct ft_timer *timer = &module->timer;

    if (timer->place == 0 || timer->at_ns > at_ns)
        ft_timers_arm(module->fleet->timers, timer, at_ns);
}

/* When it may go again where it failed. */
static void look_again_there(struct ft_fleet_module *module)
{
    int64_t now_ns = ft_fleet_now_ns(module->fleet);

    for (unsigned i = 0; i < module->unfit_n; i++) {
        if (module->unfit[i].until_ns > now_ns)
            look_again(module, module->unfit[i].until_ns);
    }
}

/* An order was given that its unit has to answer. */
static void expect_answer(struct ft_fleet_module *module)
{
    const struct ft_plan_module *spec = module->spec;
    int64_t ms = ANSWER_MS;

    if (spec != NULL)
        ms += (int64_t) spec->start_timeout_ms + spec->stop_timeout_ms;
    module->answer_by_ns = ft_fleet_now_ns(module->fleet) + ms * NS_PER_MS;
}

static bool is_overdue(const struct ft_fleet_module *module)
{
    return ft_fleet_now_ns(module->fleet) >= module->answer_by_ns;
}

/* ---------------------------------------------------------------- orders */

static void set_changing(struct ft_fleet_module *module, bool changing)
{
    if (module->changing == changing)
        return;
    module->changing = changing;
    module->fleet->changing_n += changing ? 1 : -1u;
    if (!changing)
        ft_fleet_stir_turns(module->fleet);
}

/* With the present epoch, which is new: nobody was ever ordered to start it with this one. */
static void order_start(struct ft_fleet_module *module, enum ft_order action, const char *why)
{
    module->ordered = true;
    module->stop_ordered = false;
    module->policy_told = true;
    module->policy_sent = module->policy;
    module->ran = module->given_up = false;
    expect_answer(module);
    if (FT_PLANTED(FT_PLANT_FLEET_KEEP_LATE)) {
        ft_fleet_order(module, module->at, action, why);
        ft_fleet_keep(module);
        return;
    }
    ft_fleet_keep(module);
    ft_fleet_order(module, module->at, action, why);
}

static void new_epoch(struct ft_fleet_module *module)
{
    module->epoch = ++module->fleet->epoch;
    module->started = module->program;
    module->single = module->spec->single;
    module->done = false;
}

void ft_fleet_start_here(struct ft_fleet_module *module, const char *why)
{
    new_epoch(module);
    ft_fleet_log(module->fleet, "module_restarted", module, module->at, NULL,
                 "module %s is started again on node %s: %s", module->name, module->at->name, why);
    order_start(module, FT_ORDER_RESTART, why);
}

void ft_fleet_order_stop(struct ft_fleet *fleet, const struct ft_berth *berth, const char *name,
                         uint64_t epoch, const char *why)
{
    Ft__ModuleOrder order;

    ft__module_order__init(&order);
    order.term = fleet->config.term;
    order.epoch = epoch;
    order.name = (char *) name;
    order.action = FT_ORDER_STOP;
    order.why = (char *) why;
    fleet->env.order(fleet->env.arg, berth->name, &order);
}

/* Orders it to stop, once, and again when nothing comes of that for too long. */
static void have_stopped(struct ft_fleet_module *module)
{
    if (module->stop_ordered && !is_overdue(module)) {
        look_again(module, module->answer_by_ns);
        return;
    }
    if (module->stop_ordered)
        ft_fleet_log(module->fleet, "module_stop_late", module, module->at, NULL,
                     "node %s does not say that module %s stopped; it is told so again",
                     module->at->name, module->name);
    else
        ft_fleet_log(module->fleet, "module_stopping", module, module->at, NULL,
                     "module %s is being stopped on node %s: %s", module->name, module->at->name,
                     module->leaving_why);
    module->stop_ordered = true;
    expect_answer(module);
    look_again(module, module->answer_by_ns);
    ft_fleet_order_stop(module->fleet, module->at, module->name, module->epoch,
                        module->leaving_why);
}

/* ---------------------------------------------------------------- what its node says */

static bool is_at_rest(const struct ft_fleet_module *module)
{
    return module->state == FT_MODULE_STOPPED || module->state == FT_MODULE_DONE;
}

static bool is_current(const struct ft_fleet_module *module)
{
    return module->told && (module->told_epoch >= module->epoch ||
                            FT_PLANTED(FT_PLANT_FLEET_EPOCH));
}

/* Whether it is certain that it does not run there, and that no order that it should is under way
 * to there. */
static bool is_gone(const struct ft_fleet_module *module)
{
    if (is_current(module))
        return is_at_rest(module);
    if (module->ordered)
        return false;
    return !module->told || is_at_rest(module);
}

static bool has_run(const struct ft_fleet_module *module)
{
    return module->done || (module->at != NULL && is_current(module) &&
                            (module->state == FT_MODULE_RUNS || module->state == FT_MODULE_DONE));
}

/* ---------------------------------------------------------------- nowhere */

/* It is placed nowhere from now on. stay: nothing speaks against the same node. */
static void release(struct ft_fleet_module *module, bool stay)
{
    module->last = module->at;
    module->stay = stay;
    set_changing(module, false);
    ft_fleet_unlink(module);
}

/* Not to run: nothing more to do. The module may be gone after this. */
static void end_of(struct ft_fleet_module *module)
{
    struct ft_fleet *fleet = module->fleet;

    waits_not(module);
    if (module->last != NULL && module->kept)
        ft_fleet_log(fleet, "module_stopped", module, module->last, NULL,
                     "module %s does not run any more: %s", module->name,
                     module->spec == NULL ? "ft.conf has it no more" : "ft.conf has it disabled");
    if (module->spec == NULL) {
        ft_fleet_forget(module);
        ft_fleet_remove(fleet, module);
        return;
    }
    /* Enabled again, it begins anew, where it belongs. */
    module->leave = module->done = module->stay = false;
    module->to = module->target = NULL;
    module->unfit_n = 0;
    if (module->last != NULL && module->kept)
        ft_fleet_keep(module);
    module->last = NULL;
}

/* The first of those that have to run before it and do not; NULL: none. */
static const struct ft_fleet_module *awaited(const struct ft_fleet_module *module)
{
    if (FT_PLANTED(FT_PLANT_FLEET_NO_ORDER))
        return NULL;
    for (char **name = module->spec->after; name != NULL && *name != NULL; name++) {
        const struct ft_fleet_module *other = ft_fleet_module(module->fleet, *name);

        if (other != NULL && other != module && ft_fleet_wanted(other) && !has_run(other))
            return other;
    }
    return NULL;
}

/* Which node is asked for, and why. */
static void prefer(const struct ft_fleet_module *module, struct ft_wish *wish)
{
    const struct ft_plan_module *spec = module->spec;

    if (module->leave && module->to != NULL) {
        wish->prefer = module->to;
        wish->prefer_why = module->why;
    } else if (module->target != NULL) {
        wish->prefer = module->target;
        wish->prefer_why = "chosen before it left its node";
    } else if (module->stay) {
        wish->prefer = module->last;
        wish->prefer_why = "it was there before";
    } else if (module->last == NULL && spec->home != NULL && spec->home[0] != '\0') {
        wish->prefer = ft_berths_find(module->fleet->berths, spec->home);
        wish->prefer_why = "it belongs there";
    }
}

/* Whether enough is known, at the beginning, to take this node. */
static bool may_place(const struct ft_fleet_module *module, const struct ft_placement *placement)
{
    const struct ft_fleet *fleet = module->fleet;
    struct ft_berth_counts counts;

    if (fleet->settled)
        return true;
    /* Without a ledger that knows all modules, one that it does not know may run somewhere. */
    if (!fleet->founded && !module->kept)
        return false;
    if (placement->berth == module->hope)
        return true;
    ft_berths_counts(fleet->berths, &counts);
    return counts.down == 0 && counts.untold == 0;
}

static void place(struct ft_fleet_module *module, const struct ft_placement *placement)
{
    const struct ft_berth *from = module->last;

    waits_not(module);
    ft_fleet_link(module, placement->berth);
    new_epoch(module);
    module->leave = module->leaving = module->stay = false;
    module->to = module->target = NULL;
    ft_fleet_log(module->fleet, "module_placed", module, placement->berth,
                 from != placement->berth ? from : NULL,
                 "module %s is to run on node %s: %s. The others: %s", module->name,
                 placement->berth->name, placement->reason, placement->others);
    order_start(module, FT_ORDER_START, placement->reason);
    look_again(module, module->answer_by_ns);
}

/* Nowhere can it run: when something that it failed on is over, it is looked at again. */
static void no_node(struct ft_fleet_module *module, const struct ft_placement *placement)
{
    if (FT_PLANTED(FT_PLANT_FLEET_NO_RETRY))
        return;
    look_again_there(module);
    ft_fleet_set_waits(module, FT_WAITS_NODE, "no node can take it: %s", placement->others);
}

/* Forgets where it failed long ago. False: it failed on so many nodes lately that the fault is its
 * own: no more of them until the first is over. */
static bool may_try(struct ft_fleet_module *module)
{
    int64_t now_ns = ft_fleet_now_ns(module->fleet);
    unsigned n = 0;

    for (unsigned i = 0; i < module->unfit_n; i++) {
        if (module->unfit[i].until_ns > now_ns)
            module->unfit[n++] = module->unfit[i];
    }
    module->unfit_n = n;
    if (n < FT_UNFIT_MAX)
        return true;
    look_again_there(module);
    ft_fleet_set_waits(module, FT_WAITS_NODE, "%u nodes could not hold it lately; mend it, or wait",
                       n);
    return false;
}

static void find_place(struct ft_fleet_module *module)
{
    struct ft_fleet *fleet = module->fleet;
    struct ft_placement placement;
    struct ft_wish wish;

    ft_fleet_wish(module, &wish);
    prefer(module, &wish);
    module->hope = wish.prefer;
    ft_placement_choose(fleet->berths, &wish, &placement);
    fleet->looked_at += placement.looked_at;
    if (!fleet->settled && (placement.berth == NULL || !may_place(module, &placement))) {
        ft_fleet_set_waits(module, FT_WAITS_GATHERING,
                           "the nodes are coming in; what runs where will be clear soon");
        return;
    }
    ft_placement_explain(fleet->berths, &wish, &placement);
    if (placement.berth != NULL)
        place(module, &placement);
    else
        no_node(module, &placement);
}

static void nowhere(struct ft_fleet_module *module)
{
    const struct ft_fleet_module *before;

    module->leaving = false;
    if (!ft_fleet_wanted(module)) {
        end_of(module);
        return;
    }
    if (module->done && module->started == module->program) {
        waits_not(module);
        return;
    }
    if (!may_try(module))
        return;
    before = awaited(module);
    if (before != NULL) {
        ft_fleet_set_waits(module, FT_WAITS_MODULE, "module %s has to run first, and does not%s%s",
                           before->name, before->waits_text[0] != '\0' ? ": " : "",
                           before->waits_text);
        return;
    }
    find_place(module);
}

/* ---------------------------------------------------------------- its node is away */

/* From when on it is certain that it does not run there any more; INT64_MAX: not known. */
static int64_t free_ns(const struct ft_fleet_module *module)
{
    const struct ft_fleet *fleet = module->fleet;
    const struct ft_berth *at = module->at;

    if (at->lost)
        return module->single && !FT_PLANTED(FT_PLANT_FLEET_NO_LEASE) ? at->lease_free_ns : 0;
    if (!at->up && !at->seen)
        return FT_PLANTED(FT_PLANT_FLEET_HASTY_LEADER) ? 0 : fleet->settled_ns;
    return INT64_MAX;
}

static void wait_for_lease(struct ft_fleet_module *module, int64_t until_ns)
{
    int64_t now_ns = ft_fleet_now_ns(module->fleet);

    look_again(module, until_ns);
    if (module->at->lost)
        ft_fleet_set_waits(module, FT_WAITS_LEASE,
                           "node %s is lost; its lease is surely over in %.1f s",
                           module->at->name, (double) (until_ns - now_ns) / 1e9);
    else
        ft_fleet_set_waits(module, FT_WAITS_GATHERING, "node %s has not come back yet",
                           module->at->name);
}

/* ---------------------------------------------------------------- it has to go */

static void be_leaving(struct ft_fleet_module *module, const char *why)
{
    module->leaving = true;
    ft_text_copy(module->leaving_why, sizeof module->leaving_why, why);
}

static void leave(struct ft_fleet_module *module)
{
    if (!is_gone(module) && !FT_PLANTED(FT_PLANT_FLEET_NO_STOP)) {
        have_stopped(module);
        return;
    }
    release(module, false);
    nowhere(module);
}

/* Where to remember one more: in the place of one that says nothing any more, else behind them,
 * else in the place of the oldest one. */
static struct ft_unfit *unfit_slot(struct ft_fleet_module *module, int64_t now_ns)
{
    struct ft_unfit *oldest = &module->unfit[0];

    for (unsigned i = 0; i < module->unfit_n; i++) {
        struct ft_unfit *unfit = &module->unfit[i];

        if (unfit->berth == module->at || unfit->until_ns <= now_ns)
            return unfit;
        if (unfit->until_ns < oldest->until_ns)
            oldest = unfit;
    }
    return module->unfit_n < FT_UNFIT_MAX ? &module->unfit[module->unfit_n++] : oldest;
}

/* Remembers where it failed. */
static void add_unfit(struct ft_fleet_module *module, enum ft_module_end end)
{
    struct ft_fleet *fleet = module->fleet;
    int64_t now_ns = ft_fleet_now_ns(fleet);

    *unfit_slot(module, now_ns) = (struct ft_unfit) {
        .berth = module->at, .until_ns = now_ns + fleet->plan->unfit_ms * NS_PER_MS, .end = end};
}

static void give_up(struct ft_fleet_module *module)
{
    add_unfit(module, module->end);
    be_leaving(module, "it cannot be held there");
    ft_fleet_keep(module);
    ft_fleet_log(module->fleet, "module_given_up", module, module->at, NULL,
                 "node %s cannot hold module %s (%s)%s%s; it is to run elsewhere",
                 module->at->name, module->name, ft_module_end_text(module->end),
                 module->text[0] != '\0' ? ": " : "", module->text);
    leave(module);
}

/* Why it should not be where it is, in order; false if it may stay. */
static bool should_go(const struct ft_fleet_module *module, char *why, size_t size)
{
    const struct ft_berth *at = module->at;
    const struct ft_plan_module *spec = module->spec;

    if (module->leave)
        snprintf(why, size, "%s", module->why);
    else if (at->drained != NULL)
        snprintf(why, size, "the node is %s", at->drained);
    else if (at->failing != NULL)
        snprintf(why, size, "the node is going down: %s", at->failing);
    else if (!ft_placement_allows(spec, at))
        snprintf(why, size, "ft.conf does not let it run there any more");
    else if (at->facts_known && at->cores < spec->cores_min)
        snprintf(why, size, "ft.conf wants more cores for it than the node has");
    else
        return false;
    return true;
}

/* The node that a person named cannot take it any more. */
static void give_up_move(struct ft_fleet_module *module, const char *why)
{
    ft_fleet_log(module->fleet, "module_move_failed", module, module->at, NULL,
                 "module %s stays on node %s: node %s %s", module->name, module->at->name,
                 module->to->name, why);
    module->leave = false;
    module->to = NULL;
    ft_fleet_keep(module);
}

/* Sends it on its way, if there is a node for it and it is its turn. True: it goes. */
static bool go(struct ft_fleet_module *module, const char *why)
{
    struct ft_fleet *fleet = module->fleet;
    struct ft_placement placement;
    struct ft_wish wish;
    char text[200];

    ft_fleet_wish(module, &wish);
    wish.not_on = module->at;
    wish.near = module->at->location;
    wish.prefer = module->leave ? module->to : NULL;
    if (wish.prefer != NULL && !ft_placement_can(&wish, wish.prefer, text, sizeof text)) {
        give_up_move(module, text);
        return false;
    }
    if (module->at->leaving_n >= LEAVING_AT_ONCE) {
        ft_fleet_set_waits(module, FT_WAITS_TURN, "others leave node %s before it",
                           module->at->name);
        return false;
    }
    ft_placement_choose(fleet->berths, &wish, &placement);
    fleet->looked_at += placement.looked_at;
    if (placement.berth == NULL) {
        ft_placement_explain(fleet->berths, &wish, &placement);
        ft_fleet_set_waits(module, FT_WAITS_NODE, "it stays on node %s, although %s; no other node "
                           "can take it: %s", module->at->name, why, placement.others);
        look_again_there(module);
        return false;
    }
    waits_not(module);
    be_leaving(module, why);
    module->target = placement.berth;
    module->in_order = true;
    module->at->leaving_n++;
    leave(module);
    return true;
}

/* ---------------------------------------------------------------- it is there */

static void be_done(struct ft_fleet_module *module)
{
    char why[FT_FLEET_WHY_MAX];

    if (!module->done) {
        module->done = true;
        ft_fleet_keep(module);
        ft_fleet_log(module->fleet, "module_done", module, module->at, NULL,
                     "module %s on node %s has ended (%s) and is left so, as ft.conf says",
                     module->name, module->at->name, ft_module_end_text(module->end));
        ft_fleet_stir_after(module->fleet);
    }
    /* It does not run: nothing to be stopped. */
    if (should_go(module, why, sizeof why)) {
        module->leave = false;
        module->to = NULL;
        release(module, false);
        ft_fleet_keep(module);
    }
    waits_not(module);
}

/* Ordered to start, and its node has not said that it does. */
static void await_start(struct ft_fleet_module *module)
{
    if (!is_overdue(module)) {
        look_again(module, module->answer_by_ns);
        return;
    }
    set_changing(module, false);
    ft_fleet_start_here(module, "the node did not answer the order to start it");
    look_again(module, module->answer_by_ns);
}

/* A new plan has another program for it. True: it is being started again. */
static bool change(struct ft_fleet_module *module)
{
    if (module->started == module->program)
        return false;
    if (module->fleet->changing_n >= CHANGING_AT_ONCE) {
        ft_fleet_set_waits(module, FT_WAITS_TURN,
                           "it is to be started again, as ft.conf has changed; others come first");
        return true;
    }
    waits_not(module);
    set_changing(module, true);
    ft_fleet_start_here(module, "ft.conf has changed");
    look_again(module, module->answer_by_ns);
    return true;
}

static void tell_policy(struct ft_fleet_module *module)
{
    if (module->policy_told && module->policy_sent == module->policy)
        return;
    module->policy_told = true;
    module->policy_sent = module->policy;
    ft_fleet_order(module, module->at, FT_ORDER_UPDATE, "ft.conf");
}

/* It runs, or its unit sees to it that it does. */
static void tend(struct ft_fleet_module *module)
{
    char why[FT_FLEET_WHY_MAX];
    bool stays;

    if (module->changing && (has_run(module) || is_overdue(module)))
        set_changing(module, false);
    if (module->changing)
        look_again(module, module->answer_by_ns);
    if (should_go(module, why, sizeof why) && go(module, why))
        return;
    /* The wish may have been given up. */
    stays = should_go(module, why, sizeof why);
    if (!stays)
        waits_not(module);
    if (!change(module))
        tell_policy(module);
}

static void here(struct ft_fleet_module *module)
{
    if (!ft_fleet_wanted(module)) {
        be_leaving(module, module->spec == NULL ? "ft.conf has it no more"
                                                : "ft.conf has it disabled");
        waits_not(module);
        leave(module);
    } else if (module->leaving) {
        leave(module);
    } else if (!is_current(module) && module->ordered) {
        await_start(module);
    } else if (is_current(module) && module->state == FT_MODULE_DONE &&
               module->started == module->program) {
        be_done(module);
    } else if (is_gone(module) && !module->done) {
        release(module, true);
        nowhere(module);
    } else if (!is_current(module) && !module->done) {
        ft_fleet_start_here(module, "what runs there is older than what was ordered");
        look_again(module, module->answer_by_ns);
    } else if (is_current(module) && (module->given_up || module->state == FT_MODULE_FAILED)) {
        give_up(module);
    } else if (!module->done || module->started != module->program) {
        tend(module);
    }
}

void ft_fleet_consider(struct ft_fleet_module *module)
{
    ft_timers_disarm(module->fleet->timers, &module->timer);
    if (module->at != NULL) {
        int64_t until_ns = free_ns(module);

        if (until_ns <= ft_fleet_now_ns(module->fleet)) {
            ft_fleet_log(module->fleet, "module_lost", module, module->at, NULL,
                         "module %s is lost with node %s; nothing of it can run there any more",
                         module->name, module->at->name);
            release(module, false);
        } else if (until_ns != INT64_MAX) {
            wait_for_lease(module, until_ns);
            return;
        }
    }
    if (module->at == NULL)
        nowhere(module);
    else if (module->at->up && module->at->told)
        here(module);
    else
        waits_not(module);
}
