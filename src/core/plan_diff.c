/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * plan_diff.c - compares two plans, for a reload: what has to be done about it (flags, and how each
 * module changed), and what to tell people. Pure; the plans are only looked at.
 *
 * A module's members are in three groups: what is executed (a running instance is another program
 * then), where it may be, and all the rest, which its unit can be told while it runs.
 */
#include "core/plan_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/hostlist.h"
#include "common/text.h"

#define TEXT_MAX_BYTES 16384
#define TEXT_TAIL_BYTES 64 /* kept free for "and N more" */

/* ---------------------------------------------------------------- comparing */

static bool same_texts(char **one, char **other)
{
    if (one == NULL || other == NULL)
        return one == other;
    for (; *one != NULL && *other != NULL; one++, other++) {
        if (strcmp(*one, *other) != 0)
            return false;
    }
    return *one == *other;
}

static bool same_hosts(const struct ft_hostlist *one, const struct ft_hostlist *other)
{
    size_t n = ft_hostlist_count(one);

    if (n != ft_hostlist_count(other))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(ft_hostlist_at(one, i), ft_hostlist_at(other, i)) != 0)
            return false;
    }
    return true;
}

static bool same_program(const struct ft_plan_module *one, const struct ft_plan_module *other)
{
    return same_texts(one->argv, other->argv) && strcmp(one->user, other->user) == 0 &&
           strcmp(one->dir, other->dir) == 0 &&
           same_texts(one->environment, other->environment) &&
           strcmp(one->checksum, other->checksum) == 0 && one->notifies == other->notifies &&
           one->single == other->single && one->watchdog_ms == other->watchdog_ms &&
           one->memory_max_bytes == other->memory_max_bytes;
}

static bool same_rules(const struct ft_plan_module *one, const struct ft_plan_module *other)
{
    return one->restart == other->restart && one->burst == other->burst &&
           one->window_ms == other->window_ms && one->delays_n == other->delays_n &&
           memcmp(one->delays_ms, other->delays_ms, one->delays_n * sizeof one->delays_ms[0]) ==
               0 &&
           one->start_timeout_ms == other->start_timeout_ms &&
           one->stop_timeout_ms == other->stop_timeout_ms &&
           one->deadline_ms == other->deadline_ms && same_texts(one->check, other->check) &&
           one->check_ms == other->check_ms && one->check_timeout_ms == other->check_timeout_ms &&
           one->check_failures == other->check_failures;
}

static bool same_place(const struct ft_plan_module *one, const struct ft_plan_module *other)
{
    return strcmp(one->home, other->home) == 0 && same_hosts(one->nodes, other->nodes) &&
           same_texts(one->after, other->after) && one->priority == other->priority &&
           one->enabled == other->enabled && one->cores_min == other->cores_min &&
           one->memory_min_bytes == other->memory_min_bytes;
}

enum ft_module_change ft_plan_module_change(const struct ft_plan_module *old,
                                            const struct ft_plan_module *new)
{
    if (!same_program(old, new))
        return FT_CHANGE_RESTART;
    if (!same_rules(old, new))
        return FT_CHANGE_UPDATE;
    return same_place(old, new) ? FT_CHANGE_NONE : FT_CHANGE_PLACE;
}

/* ---------------------------------------------------------------- telling */

struct telling {
    struct ft_plan_diff *diff;
    size_t used;
    size_t more; /* changes that did not fit */
};

static void tell(struct telling *telling, unsigned flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct telling *telling, unsigned flag, const char *format, ...)
{
    char line[400] = "";
    size_t n;
    va_list arguments;

    telling->diff->flags |= flag;
    va_start(arguments, format);
    ft_text_vappendf(line, sizeof line, format, arguments);
    va_end(arguments);
    n = strlen(line);
    if (telling->more > 0 || telling->used + n + 1 + TEXT_TAIL_BYTES > TEXT_MAX_BYTES) {
        telling->more++;
        return;
    }
    if (telling->used > 0)
        telling->diff->text[telling->used++] = '\n';
    memcpy(telling->diff->text + telling->used, line, n + 1);
    telling->used += n;
}

static void tell_number(struct telling *telling, unsigned flag, const char *name, double old,
                        double new)
{
    if (old != new)
        tell(telling, flag, "%s: %.10g -> %.10g", name, old, new);
}

static void tell_text(struct telling *telling, unsigned flag, const char *name, const char *old,
                      const char *new)
{
    if (strcmp(old, new) != 0)
        tell(telling, flag, "%s: \"%.100s\" -> \"%.100s\"", name, old, new);
}

/* ---------------------------------------------------------------- nodes */

static int compare_nodes(const void *one, const void *other)
{
    return strcmp((*(const struct ft_plan_node *const *) one)->name,
                  (*(const struct ft_plan_node *const *) other)->name);
}

/* Nodes of a plan by name; NULL: out of memory. */
static const struct ft_plan_node **sorted_nodes(const struct ft_plan *plan)
{
    size_t n = plan != NULL ? plan->nodes_n : 0;
    const struct ft_plan_node **nodes = calloc(n + 1, sizeof *nodes);

    for (size_t i = 0; nodes != NULL && i < n; i++)
        nodes[i] = &plan->nodes[i];
    if (nodes != NULL && n > 0)
        qsort(nodes, n, sizeof *nodes, compare_nodes);
    return nodes;
}

static void tell_node(struct telling *telling, const struct ft_plan_node *old,
                      const struct ft_plan_node *new)
{
    if (strcmp(old->address, new->address) != 0)
        tell(telling, FT_DIFF_NODES, "node %s: address \"%.100s\" -> \"%.100s\"", new->name,
             old->address, new->address);
    if (strcmp(old->location, new->location) != 0)
        tell(telling, FT_DIFF_NODES, "node %s: location \"%.100s\" -> \"%.100s\"", new->name,
             old->location, new->location);
    if (old->priority != new->priority)
        tell(telling, FT_DIFF_NODES, "node %s: priority %d -> %d", new->name, old->priority,
             new->priority);
    if (old->spare != new->spare)
        tell(telling, FT_DIFF_NODES, "node %s is %s", new->name,
             new->spare ? "a spare node now" : "no spare node any more");
}

static bool diff_nodes(struct telling *telling, const struct ft_plan *old,
                       const struct ft_plan *new)
{
    const struct ft_plan_node **before = sorted_nodes(old), **after = sorted_nodes(new);
    bool good = before != NULL && after != NULL;

    /* Both end in NULL, and are walked along together. */
    for (size_t i = 0, j = 0; good && (before[i] != NULL || after[j] != NULL);) {
        int order = before[i] == NULL ? 1 : after[j] == NULL ? -1
                                          : strcmp(before[i]->name, after[j]->name);

        if (order < 0)
            tell(telling, FT_DIFF_NODES, "node %s is not in the file any more", before[i]->name);
        else if (order > 0)
            tell(telling, FT_DIFF_NODES, "node %s is new", after[j]->name);
        else
            tell_node(telling, before[i], after[j]);
        i += order <= 0;
        j += order >= 0;
    }
    free(before);
    free(after);
    return good;
}

/* ---------------------------------------------------------------- modules */

static const char *const change_texts[] = {
    [FT_CHANGE_NONE] = "is the same",
    [FT_CHANGE_ADDED] = "is new",
    [FT_CHANGE_REMOVED] = "is not in the file any more",
    [FT_CHANGE_UPDATE] = "has other rules",
    [FT_CHANGE_RESTART] = "has another program: it is started anew",
    [FT_CHANGE_PLACE] = "may run elsewhere, or is wanted differently",
};

static int compare_modules(const void *one, const void *other)
{
    return strcmp((*(const struct ft_plan_module *const *) one)->name,
                  (*(const struct ft_plan_module *const *) other)->name);
}

static const struct ft_plan_module **sorted_modules(const struct ft_plan *plan)
{
    size_t n = plan != NULL ? plan->modules_n : 0;
    const struct ft_plan_module **modules = calloc(n + 1, sizeof *modules);

    for (size_t i = 0; modules != NULL && i < n; i++)
        modules[i] = &plan->modules[i];
    if (modules != NULL && n > 0)
        qsort(modules, n, sizeof *modules, compare_modules);
    return modules;
}

static const struct ft_plan_module *find_module(const struct ft_plan_module **sorted, size_t n,
                                                const struct ft_plan_module *like)
{
    const struct ft_plan_module **found =
        n > 0 ? bsearch(&like, sorted, n, sizeof *sorted, compare_modules) : NULL;

    return found != NULL ? *found : NULL;
}

static void add_module(struct telling *telling, enum ft_module_change change,
                       const struct ft_plan_module *old, const struct ft_plan_module *new)
{
    struct ft_plan_diff *diff = telling->diff;
    const char *name = new != NULL ? new->name : old->name;

    if (change == FT_CHANGE_NONE)
        return;
    diff->modules[diff->modules_n++] =
        (struct ft_plan_change){.change = change, .name = name, .old = old, .new = new};
    if (change == FT_CHANGE_PLACE && old->enabled != new->enabled)
        tell(telling, FT_DIFF_MODULES, "module %s is %s", name,
             new->enabled ? "enabled" : "not enabled any more");
    else
        tell(telling, FT_DIFF_MODULES, "module %s %s", name, change_texts[change]);
}

static bool diff_modules(struct telling *telling, const struct ft_plan *old,
                         const struct ft_plan *new)
{
    size_t old_n = old != NULL ? old->modules_n : 0;
    const struct ft_plan_module **before = sorted_modules(old), **after = sorted_modules(new);
    bool good = before != NULL && after != NULL;

    telling->diff->modules = calloc(old_n + new->modules_n + 1, sizeof *telling->diff->modules);
    good = good && telling->diff->modules != NULL;
    for (size_t i = 0; good && i < new->modules_n; i++) {
        const struct ft_plan_module *module = &new->modules[i];
        const struct ft_plan_module *was = find_module(before, old_n, module);

        add_module(telling, was != NULL ? ft_plan_module_change(was, module) : FT_CHANGE_ADDED, was,
                   module);
    }
    for (size_t i = 0; good && i < old_n; i++) {
        if (find_module(after, new->modules_n, &old->modules[i]) == NULL)
            add_module(telling, FT_CHANGE_REMOVED, &old->modules[i], NULL);
    }
    free(before);
    free(after);
    return good;
}

/* ---------------------------------------------------------------- all the rest */

static void diff_central(struct telling *telling, const struct ft_central_config *old,
                         const struct ft_central_config *new)
{
    tell_number(telling, FT_DIFF_CENTRAL, "share", old->share, new->share);
    tell_number(telling, FT_DIFF_CENTRAL, "check", old->run_check, new->run_check);
    tell_number(telling, FT_DIFF_CENTRAL, "settle_ms", old->settle_ms, new->settle_ms);
    tell_number(telling, FT_DIFF_CENTRAL, "probe_timeout_ms", old->probe_timeout_ms,
                new->probe_timeout_ms);
    tell_number(telling, FT_DIFF_CENTRAL, "probe_fresh_ms", old->probe_fresh_ms,
                new->probe_fresh_ms);
    tell_number(telling, FT_DIFF_CENTRAL, "probes_max", old->probes_max, new->probes_max);
    tell_number(telling, FT_DIFF_CENTRAL, "scratch_min_mb", old->scratch_min_mb,
                new->scratch_min_mb);
    tell_number(telling, FT_DIFF_CENTRAL, "unit_timeout_ms", old->unit_timeout_ms,
                new->unit_timeout_ms);
    tell_number(telling, FT_DIFF_CENTRAL, "rms_timeout_ms", old->rms_timeout_ms,
                new->rms_timeout_ms);
    tell_number(telling, FT_DIFF_CENTRAL, "start_timeout_ms", old->start_timeout_ms,
                new->start_timeout_ms);
    tell_number(telling, FT_DIFF_CENTRAL, "spare_begin_ms", old->spare_begin_ms,
                new->spare_begin_ms);
    tell_number(telling, FT_DIFF_CENTRAL, "unfit_ms", old->unfit_ms, new->unfit_ms);
}

static void diff_detect(struct telling *telling, const struct ft_plan *old,
                        const struct ft_plan *new)
{
    tell_number(telling, FT_DIFF_DETECT, "beat_ms", old->detect.beat_ms, new->detect.beat_ms);
    tell_number(telling, FT_DIFF_DETECT, "suspect_ms", old->detect.suspect_ms,
                new->detect.suspect_ms);
    tell_number(telling, FT_DIFF_DETECT, "confirm_ms", old->detect.confirm_ms,
                new->detect.confirm_ms);
    tell_number(telling, FT_DIFF_DETECT, "observers", old->detect.observers, new->detect.observers);
    tell_number(telling, FT_DIFF_DETECT, "network_pct", old->detect.network_pct,
                new->detect.network_pct);
    tell_number(telling, FT_DIFF_DETECT, "lease_ms", old->lease_ms, new->lease_ms);
    tell_number(telling, FT_DIFF_DETECT, "module_unfit_ms", old->unfit_ms, new->unfit_ms);
    tell_number(telling, FT_DIFF_DETECT, "handback_ms", old->handback_ms, new->handback_ms);
}

static void diff_forecast(struct telling *telling, const struct ft_plan_forecast *old,
                          const struct ft_plan_forecast *new)
{
    tell_number(telling, FT_DIFF_FORECAST, "memory_min_pct", old->memory_min_pct,
                new->memory_min_pct);
    tell_number(telling, FT_DIFF_FORECAST, "disk_min_pct", old->disk_min_pct, new->disk_min_pct);
    tell_number(telling, FT_DIFF_FORECAST, "horizon_s", old->horizon_s, new->horizon_s);
    tell_number(telling, FT_DIFF_FORECAST, "celsius_max", old->celsius_max, new->celsius_max);
    tell_number(telling, FT_DIFF_FORECAST, "ecc_uncorrected_max", old->ecc_uncorrected_max,
                new->ecc_uncorrected_max);
    tell_number(telling, FT_DIFF_FORECAST, "ecc_corrected_hour_max", old->ecc_corrected_hour_max,
                new->ecc_corrected_hour_max);
    tell_number(telling, FT_DIFF_FORECAST, "check_failures", old->check_failures,
                new->check_failures);
    tell_number(telling, FT_DIFF_FORECAST, "drain", old->drain, new->drain);
}

static void diff_redeploy(struct telling *telling, const struct ft_plan_redeploy *old,
                          const struct ft_plan_redeploy *new)
{
    tell_number(telling, FT_DIFF_REDEPLOY, "redeploy", old->on, new->on);
    tell_number(telling, FT_DIFF_REDEPLOY, "redeploy_after_ms", old->after_ms, new->after_ms);
}

static void diff_sinks(struct telling *telling, const struct ft_plan *old,
                       const struct ft_plan *new)
{
    if (!same_texts(old->sinks, new->sinks))
        tell(telling, FT_DIFF_SINKS, "sinks: where events go has changed");
    tell_text(telling, FT_DIFF_CENTRAL, "rms", old->rms, new->rms);
    tell_text(telling, FT_DIFF_CENTRAL, "rms_ladder", old->rms_ladder, new->rms_ladder);
    tell_text(telling, FT_DIFF_CENTRAL, "rms_partition", old->rms_partition, new->rms_partition);
    tell_text(telling, FT_DIFF_CENTRAL, "rms_when_none", old->rms_when_none, new->rms_when_none);
    tell_number(telling, FT_DIFF_CENTRAL, "rms_nodes_max", old->rms_nodes_max, new->rms_nodes_max);
    tell_number(telling, FT_DIFF_CENTRAL, "rms_drain", old->rms_drain, new->rms_drain);
    tell_number(telling, FT_DIFF_CENTRAL, "rms_give_time_max_s", old->rms_give_time_max_s,
                new->rms_give_time_max_s);
    tell_number(telling, FT_DIFF_CENTRAL, "rms_watch_ms", old->rms_watch_ms, new->rms_watch_ms);
    tell_text(telling, FT_DIFF_SINKS, "hook", old->hook, new->hook);
    tell_number(telling, FT_DIFF_SINKS, "metrics_port", old->metrics_port, new->metrics_port);
    tell_number(telling, FT_DIFF_SINKS, "events_max_mb", old->events_max_mb, new->events_max_mb);
    tell_text(telling, FT_DIFF_SINKS, "events", old->events, new->events);
    if (old->admins_n != new->admins_n ||
        (new->admins_n > 0 &&
         memcmp(old->admins, new->admins, new->admins_n * sizeof *new->admins) != 0))
        tell(telling, FT_DIFF_ADMINS, "admins: who may give orders has changed");
    if (!same_hosts(old->pool, new->pool))
        tell(telling, FT_DIFF_POOL, "pool: the spare nodes are others: %zu -> %zu",
             ft_hostlist_count(old->pool), ft_hostlist_count(new->pool));
}

/* Voters come, go and change their places one after the other, while the central unit works. */
static void diff_voters(struct telling *telling, const struct ft_plan *old,
                        const struct ft_plan *new)
{
    for (size_t i = 0; i < new->voters_n; i++) {
        const struct ft_plan_voter *is = &new->voters[i];
        const struct ft_plan_voter *was = ft_plan_voter(old, is->name);

        if (was == NULL)
            tell(telling, FT_DIFF_VOTERS, "voter %.100s: added", is->name);
        else if (was->priority != is->priority || was->witness != is->witness)
            tell(telling, FT_DIFF_VOTERS, "voter %.100s: changed", is->name);
        if (was != NULL && (strcmp(was->address, is->address) != 0 || was->port != is->port))
            tell(telling, FT_DIFF_VOTERS | FT_DIFF_RESTART, "voter %.100s: its address or port; "
                 "restart its central unit", is->name);
    }
    for (size_t i = 0; i < old->voters_n; i++) {
        if (ft_plan_voter(new, old->voters[i].name) == NULL)
            tell(telling, FT_DIFF_VOTERS, "voter %.100s: removed", old->voters[i].name);
    }
}

static void diff_restart(struct telling *telling, const struct ft_plan *old,
                         const struct ft_plan *new)
{
    tell_number(telling, FT_DIFF_RESTART, "port", old->port, new->port);
    tell_number(telling, FT_DIFF_RESTART, "unit_port", old->unit_port, new->unit_port);
    tell_number(telling, FT_DIFF_RESTART, "election_ms", old->election_ms, new->election_ms);
    tell_number(telling, FT_DIFF_RESTART, "leader_beat_ms", old->leader_beat_ms,
                new->leader_beat_ms);
    tell_text(telling, FT_DIFF_RESTART, "auth", old->auth, new->auth);
    tell_text(telling, FT_DIFF_RESTART, "key", old->key, new->key);
    tell_text(telling, FT_DIFF_RESTART, "folder", old->folder, new->folder);
    tell_text(telling, FT_DIFF_RESTART, "cms", old->cms, new->cms);
}

struct ft_plan_diff *ft_plan_diff(const struct ft_plan *old, const struct ft_plan *new)
{
    struct ft_plan_diff *diff = calloc(1, sizeof *diff);
    struct telling telling = {.diff = diff};

    if (diff != NULL)
        diff->text = calloc(1, TEXT_MAX_BYTES);
    if (diff == NULL || diff->text == NULL || !diff_nodes(&telling, old, new) ||
        !diff_modules(&telling, old, new)) {
        ft_plan_diff_destroy(diff);
        errno = ENOMEM;
        return NULL;
    }
    if (old == NULL) {
        diff->flags |= FT_DIFF_POOL | FT_DIFF_CENTRAL | FT_DIFF_DETECT | FT_DIFF_FORECAST |
                       FT_DIFF_SINKS | FT_DIFF_ADMINS | FT_DIFF_REDEPLOY | FT_DIFF_VOTERS |
                       FT_DIFF_RESTART;
    } else {
        diff_central(&telling, &old->central, &new->central);
        diff_detect(&telling, old, new);
        diff_forecast(&telling, &old->forecast, &new->forecast);
        diff_redeploy(&telling, &old->redeploy, &new->redeploy);
        diff_sinks(&telling, old, new);
        diff_voters(&telling, old, new);
        diff_restart(&telling, old, new);
    }
    if (telling.more > 0)
        ft_text_appendf(diff->text, TEXT_MAX_BYTES, "\nand %zu more changes", telling.more);
    return diff;
}

void ft_plan_diff_destroy(struct ft_plan_diff *diff)
{
    if (diff == NULL)
        return;
    free(diff->modules);
    free(diff->text);
    free(diff);
}
