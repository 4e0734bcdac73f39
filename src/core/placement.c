/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * placement.c - which node is best for a module, and why not the others.
 *
 * Called by the fleet with what is looked for (struct ft_wish); looks at the nodes as they stand in
 * berths.c and changes nothing. placement.h has the rules; here they are in three steps:
 *   preferred   the node that is asked for, if it can
 *   listed      ft.conf names a few nodes: each of them is looked at
 *   walk        else all nodes that take modules, best first, until one that can is found; then the
 *               rest of those that are as good, up to 64
 * The words about the others are bounded: the first nodes by name, all others by number.
 */
#include "core/placement.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hostlist.h"
#include "common/text.h"
#include "core/planted.h"

#define EQUALS_MAX 64 /* nodes of the same grade that are compared */
#define LISTED_MAX 64 /* nodes named by ft.conf that are looked at one by one */
#define NAMED_MAX 6   /* other nodes that are told about by name */
#define GIB ((double) (UINT64_C(1) << 30))
#define NS_PER_S INT64_C(1000000000)

/* ---------------------------------------------------------------- can it? */

/* Writes why not, unless nobody wants to know; returns false. */
static bool no(char *why, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static bool no(char *why, size_t size, const char *format, ...)
{
    va_list arguments;

    if (size == 0)
        return false;
    va_start(arguments, format);
    vsnprintf(why, size, format, arguments);
    va_end(arguments);
    return false;
}

bool ft_placement_allows(const struct ft_plan_module *module, const struct ft_berth *berth)
{
    if (module->nodes == NULL || ft_hostlist_count(module->nodes) == 0)
        return true;
    if (module->home != NULL && module->home[0] != '\0' &&
        ft_node_names_equal(module->home, berth->name))
        return true;
    return ft_hostlist_contains(module->nodes, berth->name);
}

static const struct ft_unfit *unfit_for(const struct ft_wish *wish, const struct ft_berth *berth)
{
    for (unsigned i = 0; i < wish->unfit_n; i++) {
        if (wish->unfit[i].berth == berth && wish->unfit[i].until_ns > wish->now_ns)
            return &wish->unfit[i];
    }
    return NULL;
}

/* Memory that a module could get there; negative: not known. */
static int64_t free_bytes(const struct ft_berth *berth)
{
    int64_t bytes = berth->readings.memory_free_bytes;

    if (bytes < 0 && berth->facts_known)
        bytes = (int64_t) berth->memory_bytes;
    if (bytes < 0)
        return -1;
    return bytes > (int64_t) berth->reserved_bytes ? bytes - (int64_t) berth->reserved_bytes : 0;
}

/* Whether it takes modules at all. */
static bool is_open(const struct ft_berth *berth, char *why, size_t size)
{
    if (berth->lost)
        return no(why, size, "is lost");
    if (!berth->up)
        return no(why, size, "is not connected");
    if (berth->drained != NULL)
        return no(why, size, "is %s", berth->drained);
    if (berth->failing != NULL)
        return no(why, size, "is going down: %s", berth->failing);
    if (!berth->told)
        return no(why, size, "has not said yet what it runs");
    return true;
}

/* Whether it has what the module needs. */
static bool has_enough(const struct ft_wish *wish, const struct ft_berth *berth, char *why,
                       size_t size)
{
    const struct ft_plan_module *module = wish->module;
    double disk_pct = berth->readings.disk_free_pct;
    int64_t bytes = free_bytes(berth);

    if (module->cores_min > 0 && !berth->facts_known)
        return no(why, size, "has not said yet what hardware it has");
    if (module->cores_min > 0 && berth->cores < module->cores_min)
        return no(why, size, "has %" PRIu32 " cores, %u are needed", berth->cores,
                  module->cores_min);
    if (module->memory_min_bytes > 0 && bytes < 0)
        return no(why, size, "has not said yet how much memory it has");
    if (module->memory_min_bytes > 0 && (uint64_t) bytes < module->memory_min_bytes)
        return no(why, size, "has %.2f GiB of memory free, %.2f are needed", (double) bytes / GIB,
                  (double) module->memory_min_bytes / GIB);
    if (disk_pct >= 0 && disk_pct < (double) wish->disk_min_pct)
        return no(why, size, "has %.1f %% of a disk free, %u are needed", disk_pct,
                  wish->disk_min_pct);
    return true;
}

bool ft_placement_can(const struct ft_wish *wish, const struct ft_berth *berth, char *why,
                      size_t size)
{
    const struct ft_unfit *unfit;

    if (berth == wish->not_on)
        return no(why, size, "is where it is now");
    if (!is_open(berth, why, size))
        return false;
    if (!ft_placement_allows(wish->module, berth))
        return no(why, size, "is not among its nodes in ft.conf");
    unfit = unfit_for(wish, berth);
    if (unfit != NULL && !FT_PLANTED(FT_PLANT_FLEET_FORGET_UNFIT))
        return no(why, size, "could not hold it lately (%s), not again for %" PRId64 " s",
                  ft_module_end_text(unfit->end),
                  (unfit->until_ns - wish->now_ns + NS_PER_S - 1) / NS_PER_S);
    return has_enough(wish, berth, why, size);
}

/* ---------------------------------------------------------------- better or worse */

/* Rule 4, among those of the same tier and step. */
static bool better_equal(const struct ft_wish *wish, const struct ft_berth *a,
                         const struct ft_berth *b)
{
    int64_t free_a, free_b;
    int near_a, near_b;

    if (a->modules_n != b->modules_n)
        return a->modules_n < b->modules_n;
    near_a = ft_berth_distance(a->location, wish->near);
    near_b = ft_berth_distance(b->location, wish->near);
    if (near_a != near_b)
        return near_a < near_b;
    free_a = free_bytes(a) / (1 << 28);
    free_b = free_bytes(b) / (1 << 28);
    if (free_a != free_b)
        return free_a > free_b;
    return strcmp(a->name, b->name) < 0;
}

/* Rules 3 and 4. */
static bool better(const struct ft_wish *wish, const struct ft_berth *a, const struct ft_berth *b)
{
    if (a->spare != b->spare)
        return !a->spare;
    if (a->priority != b->priority)
        return a->priority > b->priority;
    if (a->step != b->step)
        return a->step < b->step;
    return better_equal(wish, a, b);
}

/* ---------------------------------------------------------------- the three steps */

static void look_at_listed(const struct ft_berths *berths, const struct ft_wish *wish,
                           struct ft_placement *placement)
{
    const struct ft_plan_module *module = wish->module;
    size_t n = ft_hostlist_count(module->nodes);

    for (size_t i = 0; i <= n; i++) {
        const char *name = i < n ? ft_hostlist_at(module->nodes, i) : module->home;
        struct ft_berth *berth;

        if (name == NULL || name[0] == '\0')
            continue;
        berth = ft_berths_find(berths, name);
        placement->looked_at++;
        if (berth == NULL || !ft_placement_can(wish, berth, NULL, 0))
            continue;
        if (placement->berth == NULL || better(wish, berth, placement->berth))
            placement->berth = berth;
    }
}

static void walk(const struct ft_berths *berths, const struct ft_wish *wish,
                 struct ft_placement *placement)
{
    const struct ft_berth *first = NULL;
    struct ft_berth *berth = ft_berths_best(berths);
    unsigned equals = 0;

    for (; berth != NULL && equals < EQUALS_MAX; berth = ft_berths_next(berths, berth)) {
        if (first != NULL && (berth->tier != first->tier || berth->step != first->step))
            return;
        placement->looked_at++;
        if (!ft_placement_can(wish, berth, NULL, 0))
            continue;
        if (first == NULL)
            first = berth;
        equals++;
        if (placement->berth == NULL || better_equal(wish, berth, placement->berth))
            placement->berth = berth;
    }
}

/* ---------------------------------------------------------------- words */

static void say_why(const struct ft_wish *wish, struct ft_placement *placement)
{
    const struct ft_berth *berth = placement->berth;
    int64_t bytes = free_bytes(berth);
    char *text = placement->reason;
    size_t size = sizeof placement->reason;

    if (berth == wish->prefer) {
        snprintf(text, size, "%s", wish->prefer_why != NULL ? wish->prefer_why : "as asked for");
        return;
    }
    snprintf(text, size, "the best of those that can: ");
    if (berth->spare)
        ft_text_appendf(text, size, "a spare one, as no other can; ");
    if (berth->priority != 0)
        ft_text_appendf(text, size, "priority %d, ", berth->priority);
    ft_text_appendf(text, size, "%u modules there", berth->modules_n);
    if (berth->facts_known)
        ft_text_appendf(text, size, ", %" PRIu32 " cores", berth->cores);
    if (berth->readings.load >= 0)
        ft_text_appendf(text, size, ", load %.1f", berth->readings.load);
    if (bytes >= 0)
        ft_text_appendf(text, size, ", %.1f GiB of memory free", (double) bytes / GIB);
}

/* Why a node that could take it comes after the one that was chosen. */
static const char *worse_text(const struct ft_berth *berth, const struct ft_placement *placement,
                              const struct ft_wish *wish)
{
    const struct ft_berth *chosen = placement->berth;

    if (chosen == wish->prefer)
        return "could, and was not asked for";
    if (berth->spare && !chosen->spare)
        return "is a spare node";
    if (berth->priority < chosen->priority)
        return "has a lower priority";
    if (berth->step > chosen->step)
        return "has more to do";
    return "could as well";
}

static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void append(char *text, size_t size, const char *format, ...)
{
    va_list arguments;

    if (text[0] != '\0')
        ft_text_appendf(text, size, "; ");
    va_start(arguments, format);
    ft_text_vappendf(text, size, format, arguments);
    va_end(arguments);
}

/* Those that are not told about by name. */
static void say_rest(const struct ft_berths *berths, char *text, size_t size, size_t rest)
{
    struct ft_berth_counts counts;

    ft_berths_counts(berths, &counts);
    append(text, size, "%zu more (of all %zu: %u take modules", rest, ft_berths_count(berths),
           counts.open);
    if (counts.lost > 0)
        ft_text_appendf(text, size, ", %u lost", counts.lost);
    if (counts.down > 0)
        ft_text_appendf(text, size, ", %u not connected", counts.down);
    if (counts.untold > 0)
        ft_text_appendf(text, size, ", %u just connected", counts.untold);
    if (counts.drained > 0)
        ft_text_appendf(text, size, ", %u drained", counts.drained);
    if (counts.failing > 0)
        ft_text_appendf(text, size, ", %u going down", counts.failing);
    ft_text_appendf(text, size, ")");
}

static void say_one(const struct ft_wish *wish, struct ft_placement *placement,
                    const struct ft_berth *berth)
{
    char why[200];

    if (ft_placement_can(wish, berth, why, sizeof why))
        snprintf(why, sizeof why, "%s", placement->berth != NULL
                                            ? worse_text(berth, placement, wish)
                                            : "could");
    append(placement->others, sizeof placement->others, "%.60s %.120s", berth->name, why);
}

static void say_others(const struct ft_berths *berths, const struct ft_wish *wish,
                       struct ft_placement *placement)
{
    const struct ft_berth *berth = ft_berths_first(berths);
    size_t left = ft_berths_count(berths) - (placement->berth != NULL) - (wish->not_on != NULL);
    unsigned named = 0, looked_at = 0;

    if (wish->prefer != NULL && wish->prefer != placement->berth && wish->prefer != wish->not_on) {
        say_one(wish, placement, wish->prefer);
        named++;
        left--;
    }
    for (; berth != NULL && named < NAMED_MAX && looked_at < EQUALS_MAX;
         berth = berth->order_next, looked_at++) {
        if (berth == placement->berth || berth == wish->prefer || berth == wish->not_on)
            continue;
        /* Nodes that it may not run on anyway say little. */
        if (!ft_placement_allows(wish->module, berth) && ft_berths_count(berths) > NAMED_MAX)
            continue;
        if (strlen(placement->others) > sizeof placement->others * 3 / 5)
            break;
        say_one(wish, placement, berth);
        named++;
        left--;
    }
    if (left > 0)
        say_rest(berths, placement->others, sizeof placement->others, left);
    if (placement->others[0] == '\0')
        snprintf(placement->others, sizeof placement->others, "there is no other node");
}

/* ---------------------------------------------------------------- the choice */

void ft_placement_choose(const struct ft_berths *berths, const struct ft_wish *wish,
                         struct ft_placement *placement)
{
    const struct ft_hostlist *nodes = wish->module->nodes;
    size_t listed = nodes != NULL ? ft_hostlist_count(nodes) : 0;

    placement->berth = NULL;
    placement->looked_at = 1;
    placement->reason[0] = placement->others[0] = '\0';
    if (wish->prefer != NULL && ft_placement_can(wish, wish->prefer, NULL, 0))
        placement->berth = wish->prefer;
    else if (listed > 0 && listed <= LISTED_MAX)
        look_at_listed(berths, wish, placement);
    else
        walk(berths, wish, placement);
}

void ft_placement_explain(const struct ft_berths *berths, const struct ft_wish *wish,
                          struct ft_placement *placement)
{
    if (placement->berth != NULL)
        say_why(wish, placement);
    say_others(berths, wish, placement);
}
