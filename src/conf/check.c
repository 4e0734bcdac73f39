/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * check.c - whether the parts of a plan go together: names that are there twice or not at all,
 * modules that wait for each other, voters that cannot outvote each other, times that contradict.
 *
 * Called by plan.c on a plan whose values are good one by one. Pure but for its memory.
 */
#include "conf/check.h"

#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"

struct checking {
    const struct ft_plan *plan;
    const struct ft_outline *outline;
    struct ft_mistakes *mistakes, *warnings;
    struct ft_hostlist *names;              /* of the nodes */
    const struct ft_plan_module **by_name;  /* modules, sorted */
    char *marks;                            /* of modules: 1 on the way, 2 done */
};

static int line_of(const struct checking *checking, const char *option)
{
    return ft_outline_line(checking->outline, FT_OUTLINE_TOP, option);
}

/* ---------------------------------------------------------------- nodes */

static bool check_nodes(struct checking *checking)
{
    const struct ft_plan *plan = checking->plan;

    checking->names = ft_hostlist_create();
    for (size_t i = 0; checking->names != NULL && i < plan->nodes_n; i++) {
        const struct ft_plan_node *node = &plan->nodes[i];
        int added = ft_hostlist_add(checking->names, node->name);

        if (added < 0)
            return false;
        if (added == 0)
            ft_mistake(checking->mistakes, node->line, "node %s is in the file twice, first in "
                       "line %d", node->name, ft_plan_node(plan, node->name)->line);
    }
    return checking->names != NULL;
}

/* A file that names no nodes at all takes them as they come. */
static bool is_unknown(const struct checking *checking, const char *node)
{
    return checking->plan->nodes_n > 0 && !ft_hostlist_contains(checking->names, node);
}

/* ---------------------------------------------------------------- modules */

static int compare(const void *one, const void *other)
{
    return strcmp((*(const struct ft_plan_module *const *) one)->name,
                  (*(const struct ft_plan_module *const *) other)->name);
}

static const struct ft_plan_module *find(const struct checking *checking, const char *name)
{
    struct ft_plan_module wanted = {.name = (char *) name};
    const struct ft_plan_module *key = &wanted;
    const struct ft_plan_module **found =
        bsearch(&key, checking->by_name, checking->plan->modules_n, sizeof *checking->by_name,
                compare);

    return found != NULL ? *found : NULL;
}

static void check_places(struct checking *checking, const struct ft_plan_module *module)
{
    size_t n = ft_hostlist_count(module->nodes);

    if (module->home[0] != '\0' && is_unknown(checking, module->home))
        ft_mistake(checking->mistakes, module->line, "module \"%s\": its home %.80s is no node of "
                   "this file", module->name, module->home);
    for (size_t i = 0; i < n; i++) {
        if (is_unknown(checking, ft_hostlist_at(module->nodes, i)))
            ft_mistake(checking->mistakes, module->line, "module \"%s\": %.80s in its nodes is no "
                       "node of this file", module->name, ft_hostlist_at(module->nodes, i));
    }
}

static void check_after(struct checking *checking, const struct ft_plan_module *module)
{
    for (char **name = module->after; *name != NULL; name++) {
        const struct ft_plan_module *other = find(checking, *name);

        if (other == NULL)
            ft_mistake(checking->mistakes, module->line, "module \"%s\" is to run after \"%.80s\", "
                       "which is no module of this file", module->name, *name);
        else if (module->enabled && !other->enabled)
            ft_mistake(checking->warnings, module->line, "module \"%s\" waits for \"%s\", which is "
                       "not enabled", module->name, other->name);
    }
}

/* One step of a way along `after`. */
struct step {
    const struct ft_plan_module *module;
    size_t at; /* the next one of its `after` to look at */
};

static void tell_cycle(struct checking *checking, const struct step *way, size_t n,
                       const struct ft_plan_module *again)
{
    char text[160] = "";
    size_t first = 0, used = 0;

    while (way[first].module != again)
        first++;
    for (size_t i = first; i < n && used < sizeof text - 1; i++) {
        size_t length = strlen(way[i].module->name);

        if (used + length + 12 > sizeof text) {
            memcpy(text + used, "... ", 5);
            break;
        }
        memcpy(text + used, way[i].module->name, length);
        memcpy(text + used + length, " -> ", 5);
        used += length + 4;
    }
    ft_mistake(checking->mistakes, again->line, "modules wait for each other (after): %s%s", text,
               again->name);
}

/* Goes all ways from one module, without recursion: a file must not be able to use up the stack. */
static void check_cycles(struct checking *checking, struct step *way,
                         const struct ft_plan_module *from)
{
    const struct ft_plan_module *modules = checking->plan->modules;
    size_t n = 0;

    if (checking->marks[from - modules] != 0)
        return;
    way[n++] = (struct step){.module = from};
    checking->marks[from - modules] = 1;
    while (n > 0) {
        struct step *step = &way[n - 1];
        const char *name = step->module->after[step->at];
        const struct ft_plan_module *other = name != NULL ? find(checking, name) : NULL;

        if (name == NULL) {
            checking->marks[step->module - modules] = 2;
            n--;
            continue;
        }
        step->at++;
        if (other == NULL || checking->marks[other - modules] == 2)
            continue;
        if (checking->marks[other - modules] == 1) {
            tell_cycle(checking, way, n, other);
            continue;
        }
        checking->marks[other - modules] = 1;
        way[n++] = (struct step){.module = other};
    }
}

static bool check_modules(struct checking *checking)
{
    size_t n = checking->plan->modules_n;
    struct step *way = calloc(n + 1, sizeof *way);

    checking->by_name = calloc(n + 1, sizeof *checking->by_name);
    checking->marks = calloc(n + 1, 1);
    if (way == NULL || checking->by_name == NULL || checking->marks == NULL) {
        free(way);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        checking->by_name[i] = &checking->plan->modules[i];
    if (n > 0)
        qsort(checking->by_name, n, sizeof *checking->by_name, compare);
    for (size_t i = 0; i < n; i++) {
        check_places(checking, &checking->plan->modules[i]);
        check_after(checking, &checking->plan->modules[i]);
        check_cycles(checking, way, &checking->plan->modules[i]);
    }
    free(way);
    return true;
}

/* ---------------------------------------------------------------- voters */

static bool same_place(const struct ft_plan *plan, const struct ft_plan_voter *one,
                       const struct ft_plan_voter *other)
{
    const char *place = one->address[0] != '\0' ? one->address : one->name;
    uint16_t port = one->port != 0 ? one->port : plan->port;

    return strcmp(place, other->address[0] != '\0' ? other->address : other->name) == 0 &&
           port == (other->port != 0 ? other->port : plan->port);
}

static void check_voters(struct checking *checking)
{
    const struct ft_plan *plan = checking->plan;
    size_t witnesses = 0;

    for (size_t i = 0; i < plan->voters_n; i++) {
        witnesses += plan->voters[i].witness;
        for (size_t j = 0; j < i; j++) {
            if (same_place(plan, &plan->voters[i], &plan->voters[j]))
                ft_mistake(checking->mistakes, plan->voters[i].line, "voters %s and %s are at the "
                           "same address and port", plan->voters[j].name, plan->voters[i].name);
        }
    }
    if (plan->voters_n > 0 && witnesses == plan->voters_n)
        ft_mistake(checking->mistakes, plan->voters[0].line,
                   "all voters are witnesses: none of them may lead");
    else if (plan->voters_n == 2)
        ft_mistake(checking->warnings, plan->voters[1].line, "two voters need a witness: when one "
                   "of them is lost the other has no majority and nothing is decided. Add a third "
                   "voter, with witness = true if it is never to lead");
    else if (plan->voters_n == 4)
        ft_mistake(checking->warnings, plan->voters[3].line, "four voters bear the loss of one, as "
                   "three do: take 3 or 5");
}

/* ---------------------------------------------------------------- times */

/* Nobody renews leases while a leader is elected: twice election_ms at the most, and once more
 * where votes are split. */
#define ELECTIONS_MAX 4u

static void check_times(struct checking *checking)
{
    const struct ft_plan *plan = checking->plan;

    if (plan->lease_ms < 3 * plan->detect.beat_ms)
        ft_mistake(checking->mistakes, line_of(checking, "lease_ms"), "lease_ms = %u is less than "
                   "three heartbeats (beat_ms = %u): a single one that is late would end modules",
                   plan->lease_ms, plan->detect.beat_ms);
    if (plan->election_ms < 3 * plan->leader_beat_ms)
        ft_mistake(checking->mistakes, line_of(checking, "election_ms"), "election_ms = %u is less "
                   "than three of the leader's beats (leader_beat_ms = %u)", plan->election_ms,
                   plan->leader_beat_ms);
    if (plan->detect.confirm_ms + plan->detect.suspect_ms > plan->lease_ms)
        ft_mistake(checking->warnings, line_of(checking, "lease_ms"), "a node's lease (%u ms) ends "
                   "before a silent node can be declared lost (suspect_ms + confirm_ms = %u)",
                   plan->lease_ms, plan->detect.suspect_ms + plan->detect.confirm_ms);
    if (plan->lease_ms < ELECTIONS_MAX * plan->election_ms + plan->detect.beat_ms)
        ft_mistake(checking->warnings, line_of(checking, "lease_ms"), "a node's lease (%u ms) may "
                   "end while the leader is replaced, and modules with it: let it last %u times "
                   "election_ms (%u) and a beat_ms (%u) at least", plan->lease_ms, ELECTIONS_MAX,
                   plan->election_ms, plan->detect.beat_ms);
    if (plan->port == plan->unit_port)
        ft_mistake(checking->mistakes, line_of(checking, "unit_port"), "port and unit_port are "
                   "both %u: units and central units may be on one node", plan->port);
    if (plan->metrics_port != 0 &&
        (plan->metrics_port == plan->port || plan->metrics_port == plan->unit_port))
        ft_mistake(checking->mistakes, line_of(checking, "metrics_port"), "metrics_port = %u is "
                   "another one's port", plan->metrics_port);
}

bool ft_check(const struct ft_plan *plan, const struct ft_outline *outline,
              struct ft_mistakes *mistakes, struct ft_mistakes *warnings)
{
    struct checking checking = {.plan = plan, .outline = outline, .mistakes = mistakes,
                                .warnings = warnings};
    bool good = check_nodes(&checking) && check_modules(&checking);

    if (good) {
        check_voters(&checking);
        check_times(&checking);
    }
    ft_hostlist_destroy(checking.names);
    free(checking.by_name);
    free(checking.marks);
    return good;
}
