/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * recovery.c - the ladder: what can take the place of what was lost, best first.
 *
 *     spare rank   a rank that waits in the job takes over: it runs already, nothing is faster
 *     repair       the process died, its node is well: start it there again
 *     companion    the node that already stands in for others lost with the same node
 *     idle node    a node of the allocation on which nothing runs
 *     new node     from the resource manager: free now, or waited for
 *     sharing      a surviving node that is in use, if that is allowed
 *     new node     from the resource manager, waited for, if that comes after sharing
 *
 * Which of the last three there are, and in which order, is the policy of the request or of ft.conf
 * (policy.c).
 *
 * Called by decision.c whenever a decision is choosing. A rung is a function that names its next
 * node, or says that it has none (left), or that the resource manager is to be asked. A named node
 * is looked at with what is known already (lost? excluded? hardware that cannot fit?) before anyone
 * probes it. Whatever is not taken leaves a note of why: the asker who gets no alternative reads
 * them all.
 *
 * While a node is a candidate, and as long as it is an alternative, it is reserved for the node
 * that was lost: others that were lost with that node find it on the rung "companion", those who
 * lost another node do not get it.
 */
#include "core/recovery.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "core/kept.h"
#include "core/policy.h"
#include "core/spare_ranks.h"

#define EXCLUDED_MAX (FT_EXCLUDE_MAX / 2)
#define NOTED_IDLE_MAX 8
#define LOOKED_AT_MAX 1024

enum rung_result { RUNG_NODE, RUNG_ASK, RUNG_DONE };

struct rung {
    ftRung_t rung; /* what the asker is told; FT_BY_NOTHING: as the node came about */
    const char *name;
    enum rung_result (*next)(struct ft_decision *decision, struct ft_node **node);
};

static enum rung_result next_spare_rank(struct ft_decision *decision, struct ft_node **node);
static enum rung_result next_repair(struct ft_decision *decision, struct ft_node **node);
static enum rung_result next_companion(struct ft_decision *decision, struct ft_node **node);
static enum rung_result next_idle(struct ft_decision *decision, struct ft_node **node);
static enum rung_result next_new(struct ft_decision *decision, struct ft_node **node);
static enum rung_result next_shared(struct ft_decision *decision, struct ft_node **node);
static enum rung_result next_awaited(struct ft_decision *decision, struct ft_node **node);

static const struct rung ladder[] = {
    {FT_BY_SPARE_RANK, "spare rank", next_spare_rank},
    {FT_BY_REPAIR, "repair in place", next_repair},
    {FT_BY_NOTHING, "companion", next_companion},
    {FT_BY_IDLE_NODE, "idle node", next_idle},
    {FT_BY_NEW_NODE, "new node", next_new},
    {FT_BY_SHARING, "sharing", next_shared},
    {FT_BY_NEW_NODE, "new node, waited for", next_awaited},
};
#define RUNGS (sizeof ladder / sizeof ladder[0])

/* ---------------------------------------------------------------- notes */

void ft_recovery_note(struct ft_decision *decision, const char *format, ...)
{
    char note[256];
    size_t used = strlen(decision->reasons);
    /* Kept for what an answer says before them, and for how many were left out. */
    size_t kept = strlen("no alternative for : ; and 4294967295 more (see the event log)") +
                  strnlen(decision->subject->text, FT_SUBJECT_SHOWN);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    if (used + strlen("; ") + strlen(note) + kept >= sizeof decision->reasons) {
        decision->reasons_left_out++;
        return;
    }
    ft_text_appendf(decision->reasons, sizeof decision->reasons, "%s%s", used > 0 ? "; " : "",
                    note);
}

/* Notes why a node is not taken and writes it to the log. */
static void refuse(struct ft_decision *decision, const struct ft_node *node, const char *why)
{
    ft_recovery_note(decision, "%s %s", node->name, why);
    ft_decision_log(decision, "candidate_rejected", node, "%s is no alternative for %s: it %s",
                    node->name, decision->subject->text, why);
}

/* ---------------------------------------------------------------- what is tried and excluded */

/* Calls visit for each excluded name, until it returns true. */
static bool each_excluded(const struct ft_demand *demand,
                          bool (*visit)(const struct ft_inventory *inventory, const char *name,
                                        void *arg),
                          const struct ft_inventory *inventory, void *arg)
{
    const char *at = demand->excluded;
    char name[FT_NAME_MAX];

    while (at != NULL && *at != '\0') {
        size_t n = strcspn(at, ",");

        if (n > 0 && n < sizeof name) {
            memcpy(name, at, n);
            name[n] = '\0';
            if (visit(inventory, name, arg))
                return true;
        }
        at += n + (at[n] == ',');
    }
    return false;
}

static bool is_node(const struct ft_inventory *inventory, const char *name, void *arg)
{
    return ft_inventory_find(inventory, name) == arg;
}

static bool stamp_node(const struct ft_inventory *inventory, const char *name, void *arg)
{
    struct ft_node *node = ft_inventory_find(inventory, name);

    if (node != NULL)
        node->stamp = *(uint64_t *) arg;
    return false;
}

static bool excludes(const struct ft_decision *decision, struct ft_node *node)
{
    if (FT_PLANTED(FT_PLANT_IGNORE_EXCLUDED))
        return false;
    return each_excluded(&decision->demand, is_node, decision->central->inventory, node);
}

static bool was_tried(const struct ft_decision *decision, const struct ft_node *node)
{
    for (unsigned i = 0; i < decision->tried_n; i++) {
        if (decision->tried[i] == node)
            return true;
    }
    return false;
}

static bool fits(void *arg, const struct ft_facts *facts)
{
    const struct ft_decision *decision = arg;

    return ft_match_facts(&decision->demand, facts,
                          decision->original_known ? &decision->original : NULL, NULL, 0);
}

static struct ft_node *search(struct ft_decision *decision, enum ft_use use, bool unknown_too)
{
    struct ft_central *central = decision->central;
    struct ft_search search = {
        .number = ft_inventory_search_begin(central->inventory),
        .use = use,
        .now_ns = ft_now_ns(central),
        .distance = decision->demand.distance,
        .from = decision->lost_node,
        .kind = decision->original_known ? decision->original.kind : 0,
        .fits = fits,
        .arg = decision,
        .unknown_too = unknown_too && !ft_demand_needs_original(&decision->demand),
    };

    if (decision->demand.from != NULL)
        search.from = ft_inventory_find(central->inventory, decision->demand.from);
    if (!FT_PLANTED(FT_PLANT_IGNORE_EXCLUDED))
        each_excluded(&decision->demand, stamp_node, central->inventory, &search.number);
    for (unsigned i = 0; i < decision->tried_n; i++)
        ((struct ft_node *) decision->tried[i])->stamp = search.number;
    decision->lost_node->stamp = search.number;
    return ft_inventory_search(central->inventory, &search);
}

/* ---------------------------------------------------------------- rungs */

/* Why a reserved node is not to be had. */
static void reserved_text(const struct ft_node *node, char *why, size_t size)
{
    if (node->reserved_for == node)
        snprintf(why, size, "is where something is being started again");
    else
        snprintf(why, size, "stands in for node %.160s", node->reserved_for->name);
}

/* Why a node that is going down, or has gone silent, is not to be had. */
static void health_text(const struct ft_node *node, char *why, size_t size)
{
    if (node->declared)
        snprintf(why, size, "is silent and was declared lost");
    else
        snprintf(why, size, "is going down%s%.120s", node->failing_text != NULL ? ": " : "",
                 node->failing_text != NULL ? node->failing_text : "");
}

/* Why a rank whose process ended cannot be started again on its own node; false if it can. */
static bool no_repair(struct ft_decision *decision, const struct ft_node *node, const char *lost)
{
    struct ft_subject *subject = decision->subject;
    int64_t now_ns = ft_now_ns(decision->central);
    char *why = decision->repair;
    size_t size = sizeof decision->repair;

    if (decision->planned)
        snprintf(why, size, "%.200s is not known to be lost: there is nothing to repair",
                 subject->text);
    else if (node->state != FT_NODE_UP)
        snprintf(why, size, "%.300s; %sthe launcher does not take a node back in the same job",
                 lost, node->unit_up ? "its unit is still connected, but " : "");
    else if (subject->resource.kind != FT_RANK)
        snprintf(why, size, "%.200s is not something that the runtime can start again",
                 subject->text);
    else if (ft_subject_deaths(subject, node, now_ns) >= FT_DEATHS_MAX)
        snprintf(why, size, "it died %d times on node %.200s within %d s", FT_DEATHS_MAX,
                 node->name, (int) (FT_DEATHS_WITHIN_NS / 1000 / NS_PER_MS));
    else if (!node->unit_up)
        snprintf(why, size, "the unit of node %.200s is not connected%s%.160s", node->name,
                 node->unit_text != NULL ? ": " : "",
                 node->unit_text != NULL ? node->unit_text : "");
    else if (node->unfit_until_ns > now_ns && !FT_PLANTED(FT_PLANT_GIVE_FAILED))
        snprintf(why, size, "starting something on node %.200s just failed: %.160s", node->name,
                 node->unfit_text != NULL ? node->unfit_text : "no reason given");
    else if (node->failing || node->declared) {
        int n = snprintf(why, size, "node %.200s ", node->name);

        health_text(node, why + n, size - (size_t) n);
    } else if (excludes(decision, (struct ft_node *) node))
        snprintf(why, size, "node %.200s is excluded by the constraint", node->name);
    else
        return false;
    return true;
}

static enum rung_result next_repair(struct ft_decision *decision, struct ft_node **node)
{
    struct ft_node *place = decision->lost_node;
    char lost[FT_TEXT_MAX] = "";
    int64_t since_ns;

    if (was_tried(decision, place))
        return RUNG_DONE;
    ft_subject_is_lost(decision->subject, &since_ns, lost, sizeof lost);
    if (no_repair(decision, place, lost)) {
        /* In short; the answer has a place of its own for the whole. */
        ft_recovery_note(decision, "not repairable: %.*s",
                         (int) strcspn(decision->repair, ":;"), decision->repair);
        return RUNG_DONE;
    }
    decision->repairable = true;
    snprintf(decision->repair, sizeof decision->repair, "%.300s: it can be started there again",
             lost);
    *node = place;
    return RUNG_NODE;
}

/* Holds a measurement of before against the demand. */
static bool match_as_measured(const struct ft_decision *decision, const struct ft_node *node,
                              char *why, size_t size)
{
    struct ft_measured measured = {.facts = node->facts,
                                   .facts_known = true,
                                   .memory_free_bytes = node->memory_free_bytes};

    return ft_match_measured(&decision->demand, &measured,
                             decision->original_known ? &decision->original : NULL, NULL, why,
                             size);
}

/* Why a spare rank cannot take over, by its node; false if nothing speaks against. Nothing is started
 * there, so what was reserved, or failed to start, does not matter. */
static bool spare_unfit(struct ft_decision *decision, struct ft_node *node, char *why, size_t size)
{
    if (node->state == FT_NODE_IS_LOST || node->state == FT_NODE_IS_LEFT)
        snprintf(why, size, "%s", node->state == FT_NODE_IS_LOST ? "is lost"
                                                                  : "was left by the launcher");
    else if (node->failing || node->declared)
        health_text(node, why, size);
    else if (excludes(decision, node))
        snprintf(why, size, "is excluded by the constraint");
    else if (node->measured_ns > 0)
        return !match_as_measured(decision, node, why, size);
    else
        return node->facts_known &&
               !ft_match_facts(&decision->demand, &node->facts,
                               decision->original_known ? &decision->original : NULL, why, size);
    return true;
}

/* How well a spare would do: on another node than the lost one, heard of just now, probed, with no
 * less hardware than the rank had, near or far as was asked. */
static int spare_worth(const struct ft_decision *decision, const struct ft_spare *spare)
{
    const struct ft_node *node = spare->node, *from = decision->lost_node;
    struct ft_demand alike = {.at_least = true};
    int worth = 0, distance = 0;

    if (decision->demand.from != NULL)
        from = ft_inventory_find(decision->central->inventory, decision->demand.from);
    if (decision->demand.distance != 0 && from != NULL)
        distance = ft_inventory_distance(from, node);
    worth += node != decision->lost_node ? 1 << 16 : 0;
    worth += spare->waiting.first != NULL ? 1 << 15 : 0;
    worth += spare->checked ? 1 << 14 : 0;
    worth += decision->original_known && node->facts_known &&
             ft_match_facts(&alike, &node->facts, &decision->original, NULL, 0) ? 1 << 13 : 0;
    return worth + decision->demand.distance * distance;
}

/* Notes why a spare is not taken; those that are simply used up are no news. */
static void refuse_spare(struct ft_decision *decision, struct ft_spare *spare, const char *why)
{
    spare->refused_by = decision->id;
    ft_recovery_note(decision, "spare rank %d on %s %s", spare->rank, spare->node->name, why);
}

/* The best of the free ones that this decision has not refused yet. */
static struct ft_spare *best_spare(struct ft_decision *decision)
{
    struct ft_spare *spare = ft_spare_ranks_first(decision->central,
                                                  decision->subject->resource.job);
    struct ft_spare *best = NULL;
    char why[250];

    for (; spare != NULL; spare = spare->next) {
        if (spare->refused_by == decision->id)
            continue;
        if (!ft_spare_is_free(decision->central, spare, why, sizeof why) ||
            spare_unfit(decision, spare->node, why, sizeof why))
            refuse_spare(decision, spare, why);
        else if (best == NULL || spare_worth(decision, spare) > spare_worth(decision, best))
            best = spare;
    }
    return best;
}

/* Whether nothing is to take the subject's place, as there would be two of it: it lives, for all
 * that is known, or it is a spare that nobody needed. A rank that is to leave a node that goes down
 * is replaced as in any job. */
static bool is_alive(struct ft_decision *decision)
{
    const struct ft_subject *subject = decision->subject;
    const struct ft_decision *current = subject->current;
    const struct ft_spare *any = ft_spare_ranks_first(decision->central, subject->resource.job);

    if (subject->resource.number >= ft_spare_world(any)) /* used ones are known by another name */
        ft_recovery_note(decision, "it is a spare that nobody has needed: nothing was lost");
    else if (!decision->planned || subject->place->failing || FT_PLANTED(FT_PLANT_SPARE_LIVING))
        return false;
    else if (current != NULL && current->state == FT_RUNNING && current->spare != NULL)
        ft_recovery_note(decision, "spare rank %d on node %s has its place, and lives",
                         current->spare->rank, subject->place->name);
    else
        ft_recovery_note(decision, "it is not known to be lost, and in a job with spare ranks one "
                                   "that lives is not replaced");
    return true;
}

static enum rung_result next_spare_rank(struct ft_decision *decision, struct ft_node **node)
{
    struct ft_subject *subject = decision->subject;
    char lost[FT_TEXT_MAX] = "";
    struct ft_spare *spare;
    int64_t since_ns;

    if (subject->resource.kind != FT_RANK ||
        ft_spare_ranks_first(decision->central, subject->resource.job) == NULL)
        return RUNG_DONE;
    if (is_alive(decision)) {
        decision->rung = RUNGS;
        return RUNG_DONE;
    }
    /* A rank that lives, or that somebody is just starting elsewhere, must not be there twice. */
    if ((decision->planned && !FT_PLANTED(FT_PLANT_SPARE_LIVING)) || (subject->current != NULL && subject->current->state > FT_GIVEN)) {
        ft_recovery_note(decision, "spare ranks take the place of ranks that are known to be lost");
        return RUNG_DONE;
    }
    ft_subject_is_lost(subject, &since_ns, lost, sizeof lost);
    decision->repairable = !no_repair(decision, decision->lost_node, lost);
    if (decision->repairable)
        snprintf(decision->repair, sizeof decision->repair,
                 "%.300s: it could be started there again; a warm spare is faster", lost);
    while ((spare = best_spare(decision)) != NULL) {
        if (ft_spare_occupy(spare, decision) == 0) {
            decision->spare = spare;
            *node = spare->node;
            return RUNG_NODE;
        }
        refuse_spare(decision, spare, errno == EBUSY ? "is being asked about itself"
                                                     : "has no place in the memory that is left");
    }
    decision->repairable = false;
    decision->repair[0] = '\0';
    return RUNG_DONE;
}

static enum rung_result next_companion(struct ft_decision *decision, struct ft_node **node)
{
    struct ft_node *standin = decision->lost_node->standins;

    while (standin != NULL && (standin == decision->lost_node || was_tried(decision, standin)))
        standin = standin->standin_next;
    *node = standin;
    return standin != NULL ? RUNG_NODE : RUNG_DONE;
}

/* Says for the first idle nodes that were not tried why they do not fit. */
static void note_idle(struct ft_decision *decision)
{
    struct ft_node *node = ft_inventory_first(decision->central->inventory);
    unsigned idle = 0, looked_at = 0;
    int64_t now_ns = ft_now_ns(decision->central);
    char why[200];

    for (; node != NULL && idle < NOTED_IDLE_MAX && looked_at < LOOKED_AT_MAX;
         node = node->order_next, looked_at++) {
        if (node->state != FT_NODE_UP || node->processes_n > 0 || node == decision->lost_node)
            continue;
        idle++;
        if (was_tried(decision, node))
            continue;
        if (node->failing || node->declared)
            health_text(node, why, sizeof why);
        else if (excludes(decision, node))
            snprintf(why, sizeof why, "is excluded");
        else if (node->reserved_for != NULL)
            reserved_text(node, why, sizeof why);
        else if (node->unfit_until_ns > now_ns)
            snprintf(why, sizeof why, "failed to start something: %.100s",
                     node->unfit_text != NULL ? node->unfit_text : "no reason given");
        else if (!node->facts_known)
            snprintf(why, sizeof why, "never said what hardware it has");
        else if (ft_match_facts(&decision->demand, &node->facts,
                                decision->original_known ? &decision->original : NULL, why,
                                sizeof why))
            continue;
        refuse(decision, node, why);
    }
    if (idle == 0)
        ft_recovery_note(decision, "the job has no idle node");
}

static enum rung_result next_idle(struct ft_decision *decision, struct ft_node **node)
{
    *node = search(decision, FT_USE_IDLE, true);
    if (*node != NULL)
        return RUNG_NODE;
    note_idle(decision);
    return RUNG_DONE;
}

static struct ft_policy policy_of(const struct ft_decision *decision)
{
    return ft_policy_of(&decision->demand, &decision->central->config);
}

static enum rung_result next_new(struct ft_decision *decision, struct ft_node **node)
{
    decision->waits = policy_of(decision).wait_first;
    *node = decision->offered;
    decision->offered = NULL;
    return *node != NULL ? RUNG_NODE : RUNG_ASK;
}

static enum rung_result next_shared(struct ft_decision *decision, struct ft_node **node)
{
    if (!policy_of(decision).share) {
        decision->no_sharing = true;
        ft_recovery_note(decision, "sharing a node that is in use is not allowed");
        return RUNG_DONE;
    }
    *node = search(decision, FT_USE_BUSY, false);
    if (*node != NULL)
        return RUNG_NODE;
    ft_recovery_note(decision, "no surviving node can be shared");
    return RUNG_DONE;
}

static enum rung_result next_awaited(struct ft_decision *decision, struct ft_node **node)
{
    if (!policy_of(decision).wait_last)
        return RUNG_DONE;
    decision->waits = true;
    *node = decision->offered;
    decision->offered = NULL;
    return *node != NULL ? RUNG_NODE : RUNG_ASK;
}

/* ---------------------------------------------------------------- the climb */

/* Why a node is out, by what is known of it without measuring; false if nothing speaks against. */
static bool known_unfit(struct ft_decision *decision, struct ft_node *node, ftRung_t rung,
                        char *why, size_t size)
{
    if (node->state == FT_NODE_IS_LOST || node->state == FT_NODE_IS_LEFT)
        snprintf(why, size, "%s", node->state == FT_NODE_IS_LOST ? "is lost"
                                                                  : "was left by the launcher");
    else if (node->failing || node->declared)
        health_text(node, why, size);
    else if (excludes(decision, node))
        snprintf(why, size, "is excluded by the constraint");
    else if (node == decision->lost_node && rung != FT_BY_REPAIR)
        snprintf(why, size, "is the node to be replaced");
    else if (node->unfit_until_ns > ft_now_ns(decision->central) &&
             !FT_PLANTED(FT_PLANT_GIVE_FAILED))
        snprintf(why, size, "just failed to start something: %.160s",
                 node->unfit_text != NULL ? node->unfit_text : "no reason given");
    else if (node->reserved_for != NULL && node->reserved_for != decision->lost_node &&
             rung != FT_BY_REPAIR && !FT_PLANTED(FT_PLANT_SAME_NODE_TWICE))
        reserved_text(node, why, size);
    else if (rung == FT_BY_NEW_NODE && node->processes_n > 0 && node->reserved_for == NULL)
        snprintf(why, size, "is in use by %u processes of the job", node->processes_n);
    else if (node->facts_known &&
             !ft_match_facts(&decision->demand, &node->facts,
                             decision->original_known ? &decision->original : NULL, why, size))
        return true;
    else
        return false;
    return true;
}

static bool measured_lately(const struct ft_decision *decision, const struct ft_node *node)
{
    int64_t fresh_ns = decision->central->config.probe_fresh_ms * NS_PER_MS;

    return node->measured_ns > 0 && node->unit_up &&
           ft_now_ns(decision->central) - node->measured_ns < fresh_ns;
}

/* A measurement that another decision had made just now: does it do for this one too? */
static bool fits_as_measured(struct ft_decision *decision, const struct ft_node *node)
{
    char why[200];

    return match_as_measured(decision, node, why, sizeof why);
}

/* Takes a node as the candidate, unless what is known speaks against it. */
static bool consider(struct ft_decision *decision, struct ft_node *node, ftRung_t rung)
{
    char why[200];

    decision->tried[decision->tried_n++] = node;
    if (known_unfit(decision, node, rung, why, sizeof why)) {
        refuse(decision, node, why);
        if (rung == FT_BY_REPAIR) {
            decision->repairable = false;
            snprintf(decision->repair, sizeof decision->repair, "node %.200s %.200s", node->name,
                     why);
        } else if (rung == FT_BY_NEW_NODE && node->reserved_for == NULL) {
            decision->candidate = node;
            ft_recovery_give_back(decision);
        }
        return false;
    }
    decision->candidate = node;
    decision->candidate_rung = rung != FT_BY_NOTHING ? rung : node->reserved_rung;
    if (rung != FT_BY_SHARING) {
        ft_inventory_reserve(decision->central->inventory, node, decision->lost_node,
                             decision->candidate_rung);
        decision->reserved = true;
    }
    return true;
}

/* It waits in the job, was looked at beforehand, and is the subject's already: nothing to reserve. */
static void take_spare(struct ft_decision *decision, struct ft_node *node)
{
    decision->candidate = node;
    decision->candidate_rung = FT_BY_SPARE_RANK;
    decision->given = node->facts;
}

enum ft_decision_input ft_recovery_next(struct ft_decision *decision)
{
    struct ft_node *node = NULL;
    enum rung_result result;

    if (ft_demand_needs_original(&decision->demand) && !decision->original_known) {
        ft_recovery_note(decision, "what hardware node %s had is not known, so that nothing can be "
                                   "compared with it", decision->lost_node->name);
        return FT_IN_NOTHING_LEFT;
    }
    if (ft_subject_ends_itself(decision->subject, ft_now_ns(decision->central))) {
        ft_recovery_note(decision, "its last %d processes, wherever they ran, ended by themselves "
                                   "within %d s of their beginning, the latest by %s %d: it is the "
                                   "program that ends there, and no other node helps it",
                         FT_OWN_ENDS_MAX, (int) (FT_OWN_END_SOON_NS / 1000 / NS_PER_MS),
                         decision->subject->how == FT_ENDED_SIGNAL  ? "signal"
                         : decision->subject->how == FT_ENDED_ABORT ? "abort with code"
                                                                    : "exit code",
                         decision->subject->code);
        return FT_IN_NOTHING_LEFT;
    }
    for (; decision->rung < RUNGS; decision->rung++) {
        const struct rung *rung = &ladder[decision->rung];

        while ((result = rung->next(decision, &node)) == RUNG_NODE) {
            if (rung->rung == FT_BY_SPARE_RANK) {
                take_spare(decision, node);
                return FT_IN_FITS;
            }
            bool at_limit = decision->probed_n >= decision->central->config.probes_max ||
                            decision->tried_n >= FT_TRIED_MAX;

            if (at_limit) {
                if (rung->rung == FT_BY_NEW_NODE) {
                    decision->candidate = node;
                    ft_recovery_give_back(decision);
                }
                ft_recovery_note(decision, "%u candidates were tried, which is the limit "
                                           "(probes_max)", decision->tried_n);
                return FT_IN_NOTHING_LEFT;
            }
            if (!consider(decision, node, rung->rung))
                continue;
            if (measured_lately(decision, node) && fits_as_measured(decision, node)) {
                decision->given = node->facts;
                return FT_IN_FITS;
            }
            return node->unit_up ? FT_IN_CANDIDATE : FT_IN_NO_UNIT;
        }
        if (result == RUNG_ASK)
            return FT_IN_ASK;
        if (decision->rung >= RUNGS) /* a rung said that there is nothing to replace */
            break;
    }
    return FT_IN_NOTHING_LEFT;
}

void ft_recovery_reject(struct ft_decision *decision, const char *why)
{
    struct ft_node *node = decision->candidate;

    refuse(decision, node, why);
    if (decision->candidate_rung == FT_BY_REPAIR) {
        decision->repairable = false;
        snprintf(decision->repair, sizeof decision->repair, "node %.200s %.250s", node->name, why);
    }
    ft_recovery_give_back(decision);
}

void ft_recovery_give_back(struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    struct ft_node *node = decision->candidate;
    struct ft_returned returned = {.session = central->config.session};
    bool last = true;

    decision->candidate = NULL;
    if (node == NULL)
        return;
    if (decision->reserved)
        last = ft_inventory_unreserve(central->inventory, node);
    decision->reserved = false;
    /* A node that the launcher has taken into the job stays in it. */
    if (!last || !node->acquired || node->state == FT_NODE_UP)
        return;
    node->acquired = false;
    ft_keep_place(central, node);
    ft_decision_log(decision, "node_released", node, "node %s was given back to the resource "
                    "manager%s", node->name, node->state == FT_NODE_IS_LOST ? ": it is lost" : "");
    returned.node = node->name;
    returned.broken = node->state == FT_NODE_IS_LOST;
    central->env.release(central->env.arg, &returned);
}

/* ---------------------------------------------------------------- asking for another node */

struct names {
    const char *list[FT_TRIED_MAX + EXCLUDED_MAX];
    size_t n;
    char text[FT_EXCLUDE_MAX];
    size_t text_n;
};

static bool add_excluded(const struct ft_inventory *inventory, const char *name, void *arg)
{
    struct names *names = arg;
    size_t size = strlen(name) + 1;

    (void) inventory;
    if (names->n == sizeof names->list / sizeof names->list[0] ||
        names->text_n + size > sizeof names->text)
        return true;
    memcpy(names->text + names->text_n, name, size);
    names->list[names->n++] = names->text + names->text_n;
    names->text_n += size;
    return false;
}

/* What is left of the time for waiting, which begins with the first request that waits. */
static unsigned wait_ms(struct ft_decision *decision, unsigned whole_ms)
{
    int64_t now_ns = ft_now_ns(decision->central);

    if (decision->waits_until_ns == 0)
        decision->waits_until_ns = now_ns + whole_ms * NS_PER_MS;
    return decision->waits_until_ns > now_ns
               ? (unsigned) ((decision->waits_until_ns - now_ns) / NS_PER_MS) : 0;
}

void ft_recovery_acquire(struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    struct ft_policy policy = policy_of(decision);
    struct names names = {.n = 0};
    struct ft_wanted wanted = {
        .session = central->config.session,
        .job = decision->subject->resource.job,
        .like = decision->original_known ? &decision->original : NULL,
        .excluded = names.list,
        .ladder = policy.ladder,
        .wait_ms = decision->waits ? wait_ms(decision, policy.wait_ms) : 0,
        .timeout_ms = policy.answer_ms,
    };

    /* Who waits longer than an answer takes gets that time; who waits less, the answer's all the
     * same. */
    if (wanted.wait_ms > wanted.timeout_ms)
        wanted.timeout_ms = wanted.wait_ms;
    decision->acquire_ms = wanted.timeout_ms;

    for (unsigned i = 0; i < decision->tried_n; i++)
        names.list[names.n++] = decision->tried[i]->name;
    each_excluded(&decision->demand, add_excluded, central->inventory, &names);
    wanted.excluded_n = names.n;
    decision->acquire = central->acquire_id =
        ft_central_number(central, FT_NUMBER_ACQUIRE, central->acquire_id);
    central->env.acquire(central->env.arg, decision->acquire, &wanted);
}

bool ft_recovery_original(struct ft_decision *decision)
{
    struct ft_central *central = decision->central;
    const char *name = decision->lost_node->name;

    decision->original_known =
        (central->env.configured != NULL &&
         central->env.configured(central->env.arg, name, &decision->original)) ||
        ft_central_node_facts(central, name, &decision->original);
    return decision->original_known;
}
